"""A photo with a display, from the reader's lines to what is said."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.mind.finding.grounding import answer
from assistant.mind.understanding.question import understand
from assistant.picture.displays.reader import with_displays
from assistant.picture.page import Box, Line, Page, arrange
from assistant.picture.photo import Photo
from tests.assistant.picture.displays.drawn import display, printed


def scale(shown: str, read: str) -> tuple[Photo, Page]:
    """A scale that shows `shown`, and its page with the figure as the general reader took it, beside a printed word."""
    glass = display(shown)
    pixels = np.full((600, 800), 120, np.uint8)
    pixels[200 : 200 + glass.shape[0], 150 : 150 + glass.shape[1]] = glass
    word = printed("MODEL 300", 40)
    pixels[400 : 400 + word.shape[0], 150 : 150 + word.shape[1]] = word
    figure = Line(read, Box(162, 212, 150 + glass.shape[1] - 12, 298), 0.99, 86.0)
    model = Line("MODEL 300", Box(160, 410, 150 + word.shape[1] - 10, 390 + word.shape[0]), 0.99, 40.0)
    return Photo(np.repeat(pixels[:, :, None], 3, axis=2)), arrange([figure, model], 800, 600)


@pytest.mark.parametrize("shown", ["12.5", "-7.2", "318"])
def test_what_both_readers_read_is_a_sure_display(shown: str) -> None:
    photo, page = scale(shown, shown)
    seen = with_displays(photo, page)
    assert [(each.text, each.sure) for each in seen.displays] == [(shown, True)]
    assert seen.text == page.text


@pytest.mark.parametrize(("shown", "read"), [("12.5", "125"), ("318", "3.18"), ("-7.2", "7.2")])
def test_a_lost_or_invented_sign_is_never_told_surely(shown: str, read: str) -> None:
    photo, page = scale(shown, read)
    seen = with_displays(photo, page)
    assert [each.sure for each in seen.displays] == [False]
    said = answer(understand("What number does it show?"), seen)
    assert said.abstained
    assert "There is a display that I cannot read surely; it may say " in said.text
    aloud = answer(understand("Read all of it."), seen)
    assert "There is a display that I cannot read surely" in aloud.text


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_display_is_cut_out_of_the_picture_as_it_was_turned(turned: int) -> None:
    photo, page = scale("12.5", "125")
    lying = Photo(np.ascontiguousarray(np.rot90(photo.pixels, turned // 90)))
    seen = with_displays(lying, arrange(page.lines, 800, 600, turned))
    assert [each.text for each in seen.displays] == ["12.5"]


def test_a_page_without_figures_is_the_same() -> None:
    photo, page = scale("12.5", "EXIT")
    assert with_displays(photo, page) == page
