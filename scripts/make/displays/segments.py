"""One made crop of a display of segments: digits as polygons, on glass, in some light, as a phone would take it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Grey = NDArray[np.float32]
"""`[height, width]`, 0 to 1."""

HEIGHT = 48
"""Height of a digit in pixels of the canvas."""
LIT = {
    "0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg", "5": "acdfg", "6": "acdefg", "7": "abc",
    "8": "abcdefg", "9": "abcdfg", "-": "g", " ": "", "A": "abcefg", "b": "cdefg", "C": "adef", "d": "bcdeg",
    "E": "adefg", "F": "aefg", "H": "bcefg", "L": "def", "n": "ceg", "o": "cdeg", "P": "abefg", "r": "eg", "t": "defg",
    "U": "bcdef",
}  # fmt: skip
OTHER_FORMS = {"6": "cdefg", "7": "abcf", "9": "abcfg"}
LETTERS = [sign for sign in LIT if sign.isalpha()]


@dataclass(frozen=True)
class Style:
    """How one display draws its signs; lengths in heights of a digit."""

    width: float
    thick: float
    gap: float
    slant: float
    """Sideways, per height."""
    pitch: float
    """From digit to digit."""
    bevel: float
    """0 for square ends of a segment, 1 for pointed ones."""
    dot: float
    round_dots: bool
    dot_in_gap: bool
    """Whether a decimal point stands between the digits, or has a narrow place of its own."""
    narrow_one: bool
    other_forms: bool

    @classmethod
    def drawn(cls, random: Generator) -> Style:
        width, thick = random.uniform(0.38, 0.64), random.uniform(0.07, 0.2)
        return cls(
            width=width,
            thick=thick,
            gap=random.choice([0.0, random.uniform(0.0, 0.05)]),
            slant=random.choice([0.0, random.uniform(0.0, 0.25)]),
            pitch=width + random.uniform(0.12, 0.4),
            bevel=random.choice([0.0, 1.0, random.uniform(0, 1)]),
            dot=thick * random.uniform(0.7, 1.3),
            round_dots=random.random() < 0.5,
            dot_in_gap=random.random() < 0.7,
            narrow_one=random.random() < 0.06,
            other_forms=random.random() < 0.12,
        )


def figure(random: Generator) -> str:
    """What a display may say: signs of `LIT`, points and colons."""
    kind = random.random()
    digits = "".join(map(str, random.integers(0, 10, random.integers(1, 7))))
    if kind < 0.12:
        return f"{random.choice(['', ' '])}{random.integers(0, 24)}:{random.integers(0, 60):02d}"
    if kind < 0.17:
        return f"{random.integers(1, 13)}-{random.integers(1, 32):02d}"
    if kind < 0.3 and len(digits) < 6:
        letters = "".join(random.choice(LETTERS, random.integers(1, 3)))
        return letters + digits if random.random() < 0.4 else digits + letters
    if kind < 0.7 and len(digits) > 1:
        place = random.choice([1, 1, 1, 2, 2, 3, len(digits) - 1])
        place = min(int(place), len(digits) - 1)
        digits = f"{digits[:-place]}.{digits[-place:]}"
    return ("-" if random.random() < 0.13 else "") + " " * int(random.integers(0, 2)) + digits


def _bars(style: Style) -> dict[str, NDArray[np.float64]]:
    """The seven segments as polygons `[n, 2]` in a cell of `style.width` by 1, upright."""
    w, t, g, b = style.width, style.thick, style.gap, style.bevel

    def level(y: float) -> NDArray[np.float64]:
        left, right, half = g + t * (1 - b) * 0.5, w - g - t * (1 - b) * 0.5, t / 2
        return np.array(
            [[left, y], [left + half * b + 1e-3, y - half], [right - half * b, y - half], [right, y],
             [right - half * b, y + half], [left + half * b + 1e-3, y + half]]
        )  # fmt: skip

    def steep(x: float, top: float, bottom: float) -> NDArray[np.float64]:
        low, high, half = top + g, bottom - g, t / 2
        return np.array(
            [[x, low], [x + half, low + half * b], [x + half, high - half * b], [x, high],
             [x - half, high - half * b], [x - half, low + half * b]]
        )  # fmt: skip

    left, right, top, bottom = t / 2, w - t / 2, t / 2, 1 - t / 2
    return {
        "a": level(top), "g": level(0.5), "d": level(bottom),
        "f": steep(left, top, 0.5), "b": steep(right, top, 0.5),
        "e": steep(left, 0.5, bottom), "c": steep(right, 0.5, bottom),
    }  # fmt: skip


def masks(text: str, style: Style, random: Generator) -> tuple[Grey, Grey]:
    """The lit and the unlit segments of `text`, each `[HEIGHT + 2 margins, width]`, 1 where ink."""
    margin = HEIGHT
    cells = sum(style.dot * 2.2 if sign in ".:" else style.pitch for sign in text)
    size = (2 * margin + HEIGHT, int(2 * margin + HEIGHT * (cells + style.slant + 0.5)))
    lit, unlit = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    bars = _bars(style)

    def place(points: NDArray[np.float64], x: float) -> NDArray[np.int32]:
        shifted = points + np.array((x, 0.0))
        shifted[:, 0] += style.slant * (1 - shifted[:, 1])
        return np.rint((shifted * HEIGHT + margin) * 16).astype(np.int32)

    def fill(target: NDArray[np.uint8], points: NDArray[np.int32]) -> None:
        cv2.fillPoly(target, [points], 255, cv2.LINE_AA, 4)

    def dot(target: NDArray[np.uint8], x: float, y: float) -> None:
        if style.round_dots:
            turn = np.linspace(0, 2 * np.pi, 13)[:-1]
            around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        else:
            around = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
        fill(target, place(around * style.dot / 2 + [0, y], x))

    dots_everywhere, x = random.random() < 0.3, 0.0
    for sign in text:
        gap = style.pitch - style.width
        if sign == ".":
            at = x - gap / 2 if style.dot_in_gap else x - gap / 2 + style.dot
            dot(lit, at, 1 - style.dot / 2)
            x += max(0.0, style.dot * 1.3 - gap) if style.dot_in_gap else style.dot * 2
        elif sign == ":":
            for y in (0.33, 0.68):
                dot(lit, x - gap / 2 + style.dot, y)
            x += style.dot * 2.2
        else:
            on = LIT[sign] if not (style.other_forms and sign in OTHER_FORMS) else OTHER_FORMS[sign]
            narrow = style.width - style.thick * 1.3 if style.narrow_one and sign == "1" else 0.0
            for name, bar in bars.items():
                if not narrow or name in on:
                    fill(lit if name in on else unlit, place(bar, x - narrow))
            x += style.pitch - narrow
            if dots_everywhere:
                dot(unlit, x - gap / 2, 1 - style.dot / 2)
    return lit.astype(np.float32) / 255, unlit.astype(np.float32) / 255
