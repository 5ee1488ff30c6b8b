"""Displays drawn by Pillow's rectangles: by other means than those the reader was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TOP, UPPER_LEFT, UPPER_RIGHT, MIDDLE, LOWER_LEFT, LOWER_RIGHT, BOTTOM = range(7)
OFF = {  # which of the seven are dark
    "0": [MIDDLE],
    "1": [TOP, UPPER_LEFT, MIDDLE, LOWER_LEFT, BOTTOM],
    "2": [UPPER_LEFT, LOWER_RIGHT],
    "3": [UPPER_LEFT, LOWER_LEFT],
    "4": [TOP, LOWER_LEFT, BOTTOM],
    "5": [UPPER_RIGHT, LOWER_LEFT],
    "6": [UPPER_RIGHT],
    "7": [UPPER_LEFT, MIDDLE, LOWER_LEFT, BOTTOM],
    "8": [],
    "9": [LOWER_LEFT],
    "-": [TOP, UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT, BOTTOM],
}
BARS = [
    (7, 0, 33, 8),
    (0, 6, 8, 36),
    (32, 6, 40, 36),
    (7, 35, 33, 43),
    (0, 42, 8, 72),
    (32, 42, 40, 72),
    (7, 70, 33, 78),
]


def display(text: str, ink: int = 40, glass: int = 190, blur: float = 1.0) -> NDArray[np.uint8]:
    """`[110, width]`, grey: digits 78 pixels high, 16 from every edge."""
    width = 32 + sum(14 if sign in ".:" else 58 for sign in text) - 18
    image = Image.new("L", (width, 110), glass)
    pen, x = ImageDraw.Draw(image), 16
    for sign in text:
        if sign == ".":
            pen.ellipse((x - 14, 86, x - 5, 95), ink)
            x += 2
        elif sign == ":":
            pen.rectangle((x - 10, 38, x - 2, 46), ink)
            pen.rectangle((x - 10, 66, x - 2, 74), ink)
            x += 12
        else:
            for bar in {*range(7)} - {*OFF[sign]}:
                left, top, right, bottom = BARS[bar]
                pen.rectangle((x + left, 16 + top, x + right - 1, 16 + bottom - 1), ink)
            x += 58
    return np.asarray(image.crop((0, 0, max(x - 2, 60), 110)).filter(ImageFilter.GaussianBlur(blur)))


def printed(text: str, size: int = 80) -> NDArray[np.uint8]:
    """The same in Pillow's own type, black on white."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    image = Image.new("L", (right - left + 24, bottom - top + 24), 235)
    ImageDraw.Draw(image).text((12 - left, 12 - top), text, 20, font)
    return np.asarray(image)
