"""Groups: lines that lie near each other in letters of one size, the most prominent first: one sign among signs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.picture.structure.lines import Box, Line, Passage
from assistant.picture.structure.marks import is_value

STEP = 1.3
"""White between two rows of one group, in heights of the smaller."""
BESIDE = 1.8
"""White between two lines side by side, in heights of the smaller."""
OWN_WORDS = 4
"""Lines of words from which what lies level is a thing of its own."""
LIKE = 0.5
"""Least ratio of the heights of neighbours in one group."""


@dataclass(frozen=True)
class Group(Passage):
    """Lines that lie together."""

    prominence: float = 0.0
    """Size times nearness to the middle of the picture, 0 to 1: what somebody holds or looks at has most."""


def groups_of(lines: Sequence[Line], joined: Sequence[Sequence[Line]], width: int, height: int) -> tuple[Group, ...]:
    """`lines` (in reading order) gathered; those `joined` by a table or a pair stay together. Most prominent first."""
    forest = _Forest(len(lines))
    for a, first in enumerate(lines):
        for b in range(a):
            if _near(first, lines[b]):
                forest.join(a, b)
    places = {id(line): place for place, line in enumerate(lines)}
    for together in joined:
        known = [places[id(line)] for line in together if id(line) in places]
        for place in known[1:]:
            # A column of figures belongs to its labels; two slips that lie level have labels of their own.
            worded = [sum(not is_value(lines[n].text) for n in forest.tree(root)) for root in (place, known[0])]
            if min(worded) < OWN_WORDS:
                forest.join(place, known[0])
    groups = [_group([lines[place] for place in tree], width, height) for tree in forest.trees()]
    return tuple(sorted(groups, key=lambda group: group.prominence, reverse=True))


class _Forest:
    """Disjoint sets of numbers (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place

    def join(self, one: int, other: int) -> None:
        self._parents[self.root(one)] = self.root(other)

    def tree(self, place: int) -> list[int]:
        root = self.root(place)
        return [each for each in range(len(self._parents)) if self.root(each) == root]

    def trees(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for place in range(len(self._parents)):
            found.setdefault(self.root(place), []).append(place)
        return list(found.values())


def _near(one: Line, other: Line) -> bool:
    if abs(one.angle - other.angle) > 12:
        return False
    small, large = sorted((one.height, other.height))
    if small < LIKE * large:
        return False
    a, b = one.box, other.box
    across = max(a.left, b.left) - min(a.right, b.right)
    down = max(a.top, b.top) - min(a.bottom, b.bottom)
    if abs(one.angle) > 45:  # runs up or down: spines side by side are no rows
        return (across < 0 and down <= BESIDE * small) or (
            down < -0.5 * min(a.height, b.height) and across <= 0.35 * small and small >= 0.8 * large
        )
    return (across < 0 and down <= STEP * small) or (down < -0.4 * small and across <= BESIDE * small)


def _group(lines: Sequence[Line], width: int, height: int) -> Group:
    box = Box.around([line.box for line in lines])
    x, y = box.middle
    away = math.hypot((x - width / 2) / max(1, width), (y - height / 2) / max(1, height)) / math.hypot(0.5, 0.5)
    ink = sum(
        line.box.width * line.box.height
        if abs(line.angle) <= 45
        else line.height * max(line.box.width, line.box.height)
        for line in lines
    )
    tallest = max(line.height for line in lines)
    size = math.sqrt(min(1.0, ink / max(1, width * height)) * min(1.0, 4 * tallest / max(1, min(width, height))))
    return Group(" ".join(line.text for line in lines), tuple(lines), box, min(1.0, size * (1 - 0.6 * away)))
