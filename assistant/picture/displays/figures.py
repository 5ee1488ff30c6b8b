"""What two readers say of one display, made one: the figure, and whether they agree on every point and minus sign."""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.picture.displays.segments import Reading
from assistant.picture.page import UNSURE_DISPLAY, Display, Line

DISPLAY = 0.5
"""Least probability that a crop is a display for it to be taken for one."""
CLEAR = 0.8
"""Least confidence of the second reader for its figure to be preferred to the first's where they differ."""
_FIGURE = re.compile(r"[-−–]?\.?\d(?:[\d.:−–-]*\d)?")


def figures(text: str) -> list[str]:
    """The figures in `text` as they are compared: digits, points, colons and a minus sign; a comma is a point."""
    return [found.replace("−", "-").replace("–", "-") for found in _FIGURE.findall(text.replace(",", "."))]


def agreed(line: Line, second: Reading) -> tuple[Line, Display] | None:
    """`line` and the display it stands on, doubtful where `second` reads anything else; None where this is no display."""
    said = figures(second.text)
    if second.display < DISPLAY or not said:
        return None
    first = figures(line.text)
    if first == said:
        return line, Display(line.box, " ".join(first), max(line.confidence, second.confidence))
    clear = second.confidence >= CLEAR or not first
    text = " ".join(said if clear else first)
    doubt = min(line.confidence, UNSURE_DISPLAY)
    words = tuple(replace(word, confidence=min(word.confidence, doubt)) for word in line.words)
    return replace(line, text=_with(line.text, text, len(first)), confidence=doubt, words=words), Display(
        line.box, text, doubt
    )


def _with(whole: str, figure: str, found: int) -> str:
    """`whole` with its one figure exchanged, its unit kept; with no figure or several, the new figure alone."""
    return _FIGURE.sub(figure, whole.replace(",", "."), count=1) if found == 1 else figure
