"""Spoiled copies of a picture, as pictures get spoiled: lens covered, lamp off, hand moving, reflection, bad framing.

Pure functions on `[height, width, 3]` uint8 RGB arrays with a fixed random seed; measuring what they do to the picture
gate and to reading is `evaluate_gate`'s work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.page import Box, Line

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Spoiled:
    """A spoiled copy of a picture."""

    pixels: Pixels
    frame: Box | None
    """The part of the picture that is left, where it was cropped."""


Degradation = Callable[[Pixels, Sequence[Line]], Spoiled]
"""From the picture and the lines read in it."""


def _to_bytes(values: Floats) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _noise(shape: tuple[int, ...], sigma: float) -> Floats:
    return (np.random.default_rng(7).standard_normal(shape) * sigma).astype(np.float32)


def black(pixels: Pixels) -> Pixels:
    """The lens covered completely: black with a little sensor noise (sigma 2 of 255)."""
    return _to_bytes(_noise(pixels.shape, 2.0) + 2)


def pocket(pixels: Pixels) -> Pixels:
    """A pocket or a hand over the lens: dark brown, brighter towards one corner, noise of sigma 5."""
    height, width = pixels.shape[:2]
    slope = np.add.outer(np.linspace(0, 1, height), np.linspace(0, 1, width)).astype(np.float32)[..., None]
    return _to_bytes(np.array([34, 21, 14], np.float32) * (0.5 + slope) + _noise(pixels.shape, 5.0))


def _dimmed(pixels: Pixels, factor: float, read_noise: float) -> Pixels:
    """Stored values times `factor`, with shot noise (its variance grows with the signal) and read noise, in 8 bits."""
    signal = pixels.astype(np.float32) * factor
    return _to_bytes(signal + _noise(pixels.shape, 1.0) * np.sqrt(0.15 * signal + read_noise**2))


def light_tenth(pixels: Pixels) -> Pixels:
    """A tenth of the light: the sRGB curve turns that into stored values of about 0.35 (1/10 ** (1/2.2))."""
    return _dimmed(pixels, 0.1 ** (1 / 2.2), 0.7)


def values_tenth(pixels: Pixels) -> Pixels:
    """Stored values a tenth of what they were, about 1/160 of the light: white becomes 25."""
    return _dimmed(pixels, 0.1, 0.7)


def night(pixels: Pixels) -> Pixels:
    """Stored values a sixtieth: white becomes 4, as much as the noise of the sensor (sigma 4)."""
    return _dimmed(pixels, 1 / 60, 4.0)


def blur_8(pixels: Pixels) -> Pixels:
    """Out of focus: a Gaussian of sigma 8 pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), 8).astype(np.uint8)


def blur_12(pixels: Pixels) -> Pixels:
    """Far out of focus: a Gaussian of sigma 12 pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), 12).astype(np.uint8)


def motion(pixels: Pixels) -> Pixels:
    """The hand moved level during the exposure, by a thirtieth of the longest side (43 pixels of 1280)."""
    length = max(3, max(pixels.shape[:2]) // 30)
    return cv2.blur(pixels, (length, 1)).astype(np.uint8)


def motion_slanted(pixels: Pixels) -> Pixels:
    """The hand moved along the diagonal, as far as in `motion`."""
    length = max(3, max(pixels.shape[:2]) // 30)
    kernel = np.eye(length, dtype=np.float32) / length
    return cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE).astype(np.uint8)


def glare(pixels: Pixels, lines: Sequence[Line]) -> Pixels:
    """A lamp mirrored over the text: an uneven patch over the middle of all lines, white within and fading out."""
    height, width = pixels.shape[:2]
    left, right = (min(n.box.left for n in lines), max(n.box.right for n in lines)) if lines else (0, width)
    top, bottom = (min(n.box.top for n in lines), max(n.box.bottom for n in lines)) if lines else (0, height)
    across = (np.arange(width) - (left + right) / 2)[None, :] / max(1.0, (right - left) * 0.42)
    down = (np.arange(height) - (top + bottom) / 2)[:, None] / max(1.0, (bottom - top) * 0.42)
    around = np.arctan2(down, across)
    distance = np.hypot(down, across) / (1 + 0.15 * np.sin(2 * around + 1) + 0.1 * np.sin(3 * around + 2))
    light = 255 * np.clip((1.35 - distance) / 0.35, 0, 1).astype(np.float32)
    return _to_bytes(pixels.astype(np.float32) + light[..., None])


def turned_90(pixels: Pixels) -> Pixels:
    """Turned a quarter clockwise."""
    return np.ascontiguousarray(np.rot90(pixels, -1))


def turned_180(pixels: Pixels) -> Pixels:
    """Upside down."""
    return np.ascontiguousarray(np.rot90(pixels, 2))


def turned_270(pixels: Pixels) -> Pixels:
    """Turned a quarter anticlockwise."""
    return np.ascontiguousarray(np.rot90(pixels, 1))


def _main_line(lines: Sequence[Line]) -> Line | None:
    """The line of the largest writing that has at least three characters."""
    return max((n for n in lines if len(n.text) >= 3), key=lambda n: n.height, default=None)


def _frame(pixels: Pixels, lines: Sequence[Line], side: str) -> Box:
    """What is left of the picture when its frame runs, on `side`, through the middle of the largest line."""
    height, width = pixels.shape[:2]
    main = _main_line(lines)
    across, down = main.box.middle if main else (width / 2, height / 2)
    match side:
        case "left":
            return Box(round(across), 0, width, height)
        case "right":
            return Box(0, 0, round(across), height)
        case _:
            return Box(0, round(down), width, height)


def _cut(side: str) -> Degradation:
    def spoil(pixels: Pixels, lines: Sequence[Line]) -> Spoiled:
        frame = _frame(pixels, lines, side)
        return Spoiled(np.ascontiguousarray(pixels[frame.top : frame.bottom, frame.left : frame.right]), frame)

    return spoil


def wide_160(pixels: Pixels) -> Pixels:
    """The picture shrunk to 160 pixels in width."""
    height, width = pixels.shape[:2]
    size = (160, max(1, round(height * 160 / width)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _whole(spoil: Callable[[Pixels], Pixels]) -> Degradation:
    """A degradation that keeps the frame and does not need to know where the text is."""
    return lambda pixels, _lines: Spoiled(spoil(pixels), None)


DEGRADATIONS: dict[str, tuple[Degradation, frozenset[str]]] = {
    "none": (_whole(lambda pixels: pixels), frozenset()),
    "black": (_whole(black), frozenset({"covered"})),
    "pocket": (_whole(pocket), frozenset({"covered"})),
    "light 1/10": (_whole(light_tenth), frozenset({"dark"})),
    "values 1/10": (_whole(values_tenth), frozenset({"dark"})),
    "night": (_whole(night), frozenset({"dark", "covered"})),
    "blur 8": (_whole(blur_8), frozenset({"blurred"})),
    "blur 12": (_whole(blur_12), frozenset({"blurred"})),
    "motion": (_whole(motion), frozenset({"blurred"})),
    "motion slanted": (_whole(motion_slanted), frozenset({"blurred"})),
    "glare": (lambda pixels, lines: Spoiled(glare(pixels, lines), None), frozenset({"glare"})),
    "turned 90": (_whole(turned_90), frozenset()),
    "turned 180": (_whole(turned_180), frozenset()),
    "turned 270": (_whole(turned_270), frozenset()),
    "cut left": (_cut("left"), frozenset({"cut"})),
    "cut right": (_cut("right"), frozenset({"cut"})),
    "cut top": (_cut("top"), frozenset({"cut"})),
    "160 wide": (_whole(wide_160), frozenset({"small"})),
}
"""Each with the kinds of finding that are a right reason for it; a covered lens and a moonless night look the same."""
