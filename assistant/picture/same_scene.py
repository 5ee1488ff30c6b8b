"""Whether the camera still shows the same: so closely that what was read in one frame holds for another.

Pure functions on pixels. A wrong "same" answers a question about a thing that is no longer there, a wrong "different"
costs one more reading: so one small part that differs is enough.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.photo import Photo

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
ALIKE = 0.94
"""Least correlation of each square that shows something. Chosen on every second evaluation picture laid on a desk: no other
picture passed, and of 52 and 51 copies with four other letters in one line 2 and 1 did (chosen on, held out), of 51 and 49
with a single other letter 10 and 11; of hand-held copies of the same 25 and 27 of 28 passed. At 0.9: 4 and 4, 20 and 18, 27
and 28."""


def same_scene(a: Photo, b: Photo) -> bool:
    """Whether `a` and `b`, frames of one camera, show the same thing in the same place (about 8 ms on one core)."""
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
    back = cv2.warpAffine(second, placed, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32, copy=False
    )
    # Squares at the frame, of which a part may have left it, are not compared.
    left, top = REACH + int(np.ceil(abs(right))), REACH + int(np.ceil(abs(down)))
    inner = (slice(top, height - top), slice(left, width - left))
    spread, alike = _squares(first[inner], back[inner])
    worst = 1.0
    for place in np.argsort(alike, axis=None):
        row, column = divmod(int(place), alike.shape[1])
        if alike[row, column] >= worst:
            break  # to search can only find more likeness
        if spread[row, column] >= STRUCTURE:
            y, x = top + BLOCK * row, left + BLOCK * column
            around = back[y - REACH : y + BLOCK + REACH, x - REACH : x + BLOCK + REACH]
            square = first[y : y + BLOCK, x : x + BLOCK]
            worst = min(worst, _peak(cv2.matchTemplate(around, square, cv2.TM_CCOEFF_NORMED)))
    return worst


def _squares(first: Grey, second: Grey) -> tuple[Grey, Grey]:
    """For each square the larger of both spreads (standard deviations), and the correlation in place; `[rows, columns]`."""
    rows, columns = first.shape[0] // BLOCK, first.shape[1] // BLOCK
    parts = []
    for grey in (first, second):
        part = grey[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
        parts.append(part - part.mean(axis=(1, 3), keepdims=True))
    spreads = [np.sqrt((part * part).mean(axis=(1, 3))) for part in parts]
    both = np.maximum(spreads[0] * spreads[1], 1e-6)
    return np.maximum(*spreads), (parts[0] * parts[1]).mean(axis=(1, 3)) / both


def _small(photo: Photo) -> Grey:
    scale = min(1.0, SIDE / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.GaussianBlur(small, (0, 0), 0.8).astype(np.float32, copy=False)


def _peak(values: NDArray[Any]) -> float:
    """The highest correlation, also between two places: half a pixel aside costs fine print a tenth of it."""
    _, highest, _, (x, y) = cv2.minMaxLoc(values)
    peak = highest
    for line, at in ((values[y], x), (values[:, x], y)):
        if 0 < at < len(line) - 1:
            before, after = float(line[at - 1]), float(line[at + 1])
            curve = before - 2 * highest + after
            peak -= (before - after) ** 2 / (8 * curve) if curve < 0 else 0.0
    return min(peak, 1.0)


def _shift(first: Grey, second: Grey) -> tuple[float, float] | None:
    """By how many pixels (right, down) `second` lies away from `first`; None where that is more than a hand shakes."""
    if max(float(first.std()), float(second.std())) < STRUCTURE / 2:
        return 0.0, 0.0  # nothing is there by which a movement could be told
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(first - first.mean(), second - second.mean(), window)
    if max(abs(right), abs(down)) > MOST_SHIFT * max(first.shape):
        return None
    return right, down
