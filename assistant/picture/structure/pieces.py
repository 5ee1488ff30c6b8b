"""Rows in the page's own axes, cut where white lies between their pieces: what tables, pairs and paragraphs are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.picture.structure.level import SLANTED, Item, item_of
from assistant.picture.structure.lines import Block, Box, Line, Passage, Row

ALIGNED = 0.3
"""How exactly, in heights, lines begin under each other that stand in one column."""
PADDED = 0.12
"""White at each end of a line's box, in heights: readers leave a little around what they found."""
WORD_GAP = 0.7
"""White between two lines, in heights, up to which they are one piece: the reader cut within a phrase."""


_LEADING = re.compile(r"^(?:[.…·_]+\s+|[.…·_]{2,})+")
_TRAILING = re.compile(r"(?:\s+[.…·_]+|[.…·_]{2,})+$")
_WIDE = str.maketrans("：，；（）！？", ":,;()!?")
"""Marks as wide as Chinese characters, which the reader takes for ours."""


@dataclass(frozen=True)
class Piece:
    """Words that stand together in a row; edges in pixels of the levelled page."""

    text: str
    parts: tuple[tuple[Line, int, int, float, float], ...]
    """Each line with where its words begin and end in `text`, and its left and right edge."""
    top: float
    bottom: float

    @property
    def left(self) -> float:
        return self.parts[0][3]

    @property
    def right(self) -> float:
        return self.parts[-1][4]

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(dict.fromkeys(part[0] for part in self.parts))

    def cut(self, start: int, end: int) -> Piece:
        """The words from `start` to `end`; places within a line are reckoned from the number of its letters."""
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        kept = []
        for line, first, last, left, right in self.parts:
            a, b = max(start, first), min(end, last)
            if a < b:
                step = (right - left) / max(1, last - first)
                kept.append((line, a - start, b - start, left + step * (a - first), left + step * (b - first)))
        return Piece(self.text[start:end], tuple(kept), self.top, self.bottom)

    def passage(self) -> Passage:
        return passage((self,))


@dataclass(frozen=True)
class Strip:
    """A row of the page: its pieces from left to right."""

    pieces: tuple[Piece, ...]
    block: int
    column: int

    @property
    def top(self) -> float:
        return min(piece.top for piece in self.pieces)

    @property
    def bottom(self) -> float:
        return max(piece.bottom for piece in self.pieces)

    @property
    def height(self) -> float:
        return max(piece.height for piece in self.pieces)

    @property
    def left(self) -> float:
        return self.pieces[0].left

    @property
    def right(self) -> float:
        return self.pieces[-1].right

    def joined(self) -> Piece:
        """The whole row as one piece."""
        return join(self.pieces)


def passage(pieces: Sequence[Piece]) -> Passage:
    """Pieces as a value for others: their words with a space between, their lines, the box of what is meant of these."""
    lines = tuple(dict.fromkeys(line for piece in pieces for line in piece.lines))
    boxes = [_box(line, first, last) for piece in pieces for line, first, last, *_ in _places(piece)]
    return Passage(" ".join(piece.text for piece in pieces), lines, Box.around(boxes))


def _places(piece: Piece) -> list[tuple[Line, float, float]]:
    """Each line with the share of its width at which the piece's words begin and end."""
    found = []
    for line, first, last, *_ in piece.parts:
        said = piece.text[first:last]
        start = line.text.find(said)
        total = max(1, len(line.text))
        found.append((line, max(0, start) / total, (start + len(said)) / total if start >= 0 else 1.0))
    return found


def _box(line: Line, first: float, last: float) -> Box:
    box = line.box
    if box.height > box.width:  # runs up or down: no telling where within
        return box
    return Box(round(box.left + first * box.width), box.top, round(box.left + last * box.width), box.bottom)


def join(pieces: Sequence[Piece]) -> Piece:
    """Pieces side by side as one."""
    text, parts = "", []
    for piece in pieces:
        text = f"{text} {piece.text}" if text else piece.text
        start = len(text) - len(piece.text)
        parts += [(line, start + a, start + b, left, right) for line, a, b, left, right in piece.parts]
    return Piece(text, tuple(parts), min(p.top for p in pieces), max(p.bottom for p in pieces))


def strips_of(blocks: Sequence[Block], tilt: float) -> list[Strip]:
    """The rows of `blocks`, in reading order, without asides (slanted by more than 20 degrees)."""
    strips = []
    rows = [(number, block.column, _items(row, tilt)) for number, block in enumerate(blocks) for row in block.rows]
    everywhere = [item for *_, items in rows for item in items]
    for number, column, items in rows:
        if items:
            pieces = [_piece(item) for item in items]
            strips.append(Strip(tuple(_without_leaders(_near_joined(pieces, everywhere))), number, column))
    return strips


def _piece(item: Item) -> Piece:
    pad = min(PADDED * (item.bottom - item.top), (item.right - item.left) / 4)
    part = (item.line, 0, len(item.line.text), item.left + pad, item.right - pad)
    return Piece(item.line.text.translate(_WIDE), (part,), item.top, item.bottom)


def _items(row: Row, tilt: float) -> list[Item]:
    return [item_of(line, tilt) for line in row.lines if abs(line.angle - tilt) <= SLANTED and line.text.strip()]


def _near_joined(pieces: list[Piece], everywhere: Sequence[Item]) -> list[Piece]:
    groups = [[pieces[0]]]
    for before, after in pairwise(pieces):
        near = after.left - before.right <= WORD_GAP * min(before.height, after.height)
        if near and not _begins_column(after, everywhere):
            groups[-1].append(after)
        else:
            groups.append([after])
    return [join(group) for group in groups]


def _without_leaders(pieces: list[Piece]) -> list[Piece]:
    """Without the dots that lead from one piece to the next."""
    kept = []
    for place, piece in enumerate(pieces):
        start, end = 0, len(piece.text)
        if place > 0:
            start = len(piece.text) - len(_LEADING.sub("", piece.text))
        if place + 1 < len(pieces):
            end = len(_TRAILING.sub("", piece.text))
        if start < end:
            kept.append(piece.cut(start, end) if end - start < len(piece.text) else piece)
    return kept or pieces


def _begins_column(piece: Piece, everywhere: Sequence[Item]) -> bool:
    """Whether lines near above or below begin where this one does, none of them at the left edge of all."""
    height = piece.height
    under = [
        item
        for item in everywhere
        if abs(item.left - piece.left) <= ALIGNED * height and 0.5 * height < abs(item.top - piece.top) < 6 * height
    ]
    return len(under) >= 2
