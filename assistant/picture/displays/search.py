"""Where a reader of print found nothing, strokes that stand side by side like digits may be a display all the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from assistant.picture.displays.segments import Grey
from assistant.picture.page import Box

SIDE = 640
"""Longest side, in pixels, of the copy in which rows of digits are looked for."""
LEAST, MOST_SHARE = 14, 0.5
"""Height of a digit in pixels of that copy, at least, and its share of the picture's height at most."""
CLOSED = (3, 7, 15)
"""Gaps between segments that are closed, in pixels of the copy: from those of small digits to those of large ones."""
ALIKE = 0.75
"""Two rows are one where each holds so much of the other."""
AROUND = 0.15
"""What is added on every side, in heights of the row."""
MOST = 24
"""So many rows are returned at most, the highest first."""


def rows_of_digits(grey: Grey) -> list[Box]:
    """Boxes of two to eight upright shapes of one height side by side, in pixels of `grey`, the highest first."""
    shrunk = min(1.0, SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * shrunk)), max(1, round(grey.shape[0] * shrunk)))
    small = cv2.GaussianBlur(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), (3, 3), 0)
    rows: list[Box] = []
    for way in (cv2.THRESH_BINARY, cv2.THRESH_BINARY_INV):
        ink = cv2.adaptiveThreshold(small, 255, cv2.ADAPTIVE_THRESH_MEAN_C, way, 61, 8 if way else -8)
        for gap in CLOSED:
            kernel = np.ones((gap, max(1, gap // 2)), np.uint8)
            closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, kernel)
            rows += _rows(_shapes(closed.astype(np.uint8, copy=False)))
    rows.sort(key=lambda row: -row.height)
    distinct: list[Box] = []
    for row in rows:
        if not any(min(inside(row, other), inside(other, row)) > ALIKE for other in distinct):
            distinct.append(row)
    return [_enlarged(row, 1 / shrunk, grey) for row in distinct[:MOST]]


def _enlarged(row: Box, scale: float, grey: Grey) -> Box:
    """`row` in pixels of `grey`, with a little around it."""
    edge = AROUND * row.height
    return Box(
        max(0, round((row.left - edge) * scale)),
        max(0, round((row.top - edge) * scale)),
        min(grey.shape[1], round((row.right + edge) * scale)),
        min(grey.shape[0], round((row.bottom + edge) * scale)),
    )


def inside(one: Box, other: Box) -> float:
    """Share of `one` that lies in `other`."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0, across) * max(0, down) / max(1, one.width * one.height)


def _shapes(ink: Grey) -> list[Box]:
    """Connected pieces that could be a digit."""
    stats = cv2.connectedComponentsWithStats(ink)[2][1:]
    width, height, area = stats.T[2:]
    fits = (
        (height >= LEAST) & (height <= MOST_SHARE * ink.shape[0]) & (width <= 0.95 * height) & (width >= 0.08 * height)
    )
    fits &= area <= 0.85 * width * height + 4 * height * (width < 0.35 * height)
    return [Box(x, y, x + w, y + h) for x, y, w, h in stats[fits][:, :4].tolist()]


def _rows(shapes: Sequence[Box]) -> list[Box]:
    """Runs of two to eight shapes of like height on one level, less than a height apart."""
    left = sorted(shapes, key=lambda box: box.left)
    rows: list[Box] = []
    while left:
        run = [left.pop(0)]
        for box in list(left):
            last = run[-1]
            shared = min(box.bottom, last.bottom) - max(box.top, last.top)
            alike = min(box.height, last.height) >= 0.75 * max(box.height, last.height)
            if alike and shared >= 0.7 * last.height and -0.1 * last.height <= box.left - last.right <= last.height:
                run.append(box)
                left.remove(box)
        if 2 <= len(run) <= 8 and _even(run):
            rows.append(Box.around(run))
    return rows


def _even(run: Sequence[Box]) -> bool:
    """Whether the right edges stand at about one pitch, as the places of a display do."""
    steps = [after.right - before.right for before, after in pairwise(run)]
    return max(steps) <= 2.6 * min(steps) if min(steps) > 0 else False
