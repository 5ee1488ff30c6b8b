"""Codes drawn into pictures, found by the real reader of codes, asked about as people ask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from assistant.engines.opening import ProfileEngines
from assistant.mind.answering.asking import ask_in_writing
from assistant.mind.answering.codes import letter_by_letter
from assistant.mind.finding.grounding import Answer
from assistant.picture.looking import Seen, look
from assistant.picture.photo import Photo, load_photo
from assistant.sound.speaking.pronounce import as_spoken
from models.store import Store
from tests.paths import SAMPLES

WIFI = "WIFI:T:WPA;S:Lighthouse_Guest;P:8rTa-b!K;;"
CONTACT = "BEGIN:VCARD\nFN:Ada Okafor\nTEL:+442079460018\nEMAIL:ada@tide.example\nEND:VCARD"
MENU = "https://www.tide.example/menu?table=9&lang=en"


@pytest.fixture(scope="module")
def engines(store: Store) -> ProfileEngines:
    return ProfileEngines(store)


def drawn(*codes: tuple[str, str], words: str = "") -> Photo:
    """Codes (content, symbology) beside each other on grey card, with `words` printed below."""
    sheet = np.full((620, 440 * len(codes), 3), 235, np.uint8)
    for place, (text, kind) in enumerate(codes):
        options = {"gs1": True} if text.startswith("(") else {}
        code = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind), **options)
        image: NDArray[np.uint8] = np.asarray(code.to_image(scale=4, add_quiet_zones=True))
        pixels = cv2.resize(image, None, fx=min(1, 420 / image.shape[1]), fy=min(1, 420 / image.shape[1]))
        left = 10 + 440 * place
        sheet[20 : 20 + pixels.shape[0], left : left + pixels.shape[1]] = pixels[..., None]
    if words:
        cv2.putText(sheet, words, (20, 570), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 4, cv2.LINE_AA)
    return Photo(sheet)


def ask(question: str, seen: Seen, engines: ProfileEngines) -> Answer:
    return ask_in_writing(question, seen, engines).answer


@pytest.fixture(scope="module")
def cafe(engines: ProfileEngines) -> Seen:
    return look(drawn((MENU, "QRCode"), (WIFI, "QRCode"), words="WELCOME TO THE PIER"), engines)


def test_a_password_in_a_code_is_found_and_said_so_that_it_can_be_typed(cafe: Seen, engines: ProfileEngines) -> None:
    said = ask("What is the wifi password?", cafe, engines)
    assert not said.abstained
    assert said.text == (
        "The password is 8rTa-b!K. Letter by letter: 8, r, capital T, A, dash, b, exclamation mark, capital K."
    )


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Is there a QR code?", "A QR code with a web address at tide.example."),
        ("Is there a barcode here?", "the Wi-Fi network Lighthouse_Guest, password 8rTa-b!K."),
        ("Where does the QR code lead to?", "The web address is https://www.tide.example/menu?table=9&lang=en."),
        ("What is the name of the network?", "The network is Lighthouse_Guest."),
        ("How do I connect to the wifi?", "The network is Lighthouse_Guest. The password is 8rTa-b!K."),
        ("What is the website?", "The web address is https://www.tide.example/menu?table=9&lang=en."),
    ],
)
def test_each_thing_in_a_code_is_answered(question: str, said: str, cafe: Seen, engines: ProfileEngines) -> None:
    assert said in ask(question, cafe, engines).text


def test_what_is_long_waits_for_more(cafe: Seen, engines: ProfileEngines) -> None:
    said = ask("What is in the QR code?", cafe, engines)
    assert "table=9" not in said.text
    assert "The whole address is www.tide.example/menu?table=9&lang=en." in said.rest


def test_what_stands_in_print_is_not_looked_for_in_a_code(cafe: Seen, engines: ProfileEngines) -> None:
    assert "PIER" in ask("What does it say?", cafe, engines).text.upper()


def test_a_card_is_read_out_of_its_code(engines: ProfileEngines) -> None:
    card = look(drawn((CONTACT, "QRCode")), engines)
    assert ask("What is the phone number?", card, engines).text == "The phone number is +442079460018."
    assert ask("What is the email address?", card, engines).text == "The e-mail address is ada@tide.example."
    assert "the contact of Ada Okafor" in ask("What does it say?", card, engines).text


@pytest.mark.parametrize(
    ("digits", "kind", "said"),
    [
        ("4006381333931", "EAN13", "A barcode of a product, EAN-13 code number 4006381333931."),
        ("312547701310", "UPCA", "A barcode of a product, UPC-A code number 312547701310."),
        ("9780306406157", "EAN13", "A barcode of a book: ISBN number 9780306406157."),
    ],
)
def test_a_barcode_is_what_it_is_and_said_digit_by_digit(
    digits: str, kind: str, said: str, engines: ProfileEngines
) -> None:
    seen = look(drawn((digits, kind), words="HIGHLIGHTER"), engines)
    text = ask("What is the barcode?", seen, engines).text
    assert text == said
    assert " ".join(digits[:3]) in as_spoken(text)


def test_the_isbn_is_found_by_its_name(engines: ProfileEngines) -> None:
    seen = look(drawn(("9780306406157", "EAN13"), words="TIDES AND MOONS"), engines)
    assert ask("What is the ISBN?", seen, engines).text == "The ISBN number is 9780306406157."


def test_the_expiry_that_only_the_code_of_a_pack_tells(engines: ProfileEngines) -> None:
    pack = look(drawn(("(01)09501101530003(17)290630(10)AB-123", "DataMatrix"), words="SEA SALT CAPS"), engines)
    assert ask("When does it expire?", pack, engines).text == "It expires: 30 June 2029."
    assert ask("What is the lot number?", pack, engines).text == "The lot number is AB-123."


def test_no_barcode_is_said_to_be_none(engines: ProfileEngines) -> None:
    seen = look(load_photo(SAMPLES / "parking-sign.jpg"), engines)
    assert ask("What is the barcode?", seen, engines).reason == "no barcode"
    assert ask("What is the wifi password?", seen, engines).abstained


def test_every_sign_that_can_be_typed_has_a_name() -> None:
    every = "".join(map(chr, range(32, 127)))
    names = letter_by_letter(every).split(", ")
    assert len(set(names)) == len(names) == len(every)
    assert all(name.isalnum() or " " in name for name in names)
