"""The real reader on the pictures of `samples/`: right words, right place, whichever way up."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from assistant.picture.photo import Photo, load_photo
from assistant.picture.reading.reader import RapidOcrReader
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


def drawn(*texts: str, size: int = 40, width: int = 900, upside_down: tuple[int, ...] = ()) -> Photo:
    """A white page with one text a row; those of the numbers in `upside_down` stand on their heads."""
    font = ImageFont.load_default(size=size)
    sheet = Image.new("RGB", (width, 80 + 2 * size * len(texts)), (242, 240, 235))
    for number, text in enumerate(texts):
        row = Image.new("RGB", (round(font.getlength(text)) + 8, round(1.5 * size)), (242, 240, 235))
        ImageDraw.Draw(row).text((4, 2), text, (25, 25, 30), font)
        sheet.paste(row.rotate(180) if number in upside_down else row, (60, 50 + 2 * size * number))
    return Photo(np.asarray(sheet).copy())


def tilted(photo: Photo, degrees: float) -> Photo:
    turned = Image.fromarray(photo.pixels).rotate(
        degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(242, 240, 235)
    )
    return Photo(np.asarray(turned).copy())


TIMETABLE = ("Departures 09:05 and 16:09", "Single fare $191.69", "Code 90806", "NOON", "Doors close at 08:50")


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_line_that_also_reads_upside_down_stands_as_its_page_does(reader: RapidOcrReader, turned: int) -> None:
    photo = Photo(np.ascontiguousarray(np.rot90(drawn(*TIMETABLE).pixels, k=-turned // 90)))
    page = reader.read(photo)
    assert tuple(row.text for row in page.rows) == TIMETABLE
    assert page.turned == (360 - turned) % 360


@pytest.mark.parametrize("degrees", [-5, -3, -1, 2, 4])
def test_a_tilt_loses_nothing(reader: RapidOcrReader, degrees: float) -> None:
    page = reader.read(tilted(drawn(*TIMETABLE), degrees))
    assert tuple(row.text for row in page.rows) == TIMETABLE
    assert page.turned == 0


@pytest.mark.parametrize("text", ["43", "18", "96", "EXIT 4"])
def test_a_picture_of_a_few_figures_is_not_turned(text: str, reader: RapidOcrReader) -> None:
    for degrees in (-3, 0, 3):
        page = reader.read(tilted(drawn(text, size=150), degrees))
        assert (page.text, page.turned) == (text, 0)


def test_a_line_on_its_head_among_upright_ones_is_read(reader: RapidOcrReader) -> None:
    texts = ("Keep this side up", "Handle with great care", "Fragile glass inside", "Made in Portugal")
    page = reader.read(drawn(*texts, upside_down=(2,)))
    assert tuple(row.text for row in page.rows) == texts
    assert page.turned == 0


def test_a_mirrored_picture_is_turned(reader: RapidOcrReader) -> None:
    texts = ("Fresh orange juice", "Best before 12 March 2027", "Keep refrigerated")
    page = reader.read(drawn(*texts).mirrored())
    assert page.mirrored
    assert tuple(row.text for row in page.rows) == texts
    assert not reader.read(drawn(*texts)).mirrored


def test_small_print_beside_large_is_read(reader: RapidOcrReader) -> None:
    sheet = np.vstack(
        [
            drawn("MOUNTAIN HONEY", size=110, width=1400).pixels,
            drawn("Store below 25 degrees. Lot 7731 B", size=15, width=1400).pixels,
        ]
    )
    text = reader.read(Photo(sheet)).text
    assert "MOUNTAIN HONEY" in text
    assert "Store below 25 degrees. Lot 7731 B" in text


def test_each_word_has_its_place_and_its_own_confidence(reader: RapidOcrReader) -> None:
    (line,) = reader.read(drawn("Total to pay 48.20")).lines
    assert [word.text for word in line.words] == ["Total", "to", "pay", "48.20"]
    edges = [(word.box.left, word.box.right) for word in line.words]
    assert edges == sorted(edges)
    assert line.box.left <= edges[0][0] < edges[-1][1] <= line.box.right + 1
    font = ImageFont.load_default(size=40)
    assert edges[3][0] == pytest.approx(64 + font.getlength("Total to pay "), abs=25)
    assert all(0 < word.confidence <= 1 for word in line.words)


def test_words_of_a_line_that_runs_downwards_stand_one_below_the_other(reader: RapidOcrReader) -> None:
    upright = drawn(*["An upright line of text"] * 6).pixels
    spine = np.rot90(drawn("Garden Stories", size=50, width=len(upright)).pixels, k=-1)
    line = next(each for each in reader.read(Photo(np.hstack([upright, spine]))).lines if "Garden" in each.text)
    assert [word.text for word in line.words] == ["Garden", "Stories"]
    assert line.words[0].box.bottom <= line.words[1].box.top + 1


def test_what_was_found_but_not_read_is_known(reader: RapidOcrReader) -> None:
    """Scribble of a line's shape under two printed lines."""
    photo = drawn("Your parcel is with", "a neighbour", "", "")
    rng = np.random.default_rng(3)
    points = np.cumsum(rng.integers(-14, 15, (60, 2)), axis=0) % [1, 44] + np.stack(
        [np.linspace(70, 600, 60), np.full(60, 300)], 1
    )
    cv2.polylines(photo.pixels, [points.astype(np.int32)], False, (30, 30, 40), 4, cv2.LINE_AA)
    page = reader.read(photo)
    assert [row.text for row in page.rows] == ["Your parcel is with", "a neighbour"]
    assert all(box.top > 200 for box in page.unread)
