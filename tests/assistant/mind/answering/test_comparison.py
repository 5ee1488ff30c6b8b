"""What is said of two looks, on pages made by hand and on one receipt that the real reader reads twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from assistant.mind.answering.comparison import compare
from assistant.picture.page import Page, Word
from assistant.picture.photo import Photo, load_photo
from assistant.picture.reading.reader import RapidOcrReader
from models.store import Store
from tests.assistant.picture.pages import COVER, RECEIPT, line, page, stacked
from tests.paths import SAMPLES

GREY = Photo(np.full((200, 200, 3), 200, np.uint8))


@dataclass(frozen=True)
class Seen:
    """As much of `ask.Seen` as is compared."""

    page: Page | None
    photo: Photo = GREY


TAG = ("Organic Milk", "1 litre", "3.99", "Best before 12/03/2026")


def test_the_same_text_is_the_same() -> None:
    assert compare(Seen(RECEIPT), Seen(RECEIPT)) == "The text is the same. I see no difference in colour or light."


def test_a_letter_misread_is_no_change() -> None:
    assert compare(Seen(stacked(*TAG)), Seen(stacked("0rganic Milk", *TAG[1:]))).startswith("The text is the same.")


def test_a_line_parted_elsewhere_is_no_change() -> None:
    before, now = stacked("Organic Milk | 3.99", "Eggs | 2.50"), stacked("Organic Milk 3.99", "Eggs 2.50")
    assert compare(Seen(before), Seen(now)).startswith("The text is the same.")


def test_a_price_that_changed() -> None:
    now = stacked("Organic Milk", "1 litre", "4.49", "Best before 12/03/2026")
    assert compare(Seen(stacked(*TAG)), Seen(now)) == "The price differs: 3.99 then, 4.49 now. All else is the same."


def test_a_price_before_words_and_with_its_label() -> None:
    before = stacked("Tea of the month | 2.10", "Assam", "Milk | 3.99")
    now = stacked("Tea of the month | 2.10", "Darjeeling", "Milk | 4.49")
    said = compare(Seen(before), Seen(now))
    assert said.startswith("The price at Milk differs: 3.99 then, 4.49 now.")
    assert said.count(".") - said.count("3.99") - said.count("4.49") == 2


def test_a_date_that_changed() -> None:
    now = stacked(*TAG[:3], "Best before 19/03/2026")
    assert "The date differs: 12/03/2026 then, 19/03/2026 now." in compare(Seen(stacked(*TAG)), Seen(now))


def test_lines_that_came_and_went() -> None:
    assert "Only now it says: Two for one." in compare(Seen(stacked(*TAG)), Seen(stacked(*TAG, "Two for one")))
    assert "It no longer says: Two for one." in compare(Seen(stacked(*TAG, "Two for one")), Seen(stacked(*TAG)))


def test_another_text_is_not_listed_line_by_line() -> None:
    said = compare(Seen(COVER), Seen(RECEIPT))
    assert said == "This is another text. It begins with HON HWA HARDWARE TRADING; before it was THE PICTURE."


def test_what_was_not_read_is_not_compared() -> None:
    assert compare(Seen(None), Seen(RECEIPT)) == "I could not read the first, so I cannot compare them."
    assert compare(Seen(RECEIPT), Seen(None)) == "I could not read the second, so I cannot compare them."
    assert "either" in compare(Seen(None), Seen(None))
    assert compare(Seen(RECEIPT), Seen(page())).endswith("now I see none.")


def test_a_doubtful_reading_is_said_to_be_one() -> None:
    doubtful = page(*(replace(each, confidence=0.6) for each in stacked(*TAG[:2], "4.49", TAG[3]).lines))
    assert compare(Seen(stacked(*TAG)), Seen(doubtful)).endswith("I did not read it clearly, so please check.")


def test_only_colour_or_light_differ() -> None:
    red = Photo(np.full((200, 200, 3), (200, 30, 35), np.uint8))
    red.pixels[:40] = 230  # the wall behind
    blue = Photo(np.full((200, 200, 3), (35, 85, 190), np.uint8))
    blue.pixels[:40] = 230
    label = page(line("COLA", 10, 10))
    assert compare(Seen(label, red), Seen(label, blue)) == "The text is the same. The colour was red and is now blue."
    dim = Photo((red.pixels * 0.7).astype(np.uint8))
    assert compare(Seen(page(), red), Seen(page(), dim)).startswith("I see no text in either.")


@pytest.fixture(scope="module")
def reader(store: Store) -> RapidOcrReader:
    return RapidOcrReader(store.open("pp-ocrv6-small"), threads=1)


def test_a_receipt_read_twice_and_with_another_price(reader: RapidOcrReader) -> None:
    photo = load_photo(SAMPLES / "parking-receipt.jpg")
    before = Seen(reader.read(photo), photo)
    noise = np.random.default_rng(1).normal(0, 4, photo.pixels.shape)
    again = Photo(np.clip(photo.pixels * 0.95 + noise, 0, 255).astype(np.uint8))
    assert before.page is not None
    assert compare(before, Seen(reader.read(again), again)).startswith("The text is the same.")
    price = next(each for each in before.page.lines if "$" in each.text)
    box, pixels = price.box, photo.pixels.copy()
    pixels[box.top : box.bottom, box.left : box.right] = np.median(
        pixels[box.top : box.bottom, box.left : box.right], (0, 1)
    )
    place, scale = (box.left, box.bottom - 4), (box.bottom - box.top) / 34
    cv2.putText(pixels, "$87.15", place, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    changed = Photo(pixels)
    said = compare(before, Seen(reader.read(changed), changed))
    assert "87.15" in said
    assert said.startswith(("The price", "A line differs"))


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [(0.4, 0.5, "The text is the same."), (0.99, 0.99, "The number differs: 1224 then, 224 now.")],
)
def test_two_guesses_of_one_number_do_not_differ(then: float, now: float, said: str) -> None:
    def seen(text: str, confidence: float) -> Seen:
        one = line(f"Card number {text}", 50, 60)
        words = tuple(Word(part, one.box, confidence if part == text else 0.99) for part in one.text.split())
        return Seen(page(line("Thank you for your visit", 50, 10), replace(one, words=words)))

    assert compare(seen("1224", then), seen("224", now)).startswith(said)
