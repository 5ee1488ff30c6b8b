"""What was read from a picture: lines with their boxes, arranged in the order in which a person would read them.

Pure geometry on values; recognising characters is the reader's work (`reader.py`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True)
class Box:
    """An upright rectangle in pixels of the picture as it was read (after turning)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def shared(self, other: Box) -> int:
        """Area, in square pixels, that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, across) * max(0, down)

    @classmethod
    def around(cls, boxes: Sequence[Box]) -> Box:
        """The smallest box that holds all of `boxes` (at least one)."""
        return cls(
            min(box.left for box in boxes),
            min(box.top for box in boxes),
            max(box.right for box in boxes),
            max(box.bottom for box in boxes),
        )


@dataclass(frozen=True)
class Word:
    """One word of a line."""

    text: str
    box: Box
    confidence: float
    """That of its least sure letter: one doubtful digit makes a price doubtful."""


@dataclass(frozen=True)
class Line:
    """One piece of text as the reader found it."""

    text: str
    box: Box
    confidence: float
    """The reader's own score, 0 to 1. It does not protect digits: TW0 for TWO still scores 0.98."""
    height: float
    """Height of the writing in pixels, measured across the line (a slanted line's box is taller than its letters)."""
    angle: float = 0.0
    """Direction of the writing in degrees, clockwise from level; 90 for a line that runs up or down."""
    words: tuple[Word, ...] = ()
    """Its words from left to right, where the reader knows them."""


@dataclass(frozen=True)
class Row:
    """Lines that stand side by side on one level, from left to right."""

    lines: tuple[Line, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @cached_property
    def box(self) -> Box:
        return Box.around([line.box for line in self.lines])

    @cached_property
    def height(self) -> float:
        """Height of the writing in pixels: that of the tallest line."""
        return max(line.height for line in self.lines)


@dataclass(frozen=True)
class Block:
    """Rows that belong together: a heading, a paragraph, a column of a table."""

    rows: tuple[Row, ...]
    column: int = 0
    """0 for text across the page; 1, 2, ... from the left for columns side by side."""

    @cached_property
    def text(self) -> str:
        return " ".join(row.text for row in self.rows)

    @cached_property
    def box(self) -> Box:
        return Box.around([row.box for row in self.rows])

    @cached_property
    def height(self) -> float:
        """Typical height of the writing in pixels."""
        return statistics.median(row.height for row in self.rows)


@dataclass(frozen=True)
class Page:
    """Everything that was read in one picture, in reading order."""

    blocks: tuple[Block, ...]
    width: int
    height: int
    turned: int = 0
    """Degrees (0, 90, 180, 270) by which the picture was turned clockwise before it was read."""
    mirrored: bool = False
    """Whether left and right were exchanged before it was turned: a picture from a selfie camera."""
    unread: tuple[Box, ...] = ()
    """Lines that were found but could not be read, from top to bottom."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for block in self.blocks for row in block.rows)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for row in self.rows for line in row.lines)

    @cached_property
    def text(self) -> str:
        """All of it, one row a line."""
        return "\n".join(row.text for row in self.rows)

    @cached_property
    def unread_places(self) -> tuple[float, ...]:
        """How far down the page each line stands that could not be read, from 0 at the top to 1."""
        return tuple(box.middle[1] / self.height for box in self.unread)

    @cached_property
    def body_height(self) -> float:
        """Height of the ordinary writing in pixels: the median over letters, not over lines; 0 for an empty page."""
        heights = sorted((row.height, len(row.text)) for row in self.rows)
        half = sum(count for _, count in heights) / 2
        for height, count in heights:
            half -= count
            if half <= 0:
                return height
        return 0.0


SLANTED = 20.0
"""Degrees off the page's own direction beyond which a line is an aside (a corner ribbon, a spine) and stands alone."""
SAME_BLOCK_GAP = 0.75
"""Largest white space between two rows of one block, in heights of the writing."""
WIDER_PITCH = 1.35
"""A step between two rows this much longer than the block's usual one parts a heading or a paragraph from the rest."""
SAME_BLOCK_HEIGHTS = 0.66
"""Least ratio of the heights of two neighbouring rows of one block."""
COLUMN_ROWS = 3
COLUMN_LETTERS = 12
"""A column has at least this many rows, of at least this many characters in the median: else it is a table's cells."""


@dataclass(frozen=True)
class _Item:
    """A line in the page's own axes: the picture turned by its skew, so that rows are level."""

    line: Line
    left: float
    right: float
    top: float
    bottom: float

    @property
    def level(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class _Band:
    """A row while it is being put together."""

    items: list[_Item] = field(default_factory=list)

    @property
    def top(self) -> float:
        return min(item.top for item in self.items)

    @property
    def bottom(self) -> float:
        return max(item.bottom for item in self.items)

    @property
    def level(self) -> float:
        return statistics.fmean(item.level for item in self.items)


def arrange(
    lines: Sequence[Line], width: int, height: int, turned: int = 0, mirrored: bool = False, unread: Sequence[Box] = ()
) -> Page:
    """Put `lines` in reading order: level rows, columns of prose one after the other, asides last.

    `width` and `height` are the picture's, in pixels, after turning by `turned` degrees.
    """
    skew = _skew(lines)
    straight = [line for line in lines if abs(line.angle - skew) <= SLANTED]
    asides = [line for line in lines if abs(line.angle - skew) > SLANTED]
    blocks = _order([_item(line, skew) for line in straight])
    blocks += [Block((Row((line,)),)) for line in sorted(asides, key=lambda line: (line.box.top, line.box.left))]
    below = sorted(unread, key=lambda box: (box.top, box.left))
    return Page(tuple(blocks), width, height, turned, mirrored, tuple(below))


def _skew(lines: Sequence[Line]) -> float:
    """The direction of most of the writing, in degrees: the median over lines weighted by their width."""
    level = sorted((line.angle, line.box.width) for line in lines if abs(line.angle) < 45)
    half = sum(width for _, width in level) / 2
    for angle, width in level:
        half -= width
        if half <= 0:
            return angle
    return 0.0


def _item(line: Line, skew: float) -> _Item:
    x, y = line.box.middle
    turn = math.radians(-skew)
    u, v = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    half = line.box.width / 2
    return _Item(line, u - half, u + half, v - line.height / 2, v + line.height / 2)


def _order(items: list[_Item], depth: int = 0) -> list[Block]:
    """Blocks of `items`: prose columns where a white gap separates them, else row after row."""
    bands = _bands(items)
    if depth < 4:
        for first, last in _spans(len(bands)):
            gap = _column_gap([item for band in bands[first:last] for item in band.items])
            if gap is None:
                continue
            inside = [item for band in bands[first:last] for item in band.items]
            before = _order([item for band in bands[:first] for item in band.items], depth + 1)
            after = _order([item for band in bands[last:] for item in band.items], depth + 1)
            left = _order([item for item in inside if item.right <= gap], depth + 1)
            right = _order([item for item in inside if item.right > gap], depth + 1)
            return before + _numbered(left, 1) + _numbered(right, 1 + max(1, *(b.column for b in left))) + after
    return _blocks(bands)


def _numbered(blocks: list[Block], first: int) -> list[Block]:
    return [Block(block.rows, block.column + first - 1 if block.column else first) for block in blocks]


def _spans(count: int) -> list[tuple[int, int]]:
    """Runs of bands in which to look for columns: the whole first, then without a few at the top or at the bottom."""
    most = min(6, count - COLUMN_ROWS)
    cuts = [(top, bottom) for top in range(most + 1) for bottom in range(most + 1)]
    return [(top, count - bottom) for top, bottom in sorted(cuts, key=sum) if count - top - bottom >= COLUMN_ROWS]


def _bands(items: list[_Item]) -> list[_Band]:
    """Items grouped into level rows, from top to bottom."""
    bands: list[_Band] = []
    for item in sorted(items, key=lambda item: item.level):
        home = next((band for band in reversed(bands[-6:]) if _beside(item, band)), None)
        if home is None:
            bands.append(_Band([item]))
        else:
            home.items.append(item)
    for band in bands:
        band.items.sort(key=lambda item: item.left)
    return sorted(bands, key=lambda band: band.level)


def _beside(item: _Item, band: _Band) -> bool:
    """Whether `item` continues `band`: level with its nearest member, of a like size, and beside it, not over it."""
    near = min(band.items, key=lambda other: max(other.left - item.right, item.left - other.right))
    height, other = item.bottom - item.top, near.bottom - near.top
    overlap = min(item.bottom, near.bottom) - max(item.top, near.top)
    covered = max(min(item.right, each.right) - max(item.left, each.left) for each in band.items)
    return overlap > 0.5 * min(height, other) and min(height, other) > 0.4 * max(height, other) and covered < height


def _column_gap(items: list[_Item]) -> float | None:
    """Where (x in pixels of the levelled page) a white gap parts `items` into two columns of prose; None if nowhere."""
    if len(items) < 2 * COLUMN_ROWS:
        return None
    ordered = sorted(items, key=lambda item: item.left)
    best: tuple[float, float] | None = None
    edge = ordered[0].right
    for item in ordered[1:]:
        if item.left - edge > 0 and (best is None or item.left - edge > best[0]):
            left = [other for other in items if other.right <= edge]
            right = [other for other in items if other.right > edge]
            if _prose(left) and _prose(right) and _side_by_side(left, right):
                best = (item.left - edge, edge)
        edge = max(edge, item.right)
    return best[1] if best else None


def _prose(items: list[_Item]) -> bool:
    """Whether these make a column to be read on its own: several rows, wordy, and not figures."""
    if len(items) < COLUMN_ROWS:
        return False
    texts = [item.line.text for item in items]
    wordy = statistics.median(len(text) for text in texts) >= COLUMN_LETTERS
    letters = sum(character.isalpha() for text in texts for character in text)
    return wordy and letters >= 0.7 * sum(not character.isspace() for text in texts for character in text)


def _side_by_side(left: list[_Item], right: list[_Item]) -> bool:
    tops = [min(item.top for item in side) for side in (left, right)]
    bottoms = [max(item.bottom for item in side) for side in (left, right)]
    shared = min(bottoms) - max(tops)
    return shared > 0.5 * min(bottom - top for top, bottom in zip(tops, bottoms, strict=True))


def _blocks(bands: list[_Band]) -> list[Block]:
    """Neighbouring rows of one size and close together, gathered into blocks."""
    blocks: list[list[_Band]] = []
    for band in bands:
        if blocks and _follows(blocks[-1][-1], band):
            blocks[-1].append(band)
        else:
            blocks.append([band])
    return [Block(tuple(map(_row, part))) for block in blocks for part in _paragraphs(block)]


def _row(band: _Band) -> Row:
    return Row(tuple(item.line for item in band.items))


def _paragraphs(block: list[_Band]) -> list[list[_Band]]:
    """Split a block where the step from row to row is clearly longer than usual."""
    steps = [below.level - above.level for above, below in pairwise(block)]
    if len(steps) < 3:
        return [block]
    usual = statistics.median(steps)
    cuts = [index + 1 for index, step in enumerate(steps) if step > WIDER_PITCH * usual]
    return [block[start:end] for start, end in pairwise([0, *cuts, len(block)])]


def _follows(above: _Band, below: _Band) -> bool:
    heights = [max(item.bottom - item.top for item in band.items) for band in (above, below)]
    gap = below.top - above.bottom
    beside = min(max(i.right for i in above.items), max(i.right for i in below.items)) > max(
        min(i.left for i in above.items), min(i.left for i in below.items)
    )
    return beside and gap <= SAME_BLOCK_GAP * min(heights) and min(heights) >= SAME_BLOCK_HEIGHTS * max(heights)
