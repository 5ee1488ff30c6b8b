"""The picture gate on drawn pages, on the evaluation pictures where they are present, and on spoiled copies of both."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.picture.gate import judge, judge_lines
from assistant.picture.page import Box, Line
from assistant.picture.photo import Photo, load_photo
from scripts.judging.degraded import DEGRADATIONS

WORDS = ["MIND THE STEP", "Soup of the day", "Tomato and basil", "with fresh bread", "ask for the price"]


def poster(confidence: float = 0.98) -> tuple[NDArray[np.uint8], list[Line]]:
    """A 960 x 720 photograph of a notice on a grey wall, and its lines as a reader finds them."""
    grain = np.random.default_rng(1).normal(0, 2, (720, 960, 3))
    wall = np.full((720, 960, 3), 120.0) + np.linspace(0, 40, 960)[None, :, None]
    pixels = wall.astype(np.uint8)
    cv2.rectangle(pixels, (140, 90), (820, 640), (225, 220, 205), -1)
    lines = []
    for number, text in enumerate(WORDS):
        size = 2.6 if number == 0 else 1.7
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 5)
        left, base = 480 - width // 2, 190 + 100 * number
        cv2.putText(pixels, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, (30, 25, 40), 5, cv2.LINE_AA)
        box = Box(left, base - height, left + width, base + below // 2)
        lines.append(Line(text, box, confidence, float(box.height)))
    return np.clip(pixels + grain, 0, 255).astype(np.uint8), lines


def spoiled(name: str) -> Photo:
    pixels, lines = poster()
    return Photo(DEGRADATIONS[name][0](pixels, lines).pixels)


def kinds(photo: Photo, lines: list[Line]) -> list[str]:
    return [finding.kind for finding in judge_lines(photo, lines).findings if finding.refuse]


def test_a_good_picture_passes_both_looks() -> None:
    pixels, lines = poster()
    assert judge(Photo(pixels)).findings == ()
    quality = judge_lines(Photo(pixels), lines)
    assert quality.findings == ()
    assert quality.usable
    assert quality.spoken == ""


@pytest.mark.parametrize(
    ("name", "kind", "spoken"),
    [
        ("black", "covered", "I see only darkness. Uncover the camera or turn on a light."),
        ("pocket", "covered", "I see only darkness. Uncover the camera or turn on a light."),
        ("blur 8", "blurred", "The picture is blurred. Hold the camera still, a little further away."),
        ("blur 12", "blurred", "The picture is blurred. Hold the camera still, a little further away."),
    ],
)
def test_hopeless_pictures_are_refused_before_any_model(name: str, kind: str, spoken: str) -> None:
    quality = judge(spoiled(name))
    assert not quality.usable
    assert [finding.kind for finding in quality.findings] == [kind]
    assert quality.spoken == spoken


def test_a_moonless_picture_is_dark_or_covered() -> None:
    assert [finding.kind for finding in judge(spoiled("night")).findings] in (["dark"], ["covered"])


@pytest.mark.parametrize("name", ["light 1/10", "values 1/10", "turned 90", "turned 180", "turned 270", "160 wide"])
def test_pictures_that_can_be_read_in_the_end_reach_the_reader(name: str) -> None:
    assert judge(spoiled(name)).usable


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("values 1/10", "dark"),
        ("motion", "blurred"),
        ("motion slanted", "blurred"),
        ("glare", "glare"),
        ("160 wide", "small"),
    ],
)
def test_the_reason_is_found_when_nothing_was_read(name: str, kind: str) -> None:
    assert kinds(spoiled(name), [])[:1] == [kind]


def test_doubtful_text_in_a_good_picture_is_no_fault_of_the_picture() -> None:
    pixels, lines = poster(confidence=0.6)
    assert kinds(Photo(pixels), lines) == []


def test_a_dim_picture_that_was_read_is_a_hint() -> None:
    quality = judge_lines(spoiled("values 1/10"), poster()[1])
    assert quality.usable
    assert quality.spoken.startswith("The picture is dark, so I may have missed something.")


def test_tiny_letters_are_too_small() -> None:
    pixels, _ = poster()
    line = Line("ingrodionts", Box(200, 300, 260, 308), 0.6, 8.0)
    assert kinds(Photo(pixels), [line]) == ["small"]


def test_glare_beside_a_long_text_does_not_refuse_it() -> None:
    """A lamp in the picture hides nothing where text is read all around the rest of it."""
    pixels = np.full((900, 900, 3), 90, np.uint8)
    lines = [Line("a line of the long text", Box(40, top, 860, top + 24), 0.98, 24.0) for top in range(300, 880, 40)]
    for line in lines:
        cv2.putText(pixels, line.text * 2, (40, line.box.bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (230, 230, 230), 2)
    distance = np.hypot(*np.meshgrid(np.arange(900) - 450, np.arange(900) - 130))
    light = 255 * np.clip((120 - distance) / 30, 0, 1)
    quality = judge_lines(Photo(np.clip(pixels + light[..., None], 0, 255).astype(np.uint8)), lines)
    assert quality.measures.glare > 0.02
    assert quality.usable


@pytest.mark.parametrize("tone", [235, 190, 140])
def test_an_empty_wall_has_no_fault(tone: int) -> None:
    """Saying that there is no text is the reader's; false guidance destroys trust."""
    grain = np.random.default_rng(2).normal(0, 3, (600, 800, 3))
    slope = np.linspace(-15, 15, 800)[None, :, None]
    wall = Photo(np.clip(tone + slope + grain, 0, 255).astype(np.uint8))
    assert judge(wall).findings == ()
    assert judge_lines(wall, []).findings == ()


def test_a_white_card_is_no_glare() -> None:
    """Overexposed paper ends sharply; a mirrored lamp fades out."""
    pixels = np.full((600, 800, 3), 110, np.uint8)
    pixels[150:450, 200:600] = 255
    cv2.putText(pixels, "HELLO", (230, 230), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (20, 20, 20), 5)
    quality = judge_lines(Photo(pixels), [Line("HELLO", Box(230, 185, 420, 232), 0.99, 45.0)])
    assert quality.measures.glare == 0
    assert quality.usable


@pytest.mark.parametrize(
    ("side", "where", "move"),
    [
        ("left", "on the left", "left"),
        ("right", "on the right", "right"),
        ("top", "at the top", "up"),
        ("bottom", "at the bottom", "down"),
    ],
)
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_cut_text_names_the_side_of_the_camera(side: str, where: str, move: str, turned: int) -> None:
    """Whichever way up the text stands: the camera's left is the left of the picture as it was taken."""
    pixels, (main, *_) = poster()
    across, down = (round(value) for value in main.box.middle)
    frame = {"left": Box(across, 0, 960, 260), "right": Box(0, 0, across, 260)}.get(side) or {
        "top": Box(0, down, 960, 260),
        "bottom": Box(0, 0, 960, down),
    }[side]
    part = pixels[frame.top : frame.bottom, frame.left : frame.right]
    box = Box(
        max(main.box.left - frame.left, 0),
        max(main.box.top - frame.top, 0),
        min(main.box.right, frame.right) - frame.left,
        min(main.box.bottom, frame.bottom) - frame.top,
    )
    height, width = part.shape[:2]
    seen_by_reader = {
        0: box,
        90: Box(height - box.bottom, box.left, height - box.top, box.right),
        180: Box(width - box.right, height - box.bottom, width - box.left, height - box.top),
        270: Box(box.top, width - box.right, box.bottom, width - box.left),
    }[turned]
    line = Line("THE STEP", seen_by_reader, 0.95, float(box.height))
    quality = judge_lines(Photo(np.ascontiguousarray(part)), [line], turned)
    finding = next(finding for finding in quality.findings if finding.kind == "cut")
    assert finding.where == where
    assert finding.refuse
    assert finding.reason == f"Most of the text is cut off {where}."
    assert finding.action == f"Move the camera {move}."


def test_what_was_read_surely_is_not_refused_for_what_is_cut() -> None:
    """Most of the print runs out of the picture, and one whole line stands in the middle: the date that is asked for."""
    pixels, lines = poster()
    right = lines[0].box.middle[0]
    part = Photo(np.ascontiguousarray(pixels[:, : round(right)]))
    cut = [
        Line(line.text[:7], Box(line.box.left, line.box.top, part.width, line.box.bottom), 0.95, line.height)
        for line in lines
    ]
    whole = Line("BEST BY MAY2027", Box(20, 20, 200, 40), 0.97, 20.0)
    alone, beside = judge_lines(part, cut), judge_lines(part, [*cut, whole])
    assert (alone.usable, beside.usable) == (False, True)
    assert beside.findings[0].doubt
    assert beside.spoken == "Most of the text is cut off on the right. Move the camera right."


def test_a_blurred_picture_in_which_large_words_were_read_is_a_hint() -> None:
    quality = judge_lines(spoiled("blur 12"), poster()[1][:1])
    assert quality.usable
    assert quality.spoken.startswith("The picture is blurred, so I may have missed something. Hold the camera still")


def test_a_little_cut_text_is_a_hint() -> None:
    pixels, lines = poster()
    last = lines[-1]
    frame = Box(0, 0, 960, round(last.box.middle[1]))
    cut = Line(last.text, Box(last.box.left, last.box.top, last.box.right, frame.bottom), 0.9, last.height / 2)
    quality = judge_lines(Photo(np.ascontiguousarray(pixels[: frame.bottom])), [*lines[:-1], cut])
    assert quality.usable
    assert quality.spoken == "Some text is cut off at the bottom. Move the camera down."


def test_a_picture_of_few_pixels_that_was_read_in_full_is_a_hint() -> None:
    lines = [Line("Large words are read even here", Box(10, top, 150, top + 14), 0.99, 14.0) for top in (20, 50, 80)]
    quality = judge_lines(spoiled("160 wide"), lines)
    assert quality.usable
    assert "very small" in quality.spoken


def test_odd_shapes_are_measured() -> None:
    for shape in ((1, 1, 3), (2, 900, 3), (700, 1, 3), (5, 5, 3)):
        photo = Photo(np.full(shape, 200, np.uint8))
        assert judge(photo).usable
        assert [finding.kind for finding in judge_lines(photo, []).findings] == (["small"] if max(shape) < 320 else [])


@pytest.fixture(scope="session")
def pictures(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "ocr_vqa_images" / "images").glob("*.jpg"))


def test_no_usable_picture_is_refused(pictures: list[Path]) -> None:
    assert len(pictures) == 56
    spoken = {file.name: judge(load_photo(file)).spoken for file in pictures}
    assert {name: said for name, said in spoken.items() if said} == {}


@pytest.mark.parametrize("name", ["black", "pocket", "night", "blur 12"])
def test_spoiled_pictures_are_refused_with_the_right_reason(pictures: list[Path], name: str) -> None:
    spoil, right = DEGRADATIONS[name]
    for file in pictures[::8]:
        quality = judge(Photo(spoil(load_photo(file).pixels, []).pixels))
        assert [finding.kind in right for finding in quality.findings] == [True], file.name


@pytest.mark.parametrize("name", ["turned 90", "turned 180", "turned 270", "light 1/10", "values 1/10"])
def test_turned_and_dim_pictures_reach_the_reader(pictures: list[Path], name: str) -> None:
    spoil, _ = DEGRADATIONS[name]
    for file in pictures[::8]:
        assert judge(Photo(spoil(load_photo(file).pixels, []).pixels)).usable, file.name


def test_the_first_look_is_quick(pictures: list[Path]) -> None:
    """Processor time, so that a busy machine does not fail it; 25 ms where it was measured."""
    photos = [load_photo(file) for file in pictures[::8]]
    before = time.process_time()
    for photo in photos:
        judge(photo)
    assert (time.process_time() - before) / len(photos) < 0.1
