"""The page's own axes: the picture turned by its skew, so that rows are level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.picture.structure.lines import Line

SLANTED = 20.0
"""Degrees off the page's own direction beyond which a line is an aside (a corner ribbon, a spine) and stands alone."""


@dataclass(frozen=True)
class Item:
    """A line in the page's own axes: the picture turned by its skew, so that rows are level."""

    line: Line
    left: float
    right: float
    top: float
    bottom: float

    @property
    def level(self) -> float:
        return (self.top + self.bottom) / 2


def skew(lines: Sequence[Line]) -> float:
    """The direction of most of the writing, in degrees: the median over lines weighted by their width."""
    level = sorted((line.angle, line.box.width) for line in lines if abs(line.angle) < 45)
    half = sum(width for _, width in level) / 2
    for angle, width in level:
        half -= width
        if half <= 0:
            return angle
    return 0.0


def item_of(line: Line, degrees: float) -> Item:
    x, y = line.box.middle
    turn = math.radians(-degrees)
    u, v = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    half = line.box.width / 2
    return Item(line, u - half, u + half, v - line.height / 2, v + line.height / 2)
