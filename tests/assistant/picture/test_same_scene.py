"""Whether two frames show the same: real pictures with noise, light, shakes, and with other things in their place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.picture.photo import Photo, load_photo
from assistant.picture.same_scene import moved, same_scene
from tests.paths import SAMPLES

NAMES = ["book-cover.jpg", "parking-receipt.jpg", "parking-sign.jpg"]
Pixels = NDArray[np.uint8]


def frame(path: Path, width: int = 1280, height: int = 960) -> Pixels:
    """The picture laid on a grey desk, as large as fits."""
    pixels = load_photo(path).pixels
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    desk = np.full((height, width, 3), 110, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    desk[top : top + size[1], left : left + size[0]] = small
    return desk


def taken(pixels: Pixels, seed: int, light: float = 1.0, right: float = 0, down: float = 0, zoom: float = 1.0) -> Photo:
    """One frame of a camera: that light, that shake, and noise of its own."""
    height, width = pixels.shape[:2]
    place = cv2.getRotationMatrix2D((width / 2, height / 2), 0, zoom) + np.array([[0, 0, right], [0, 0, down]])
    moved_there = cv2.warpAffine(pixels, place, (width, height), borderMode=cv2.BORDER_REFLECT)
    noise = np.random.default_rng(seed).normal(0, 3, pixels.shape)
    return Photo(np.clip(moved_there * light + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", NAMES)
def test_noise_light_and_a_shake_are_no_other_scene(name: str) -> None:
    pixels = frame(SAMPLES / name)
    first = taken(pixels, 1)
    assert same_scene(first, taken(pixels, 2))
    assert same_scene(first, taken(pixels, 3, light=0.7))
    assert same_scene(first, taken(pixels, 4, right=5, down=-4))
    assert same_scene(first, taken(pixels, 5, light=0.9, right=-3, zoom=1.001))


def test_another_thing_and_the_same_turned_are_another_scene() -> None:
    pixels = [frame(SAMPLES / name) for name in NAMES]
    for number, each in enumerate(pixels):
        first = taken(each, 1)
        for other in pixels[:number]:
            assert not same_scene(first, taken(other, 2))
        assert not same_scene(first, taken(np.ascontiguousarray(each[::-1, ::-1]), 2))
        assert not same_scene(first, taken(each, 2, down=200))
        assert not same_scene(first, taken(np.full_like(each, 120), 2))


def test_another_price_on_the_same_paper_is_another_scene() -> None:
    desk = np.full((960, 1280, 3), 225, np.uint8)
    tags = []
    for price in ("3.99", "4.49"):
        tag = desk.copy()
        cv2.putText(tag, "ORGANIC MILK", (200, 300), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (20, 20, 20), 4, cv2.LINE_AA)
        cv2.putText(tag, price, (200, 480), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (20, 20, 20), 4, cv2.LINE_AA)
        tags.append(tag)
    assert same_scene(taken(tags[0], 1), taken(tags[0], 2, light=0.9, right=2))
    assert not same_scene(taken(tags[0], 1), taken(tags[1], 2, right=2))


def test_frames_of_two_sizes_are_never_the_same() -> None:
    assert not same_scene(Photo(np.zeros((48, 64, 3), np.uint8)), Photo(np.zeros((64, 48, 3), np.uint8)))


@pytest.mark.parametrize("size", [(8, 8), (20, 300), (48, 64)])
def test_small_frames_without_anything_in_them(size: tuple[int, int]) -> None:
    blank = Photo(np.full((*size, 3), 120, np.uint8))
    assert same_scene(blank, Photo(np.full((*size, 3), 125, np.uint8)))


def test_how_far_a_hand_moved() -> None:
    pixels = frame(SAMPLES / "parking-sign.jpg")
    first = taken(pixels, 1)
    assert moved(first, taken(pixels, 2)) < 0.002
    assert moved(first, taken(pixels, 2, right=24)) == pytest.approx(24 / 1280, abs=0.004)
    assert moved(first, taken(pixels, 2, right=200)) > 0.012


def test_the_evaluation_pictures_are_told_apart(shared: Path) -> None:
    files = sorted((shared / "data" / "ocr_vqa_images" / "images").iterdir())[1::4]  # the threshold was chosen on [::2]
    photos = [taken(frame(file), 1) for file in files]
    assert not any(same_scene(a, b) for number, a in enumerate(photos) for b in photos[:number])
    again = [
        same_scene(photo, taken(frame(file), 2, light=0.9, right=3)) for photo, file in zip(photos, files, strict=True)
    ]
    assert sum(again) >= 0.9 * len(again)
