"""The real reader on the pictures of `samples/`: right words, right place, whichever way up."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.picture.photo import Photo, load_photo
from assistant.picture.reader import RapidOcrReader, _parted
from models.store import Store
from tests.paths import SAMPLES

SIGN = "NOTICE DOUBLE PARKING PROHIBITED AT ALL TIMES"


@pytest.fixture(scope="module")
def reader(store: Store) -> RapidOcrReader:
    return RapidOcrReader(store.open(store.catalogue.role("embedded", "reader").name))


@pytest.fixture(scope="module")
def sign() -> Photo:
    return load_photo(SAMPLES / "parking-sign.jpg")


def test_a_sign_is_read_in_order_inside_the_picture(reader: RapidOcrReader, sign: Photo) -> None:
    page = reader.read(sign)
    assert SIGN in " ".join(line.text for line in page.lines)
    assert page.turned == 0
    for line in page.lines:
        assert 0 <= line.box.left < line.box.right <= sign.width
        assert 0 <= line.box.top < line.box.bottom <= sign.height
        assert line.confidence >= 0.5


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_picture_is_turned_back(reader: RapidOcrReader, sign: Photo, quarters: int) -> None:
    page = reader.read(Photo(np.ascontiguousarray(np.rot90(sign.pixels, k=-quarters))))
    assert page.turned == 360 - 90 * quarters
    assert SIGN in " ".join(line.text for line in page.lines)


def test_a_blank_wall_has_no_text(reader: RapidOcrReader) -> None:
    assert reader.read(Photo(np.full((480, 640, 3), 200, np.uint8))).lines == ()


@pytest.mark.parametrize(
    ("glued", "parted"),
    [
        ("OCBCBank", "OCBC Bank"),
        ("CHILDof", "CHILD of"),
        ("iPhone", "iPhone"),
        ("PCs", "PCs"),
        ("McDonald", "McDonald"),
    ],
)
def test_words_run_together_are_parted_by_their_case(glued: str, parted: str) -> None:
    assert _parted(glued) == parted
