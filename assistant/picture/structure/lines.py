"""What is read, as values: lines with their boxes, rows of lines, blocks of rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


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
class Passage:
    """Words that belong together, from a part of a line to many rows."""

    text: str
    """As printed; a word parted at a row's end is whole again."""
    lines: tuple[Line, ...]
    """Where they were read; of each line perhaps only a part is meant."""
    box: Box


def body_height(blocks: Sequence[Block]) -> float:
    """Height of the ordinary writing in pixels: the median over letters, not over lines; 0 where nothing is written."""
    heights = sorted((row.height, len(row.text)) for block in blocks for row in block.rows)
    half = sum(count for _, count in heights) / 2
    for height, count in heights:
        half -= count
        if half <= 0:
            return height
    return 0.0
