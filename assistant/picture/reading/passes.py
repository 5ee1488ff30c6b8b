"""What was found in a picture turned one way, before it is a page: pieces with their readings, and which of two to believe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from assistant.picture.reading.recogniser import Crop, Reading

LEAST_CONFIDENCE = 0.5
DISSENT = 0.25
"""Share of the letters that must run in another direction for the picture to be tried that way too."""
BETTER_TURNED = 0.05
"""By so much surer the other way up, a line speaks for a page upside down; one that runs up or down is so believed."""
UPSIDE_DOWN_SURE, UPSIDE_DOWN_BETTER, UPSIDE_DOWN_LETTERS = 0.93, 0.15, 3
"""Among upright lines one stands on its head only if it is read so surely, so much surer than upright, and in so many
letters that look different upside down. Of 6,173 lines of upright pictures none is turned by this that stands upright."""
UPRIGHT, UPSIDE_DOWN, RUNS_DOWN, RUNS_UP = 0, 180, 270, 90
"""Directions of a line, each as the degrees by which the page must be turned clockwise to make the line level."""
SAME, TOUCHES = 0.7, 0.5
"""Two pieces are the same line where they share so much of what both cover; they hold parts of the same where they share so
much of the smaller."""
_SYMMETRIC = set("08oOxXzZsSHIN")
"""Letters that are also letters upside down."""


@dataclass(frozen=True)
class Piece:
    """A crop as it stands and, where that was unsure, turned by half."""

    crop: Crop
    score: float
    """The detector's, 0 to 1."""
    reading: Reading
    turned: Reading | None

    @property
    def gain(self) -> float:
        """By how much it is surer turned."""
        return self.turned.confidence - self.reading.confidence if self.turned else -1.0

    @property
    def telling(self) -> bool:
        """Whether the turned reading holds enough letters that look different upside down."""
        text = self.turned.text if self.turned else ""
        return sum(letter.isalnum() and letter not in _SYMMETRIC for letter in text) >= UPSIDE_DOWN_LETTERS

    @property
    def best(self) -> Reading:
        """The surer reading; "43" and the like do not say which way up they stand."""
        turned = self.turned if self.gain > BETTER_TURNED and (self.crop.tall or self.telling) else None
        return turned or self.reading

    @property
    def direction(self) -> int:
        """In which the line by itself seems to run."""
        if self.best is self.turned:
            return RUNS_UP if self.crop.tall else UPSIDE_DOWN
        return RUNS_DOWN if self.crop.tall else UPRIGHT

    @property
    def stands_on_its_head(self) -> bool:
        """Whether the turned reading is to be believed on a page that stands upright."""
        turned = self.turned
        if self.crop.tall or turned is None:
            return self.best is turned
        return turned.confidence >= UPSIDE_DOWN_SURE and self.gain >= UPSIDE_DOWN_BETTER and self.telling

    @property
    def said(self) -> Reading:
        """What it says on a page that stands upright."""
        return self.turned if self.turned and self.stands_on_its_head else self.reading


@dataclass(frozen=True)
class Pass:
    """All that was found in a picture turned one way."""

    pieces: tuple[Piece, ...]

    @property
    def directions(self) -> Counter[int]:
        """Letters that run in each direction."""
        letters: Counter[int] = Counter()
        for piece in self.pieces:
            if piece.best.confidence >= LEAST_CONFIDENCE:
                letters[piece.direction] += len(piece.best.text)
        return letters

    @property
    def turns(self) -> list[int]:
        """Degrees clockwise that could make the page upright: the likeliest first, others where many letters say so."""
        letters = self.directions
        return [turn for turn, count in letters.most_common() if count >= DISSENT * letters.total()]

    @property
    def clarity(self) -> float:
        return clarity(piece.best for piece in self.pieces)


def clarity(readings: Iterable[Reading]) -> float:
    """Letters read, each counting by how far its line is above the least confidence: what a better reading has more of."""
    return sum(len(each.text) * max(0.0, each.confidence - LEAST_CONFIDENCE) for each in readings)


def same(crop: Crop, pieces: Iterable[Piece]) -> Piece | None:
    """The piece that is the same line as `crop`, if there is one."""
    for piece in pieces:
        shared = _shared(crop, piece.crop)
        if shared > 0 and shared >= SAME * (crop.area + piece.crop.area - shared):
            return piece
    return None


def surer(coarse: Sequence[Piece], fine: Sequence[Piece]) -> Pass:
    """Two looks at one picture made one: wherever they found the same print, that of which more is read surely."""
    touching = [[_touch(one, other) for other in fine] for one in coarse]
    kept: list[Piece] = []
    open_coarse, open_fine = set(range(len(coarse))), set(range(len(fine)))
    while open_coarse:
        ones, others = _component(open_coarse.pop(), touching)
        open_coarse -= ones
        open_fine -= others
        looks = [[coarse[one] for one in sorted(ones)], [fine[other] for other in sorted(others)]]
        kept += max(looks, key=lambda look: clarity(piece.said for piece in look))
    return Pass((*kept, *(fine[other] for other in sorted(open_fine))))


def _component(first: int, touching: Sequence[Sequence[bool]]) -> tuple[set[int], set[int]]:
    """All of the first look that hangs together with `first`, through pieces of the second look, and those."""
    ones, others, new = {first}, set[int](), [first]
    while new:
        reached = {other for other, touches in enumerate(touching[new.pop()]) if touches} - others
        others |= reached
        new += [one for one, row in enumerate(touching) if one not in ones and any(row[other] for other in reached)]
        ones |= set(new)
    return ones, others


def _touch(one: Piece, other: Piece) -> bool:
    return _shared(one.crop, other.crop) >= TOUCHES * min(one.crop.area, other.crop.area)


def _shared(one: Crop, other: Crop) -> float:
    """Area that two crops share, in square pixels."""
    apart = np.maximum(one.corners.min(axis=0), other.corners.min(axis=0)) >= np.minimum(
        one.corners.max(axis=0), other.corners.max(axis=0)
    )
    if apart.any():
        return 0.0
    area, _ = cv2.intersectConvexConvex(one.corners.astype(np.float32), other.corners.astype(np.float32))
    return float(area)
