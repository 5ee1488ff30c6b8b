"""The colour of what is held before the camera, by its everyday name, and whether there is light.

Plain image processing on one frame; the doubt that a camera's colours deserve is part of the answer. There is no white
balance of our own: on 336 known colours before real pictures grey-world named fewer right under each of five lights.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.photo import DIM_WHITE, Photo
from assistant.sound.speaking.phrases import BRIGHTEST, COLOUR, COLOURED_LIGHT, DIM_LIGHT, LIGHT, TWO_COLOURS

NAMES: dict[str, tuple[int, int, int]] = {
    "black": (20, 20, 20), "dark grey": (75, 75, 75), "grey": (128, 128, 128), "light grey": (190, 190, 190),
    "white": (245, 245, 245), "dark red": (120, 15, 20), "red": (205, 30, 35), "pink": (240, 150, 175),
    "hot pink": (225, 45, 125), "salmon pink": (240, 135, 115), "orange": (240, 130, 30), "rust": (170, 75, 30),
    "brown": (110, 70, 40), "dark brown": (60, 38, 25), "light brown": (165, 120, 80), "beige": (220, 200, 165),
    "cream": (248, 238, 210), "mustard": (200, 155, 35), "yellow": (245, 215, 45), "light yellow": (248, 238, 150),
    "olive green": (110, 110, 40), "lime green": (150, 205, 50), "light green": (150, 215, 150), "green": (45, 150, 65),
    "dark green": (20, 75, 40), "turquoise": (50, 190, 185), "teal": (15, 110, 115), "light blue": (150, 200, 235),
    "sky blue": (70, 160, 225), "blue": (35, 85, 190), "dark blue": (20, 35, 95), "lilac": (190, 165, 220),
    "purple": (120, 55, 150), "dark purple": (65, 25, 80), "burgundy": (95, 20, 45),
}  # fmt: skip
"""Names and the sRGB colour at the middle of each."""

ALSO: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("dark blue", (0, 0, 128)), ("blue", (0, 0, 255)), ("blue", (40, 60, 225)), ("brown", (139, 69, 19)),
    ("green", (0, 200, 0)), ("lime green", (60, 255, 40)), ("purple", (128, 0, 128)), ("hot pink", (255, 0, 220)),
    ("turquoise", (0, 245, 245)), ("red", (255, 0, 0)), ("yellow", (255, 255, 0)), ("orange", (255, 165, 0)),
)  # fmt: skip
"""Further middles of the names, full colours above all, which CIELAB sets far apart: its navy lies nearer to purple."""

MIDDLE = 0.4
"""Share of width and height, in the middle of the frame, that is what is asked about."""
SOME = 0.2
"""Share of the middle from which a second colour is told."""
TRUE_WHITE = 155.0
"""Grey level of the brightest parts that a frame needs for its colours to be trusted: in a quarter of the light and a warm
tint nine names in ten are wrong, and no evaluation picture in that light has more than 147."""
COLOURED, ONE_WAY = 9.0, 0.95
"""The light is thought to be coloured where the frame's mean chroma (CIELAB) reaches this, and this share of it leans the
same way: an ordinary scene holds something of no colour, or of another. Tells 37 of 56 pictures under a warm lamp, 7 under
a cool one, and doubts 8 as they are (with `TRUE_WHITE`), which are of one colour all over."""

DARK_WHITE = 45.0
"""Grey level of the brightest parts below which a frame is dark, as `DIM_WHITE` is for dim; a black thing in a lit room is
neither, since something in the frame is bright."""
BRIGHTER = 1.8
"""How many times the light of the frame's other parts one part must have to be named."""


@dataclass(frozen=True)
class ColourReport:
    """What colour the middle of the frame has."""

    main: str
    main_share: float
    """Of the middle, 0 to 1."""
    second: str | None
    doubt: str
    """A sentence why this may be wrong; empty where nothing speaks against it."""

    @property
    def spoken(self) -> str:
        """One sentence, and the doubt if there is one."""
        said = COLOUR.format(self.main) if self.second is None else TWO_COLOURS.format(self.main, self.second)
        return f"{said} {self.doubt}".strip()


def colour(photo: Photo) -> ColourReport:
    """Name the colour of what is in the middle of the frame: the nearest of `NAMES` for each pixel, two at most."""
    right, down = round(photo.width * (1 - MIDDLE) / 2), round(photo.height * (1 - MIDDLE) / 2)
    middle = photo.pixels[down : photo.height - down, right : photo.width - right]
    names, middles = zip(*NAMES.items(), *ALSO, strict=True)
    seen = _lab(_small(middle, 48)).reshape(-1, 1, 3)
    nearest = np.linalg.norm(seen - _lab(np.array([middles], np.uint8))[0], axis=2).argmin(axis=1)
    counted = Counter(names[at] for at in nearest.tolist()).most_common()
    main, most = counted[0]
    least = SOME * len(nearest)
    second = next((name for name, count in counted[1:] if count >= least and not _shades(name, main)), None)
    return ColourReport(main, most / len(nearest), second, _doubt(photo))


def light(photo: Photo) -> str:
    """Whether there is light, and on which side there is clearly more of it: a window, or a lamp."""
    grey = cv2.cvtColor(_small(photo.pixels, 60), cv2.COLOR_RGB2GRAY).astype(np.float64)
    white = float(np.percentile(grey, 97))
    kind = "bright" if white > DIM_WHITE else "dim" if white > DARK_WHITE else "dark"
    amount = (grey / 255) ** 2.2  # stored values are not proportional to light
    height, width = grey.shape[0] // 3, grey.shape[1] // 3
    parts = {
        "left": (amount[:, :width], amount[:, width:]),
        "right": (amount[:, -width:], amount[:, :-width]),
        "top": (amount[:height], amount[height:]),
        "bottom": (amount[-height:], amount[:-height]),
    }
    times = {side: float(part.mean()) / max(float(rest.mean()), 1e-3) for side, (part, rest) in parts.items()}
    side = max(times, key=lambda each: times[each])
    if times[side] < BRIGHTER:
        return f"{LIGHT[kind]}."
    return f"{LIGHT[kind]}; {BRIGHTEST[side]}."


def _small(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A square copy of `side` pixels: texture and noise are averaged to what is seen from afar."""
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB under D65, L 0 to 100."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)


def _shades(first: str, second: str) -> bool:
    """Whether two names are shades of one colour: "dark blue, some blue" is only the fall of the light."""
    return first.split()[-1] == second.split()[-1]


def _doubt(photo: Photo) -> str:
    small = _small(photo.pixels, 60)
    if float(np.percentile(small.max(axis=2), 99)) <= TRUE_WHITE:
        return DIM_LIGHT
    leaning = _lab(small)[..., 1:].reshape(-1, 2)
    mean = leaning.mean(axis=0)
    strength = float(np.linalg.norm(mean))
    if strength >= COLOURED and float((leaning @ (mean / strength) > 2).mean()) >= ONE_WAY:
        return COLOURED_LIGHT
    return ""
