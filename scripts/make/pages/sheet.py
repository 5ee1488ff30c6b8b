"""A sheet on which text is set, with what belongs together written down: sentences, cells with their heads, pairs.

What was set can be had as the lines a perfect reader would find, or drawn, to be read by a real one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from assistant.picture.page import Box, Line
from assistant.picture.photo import Photo

MARGIN = 60
STEP = 1.35
"""From row to row, in sizes of the font."""


@dataclass(frozen=True)
class Fonts:
    """Files of fonts; a mere name is one that comes with matplotlib (the extra `report`), empty the one that comes with Pillow."""

    body: str = ""
    bold: str = ""

    def get(self, size: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        path = self.bold if bold else self.body
        if path and Path(path).name == path:
            import matplotlib as mpl

            path = str(Path(mpl.get_data_path(), "fonts", "ttf", path))
        if path and not Path(path).is_file():
            raise SystemExit(f"the font {path} is not there: name others with --fonts BODY BOLD")
        return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


@dataclass
class Sheet:
    """What is printed on it, and what is true of it."""

    kind: str
    chance: random.Random
    fonts: Fonts
    width: int = 1000
    bottom: int = MARGIN
    printed: list[tuple[int, int, str, int, bool]] = field(default_factory=list)
    """Left, top, words, size of the font, bold."""
    sentences: list[str] = field(default_factory=list)
    cells: list[tuple[str, str, str]] = field(default_factory=list)
    """Words of a cell, head of its row, head of its column; a head that is not there is empty."""
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def length(self, text: str, size: int, bold: bool = False) -> int:
        return round(self.fonts.get(size, bold).getlength(text))

    def put(self, left: int, top: int, text: str, size: int = 26, bold: bool = False, align: str = "left") -> int:
        """Print `text`; `left` is its left edge, its middle or its right edge. Returns where it ends, in pixels from the left."""
        length = self.length(text, size, bold)
        left -= {"left": 0, "centre": length // 2, "right": length}[align]
        self.printed.append((left, top, text, size, bold))
        self.width = max(self.width, left + length + MARGIN // 2)
        self.bottom = max(self.bottom, top + round(size * STEP))
        return left + length

    def title(self, text: str, size: int = 46, align: str = "left", top: int | None = None) -> int:
        """A heading over what follows, from the left margin or in the middle. Returns where the next row may begin."""
        top = self.bottom if top is None else top
        self.put(self.width // 2 if align == "centre" else MARGIN, top, text, size, True, align)
        return top + round(size * 1.7)

    def text(
        self, sentences: Sequence[str], left: int, top: int, width: int, size: int = 26, align: str = "left", hyphens: bool = False,
        indent: int = 0, mark: str = "",
    ) -> int:  # fmt: skip
        """A paragraph in rows of at most `width` pixels; returns where the next row may begin. `mark` is a bullet before it."""
        self.sentences += sentences
        words = " ".join(sentences).split()
        rows: list[str] = [f"{mark} {words[0]}" if mark else words[0]]
        for word in words[1:]:
            room = width - (indent if len(rows) > 1 or not mark else 0)
            if self.length(f"{rows[-1]} {word}", size) <= room:
                rows[-1] += f" {word}"
                continue
            cut = len(word) // 2
            if hyphens and len(word) >= 8 and word.isalpha() and self.length(f"{rows[-1]} {word[:cut]}-", size) <= room:
                rows[-1] += f" {word[:cut]}-"
                word = word[cut:]
            rows.append(word)
        for number, row in enumerate(rows):
            start = left + (indent if (number and mark) else 0)
            x = start if align == "left" else left + width // 2
            self.put(x, top, row, size, align=align)
            top += round(size * STEP)
        return top

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], edges: Sequence[int], top: int, size: int = 26, right: bool = True,
        step: float = 1.5, head_column: int = 0, bold: bool = True,
    ) -> int:  # fmt: skip
        """A table. `edges`: for each column its left edge, or its right one with `right` for all columns but text's (the first)."""
        for place, row in enumerate([heads, *rows] if any(heads) else rows):
            for c, said in enumerate(row):
                if said:
                    align = "right" if right and c > 0 and c != head_column else "left"
                    self.put(edges[c], top, said, size, bold and place == 0 and any(heads), align)
            top += round(size * step)
        names = heads or [""] * len(edges)
        self.cells += [
            (said, row[head_column], names[c])
            for row in rows
            for c, said in enumerate(row)
            if said and c != head_column
        ]
        return top

    def pair(
        self,
        label: str,
        value: str,
        left: int,
        top: int,
        size: int = 26,
        at: int | None = None,
        small: int = 0,
        align: str = "left",
    ) -> int:
        """A label with its value: in one text, at `at` pixels from the left, or below it in larger letters (`small`: the label's size)."""
        self.pairs.append((label.strip(" :."), value))
        if small:
            self.put(left, top, label, small)
            self.put(left, top + round(small * 1.4), value, size)
            return top + round(small * 1.4 + size * STEP)
        if at is None:
            self.put(left, top, f"{label} {value}", size)
        else:
            self.put(left, top, label, size)
            self.put(at, top, value, size, align=align)
        return top + round(size * STEP)

    @property
    def height(self) -> int:
        return self.bottom + MARGIN

    def lines(self) -> list[Line]:
        """What a perfect reader would find, in no order."""
        found = []
        for left, top, text, size, bold in self.printed:
            box = self.fonts.get(size, bold).getbbox(text)
            found.append(
                Line(
                    text,
                    Box(left, top + round(size * 0.1), left + round(box[2]), top + round(size * 1.15)),
                    0.98,
                    size * 1.05,
                )
            )
        self.chance.shuffle(found)
        return found

    def photo(self, tilt: float = 0.0) -> Photo:
        """The sheet as a picture, turned by `tilt` degrees, on paper that is not quite white."""
        image = Image.new("RGB", (self.width, self.height), (246, 243, 236))
        draw = ImageDraw.Draw(image)
        for left, top, text, size, bold in self.printed:
            draw.text((left, top), text, (28, 28, 34), self.fonts.get(size, bold))
        if tilt:
            image = image.rotate(tilt, Image.Resampling.BICUBIC, expand=True, fillcolor=(246, 243, 236))
        noise = np.random.default_rng(self.chance.randrange(2**31)).normal(0, 4, (image.height, image.width, 3))
        return Photo(np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8))


Kind = Callable[[Sheet], None]
"""Sets a page."""


def sheets(kinds: Sequence[Kind], fonts: Sequence[Fonts], count: int, seed: int = 0) -> list[Sheet]:
    """`count` pages, the kinds and the fonts in turn; the same for the same seed."""
    made = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        sheet = Sheet(kind.__name__, random.Random(f"{seed} {number}"), fonts[(number // len(kinds)) % len(fonts)])
        kind(sheet)
        made.append(sheet)
    return made
