"""Words run together and torn, and what must stay as it was read."""

from __future__ import annotations

from itertools import pairwise

import pytest

from assistant.picture.reading.recogniser import Reading
from assistant.picture.reading.words import mended


def reading(text: str, wide: str = "") -> Reading:
    """`text` with its letters at equal distances, but for thrice as much after `wide`."""
    after = text.find(wide) + len(wide) if wide else len(text)
    places = [(number + (2 if number >= after else 0)) / (len(text) + 2) for number in range(len(text))]
    return Reading(text, 0.95, (0.95,) * len(text), tuple(places))


@pytest.mark.parametrize(
    ("glued", "parted"),
    [
        ("NOPARKING", "NO PARKING"),
        ("PUSHBARTOOPEN", "PUSH BAR TO OPEN"),
        ("the endofthe line", "the end of the line"),
        ("OCBCBank", "OCBC Bank"),
        ("CHILDof", "CHILD of"),
        ("K.L.M.MOTOR", "K.L.M. MOTOR"),
        ("was sold.They came", "was sold. They came"),
        ("Marm alade jar", "Marmalade jar"),
        ("RESTA URANT", "RESTAURANT"),
    ],
)
def test_words_are_parted_and_joined(glued: str, parted: str) -> None:
    found = mended(reading(glued))
    assert found.text == parted
    assert len(found.text) == len(found.sure) == len(found.places)
    assert all(before <= after for before, after in pairwise(found.places))


@pytest.mark.parametrize(
    "text",
    [
        "iPhone", "PCs", "McDonald", "Northfield", "Underwood", "www.freshmarket.com", "sales@greengrocer.co.uk", "LOT4B7AMAY",
        "P.O.", "U.S.A.", "St.James", "SEBASTIAN", "COTEAU", "Fromage", "unbreakable", "Host S", "POR NO", "Eric H", "5kg", "",
    ],
)  # fmt: skip
def test_names_codes_and_addresses_stay(text: str) -> None:
    assert mended(reading(text)).text == text


def test_a_name_is_parted_only_where_there_is_a_gap() -> None:
    assert mended(reading("Oakmarket")).text == "Oakmarket"
    assert mended(reading("Oakmarket", wide="Oak")).text == "Oak market"


def test_a_space_that_is_put_in_is_as_sure_as_its_word_list() -> None:
    unsure = Reading("NOPARKING", 0.9, (0.9,) * 8 + (0.2,), tuple(number / 10 for number in range(9)))
    assert mended(unsure).sure == (0.9, 0.9, 1.0, *(0.9,) * 6, 0.2)
