"""Book covers nobody tuned on: real titles and authors, laid out at random, so that finding them can be tried anew."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from assistant.picture.photo import Photo

WIDTH, HEIGHT = 600, 900
_EXTRAS = (
    "A NOVEL",
    "Second Edition",
    "National Bestseller",
    "Penguin Books",
    "Oxford University Press",
    "Illustrated",
)


@dataclass(frozen=True)
class Cover:
    """A made cover and what is printed on it."""

    photo: Photo
    title: str
    author: str


def covers(listing: Path, count: int, seed: int = 0) -> list[Cover]:
    """`count` covers of books from `listing` (a CSV with title and author), the same for the same seed."""
    with listing.open(encoding="utf-8", newline="") as file:
        books = [row for row in csv.DictReader(file) if row["author"] and 4 <= len(row["title"]) <= 60]
    chance = random.Random(seed)
    return [_cover(row["title"], row["author"], chance) for row in chance.sample(books, count)]


def _cover(title: str, author: str, chance: random.Random) -> Cover:
    dark = chance.random() < 0.5
    ground, ink = _colour(chance, dark), _colour(chance, not dark)
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw = ImageDraw.Draw(image)
    capitals = chance.random() < 0.4
    shown = title.upper() if capitals else title
    name = author.upper() if chance.random() < 0.4 else author
    title_size = chance.randint(44, 76)
    title_top = chance.randint(90, 380)
    bottom = _write(draw, shown, title_top, title_size, ink, chance.choice(("left", "centre")))
    if chance.random() < 0.5 and title_top > 150:
        _write(draw, name, chance.randint(20, 60), chance.randint(24, 34), ink, "centre")
    else:
        _write(draw, name, min(HEIGHT - 120, bottom + chance.randint(60, 300)), chance.randint(24, 38), ink, "centre")
    if chance.random() < 0.6:
        _write(draw, chance.choice(_EXTRAS), HEIGHT - 50, 20, ink, "centre")
    return Cover(Photo(np.asarray(image, np.uint8).copy()), title, author)


def _colour(chance: random.Random, dark: bool) -> tuple[int, int, int]:
    low, high = (0, 70) if dark else (190, 255)
    return chance.randint(low, high), chance.randint(low, high), chance.randint(low, high)


def _write(draw: ImageDraw.ImageDraw, text: str, top: int, size: int, ink: tuple[int, int, int], side: str) -> int:
    """Draw `text` in rows of at most the cover's width; returns where the last row ends (pixels from the top)."""
    font = ImageFont.load_default(size)
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and draw.textlength(longer, font) <= WIDTH - 80:
            rows[-1] = longer
        else:
            rows.append(word)
    for row in rows:
        left = 40.0 if side == "left" else (WIDTH - draw.textlength(row, font)) / 2
        draw.text((left, top), row, ink, font)
        top += round(size * 1.15)
    return top
