"""Made crops with what they say: a display of segments in some light, or ordinary print and texture that is none."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scripts.make.displays import segments
from scripts.make.displays.segments import HEIGHT, Grey, Style

Made = tuple[NDArray[np.uint8], str | None]
"""A grey crop `[height, width]`, and what the display says; None for no display."""
UNITS = ("kg", "g", "lb", "°C", "°F", "%", "V", "A", "W", "AM", "PM", "mmHg", "km/h", "$", "kWh", "mg/dL", "SYS", "oz")
WORDS = (
    "Total",
    "Exp.",
    "No",
    "Size",
    "Price",
    "Tel",
    "Page",
    "Max",
    "Net",
    "Date",
    "only",
    "am",
    "each",
    "Nr.",
    "per",
)


def made(random: Generator, style: Style | None = None) -> Made:
    """One crop; of displays, seven in twelve. `style`: a display of this style, always."""
    if style is not None or random.random() < 0.58:
        text = segments.figure(random)
        picture = _display(text, style or Style.drawn(random), random)
        return picture, "".join("*" if sign.isalpha() else sign for sign in text if sign != " ")
    return _no_display(random), None


def _display(text: str, style: Style, random: Generator) -> NDArray[np.uint8]:
    lit, unlit = segments.masks(text, style, random)
    top, left, bottom, right = _extent(lit)
    ink, paper = _tones(random)
    scene = np.full(lit.shape, paper, np.float32)
    if random.random() < 0.5:  # segments that are off
        scene += (ink - paper) * random.uniform(0.02, 0.16) * unlit
    if random.random() < 0.35:  # the shadow on the ground of the glass
        shift = np.array([[1, 0, random.uniform(-5, 5)], [0, 1, random.uniform(1, 5)]], np.float32)
        shadow = cv2.GaussianBlur(cv2.warpAffine(lit, shift, lit.shape[::-1]), (0, 0), random.uniform(1, 3))
        scene += (ink - paper) * random.uniform(0.05, 0.3) * shadow
    if ink > paper and random.random() < 0.6:
        glow = cv2.GaussianBlur(lit, (0, 0), random.uniform(2, 7))
        scene += (ink - paper) * random.uniform(0.2, 0.8) * glow
    uneven = 1.0
    if random.random() < 0.25:  # segments of unlike strength
        uneven = 1 - random.uniform(0.1, 0.5) * _clouds(lit.shape, random)
    scene += (ink - scene) * lit * uneven
    box = [left, top, right, bottom]
    if random.random() < 0.35:
        _written(
            scene,
            str(random.choice(UNITS)),
            (right + random.integers(2, 18), None),
            random.uniform(0.2, 0.6),
            ink,
            random,
        )
    if random.random() < 0.25:
        _written(scene, str(random.choice(UNITS)), (left, top - 0.1 * HEIGHT), random.uniform(0.15, 0.3), ink, random)
    return _taken(scene, box, random)


def _no_display(random: Generator) -> NDArray[np.uint8]:
    ink, paper = _tones(random)
    kind = random.random()
    if kind < 0.1:
        shape = (3 * HEIGHT, int(random.integers(4, 9)) * HEIGHT)
        scene = paper + (ink - paper) * _clouds(shape, random, random.uniform(2, 20))
        for _ in range(random.integers(0, 9)):
            ends = random.uniform(0, 1, (2, 2)) * [shape[1], shape[0]]
            cv2.line(scene, *ends.astype(int).tolist(), float(random.uniform(0, 1)), int(random.integers(1, 9)))
        return _taken(scene, [HEIGHT, HEIGHT, shape[1] - HEIGHT, 2 * HEIGHT], random)
    text = _print(random)
    if kind < 0.2:
        face, thick, scale = int(random.integers(0, 8)), int(random.integers(1, 6)), HEIGHT / 22
        (width, _), _ = cv2.getTextSize(text, face, scale, thick)
        scene = np.full((3 * HEIGHT, width + 2 * HEIGHT), paper, np.float32)
        _stroked(scene, text, (HEIGHT, 2 * HEIGHT), face, scale, ink, thick)
        return _taken(scene, [HEIGHT, HEIGHT, width + HEIGHT, 2 * HEIGHT], random)
    font = _fonts()[int(random.integers(len(_fonts())))]
    left, top, right, bottom = font.getbbox(text)
    stretch = random.uniform(0.6, 1.25)
    image = Image.new("L", (int(right) + 1, int(bottom) + 1))
    ImageDraw.Draw(image).text((0, 0), text, 255, font)
    mask = np.asarray(image, np.float32)[int(top) :, int(left) :] / 255
    if mask.size == 0:
        mask = np.ones((HEIGHT, HEIGHT), np.float32)
    mask = cv2.resize(mask, (max(4, int(mask.shape[1] * stretch)), mask.shape[0]), interpolation=cv2.INTER_AREA)
    scene = np.full((mask.shape[0] + 2 * HEIGHT, mask.shape[1] + 2 * HEIGHT), paper, np.float32)
    scene[HEIGHT:-HEIGHT, HEIGHT:-HEIGHT] += (ink - paper) * mask
    return _taken(scene, [HEIGHT, HEIGHT, scene.shape[1] - HEIGHT, scene.shape[0] - HEIGHT], random)


def _print(random: Generator) -> str:
    number = segments.figure(random).strip()
    kind = random.random()
    if kind < 0.45:
        return number
    if kind < 0.65:
        return f"{random.choice(['$', '£', '€', '#', '~', '(', ''])}{number}{random.choice(['', '/', ')', ' ' + number, '%', 'ml', 'g'])}"
    if kind < 0.85:
        return f"{random.choice(WORDS)} {number}"
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if random.random() < 0.5 else "abcdefghijklmnopqrstuvwxyz"
    return "".join(random.choice(list(letters + "0123"), random.integers(1, 9)))


@cache
def _fonts() -> list[ImageFont.FreeTypeFont]:
    """Those that come with matplotlib (DejaVu, STIX, Computer Modern), and Pillow's own."""
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    skipped = ("Disp", "cmex", "cmsy", "cmmi", "Siz", "STIXNonUni")
    paths = sorted(path for path in folder.glob("*.ttf") if not any(part in path.name for part in skipped))
    own = ImageFont.load_default(HEIGHT)
    return [ImageFont.truetype(path, HEIGHT) for path in paths] + (
        [own] * 4 if isinstance(own, ImageFont.FreeTypeFont) else []
    )


def _written(
    scene: Grey, text: str, at: tuple[float, float | None], size: float, ink: float, random: Generator
) -> None:
    """Small print beside or above the figure."""
    scale = size * HEIGHT / 22
    y = at[1] if at[1] is not None else HEIGHT + random.uniform(size, 1) * HEIGHT
    _stroked(scene, text, (int(at[0]), int(y)), int(random.integers(0, 4)), scale, ink, max(1, int(scale * 2.5)))


def _stroked(scene: Grey, text: str, at: tuple[int, int], face: int, scale: float, ink: float, thick: int) -> None:
    """Write in one of OpenCV's faces, which it does on bytes alone."""
    mask = np.zeros(scene.shape, np.uint8)
    cv2.putText(mask, text, at, face, scale, 255, thick, cv2.LINE_AA)
    scene += (ink - scene) * (mask.astype(np.float32) / 255)


def _extent(lit: Grey) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of the ink; the height at least that of a digit."""
    columns = np.flatnonzero(lit.any(axis=0))
    return HEIGHT, int(columns[0]), 2 * HEIGHT, int(columns[-1]) + 1


def _tones(random: Generator) -> tuple[float, float]:
    """Ink and paper, 0 to 1: dark on light, or the other way about."""
    low, high = random.uniform(0.0, 0.5), random.uniform(0.3, 1.0)
    if high - low < 0.12:
        high = low + random.uniform(0.12, 0.4)
    return (low, high) if random.random() < 0.55 else (high, low)


def _clouds(shape: tuple[int, ...], random: Generator, size: float = 0.0) -> Grey:
    """Soft noise, 0 to 1; `size` in pixels."""
    small = random.random((max(2, int(shape[0] / (size or 36))), max(2, int(shape[1] / (size or 36))))).astype(
        np.float32
    )
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _taken(scene: Grey, box: list[int], random: Generator) -> NDArray[np.uint8]:
    """`scene` as the reader would cut it from a photograph: framed, lit, tilted, blurred, noisy; `box`: the print in it."""
    left, top, right, bottom = (float(side) for side in box)
    height = bottom - top
    if random.random() < 0.45:  # a frame about the glass, on some sides
        tone, edge = random.uniform(0, 1), random.uniform(0.08, 0.5, 4) * height
        sides = random.random(4) < 0.6
        if sides[0]:
            scene[: max(0, int(top - edge[0]))] = tone
        if sides[1]:
            scene[int(bottom + edge[1]) :] = tone
        if sides[2]:
            scene[:, : max(0, int(left - edge[2]))] = tone
        if sides[3]:
            scene[:, int(right + edge[3] + 0.2 * height) :] = tone
    if random.random() < 0.2:  # the line above or below
        y = int(bottom + random.uniform(0.15, 0.5) * height) if random.random() < 0.5 else int(top - 0.15 * height)
        words = " ".join(random.choice(list(WORDS + UNITS), 2))
        ink = 1 - float(scene[y % scene.shape[0], 0])
        _stroked(scene, words, (int(left), y + (18 if y > top else 0)), 2, random.uniform(0.5, 1.2), ink, 2)
    ends = np.array(
        [
            random.uniform(-0.04, 0.4),
            random.uniform(-0.02, 0.35),
            random.uniform(-0.04, 0.5),
            random.uniform(-0.02, 0.35),
        ]
    )
    left, top, right, bottom = np.array([left, top, right, bottom]) + ends * [-height, -height, height, height]
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    turn = math.radians(random.normal(0, 3)) if random.random() < 0.6 else 0.0
    spin = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = (corners - middle) @ spin.T + middle + random.normal(0, 0.03 * height, (4, 2))
    tall = int(random.integers(14, 64))
    wide = max(8, int(tall * (right - left) / (bottom - top) * random.uniform(0.85, 1.15)))
    target = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    smooth = cv2.GaussianBlur(scene, (0, 0), max(0.3, 0.45 * (bottom - top) / tall))
    way = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    out = cv2.warpPerspective(smooth, way, (wide, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    out = _lit(out, random)
    if random.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), random.uniform(0.3, 0.055 * tall))
    if random.random() < 0.15:
        length = int(random.integers(2, 3 + tall // 8))
        out = cv2.blur(out, (length, 1) if random.random() < 0.6 else (1, length))
    out = out + random.normal(0, random.choice([0.005, 0.02, 0.06]), out.shape).astype(np.float32)
    out = np.rint(out.clip(0, 1) * 255).astype(np.uint8)
    if random.random() < 0.4:
        packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))])[1]
        out = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    return out


def _lit(out: Grey, random: Generator) -> Grey:
    """Light that falls unevenly, a shadow's edge, a highlight on the glass."""
    tall, wide = out.shape
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    if random.random() < 0.5:
        across, down = random.uniform(-0.5, 0.5, 2)
        out = out * (1 + across * (x / wide - 0.5) + down * (y / tall - 0.5))
    if random.random() < 0.15:
        along = (x - random.uniform(0, wide)) + random.uniform(-1, 1) * (y - tall / 2)
        edge = 0.5 + 0.5 * np.tanh(along / random.uniform(1, 12))
        out = out * (1 - random.uniform(0.2, 0.6) * edge)
    if random.random() < 0.15:
        spread = random.uniform(0.15, 0.8, 2) * tall
        spot = ((x - random.uniform(0, wide)) / spread[0]) ** 2 + ((y - random.uniform(0, tall)) / spread[1]) ** 2
        out = out + random.uniform(0.15, 0.9) * np.exp(-spot)
    return out.astype(np.float32)
