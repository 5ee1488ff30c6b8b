"""Whether the camera still shows the same: so closely that what was read in one frame holds for another.

Pure functions on pixels. A wrong "same" answers a question about a thing that is no longer there, a wrong "different"
costs one more reading: so one small part that differs is enough.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.eyes import Photo

Grey = NDArray[np.float32]

SIDE = 480
"""Longest side in pixels of the copies that are compared."""
BLOCK, REACH = 16, 3
"""Side of the squares that are compared each by itself, and how far one may lie from where the whole lies: in pixels of
the copy. The reach takes up a turn or a zoom of about one per cent."""
MOST_SHIFT = 0.04
"""Shift of the whole that passes for a shaking hand, in longest sides."""
STRUCTURE = 6.0
"""Spread (standard deviation, grey levels) from which a square shows something: noise of a dim frame has 3."""
ALIKE = 0.9
"""Least correlation of each square that shows something."""


def same_scene(a: Photo, b: Photo) -> bool:
    """Whether `a` and `b`, frames of one camera, show the same thing in the same place (about 6 ms on one core)."""
    if a.pixels.shape != b.pixels.shape:
        return False
    return likeness(a, b) >= ALIKE


def moved(a: Photo, b: Photo) -> float:
    """How far the picture as a whole went from `a` to `b`, in longest sides; infinite where that is more than a shake."""
    first, second = _small(a), _small(b)
    shift = _shift(first, second) if first.shape == second.shape else None
    return float("inf") if shift is None else float(np.hypot(*shift)) / max(first.shape)


def likeness(a: Photo, b: Photo) -> float:
    """The correlation of the squares that differ most, -1 to 1, whatever the light; 1 where both show nothing at all."""
    first, second = _small(a), _small(b)
    shift = _shift(first, second)
    if shift is None:
        return -1.0
    right, down = shift
    height, width = first.shape
    placed = np.array([[1, 0, -right], [0, 1, -down]], np.float32)
    moved = cv2.warpAffine(second, placed, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Squares at the frame, of which a part may have left it, are not compared.
    left, top = REACH + int(np.ceil(abs(right))), REACH + int(np.ceil(abs(down)))
    worst = 1.0
    for y in range(top, height - top - BLOCK + 1, BLOCK):
        for x in range(left, width - left - BLOCK + 1, BLOCK):
            square = first[y : y + BLOCK, x : x + BLOCK]
            around = moved[y - REACH : y + BLOCK + REACH, x - REACH : x + BLOCK + REACH]
            if max(_spread(square), _spread(around[REACH:-REACH, REACH:-REACH])) >= STRUCTURE:
                worst = min(worst, float(cv2.matchTemplate(around, square, cv2.TM_CCOEFF_NORMED).max()))
    return worst


def _small(photo: Photo) -> Grey:
    scale = min(1.0, SIDE / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.GaussianBlur(small, (0, 0), 0.8).astype(np.float32, copy=False)


def _spread(values: NDArray[Any]) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


def _shift(first: Grey, second: Grey) -> tuple[float, float] | None:
    """By how many pixels (right, down) `second` lies away from `first`; None where that is more than a hand shakes."""
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(first - first.mean(), second - second.mean(), window)
    if max(abs(right), abs(down)) > MOST_SHIFT * max(first.shape):
        return None
    return right, down
