"""Candidates for an answer: pieces of the page with the reasons for believing in them.

Everything here returns words that stand on the page, with the lines they came from; nothing is made up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.picture.page import Line, Page, Row

SURE, LIKELY, WEAK = 1.0, 0.7, 0.4
"""Belief in a candidate. Below `LIKELY` the answer is not given (`grounding.py`)."""


@dataclass(frozen=True)
class Span:
    """A candidate answer."""

    text: str
    """The words as printed."""
    lines: tuple[Line, ...]
    """Where they were read."""
    belief: float
    """0 to 1: how well it fits the question, not how well it was read."""

    @property
    def clarity(self) -> float:
        """The least confidence with which any of its lines was read."""
        return min((line.confidence for line in self.lines), default=0.0)


def of_rows(rows: Sequence[Row], belief: float) -> Span:
    """A Span of whole rows."""
    return Span(" ".join(row.text for row in rows), tuple(line for row in rows for line in row.lines), belief)


def fold(text: str) -> str:
    """Lower case, letters and digits only, single spaces: for comparing what was asked with what was read."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def alike(word: str, other: str) -> float:
    """0 to 1: whether two words are the same but for an ending or a misread letter."""
    if word == other:
        return 1.0
    if len(word) >= 4 and len(other) >= 4:
        if word.rstrip("s") == other.rstrip("s"):
            return 0.95
        if (word in other or other in word) and min(len(word), len(other)) >= 5:
            return 0.85
        ratio = difflib.SequenceMatcher(None, word, other).ratio()
        if ratio >= 0.8 and word[0] == other[0]:
            return ratio
    return 0.0


def match(key: str, text: str) -> float:
    """0 to 1: how well `key` (a word or a phrase in lower case) occurs in `text`."""
    folded = fold(text)
    wanted = fold(key)
    if f" {wanted} " in f" {folded} ":
        return 1.0
    if " " in wanted:
        parts = wanted.split()
        scores = [max((alike(part, word) for word in folded.split()), default=0.0) for part in parts]
        return min(scores)
    return max((alike(wanted, word) for word in folded.split()), default=0.0)


def matches(keys: Sequence[Sequence[str]], text: str) -> float:
    """Share of `keys` (each a list of synonyms) that occur in `text`, weighted by how well."""
    if not keys:
        return 0.0
    return sum(max(match(word, text) for word in synonyms) for synonyms in keys) / len(keys)


def beside(
    page: Page, keys: Sequence[str], pattern: re.Pattern[str], but_not: str = "", last: bool = False
) -> Iterator[Span]:
    """Values of the form `pattern` that stand with one of `keys`: after it in its row, or in the row below.

    `but_not` is a regular expression of words that make a row unfit; `last` takes a row's last value, not its first.
    """
    rows = page.rows
    for index, row in enumerate(rows):
        quality, end = _key_in(keys, row.text)
        if quality < 0.75 or (but_not and re.search(but_not, row.text, re.IGNORECASE)):
            continue
        after = [found for found in pattern.finditer(row.text) if found.start() >= end]
        found = after or list(pattern.finditer(row.text))
        if found:
            value = found[-1] if last else found[0]
            yield Span(value.group().strip(), row.lines, quality * (SURE if after else 0.9))
        elif index + 1 < len(rows) and len(row.text) - end < 8:
            below = rows[index + 1]
            values = list(pattern.finditer(below.text))
            if values:
                yield Span(
                    (values[-1] if last else values[0]).group().strip(), (*row.lines, *below.lines), quality * 0.75
                )


def anywhere(page: Page, pattern: re.Pattern[str], belief: float) -> Iterator[Span]:
    """Every value of the form `pattern` on the page."""
    for row in page.rows:
        for found in pattern.finditer(row.text):
            yield Span(found.group().strip(), row.lines, belief)


def labelled(page: Page, keys: Sequence[str]) -> Iterator[Span]:
    """Text after a printed label: "Cashier: Eric H", or the row below a label that stands alone."""
    rows = page.rows
    for index, row in enumerate(rows):
        for place, line in enumerate(row.lines):
            quality, end = _key_in(keys, line.text)
            if quality < 0.85:
                continue
            rest = line.text[end:].strip(" :.#-")
            following = row.lines[place + 1 : place + 2]
            if rest and line.text[end:].lstrip()[:1] == ":":
                yield Span(rest, (line,), SURE * quality)
            elif rest and len(fold(line.text[:end]).split()) <= 2 and end < 0.8 * len(line.text):
                yield Span(rest, (line,), LIKELY * quality)
            elif not rest and following:
                yield Span(following[0].text.strip(" :"), (line, following[0]), 0.95 * quality)
            elif not rest and index + 1 < len(rows):
                below = of_rows([rows[index + 1]], 0.8 * quality)
                yield replace(below, lines=(line, *below.lines))


def _key_in(keys: Sequence[str], text: str) -> tuple[float, int]:
    """How well the best of `keys` occurs in `text`, and where it ends there."""
    best, end = 0.0, 0
    words = [(found.group().lower(), found.end()) for found in re.finditer(r"[^\W_]+", text)]
    for key in keys:
        wanted = fold(key).split()
        for start in range(len(words) - len(wanted) + 1):
            part = words[start : start + len(wanted)]
            score = min(alike(a, b) for a, (b, _) in zip(wanted, part, strict=True)) if wanted else 0.0
            if score > best:
                best, end = score, part[-1][1]
    return best, end
