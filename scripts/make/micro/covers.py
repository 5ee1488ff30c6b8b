"""Draws the cover of a book: the same picture for the same book and state of chance, on every machine with the same Pillow.

Only Pillow's own font is used, so nothing has to be installed. What is printed is decided in `books.py`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from scripts.make.micro.books import COLOURS, Book

WIDTH, HEIGHT = 224, 288
"""Pixels of a cover."""
_ROW = 34
"""Pixels; a cover has eight rows, and a margin above and below."""
_LAYOUTS = ("title genre marks author year", "author marks title genre year", "year title author marks genre")
"""From top to bottom; a title takes three rows, an author two, all others one."""
_ROWS = {"title": 3, "author": 2}
_SIZES = {"title": 35, "author": 37, "genre": 36, "year": 42}
"""Pixels of the print."""
_CAPITALS, _BOLD = ("title", "author"), ("title", "year")
_INK, _LABEL = (20, 20, 24), (250, 248, 240)
_FRAME = 14
"""Pixels left and right of the label that all is printed on; there the cover's colour is seen."""
_SHIFT, _BLOCK_SHIFT = 2, 1
"""Pixels by which all that is printed, and each block of it once more, is moved at most, either way."""
_TINT = 14
"""By which each channel of a colour differs at most from the list's."""


@dataclass(frozen=True)
class Printed:
    """What is seen in one row of a cover, or all of them."""

    what: str
    """A word, a year, how many marks of which kind (`3 stars`), or the colour of the cover."""
    height: float | None
    """Of its middle: 0 at the top of the cover, 1 at the bottom. None: it is seen at every height."""


def draw_cover(book: Book, chance: random.Random) -> tuple[Image.Image, tuple[Printed, ...]]:
    """8-bit RGB, WIDTH x HEIGHT, and what is printed where."""
    red, green, blue = (min(255, max(0, one + chance.randint(-_TINT, _TINT))) for one in COLOURS[book.colour])
    image = Image.new("RGB", (WIDTH, HEIGHT), (red, green, blue))
    draw = ImageDraw.Draw(image)
    draw.rectangle((_FRAME, 0, WIDTH - 1 - _FRAME, HEIGHT - 1), _LABEL)
    words = {
        "title": book.title,
        "author": book.author,
        "genre": (book.genre,),
        "year": (str(book.year),),
        "marks": (f"{book.count} {book.marks}",),
    }
    size = chance.randint(-1, 0)
    left, top = chance.randint(-_SHIFT, _SHIFT), (HEIGHT - 8 * _ROW) / 2 + chance.randint(-_SHIFT, _SHIFT)
    printed = [Printed(book.colour, None)]
    for block in chance.choice(_LAYOUTS).split():
        height = _ROW * _ROWS.get(block, 1)
        aside, down = (chance.randint(-_BLOCK_SHIFT, _BLOCK_SHIFT) for _ in range(2))
        x, middle = WIDTH / 2 + left + aside, top + height / 2 + down
        for number, word in enumerate(words[block]):
            y = middle + _ROW * (number - (len(words[block]) - 1) / 2)
            printed.append(Printed(word, y / HEIGHT))
            if block == "marks":
                _marks(draw, book, (x, y))
                continue
            text = word.upper() if block in _CAPITALS else word
            letters = _letters(text, _SIZES[block] + size, 1 if block in _BOLD else 0.5)
            image.paste(_INK, (round(x - letters.width / 2), round(y - letters.height / 2)), letters)
        top += height
    return image, tuple(printed)


def _marks(draw: ImageDraw.ImageDraw, book: Book, centre: tuple[float, float]) -> None:
    step, radius = 34, 13
    for number in range(book.count):
        x, y = centre[0] + step * (number - (book.count - 1) / 2), centre[1]
        if book.marks == "dots":
            draw.ellipse((x - radius + 3, y - radius + 3, x + radius - 3, y + radius - 3), _INK)
            continue
        turns = [(math.pi * point / 5, radius if point % 2 == 0 else 0.4 * radius) for point in range(10)]
        draw.polygon([(x + far * math.sin(turn), y - far * math.cos(turn)) for turn, far in turns], _INK)


@cache
def _letters(text: str, size: int, stroke: float) -> Image.Image:
    """How much of each pixel is ink, 8-bit; as high as the font's lines, so that words stand on one height."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install the wheel from the package index")
    mask = Image.new("L", (math.ceil(font.getlength(text)) + 4, 2 * size))
    ImageDraw.Draw(mask).text((mask.width / 2, size), text, 255, font, anchor="mm", stroke_width=stroke)
    return mask
