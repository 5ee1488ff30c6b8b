"""A reader of print that is asked a second time, by other means, about what may be a display of segments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from assistant.picture.displays.figures import agreed
from assistant.picture.displays.search import inside, rows_of_digits
from assistant.picture.displays.segments import Grey, read
from assistant.picture.page import UNSURE_DISPLAY, Block, Box, Display, Line, Page, Row, arrange
from assistant.picture.photo import Photo
from assistant.picture.readers import Reader

MOST = 24
"""So many lines are looked at again at most, the highest first: a display's figures are large."""
LEAST_HEIGHT = 10
"""Pixels below which segments cannot be told from print."""
MOST_SLANT = 35.0
"""Degrees; a steeper line is no display that is held to be read."""
SIDE = 0.1
"""What is cut beside a line, in heights of it; above and below the reader's boxes have enough around the print."""
FIGURES_SHARE, UNSURE, SHORT = 0.5, 0.85, 9
"""A line is worth it if so much of it is digits, or if it is read less surely than this and no longer than that."""

HELD, SCRAP = 0.6, 0.6
"""Share of a found row that lies in a line which is the same figure; share of a line that lies in a row it is a scrap of."""


class DisplayReader:
    """Reads with `reader`, then looks again at figures (Protocol `Reader`)."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, photo: Photo) -> Page:
        """As `reader` reads it, with the displays known, and doubted where the second look says anything else."""
        return with_displays(photo, self._reader.read(photo))


def with_displays(photo: Photo, page: Page) -> Page:
    """`page`, read in `photo`, with its displays of segments; figures found by the second look alone are doubtful lines."""
    pixels = photo.mirrored().pixels if page.mirrored else photo.pixels
    turned = np.rot90(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), -page.turned // 90)
    grey: Grey = np.ascontiguousarray(turned, np.uint8)
    changed: dict[Line, tuple[Line, Display]] = {}
    lines = sorted(filter(_worth_it, page.lines), key=lambda line: -line.height)[:MOST]
    for line, reading in zip(lines, read([cut(grey, line) for line in lines]), strict=True):
        if (both := agreed(line, reading)) is not None:
            changed[line] = both
    page = replace(
        page,
        blocks=tuple(_exchanged(block, changed) for block in page.blocks),
        displays=tuple(changed[line][1] for line in page.lines if line in changed),
    )
    return _with_missed(grey, page)


def _with_missed(grey: Grey, page: Page) -> Page:
    """`page` with the displays that it has no line for, or only a scrap of one."""
    new = [Line("", box, 0.0, float(box.height)) for box in rows_of_digits(grey)]
    new = [each for each in new if not any(_same(each, line) for line in page.lines)]
    found: list[tuple[Line, Display]] = []
    for each, reading in zip(new, read([cut(grey, each) for each in new]), strict=True):
        both = agreed(each, reading)
        if both and sum(map(str.isdigit, both[1].text)) > 1 and not any(_same(each, line) for line, _ in found):
            found.append((replace(both[0], confidence=UNSURE_DISPLAY), replace(both[1], confidence=UNSURE_DISPLAY)))
    if not found:
        return page
    kept = [line for line in page.lines if not any(inside(line.box, other.box) >= SCRAP for other, _ in found)]
    whole = arrange(
        [*kept, *(line for line, _ in found)], page.width, page.height, page.turned, page.mirrored, page.unread
    )
    displays = [*(each for each in page.displays if any(line.box == each.box for line in kept)), *(d for _, d in found)]
    order = [line.box for line in whole.lines]
    return replace(whole, displays=tuple(sorted(displays, key=lambda display: order.index(display.box))))


def _same(new: Line, line: Line) -> bool:
    """Whether `line` holds all of `new`, or so much that only its edges differ."""
    return inside(new.box, line.box) >= HELD


def _exchanged(block: Block, changed: dict[Line, tuple[Line, Display]]) -> Block:
    rows = (Row(tuple(changed[line][0] if line in changed else line for line in row.lines)) for row in block.rows)
    return replace(block, rows=tuple(rows))


def _worth_it(line: Line) -> bool:
    letters = [letter for letter in line.text if letter.isalnum()]
    digits = sum(letter.isdigit() for letter in letters)
    figure = digits > 0 and digits >= FIGURES_SHARE * len(letters)
    doubtful = line.confidence < UNSURE and len(letters) < SHORT
    return (figure or doubtful) and line.height >= LEAST_HEIGHT and abs(line.angle) <= MOST_SLANT


def cut(grey: Grey, line: Line) -> Grey:
    """The line's figures out of `grey` (turned as the page), level, with a little around them."""
    box = Box.around(_with_digits(line) or [line.box])
    turn = math.radians(line.angle)
    height = line.height
    width = max(height * 0.3, (box.width - height * abs(math.sin(turn))) / math.cos(turn))
    size = round(width + 2 * SIDE * height), round(height)
    way = cv2.getRotationMatrix2D(box.middle, line.angle, 1.0)
    way = way + np.array([[0, 0, size[0] / 2 - box.middle[0]], [0, 0, size[1] / 2 - box.middle[1]]])
    level = cv2.warpAffine(grey, way, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return level.astype(np.uint8, copy=False)


def _with_digits(line: Line) -> Sequence[Box]:
    """From the first word with a digit to the last: a unit beside the figure is not read again."""
    places = [place for place, word in enumerate(line.words) if any(letter.isdigit() for letter in word.text)]
    return [word.box for word in line.words[places[0] : places[-1] + 1]] if places else []
