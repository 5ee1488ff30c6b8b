"""Guided capture: what to tell a person who aims the camera at print, from where text is seen; when to take the picture.

Pure state on values: frames and boxes go in with the time, and one direction at a time comes out. Finding the boxes is
the reader's work, saying the words the dialogue's. Where there is nothing to aim at there is silence: false guidance
costs all trust. No direction concerns the way up, because the reader reads text whichever way up it is.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from assistant.picture.gate import BLURRED, SMALL_LETTERS, SMEARED, Side
from assistant.picture.measures import measure
from assistant.picture.page import Box
from assistant.picture.photo import DIM_WHITE, Photo
from assistant.picture.same_scene import moved

Kind = Literal["left", "right", "up", "down", "closer", "further away", "dark", "nothing", "still", "got it"]

WORDS: dict[Kind, str] = {
    "left": "Move left.",
    "right": "Move right.",
    "up": "Move up.",
    "down": "Move down.",
    "closer": "Closer.",
    "further away": "Further away.",
    "dark": "It is dark. Turn on a light.",
    "nothing": "I see no text yet. Point the camera at the writing.",
    "still": "Hold still.",
    "got it": "Got it.",
}
WAYS: dict[Side, Kind] = {"top": "up", "right": "right", "bottom": "down", "left": "left"}
"""Where text is cut, and the way in which the camera has to move: as the picture gate says it."""
_OPPOSITE: dict[Kind, Kind] = {
    "left": "right", "right": "left", "up": "down", "down": "up", "closer": "further away", "further away": "closer",
}  # fmt: skip

REPEAT_SECONDS = 2.0
"""Between two directions of one kind."""
PAUSE_SECONDS = 1.2
"""Between any two directions: the time to hear one and to begin to follow it."""
TURN_BACK_SECONDS = 2.5
"""Between a direction and its opposite."""
NOTHING_SECONDS = 8.0
MOST_REPEATS = 4
"""A direction that was said so often in a row is not followed, or is false: then silence, until another is due."""
MOST_REVERSALS = 1
"""After so many opposites on one axis the frame is too tight for this hand: from further away it is easier."""
SURE_LOOKS = 2
"""Looks in a row that must ask for the same before it is said."""

EDGE_ACROSS, EDGE_DOWN = 0.015, 0.04
"""A line that ends nearer to the edge than this share of that side is cut, or will be with the next breath."""
CONTINUES = 1.5
"""A line nearer to the upper or lower edge than this many heights of the writing is thought to be followed by another."""
CUT_EXTENT = 0.12
"""Share of the text's extent along an edge that is cut there, from which the camera has to move."""
FILLS = 0.7
"""Share of a side that text may fill: beyond, nearer would cut it, however small its letters."""
STEADY = 0.012
"""Movement between two looks, in longest sides, that leaves frames sharp."""


@dataclass(frozen=True)
class Direction:
    """One thing to say."""

    kind: Kind
    words: str
    capture: bool = False
    """The frame that was looked at is the one to read: text whole, large enough, steady and sharp."""


@dataclass
class Guide:
    """One attempt to get one picture. After "Got it." it is done and silent; a next attempt is a new Guide."""

    done: bool = False
    _began: float | None = None
    _seen: float | None = None
    """When text was last seen."""
    _before: Photo | None = None
    _wish: Kind | None = None
    """What the last look asked for, and how many looks in a row have."""
    _looks: int = 0
    _said: Direction | None = None
    _said_at: float = float("-inf")
    _repeats: int = 0
    """How often in a row the last direction was said."""
    _reversals: int = 0
    _once: frozenset[Kind] = frozenset()
    """What was said and is not said again."""

    def look(self, photo: Photo, boxes: Sequence[Box], now: float) -> Direction | None:
        """What to say now, if anything. `boxes`: the lines of text in pixels of `photo`; two to five looks a second do."""
        if self.done:
            return None
        if self._began is None:
            self._began = self._seen = now
        steady = self._before is not None and moved(self._before, photo) <= STEADY
        self._before = photo
        wish = self._aim(photo, boxes, now) if boxes else self._search(photo, now)
        self._looks = self._looks + 1 if wish == self._wish else 1
        self._wish = wish
        if wish is None or self._looks < SURE_LOOKS:
            return None
        return self._say("still" if wish == "got it" and not (steady and _sharp(photo)) else wish, now)

    def _search(self, photo: Photo, now: float) -> Kind | None:
        """What to say where no text is."""
        if "dark" not in self._once and _dark(photo):
            return "dark"
        waited = now - (self._seen or 0.0) >= NOTHING_SECONDS
        return "nothing" if waited and not self._once & {"nothing", "dark"} else None

    def _aim(self, photo: Photo, boxes: Sequence[Box], now: float) -> Kind:
        """The way to the whole text, or "got it" where all of it lies in the frame."""
        self._seen = now
        cut = cut_sides(photo, boxes)
        if len(cut) > 2 or {"left", "right"} <= cut.keys() or {"top", "bottom"} <= cut.keys():
            return "further away"
        if cut:
            worst = max(cut, key=lambda side: cut[side])
            return "further away" if self._reversals >= MOST_REVERSALS else WAYS[worst]
        around = Box.around(boxes)
        fills = max(around.width / photo.width, around.height / photo.height)
        letters = statistics.median(min(box.width, box.height) for box in boxes)
        nearer = letters < SMALL_LETTERS and fills < FILLS and self._reversals < MOST_REVERSALS
        return "closer" if nearer else "got it"

    def _say(self, kind: Kind, now: float) -> Direction | None:
        """`kind` as a direction, unless it is too early for it."""
        since, last = now - self._said_at, self._said.kind if self._said else None
        wait = REPEAT_SECONDS if kind == last else TURN_BACK_SECONDS if _OPPOSITE.get(kind) == last else PAUSE_SECONDS
        if kind != "got it" and (since < wait or (kind == last and self._repeats >= MOST_REPEATS)):
            return None
        self._repeats = self._repeats + 1 if kind == last else 1
        self._reversals += last is not None and _OPPOSITE.get(kind) == last
        if kind in ("dark", "nothing"):
            self._once |= {kind}
        self.done = kind == "got it"
        self._said, self._said_at = Direction(kind, WORDS[kind], capture=self.done), now
        return self._said


def cut_sides(photo: Photo, boxes: Sequence[Box]) -> dict[Side, float]:
    """The edges at which text is cut, each with the share of the text's extent along it that is."""
    around = Box.around(boxes)
    letters = statistics.median(min(box.width, box.height) for box in boxes)
    across, down = EDGE_ACROSS * photo.width, EDGE_DOWN * photo.height
    beyond = max(down, CONTINUES * letters)
    at: dict[Side, tuple[list[int], int]] = {
        "top": ([box.width for box in boxes if box.top < beyond], around.width),
        "right": ([box.height for box in boxes if photo.width - box.right < across], around.height),
        "bottom": ([box.width for box in boxes if photo.height - box.bottom < beyond], around.width),
        "left": ([box.height for box in boxes if box.left < across], around.height),
    }
    shares: dict[Side, float] = {side: sum(lengths) / max(extent, 1) for side, (lengths, extent) in at.items()}
    return {side: share for side, share in shares.items() if share >= CUT_EXTENT}


def _dark(photo: Photo) -> bool:
    small = cv2.resize(photo.pixels, (80, 60), interpolation=cv2.INTER_AREA)
    return float(np.percentile(small.max(axis=2), 99)) <= DIM_WHITE


def _sharp(photo: Photo) -> bool:
    seen = measure(photo)
    return seen.edge_width < BLURRED and seen.one_way >= SMEARED
