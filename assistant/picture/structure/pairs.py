"""Labels with their values: in one row, across a gap, below or above the label, or in a row of a table with two columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from assistant.picture.structure import marks
from assistant.picture.structure.grids import Grid
from assistant.picture.structure.lines import Passage
from assistant.picture.structure.pieces import Piece, Strip
from assistant.picture.structure.tables import Table

Way = Literal["within", "beside", "below", "above", "table"]
LONGEST_LABEL = 6
"""Words."""
LONGEST_VALUE = 8
CAPTION = 1.2
"""How much taller the words under a caption are that is their label; one such alone proves nothing."""
BELOW = 1.2
"""White between a label and its value below, in heights of the label, at most."""


@dataclass(frozen=True)
class Pair:
    """A label and its value."""

    label: Passage
    value: Passage
    way: Way
    """How they stand: in one piece of text, side by side, the value below or above its label, or as row and cell of a table."""


def pairs_of(
    strips: Sequence[Strip], tables: Sequence[tuple[Grid, Table]], running: frozenset[int]
) -> tuple[Pair, ...]:
    """Pairs in `strips`; those in `running` (by number) are rows of longer texts, in which figures make no pairs."""
    found: list[tuple[int, Pair]] = []
    in_table: dict[int, tuple[Grid, Table]] = {n: each for each in tables for n in each[0].numbers}
    headed = {n for n, (_, table) in in_table.items() if any(table.column_heads[1:])}
    valued: set[int] = set()
    for number, strip in enumerate(strips):
        pairs = list(_within(strip, number in running, number in headed))
        if not pairs or len(strip.pieces) > 1:
            summary = number in headed and len(strip.pieces) == 2 < len(in_table[number][1].column_heads)
            pairs += _beside(strip, number in headed and not summary)
        found += [(number, pair) for pair in pairs]
        if pairs:
            valued.add(number)
    below = [
        (number, pair)
        for number, strip in enumerate(strips)
        if number not in headed
        for pair in _below(strip, strips[number + 1 : number + 3], number, valued, running)
    ]
    above = list(_above(strips))
    turned = {line for _, pair in above for line in pair.label.lines}
    below = [(number, pair) for number, pair in below if turned.isdisjoint(pair.label.lines)] + above
    captions = [pair for _, pair in below if _is_caption(pair)]
    found += [(number, pair) for number, pair in below if not _is_caption(pair) or len(captions) >= 2]
    for grid, table in tables:
        found += [(grid.numbers[0], pair) for pair in _from_table(grid, table, found)]
    seen: set[tuple[str, str]] = set()
    kept = []
    for _, pair in sorted(found, key=lambda each: each[0]):
        key = (pair.label.text, pair.value.text)
        if key not in seen:
            seen.add(key)
            kept.append(pair)
    return tuple(kept)


def _label(piece: Piece) -> Passage:
    found = piece.passage()
    return Passage(found.text.strip(" :.…·_"), found.lines, found.box)


def _within(strip: Strip, running: bool, headed: bool) -> Iterator[Pair]:
    for piece in strip.pieces:
        places = marks.labelled(piece.text)
        if not places or (running and not (len(places) == 1 and _colon_opens(piece.text, places[0]))):
            continue
        if headed and not any(":" in piece.text[b:c] for _, b, c, _ in places):
            continue
        for a, b, c, d in places:
            label, value = piece.cut(a, b), piece.cut(c, d)
            if label.parts and value.parts:
                yield Pair(_label(label), value.passage(), "within")


def _colon_opens(text: str, place: tuple[int, int, int, int]) -> bool:
    return place[0] == 0 and ":" in text[place[1] - 1 : place[2] + 1] and len(text[: place[1]].split()) <= 3


def _beside(strip: Strip, headed: bool) -> Iterator[Pair]:
    """A label and the value right of it; in a row with several, each label with the value that follows it."""
    pieces = strip.pieces
    for place, (label, value) in enumerate(pairwise(pieces)):
        if marks.is_value(label.text) or len(label.text.split()) > LONGEST_LABEL:
            continue
        colon = label.text.rstrip().endswith(":") or value.text.lstrip().startswith(":")
        after = pieces[place + 2 : place + 3]
        alone = not (after and marks.is_value(after[0].text))
        said = marks.LEADER.sub("", value.text).strip(" :")
        if said and (colon or (not headed and marks.is_value(said) and alone)):
            where = value.passage()
            yield Pair(_label(label), Passage(said, where.lines, where.box), "beside")


def _below(
    strip: Strip, following: Sequence[Strip], number: int, valued: set[int], running: frozenset[int]
) -> Iterator[Pair]:
    for piece in strip.pieces:
        under = next((found for each in following for found in each.pieces if _stands_under(found, piece)), None)
        if under is None or marks.is_value(piece.text) or len(piece.text.split()) > LONGEST_LABEL:
            continue
        colon = piece.text.rstrip().endswith(":")
        if ((number in running or number in valued) and not colon) or (colon and not _wide_apart(strip, piece)):
            continue
        short = len(under.text.split()) <= LONGEST_VALUE and marks.BULLET.match(under.text) is None
        figure = marks.is_mostly_value(under.text) and under.height >= 0.8 * piece.height
        caption = under.height >= CAPTION * piece.height and not marks.is_end(under.text)
        if short and ((colon and not (len(strip.pieces) > 1 and number in valued)) or figure or caption):
            yield Pair(_label(piece), under.passage(), "below")


def _above(strips: Sequence[Strip]) -> Iterator[tuple[int, Pair]]:
    """Values with their labels under them, as on a fuel pump: a column that begins with a value and ends with a label."""
    numbered = [(number, piece) for number, strip in enumerate(strips) for piece in strip.pieces]
    following: dict[int, int] = {}
    for place, (number, piece) in enumerate(numbered):
        for other, (row, under) in enumerate(numbered[place + 1 :], place + 1):
            if row <= number + 2 and _stands_under(under, piece):
                following[place] = other
                break
    for start in sorted(following.keys() - following.values()):
        column = [start]
        while column[-1] in following:
            column.append(following[column[-1]])
        pieces = [numbered[place] for place in column]
        kinds = [_may_be(piece) for _, piece in pieces]
        if len(pieces) >= 4 and kinds == ["value", "label"] * (len(pieces) // 2):
            for (_, value), (number, label) in zip(pieces[::2], pieces[1::2], strict=True):
                yield number, Pair(_label(label), value.passage(), "above")


def _may_be(piece: Piece) -> str:
    if marks.is_value(piece.text):
        return "value"
    return "label" if len(piece.text.split()) <= LONGEST_LABEL and not piece.text.rstrip().endswith(":") else "text"


def _is_caption(pair: Pair) -> bool:
    """Whether nothing but the size of the letters says that these are a label and its value."""
    return not pair.label.lines[0].text.rstrip().endswith(":") and not marks.is_mostly_value(pair.value.text)


def _wide_apart(strip: Strip, piece: Piece) -> bool:
    place = strip.pieces.index(piece)
    return strip.pieces[place + 1].text.rstrip().endswith(":") if place + 1 < len(strip.pieces) else True


def _stands_under(value: Piece, label: Piece) -> bool:
    gap = value.top - label.bottom
    level = min(abs(value.left - label.left), abs((value.left + value.right) - (label.left + label.right)) / 2)
    return -0.3 * label.height <= gap <= BELOW * max(label.height, 0.8 * value.height) and level <= 1.2 * label.height


def _from_table(grid: Grid, table: Table, found: Sequence[tuple[int, Pair]]) -> Iterator[Pair]:
    """Rows of a table of labels and values; and, with a single row under heads, each head with its cell."""
    taken = {(pair.label.text, pair.value.text) for _, pair in found}
    if not any(table.column_heads) and len(grid.rows[0]) == 2:
        for cell in table.cells:
            name = next((row[1 - cell.column] for row in grid.rows if _holds(row[cell.column], cell)), None)
            if name and (cell.row_head, cell.text) not in taken:
                yield Pair(_label(name), Passage(cell.text, cell.lines, cell.box), "table")
    elif len(table.row_heads) == 1:
        for c, head in enumerate(table.column_heads):
            value = next((row[c] for row in grid.rows[1:] if row[c]), None)
            name = grid.rows[0][c]
            if head and name and value:
                yield Pair(_label(name), value.passage(), "below")


def _holds(piece: Piece | None, passage: Passage) -> bool:
    return piece is not None and piece.text == passage.text and piece.lines == passage.lines
