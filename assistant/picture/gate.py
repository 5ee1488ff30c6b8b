"""The picture gate: says why a picture cannot be read, and what to do about it, in words for one who cannot see it.

Two pure steps: `judge` looks at the pixels before any model runs and refuses what is hopeless; `judge_lines` looks
again with the lines that were read and explains why they are few, doubtful or cut. Whether the picture holds text at
all, or lies on its side, is the reader's finding. Thresholds were chosen on half of the evaluation pictures and their
spoiled copies (`scripts/evaluate/gate`); docs/results/picture-gate.md shows both halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.measures import Measures, measure
from assistant.picture.page import Box, Line
from assistant.picture.photo import DIM_WHITE, Photo

Kind = Literal["covered", "dark", "glare", "blurred", "cut", "small"]
Side = Literal["top", "right", "bottom", "left"]

NOTHING_TO_SEE: tuple[Kind, ...] = ("covered", "dark")
"""Findings of the first look after which nothing is read."""
LEAST_DETAIL = 12.0
"""In a dim picture: covered and moonless ones reach 8, those that can be read after `photo.brighten` 19 and more."""
NO_DETAIL = 6.0
"""In a dim picture: a covered lens shows less (5.3), and nothing but noise."""
HOPELESSLY_BLURRED, BLURRED, PERHAPS_BLURRED = 2.1, 1.5, 1.2
"""`Measures.edge_width`: usable pictures have up to 1.1; at 2.1 the largest titles alone can still be read."""
SMEARED, PERHAPS_SMEARED = 0.15, 0.30
"""`Measures.one_way`: usable pictures have 0.25 and more, moved ones 0.29 and less, mostly under 0.15."""
FEW_PIXELS = 320
"""Longest side of a picture that may be too small: the usable ones have 348 and more."""
SMALL_LETTERS, LARGE_LETTERS = 11.0, 24.0
"""Height of writing in pixels below which the reader errs, and above which even a picture of few pixels is read."""
GLARE_SHARE = 0.015
"""Share of the picture that the glare must cover: the usable pictures show up to 0.009."""
GLARE_OF_WRITING = 0.25
"""Share of the patch in the rectangle around it and all writing, from which it is thought to hide some."""
SURE, MANY_LETTERS, FEW_LETTERS = 0.85, 60, 8
"""Confidence of a line that is trusted; letters in trusted lines that make a reading safe, or too little."""
CUT_SHARE = 0.5
"""Share of all writing (letters times height) in cut lines above which the rest makes no sense: usable pictures have up to 0.37."""
CUT_MENTION = 0.1
"""Share of all writing that must be cut on one side before it is mentioned."""
CUT_GAP, CUT_INK = 0.06, 0.5
"""A line is cut where it comes as near to the frame as this share of its height, and where the outermost pixels hold
this share of its contrast: complete lines in tight frames show up to 0.41."""

_MOVE: dict[Side, tuple[str, str]] = {
    "top": ("at the top", "up"),
    "right": ("on the right", "right"),
    "bottom": ("at the bottom", "down"),
    "left": ("on the left", "left"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a picture, and the one thing to do."""

    kind: Kind
    reason: str
    """A sentence: what is wrong."""
    action: str
    """A sentence: what to do."""
    where: str | None = None
    """Where text is cut: "on the left", "at the top and on the right"; None for what concerns the whole picture."""
    refuse: bool = True
    """Whether nothing was read that can be relied on; a finding that does not refuse is said after the answer."""
    doubt: bool = False
    """Whether much is missing: then only what is read surely is an answer."""


@dataclass(frozen=True)
class Quality:
    """What the gate found, most important first."""

    findings: tuple[Finding, ...]
    measures: Measures
    cut_lines: tuple[Line, ...] = ()
    """The lines that run out of the frame: what stands in them is not whole."""

    @property
    def usable(self) -> bool:
        return not any(finding.refuse for finding in self.findings)

    @property
    def spoken(self) -> str:
        """The first finding as it is said aloud; empty when there is none."""
        return f"{self.findings[0].reason} {self.findings[0].action}" if self.findings else ""


_SAID: dict[Kind, tuple[str, str]] = {
    "covered": ("I see only darkness.", "Uncover the camera or turn on a light."),
    "dark": ("The picture is too dark.", "Turn on a light or move nearer to one."),
    "small": ("The text is too small to read.", "Move the camera closer."),
    "blurred": ("The picture is blurred.", "Hold the camera still, a little further away."),
    "glare": ("Bright light hides the text.", "Tilt what you hold, or turn away from the lamp."),
}
REFUSALS = tuple(part for said in _SAID.values() for part in said)
"""What is said of hopeless pictures, to be made ahead of time."""
_HINTED: dict[Kind, str] = {
    "dark": "The picture is dark, so I may have missed something.",
    "small": "The text is very small, so I may have missed something.",
    "blurred": "The picture is blurred, so I may have missed something.",
    "glare": "Bright light hides a part, so I may have missed something.",
}


def judge(photo: Photo) -> Quality:
    """Look at the pixels alone, before any model, and refuse what is hopeless to read (about 30 ms)."""
    seen = measure(photo)
    kind: Kind | None = None
    if seen.white <= DIM_WHITE and seen.detail < LEAST_DETAIL:
        kind = "covered" if seen.detail < NO_DETAIL else "dark"
    elif seen.edge_width >= HOPELESSLY_BLURRED:
        kind = "blurred"
    return Quality((_refusal(kind),) if kind else (), seen)


def judge_lines(photo: Photo, lines: Sequence[Line], turned: int = 0, seen: Measures | None = None) -> Quality:
    """Look again, knowing what was read: `lines` in pixels of `photo` turned clockwise by `turned` degrees.

    Refuses only where next to nothing was read surely and what was measured explains it, or where what was read runs out
    of the frame; otherwise the same findings warn. `seen` is what `judge` measured on this photo already, to spare doing it twice.
    A clear picture without text has no findings.
    """
    seen = seen or measure(photo)
    read, lines = lines, [replace(line, box=_as_taken(line.box, photo, turned)) for line in lines]
    letters = sum(len(line.text) for line in lines)
    sure = sum(len(line.text) for line in lines if line.confidence >= SURE)
    confidence = sum(len(line.text) * line.confidence for line in lines) / max(letters, 1)
    doubtful = sure < FEW_LETTERS or confidence < SURE
    few_pixels = seen.longest_side <= FEW_PIXELS
    found: list[Kind] = []
    hints: list[Kind] = []
    if seen.white <= DIM_WHITE:
        (found if doubtful else hints).append("dark")
    height = _height(lines)
    if few_pixels and height < LARGE_LETTERS:
        (found if doubtful or sure < MANY_LETTERS else hints).append("small")
    elif doubtful and 0 < height < SMALL_LETTERS:
        found.append("small")
    if seen.glare >= GLARE_SHARE and (sure < MANY_LETTERS or _glare_in_writing(seen, lines) >= GLARE_OF_WRITING):
        found.append("glare")
    # In very few pixels lines of text look smeared in any case.
    smeared = not few_pixels and seen.one_way < (PERHAPS_SMEARED if doubtful else SMEARED)
    blurred = seen.edge_width >= (PERHAPS_BLURRED if doubtful else BLURRED)
    if (blurred or smeared) and sure < MANY_LETTERS:
        found.append("blurred")
    sides = _cut_sides(photo, lines)
    whole = sum(len(line.text) for line, out in zip(lines, sides, strict=True) if line.confidence >= SURE and not out)
    refuse = whole < FEW_LETTERS
    cut = _cut(lines, sides, refuse)
    return Quality(
        (
            *(_refusal(kind) if refuse else _hint(kind, doubt=True) for kind in found),
            *([cut] if cut else []),
            *(_hint(kind, doubt=False) for kind in hints),
        ),
        seen,
        tuple(line for line, out in zip(read, sides, strict=True) if out),
    )


def _refusal(kind: Kind) -> Finding:
    return Finding(kind, *_SAID[kind])


def _hint(kind: Kind, doubt: bool) -> Finding:
    return Finding(kind, _HINTED[kind], _SAID[kind][1], refuse=False, doubt=doubt)


def _height(lines: Sequence[Line]) -> float:
    """Height in pixels of the writing, such that half of the letters are taller; 0 without lines."""
    heights = np.repeat([line.height for line in lines], [len(line.text) for line in lines])
    return float(np.median(heights)) if len(heights) else 0.0


def _as_taken(box: Box, photo: Photo, turned: int) -> Box:
    """A box of the turned picture in pixels of the picture as it was taken."""
    width, height = photo.width, photo.height
    match turned:
        case 90:
            return Box(box.top, height - box.right, box.bottom, height - box.left)
        case 180:
            return Box(width - box.right, height - box.bottom, width - box.left, height - box.top)
        case 270:
            return Box(width - box.bottom, box.left, width - box.top, box.right)
        case _:
            return box


def _glare_in_writing(seen: Measures, lines: Sequence[Line]) -> float:
    """Share of the glare in the rectangle around it and all writing."""
    patch = Box(*seen.glare_box)
    around = Box.around([patch, *(line.box for line in lines)])
    return patch.width * patch.height / max(around.width * around.height, 1)


def _cut_sides(photo: Photo, lines: Sequence[Line]) -> list[list[Side]]:
    """For each line the sides on which it runs out of the frame: it reaches the edge, with ink in the outermost pixels."""
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    return [[side for side in _MOVE if _runs_out(grey, line, side)] for line in lines]


def _cut(lines: Sequence[Line], cut_sides: Sequence[Sequence[Side]], refuse: bool) -> Finding | None:
    """What to say of the text that runs out of the frame, if it is a part worth mentioning."""
    weight = sum(len(line.text) * line.height for line in lines)
    share: dict[Side, float] = dict.fromkeys(_MOVE, 0.0)
    cut = 0.0
    for line, sides in zip(lines, cut_sides, strict=True):
        part = len(line.text) * line.height / weight
        cut += part if sides else 0.0
        for side in sides:
            share[side] += part
    worst = [side for side in _MOVE if share[side] >= CUT_MENTION]
    if not worst:
        return None
    where = " and ".join(_MOVE[side][0] for side in worst)
    move = _MOVE[worst[0]][1] if len(worst) == 1 else "further away"
    most = cut >= CUT_SHARE
    much = "Most of the" if most else "Some"
    return Finding("cut", f"{much} text is cut off {where}.", f"Move the camera {move}.", where, most and refuse, most)


def _runs_out(grey: NDArray[np.uint8], line: Line, side: Side) -> bool:
    height, width = grey.shape
    box = line.box
    gap = {"top": box.top, "right": width - box.right, "bottom": height - box.bottom, "left": box.left}[side]
    patch = grey[max(box.top, 0) : box.bottom, max(box.left, 0) : box.right]
    if gap > CUT_GAP * line.height + 1 or min(patch.shape) < 3:
        return False
    depth = max(2, round(0.05 * line.height))
    outermost = {
        "top": patch[:depth].mean(axis=0),
        "right": patch[:, -depth:].mean(axis=1),
        "bottom": patch[-depth:].mean(axis=0),
        "left": patch[:, :depth].mean(axis=1),
    }[side]
    return _spread(outermost) >= CUT_INK * max(_spread(patch), 10.0)


def _spread(values: NDArray[np.float64] | NDArray[np.uint8]) -> float:
    """Difference of the bright and the dark values; ten grey levels are no more than noise."""
    low, high = np.percentile(values, [5, 95])
    return float(high - low)
