"""Spoken directions: the rules on boxes alone, and one real capture with the real detector and an obedient hand."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from assistant.picture.gate import _MOVE
from assistant.picture.guidance import NOTHING_SECONDS, REPEAT_SECONDS, WAYS, WORDS, Direction, Guide
from assistant.picture.page import Box
from assistant.picture.photo import Photo, load_photo
from assistant.picture.reading.reader import RapidOcrReader
from models.store import Store
from tests.paths import SAMPLES

SIGN = load_photo(SAMPLES / "parking-sign.jpg")
BLANK = Photo(np.full((600, 800, 3), 180, np.uint8))
WHOLE = [Box(200, 200, 600, 240), Box(200, 260, 560, 300)]
LEFT = [Box(0, 200, 400, 240), Box(0, 260, 360, 300)]
RIGHT = [Box(400, 200, 800, 240), Box(440, 260, 800, 300)]


def looks(guide: Guide, photo: Photo, boxes: list[Box], start: float, seconds: float) -> list[tuple[float, Direction]]:
    """Three looks a second at the same thing; what was said, and when."""
    said = []
    for step in range(int(seconds * 3)):
        direction = guide.look(photo, boxes, start + step / 3)
        if direction is not None:
            said.append((start + step / 3, direction))
    return said


def test_the_camera_moves_to_the_side_where_text_is_cut_as_the_gate_says() -> None:
    assert {side: way for side, (_, way) in _MOVE.items()} == WAYS
    for boxes, words in {
        "left": (LEFT, "Move left."),
        "right": (RIGHT, "Move right."),
        "top": ([Box(200, 0, 600, 40)], "Move up."),
        "bottom": ([Box(200, 560, 600, 600)], "Move down."),
        "both": ([Box(0, 200, 800, 240)], "Further away."),
        "small": ([Box(380, 300, 420, 307)], "Closer."),
    }.values():
        assert looks(Guide(), SIGN, boxes, 0, 1)[0][1].words == words


def test_a_direction_is_not_repeated_at_once_nor_for_ever() -> None:
    said = looks(Guide(), SIGN, LEFT, 0, 30)
    times = [at for at, _ in said]
    assert {direction.kind for _, direction in said} == {"left"}
    assert 2 <= len(times) <= 4
    assert all(later - earlier >= REPEAT_SECONDS for earlier, later in pairwise(times))


def test_one_look_alone_says_nothing() -> None:
    guide = Guide()
    flicker = [guide.look(SIGN, LEFT if step % 2 else RIGHT, step / 3) for step in range(30)]
    assert flicker == [None] * 30


def test_who_goes_too_far_twice_is_sent_further_away_and_not_back_and_forth() -> None:
    guide, kinds = Guide(), []
    for turn in range(4):
        kinds += [each.kind for _, each in looks(guide, SIGN, LEFT if turn % 2 == 0 else RIGHT, 3.0 * turn, 3)]
    assert kinds[:2] == ["left", "left"]
    after = kinds[kinds.index("right") + 1 :]
    assert set(after) <= {"right", "further away"}
    assert "further away" in after


def test_text_that_is_whole_large_still_and_sharp_is_taken_once() -> None:
    guide = Guide()
    said = looks(guide, SIGN, WHOLE, 0, 5)
    assert [direction for _, direction in said] == [Direction("got it", WORDS["got it"], capture=True)]
    assert guide.done


def test_a_moving_or_blurred_frame_is_not_taken() -> None:
    blurred = Photo(cv2.GaussianBlur(SIGN.pixels, (0, 0), 6).astype(np.uint8))
    assert {each.kind for _, each in looks(Guide(), blurred, WHOLE, 0, 5)} == {"still"}
    guide, kinds = Guide(), []
    for step in range(15):
        shaken = Photo(np.roll(SIGN.pixels, 40 * (step % 2), axis=1))
        direction = guide.look(shaken, WHOLE, step / 3)
        kinds += [direction.kind] if direction else []
    assert set(kinds) == {"still"}


def test_where_nothing_is_there_is_one_sentence_and_silence() -> None:
    said = looks(Guide(), BLANK, [], 0, 40)
    assert [direction.kind for _, direction in said] == ["nothing"]
    assert said[0][0] >= NOTHING_SECONDS
    dark = Photo(np.full((600, 800, 3), 3, np.uint8))
    assert [direction.kind for _, direction in looks(Guide(), dark, [], 0, 40)] == ["dark"]


def test_text_that_was_lost_is_not_followed() -> None:
    guide = Guide()
    looks(guide, SIGN, LEFT, 0, 1)
    assert looks(guide, SIGN, [], 1, NOTHING_SECONDS - 1) == []


@pytest.fixture(scope="module")
def reader(store: Store) -> RapidOcrReader:
    return RapidOcrReader(store.open("pp-ocrv6-small"), threads=1)


@pytest.mark.parametrize("name", ["book-cover.jpg", "parking-receipt.jpg", "parking-sign.jpg"])
def test_text_is_found_where_it_is_read(name: str, reader: RapidOcrReader) -> None:
    photo = load_photo(SAMPLES / name)
    found, lines = reader.detect(photo), [each for each in reader.read(photo).lines if each.height > 20]
    for box in found:
        assert 0 <= box.left < box.right <= photo.width
        assert 0 <= box.top < box.bottom <= photo.height
    hit = [
        any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in found)
        for x, y in (e.box.middle for e in lines)
    ]
    assert sum(hit) >= 0.8 * len(hit) > 0


def test_no_text_is_found_on_walls_and_in_the_dark(reader: RapidOcrReader) -> None:
    random = np.random.default_rng(5)
    blobs = 120 + 400 * cv2.GaussianBlur(random.normal(0, 1, (720, 1280)), (0, 0), 12)
    noise = random.normal(128, 40, (720, 1280))
    dark = np.abs(random.normal(0, 3, (720, 1280)))
    for grey in (blobs, noise, dark, np.full((720, 1280), 200.0)):
        pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        assert reader.detect(Photo(pixels)) == []


def test_an_obedient_hand_is_led_to_the_whole_text(reader: RapidOcrReader) -> None:
    cover = load_photo(SAMPLES / "parking-sign.jpg").pixels
    desk = np.full((1800, 2400, 3), 90, np.uint8)
    desk[600:1200, 800:1600] = cover
    steps = {"left": (-150, 0), "right": (150, 0), "up": (0, -100), "down": (0, 100)}
    whole = reader.detect(Photo(cover))
    left, right = min(box.left for box in whole) + 800, max(box.right for box in whole) + 800
    guide, x, y, now, said = Guide(), (left + right) // 2, 500, 0.0, []
    while not guide.done and now < 40:
        view = Photo(np.ascontiguousarray(desk[y : y + 720, x : x + 960]))
        boxes = reader.detect(view)
        direction = guide.look(view, boxes, now)
        if direction is not None:
            said.append(direction.kind)
            right, down = steps.get(direction.kind, (0, 0))
            x, y = x + right, y + down
        now += 0.34
    assert guide.done, said
    assert said[0] == "left"
    assert x <= left
    assert right <= x + 960
