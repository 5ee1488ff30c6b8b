"""Pages made from kinds of print: lines as a reader of text finds them, with its mistakes, and questions whose answers are known."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.picture.page import Box, Line, Page, arrange
from scripts.make.prints.kinds import SLOT, Ask, Kind, Whether
from scripts.make.prints.values import MAKERS, Habits

Verdict = Literal["span", "yes", "no", "absent"]
HEIGHT = 24
"""Pixels of ordinary print."""
WIDE = 0.52
"""A letter's width in heights of its line."""
_CONFUSED = {
    "0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "2": "Z", "rn": "m", "e": "c", "c": "e",
    "é": "e", "ü": "u", ",": ".", ".": ",", ":": ".", "'": "", "-": "", "£": "E",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A question and what is true of it on one page."""

    words: str
    verdict: Verdict
    marks: frozenset[int]
    """The numbers of the values any of which answers; of the lines that decide."""
    slot: str


@dataclass(frozen=True)
class Made:
    """A page with its questions."""

    page: Page
    marked: dict[Line, tuple[int, ...]]
    """For each letter of a line the number of the value that it is part of, 0 for none."""
    asked: tuple[Asked, ...]
    kind: str
    category: str


@dataclass
class _Written:
    """One line before it is set: its letters with their marks, size, and what stands beside it."""

    letters: list[tuple[str, int]]
    size: float
    row: int
    piece: int
    opens: bool = False
    """Whether white stands above it."""


@dataclass
class _Writer:
    kind: Kind
    chance: random.Random
    habits: Habits
    common: dict[str, str] = field(default_factory=dict)
    written: list[_Written] = field(default_factory=list)
    marks: dict[str, list[int]] = field(default_factory=dict)
    """Of each slot the numbers of its values on this page."""
    rows: list[dict[str, tuple[str, int]]] = field(default_factory=list)
    """Of each repeated row the value and number of each slot."""
    number: int = 0
    row: int = 0

    def value(self, slot: str) -> str:
        made = self.kind.values[slot]
        return MAKERS[made](self.habits) if isinstance(made, str) else self.chance.choice(made)

    def write(self, template: str, size: float, own: frozenset[str] = frozenset()) -> None:
        """Set `template`; slots in `own` get values of this row alone."""
        values: dict[str, tuple[str, int]] = {}
        capitals = self.chance.random() < 0.12
        opens = self.chance.random() < 0.25
        for printed in re.split(r"\s*//\s*", template):
            for piece, words in enumerate(re.split(r"\s+\|\s+", printed)):
                letters: list[tuple[str, int]] = []
                for place, part in enumerate(SLOT.split(words)):
                    if place % 2 == 0:
                        letters += [(sign, 0) for sign in (part.upper() if capitals else part)]
                        continue
                    if part not in values:
                        self.number += 1
                        said = self.value(part) if part in own else self.common.setdefault(part, self.value(part))
                        values[part] = (said, self.number)
                        self.marks.setdefault(part, []).append(self.number)
                    said, mark = values[part]
                    letters += [(sign, mark) for sign in said]
                if letters:
                    self.written.append(_Written(letters, size, self.row, piece, opens))
            self.row += 1
            opens = False
        if own:
            self.rows.append(values)


def make(kind: Kind, chance: random.Random, most: int = 8) -> Made:
    """A page of `kind` with at most `most` questions."""
    writer = _Writer(kind, chance, Habits.drawn(chance))
    lines = [line for line in kind.lines if chance.random() < line.chance]
    repeated = frozenset(
        slot for line in kind.lines if line.rows for text in line.variants for slot in SLOT.findall(text)
    )
    single = frozenset(
        slot for line in kind.lines if not line.rows for text in line.variants for slot in SLOT.findall(text)
    )
    deciding = {chance.randrange(len(lines) + 1): w for w in kind.whethers if chance.random() < 0.6}
    decided: list[tuple[Whether, Verdict, int]] = []
    for place, line in enumerate(lines):
        if place in deciding:
            decided.append(_decide(writer, deciding[place]))
        template = chance.choice(line.variants)
        size = line.size * chance.uniform(0.9, 1.15)
        for _ in range(chance.randint(*line.rows) if line.rows else 1):
            writer.write(template, size, repeated - single if line.rows else frozenset())
    if len(lines) in deciding:
        decided.append(_decide(writer, deciding[len(lines)]))
    asked = list(_asked(writer, decided))
    chance.shuffle(asked)
    absent = [each for each in asked if each.verdict == "absent"]
    present = [each for each in asked if each.verdict != "absent"]
    kept = (present[: most - most // 3] + absent[: most // 3])[:most]
    page, marked = _set(writer.written, chance)
    return Made(page, marked, tuple(kept), kind.name, kind.category)


def _decide(writer: _Writer, whether: Whether) -> tuple[Whether, Verdict, int]:
    verdict: Verdict = "yes" if writer.chance.random() < 0.5 else "no"
    text = writer.chance.choice(whether.yes if verdict == "yes" else whether.no)
    start = len(writer.written)
    writer.write(text, writer.chance.choice((0.8, 1.0, 1.0, 1.4)))
    writer.number += 1
    for line in writer.written[start:]:
        line.letters = [(sign, writer.number) for sign, _ in line.letters]
    return whether, verdict, writer.number


def _asked(writer: _Writer, decided: Sequence[tuple[Whether, Verdict, int]]) -> Iterator[Asked]:
    chance = writer.chance
    for ask in writer.kind.asks:
        if not ask.slot:
            yield from (
                Asked(_spoken(_filled(words, writer.common, writer), chance), "absent", frozenset(), "")
                for words in chance.sample(ask.words, min(3, len(ask.words)))
            )
        else:
            yield from _of_slot(ask, writer)
    told = {id(whether): (verdict, mark) for whether, verdict, mark in decided}
    for whether in writer.kind.whethers:
        verdict, mark = told.get(id(whether), ("absent", 0))
        words = _filled(chance.choice(whether.words), writer.common, writer)
        yield Asked(_spoken(words, chance), verdict, frozenset({mark} if mark else ()), "whether")


def _of_slot(ask: Ask, writer: _Writer) -> Iterator[Asked]:
    chance = writer.chance
    rows = [row for row in writer.rows if ask.slot in row]
    for words in chance.sample(ask.words, min(2, len(ask.words))):
        named = set(SLOT.findall(words))
        if rows and named - writer.common.keys():
            usable = [row for row in rows if named <= row.keys() | writer.common.keys()]
            if usable:
                chosen = chance.choice(usable)
                names = {
                    slot: _as_named(value, [row[slot][0] for row in usable if slot in row], chance)
                    for slot, (value, _) in chosen.items()
                }
                said = _filled(words, {**writer.common, **names}, writer)
                same = [row for row in usable if all(row[slot][0] == chosen[slot][0] for slot in named & row.keys())]
                yield Asked(_spoken(said, chance), "span", frozenset(row[ask.slot][1] for row in same), ask.slot)
            continue
        if named <= writer.common.keys() and ask.slot in writer.marks:
            marks = writer.marks[ask.slot]
            yield Asked(_spoken(_filled(words, writer.common, writer), chance), "span", frozenset(marks), ask.slot)
        elif ask.slot not in writer.marks:
            yield Asked(_spoken(_filled(words, writer.common, writer), chance), "absent", frozenset(), ask.slot)


def _as_named(value: str, all_values: Sequence[str], chance: random.Random) -> str:
    """A thing by a part of its printed name, as people say it, where that still means it alone: "the milk"."""
    words = [word for word in value.split() if word.isalpha() and len(word) > 2]
    if len(words) < 2 or chance.random() < 0.5:
        return value
    long = chance.randint(1, min(2, len(words)))
    start = chance.choice((0, len(words) - long))
    short = " ".join(words[start : start + long]).lower()
    others = [each for each in all_values if each != value]
    return value if any(short in each.lower() for each in others) else short


def _filled(words: str, values: dict[str, str], writer: _Writer) -> str:
    """`words` with each slot's value as one would say it: a value that the page does not have is made up."""
    return SLOT.sub(lambda found: values.get(found[1]) or writer.value(found[1]), words)


_BEFORE = ("", "", "", "", "please, ", "can you tell me, ", "hi, ", "so ", "okay, ", "and ", "excuse me, ")


def _spoken(words: str, chance: random.Random) -> str:
    """As it is typed or heard: with and without capitals and marks."""
    said = " ".join(words.split())
    if chance.random() < 0.2:
        before = chance.choice(_BEFORE)
        said = before + (said[0].lower() + said[1:] if before else said)
    form = chance.random()
    if form < 0.35:
        return said.lower().rstrip("?.! ")
    return said.rstrip("?. ") + "?" if form < 0.7 else said


# How it is set


def _set(written: Sequence[_Written], chance: random.Random) -> tuple[Page, dict[Line, tuple[int, ...]]]:
    height = HEIGHT * chance.uniform(0.7, 1.5)
    across = chance.choice((26, 34, 42, 55, 70))  # letters of ordinary print in a row
    width = int(across * height * WIDE)
    centred = chance.random() < 0.35
    pitch = chance.uniform(1.25, 1.9)
    loss = chance.choice((0.0, 0.0, 0.005, 0.02, 0.05))
    second = chance.choice(("right", "right", "column", "next"))
    column = int(width * chance.uniform(0.45, 0.7))
    lines: list[Line] = []
    marked: dict[Line, tuple[int, ...]] = {}
    top = 40.0
    rows: dict[int, list[_Written]] = {}
    for line in written:
        rows.setdefault(line.row, []).append(line)
    for row in rows.values():
        size = height * max(line.size for line in row)
        top += size * (chance.uniform(0.6, 1.6) if row[0].opens else 0)
        if len(row) == 1:
            for letters in _wrapped(row[0].letters, max(8, int(width / (size * WIDE)))):
                long = len(letters) * size * WIDE
                left = 40 + max(0, (width - long) / 2 if centred else 0)
                _add(letters, left, top, size, chance, loss, lines, marked)
                top += size * pitch
            continue
        left = 40.0
        for place, line in enumerate(row):
            long = len(line.letters) * size * WIDE
            if place and len(row) == 2 and second == "right":
                left = max(left, 40 + width - long)
            elif place and second != "next":
                left = max(left, 40 + column + (place - 1) * (width - column) / max(1, len(row) - 2 or 1))
            _add(line.letters, left, top, size, chance, loss, lines, marked)
            left += long + 1.6 * size
        top += size * pitch
    wide = max([line.box.right for line in lines], default=0) + 40
    return arrange(lines, wide, int(top) + 40), marked


def _wrapped(letters: Sequence[tuple[str, int]], most: int) -> Iterator[list[tuple[str, int]]]:
    rest = list(letters)
    while len(rest) > most:
        cut = max((place for place in range(1, most + 1) if rest[place][0] == " "), default=0)
        cut = cut or next((place for place in range(most, len(rest)) if rest[place][0] == " "), len(rest))
        yield rest[:cut]
        rest = rest[cut + 1 :]
    if rest:
        yield rest


def _add(
    letters: Sequence[tuple[str, int]],
    left: float,
    top: float,
    size: float,
    chance: random.Random,
    loss: float,
    lines: list[Line],
    marked: dict[Line, tuple[int, ...]],
) -> None:
    if chance.random() < loss / 2:
        return  # a line that was not found
    kept: list[tuple[str, int]] = []
    for sign, mark in letters:
        if chance.random() < loss:
            sign = _CONFUSED.get(sign, "" if sign == " " else sign)
        kept += [(each, mark) for each in sign]
    text = "".join(sign for sign, _ in kept)
    if not text.strip():
        return
    shift = chance.uniform(-0.06, 0.06) * size
    box = Box(int(left), int(top + shift), int(left + len(letters) * size * WIDE), int(top + shift + size))
    line = Line(text, box, 0.97, float(size))
    lines.append(line)
    marked[line] = tuple(mark for _, mark in kept)
