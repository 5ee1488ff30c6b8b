"""What was read from a picture: lines with their boxes, arranged in the order in which a person would read them.

Pure geometry on values; recognising characters is the reader's work (`reading/`), what belongs together that of
`structure/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.picture.structure.analysis import Structure, analyse
from assistant.picture.structure.level import SLANTED, item_of, skew
from assistant.picture.structure.lines import Block, Box, Line, Passage, Row, Word, body_height
from assistant.picture.structure.order import blocks_of

__all__ = ["Block", "Box", "Line", "Page", "Passage", "Row", "Word", "arrange"]


@dataclass(frozen=True)
class Display:
    """A display of segments (a scale, a meter, a clock) with one figure."""

    box: Box
    """That of the line which holds the figure."""
    text: str
    """What it says, or may say, with the unit beside it."""
    confidence: float
    """0 to 1; at most `UNSURE_DISPLAY` where two readers did not agree, if only on a point or a minus sign."""

    @property
    def sure(self) -> bool:
        return self.confidence > UNSURE_DISPLAY


UNSURE_DISPLAY = 0.5
"""Most confidence of a display, and of its line, that cannot be read surely."""


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
    displays: tuple[Display, ...] = ()
    """Those of segments, in reading order."""

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
    def structure(self) -> Structure:
        """What belongs together on this page: sentences, headings, lists, pairs, tables, groups."""
        return analyse(self.blocks, self.width, self.height)

    @cached_property
    def body_height(self) -> float:
        """Height of the ordinary writing in pixels: the median over letters, not over lines; 0 for an empty page."""
        return body_height(self.blocks)


def arrange(
    lines: Sequence[Line], width: int, height: int, turned: int = 0, mirrored: bool = False, unread: Sequence[Box] = ()
) -> Page:
    """Put `lines` in reading order: level rows, columns of prose one after the other, asides last.

    `width` and `height` are the picture's, in pixels, after turning by `turned` degrees.
    """
    tilt = skew(lines)
    straight = [line for line in lines if abs(line.angle - tilt) <= SLANTED]
    asides = [line for line in lines if abs(line.angle - tilt) > SLANTED]
    blocks = blocks_of([item_of(line, tilt) for line in straight])
    blocks += [Block((Row((line,)),)) for line in sorted(asides, key=lambda line: (line.box.top, line.box.left))]
    below = sorted(unread, key=lambda box: (box.top, box.left))
    return Page(tuple(blocks), width, height, turned, mirrored, tuple(below))
