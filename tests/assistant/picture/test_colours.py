"""Names of colours before real pictures, the doubt in dim and coloured light, and where the light comes from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.picture.colours import NAMES, colour, light
from assistant.picture.photo import Photo, load_photo
from assistant.sound.speaking.phrases import COLOURED_LIGHT, DIM_LIGHT
from scripts.judging import degraded
from tests.paths import ROOT

SIGN = load_photo(ROOT / "samples" / "parking-sign.jpg").pixels


def held(rgb: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """A thing of one colour held before the street sign, with noise and a fall of light across it."""
    random = np.random.default_rng(seed)
    pixels = SIGN.copy()
    height, width = pixels.shape[:2]
    thing = np.full((height, width, 3), rgb) + random.normal(0, 6, (height, width, 3))
    thing += np.linspace(-8, 8, width)[None, :, None]
    inside = (slice(height // 5, 4 * height // 5), slice(width // 5, 4 * width // 5))
    pixels[inside] = np.clip(thing, 0, 255).astype(np.uint8)[inside]
    return pixels


def lit(pixels: NDArray[np.uint8], red: float, green: float, blue: float) -> Photo:
    """Under light of that colour, in proportion to what it was."""
    linear = (pixels / 255.0) ** 2.2 * np.array([red, green, blue])
    return Photo((255 * np.clip(linear, 0, 1) ** (1 / 2.2)).astype(np.uint8))


@pytest.mark.parametrize("name", NAMES)
def test_each_colour_is_named(name: str) -> None:
    report = colour(Photo(held(NAMES[name])))
    assert report.main == name
    assert report.second is None
    assert report.doubt == ""
    assert report.spoken == f"It is {name}."


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        *[
            ((0, 0, 128), "dark blue"),
            ((0, 0, 255), "blue"),
            ((178, 34, 34), "red"),
            ((34, 139, 34), "green"),
            ((255, 255, 255), "white"),
        ],
        *[
            ((255, 165, 0), "orange"),
            ((64, 224, 208), "turquoise"),
            ((128, 0, 128), "purple"),
            ((139, 69, 19), "brown"),
        ],
    ],
)
def test_colours_that_are_no_middle_of_a_name(rgb: tuple[int, int, int], name: str) -> None:
    assert colour(Photo(held(rgb))).main.split()[-1] == name.split()[-1]


def test_two_colours_but_no_two_shades_of_one() -> None:
    both = held(NAMES["dark blue"])
    both[:, SIGN.shape[1] * 56 // 100 :] = NAMES["white"]
    assert colour(Photo(both)).spoken == "It is mostly dark blue, some white."
    both[:, SIGN.shape[1] * 56 // 100 :] = NAMES["blue"]
    assert colour(Photo(both)).second is None


def test_dim_and_coloured_light_raise_doubt() -> None:
    pixels = held(NAMES["blue"])
    assert colour(lit(pixels, 0.08, 0.08, 0.08)).doubt == DIM_LIGHT
    assert colour(lit(held(NAMES["white"]), 1.0, 0.62, 0.3)).doubt == COLOURED_LIGHT
    assert colour(Photo(pixels)).doubt == ""


def test_where_the_light_is() -> None:
    room = np.full((480, 640, 3), 90, np.uint8)
    for side, part in {
        "on the left": (slice(None), slice(0, 120)),
        "on the right": (slice(None), slice(520, None)),
        "at the top": (slice(0, 90), slice(None)),
        "at the bottom": (slice(390, None), slice(None)),
    }.items():
        window = room.copy()
        window[part] = 250
        assert light(Photo(window)) == f"It is bright; brightest {side}."
    assert light(Photo(SIGN)).startswith("It is bright")
    assert light(Photo(np.full((480, 640, 3), 130, np.uint8))) == "It is bright."


def test_darkness_is_told_from_a_dim_room_and_from_a_black_thing() -> None:
    assert light(Photo(degraded.night(SIGN))) == "It is dark."
    assert light(Photo(degraded.black(SIGN))) == "It is dark."
    assert light(Photo(degraded.light_tenth(SIGN))).startswith("It is dim")
    assert light(Photo(held(NAMES["black"]))).startswith("It is bright")
