"""What two readers say of one display, made one: the figure, and whether they agree on every point and minus sign."""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.picture.displays.segments import DISPLAY, Reading
from assistant.picture.page import UNSURE_DISPLAY, Display, Line

SURE_DISPLAY = 0.8
"""Least probability that a crop is a display for the second reader to doubt the first, which reads print better."""
RIVAL = 0.1
"""A figure with one mark more or less that is so probable beside what both read makes it doubtful: both lose faint points."""
CLEAR = 0.8
"""Least confidence of the second reader for its figure to be preferred to the first's where they differ."""
_FIGURE = re.compile(r"[-−–]?\.?\d(?:[\d.:−–-]*\d)?")


def figures(text: str) -> list[str]:
    """The figures in `text` as they are compared: digits, points, colons and a minus sign; a comma is a point."""
    return [found.replace("−", "-").replace("–", "-") for found in _FIGURE.findall(text.replace(",", "."))]


def agreed(line: Line, second: Reading) -> tuple[Line, Display] | None:
    """`line` and the display it stands on, doubtful where `second` reads anything else; None where this is no display."""
    first, said = figures(line.text), figures(second.text)
    if second.display < DISPLAY or not said:
        return None
    if first == said and second.rival < RIVAL:
        return line, Display(line.box, line.text, max(line.confidence, second.confidence))
    clear = second.confidence >= CLEAR
    if first != said and (second.display < SURE_DISPLAY or not (first or clear)):
        return None
    text = _with(line.text, " ".join(said), len(first)) if clear else line.text
    doubt = min(line.confidence, UNSURE_DISPLAY)
    words = tuple(replace(word, confidence=min(word.confidence, doubt)) for word in line.words)
    return replace(line, text=text, confidence=doubt, words=words), Display(line.box, text, doubt)


def _with(whole: str, figure: str, found: int) -> str:
    """`whole` with its one figure exchanged, its unit kept; with no figure or several, the new figure alone."""
    return _FIGURE.sub(figure, whole.replace(",", "."), count=1) if found == 1 else figure
