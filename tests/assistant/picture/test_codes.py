"""Codes as shops, cafés, cards and chemists print them; the contents are of our own making."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.picture.barcode import Barcode
from assistant.picture.codes import Code, host, meaning
from assistant.picture.page import Box


def code(text: str, symbology: str = "QR Code", gs1: bool = False) -> Code:
    return meaning(Barcode(text, symbology, Box(0, 0, 9, 9), gs1))


@pytest.mark.parametrize(
    ("text", "kind", "facts"),
    [
        (
            "WIFI:T:WPA;S:Lighthouse;P:s3a\\;gull\\\\;;",
            "Wi-Fi network",
            {"network": "Lighthouse", "password": "s3a;gull\\"},
        ),
        ('WIFI:S:"Deck Two";T:nopass;;', "Wi-Fi network", {"network": "Deck Two", "password": ""}),
        ("wifi:P:a b;S:Quay;H:true;", "Wi-Fi network", {"network": "Quay", "password": "a b"}),
        (
            "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Okafor;Ada\r\nFN:Dr Ada Okafor\r\nORG:Tidewater\\, Ltd;Pumps\r\n"
            "item1.TEL;TYPE=CELL:+44 20 7946 0018\r\nEMAIL:ada@tide\r\n water.example\r\nADR:;;4 Lock Lane;Hull;;HU1 2AB;\r\n"
            "END:VCARD",
            "contact",
            {
                "name": "Dr Ada Okafor",
                "company": "Tidewater, Ltd, Pumps",
                "phone": "+44 20 7946 0018",
                "email": "ada@tidewater.example",
                "address": "4 Lock Lane, Hull, HU1 2AB",
            },
        ),
        (
            "BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen\nEND:VCARD",
            "contact",
            {"name": "Jürgen"},
        ),
        (
            "MECARD:N:Lind,Maja;TEL:0701234567;URL:lind.example;;",
            "contact",
            {"name": "Maja Lind", "phone": "0701234567"},
        ),
        ("https://example.org/menu?table=7", "web address", {"website": "https://example.org/menu?table=7"}),
        ("www.example.org", "web address", {"website": "www.example.org"}),
        ("tel:+3224567", "phone", {"phone": "+3224567"}),
        ("mailto:desk@example.org?subject=Room%20key", "email", {"email": "desk@example.org", "subject": "Room key"}),
        ("MATMSG:TO:a@example.org;SUB:Hi;BODY:Call me;;", "email", {"email": "a@example.org", "message": "Call me"}),
        ("SMSTO:84433:PARK 17", "message", {"phone": "84433", "message": "PARK 17"}),
        ("sms:84433?body=PARK%2017", "message", {"phone": "84433", "message": "PARK 17"}),
        ("geo:52.5,-1.25?z=4", "place", {"place": "latitude 52.5, longitude -1.25"}),
        (
            "BEGIN:VEVENT\nSUMMARY:Choir\nDTSTART:20270314T183000Z\nLOCATION:St Ann\\, hall\nEND:VEVENT",
            "event",
            {"name": "Choir", "start": "14 March 2027 at 18:30", "place": "St Ann, hall"},
        ),
        (
            "BCD\n002\n1\nSCT\nABCDBEBB\nLantern Trust\nBE71096123456769\nEUR12.5\n\n\nCandles",
            "payment",
            {"name": "Lantern Trust", "account": "BE71096123456769", "amount": "12.50 EUR", "reference": "Candles"},
        ),
        ("Locker 12 is yours", "text", {"text": "Locker 12 is yours"}),
        ("", "text", {"text": ""}),
        ("WIFI:", "text", {"text": "WIFI:"}),
        ("BEGIN:VCARD", "text", {}),
    ],
)
def test_what_phones_write_is_known(text: str, kind: str, facts: dict[str, str]) -> None:
    found = code(text)
    assert found.kind == kind
    assert {name: found.get(name) for name in facts} == facts  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("digits", "symbology", "kind", "said", "number"),
    [
        ("0312547701310", "EAN-13", "product", "UPC-A", "312547701310"),
        ("4006381333931", "EAN-13", "product", "EAN-13", "4006381333931"),
        ("96385074", "EAN-8", "product", "EAN-8", "96385074"),
        ("0012345000065", "UPC-E", "product", "UPC-E", "01234565"),
        ("0042100005264", "UPC-E", "product", "UPC-E", "04252614"),
        ("9780306406157", "EAN-13", "book", "EAN-13", "9780306406157"),
        ("9790260000438", "EAN-13", "product", "EAN-13", "9790260000438"),  # music, which has no ISBN
        ("9770317847001", "EAN-13", "magazine", "EAN-13", "0317-8471"),
        ("9772434561006", "EAN-13", "magazine", "EAN-13", "2434-561X"),
    ],
)
def test_a_product_has_the_number_that_is_printed(
    digits: str, symbology: str, kind: str, said: str, number: str
) -> None:
    found = code(digits, symbology)
    assert (found.kind, found.format) == (kind, said)
    assert found.facts[0][1] == number


def test_a_medicine_tells_its_expiry_and_its_lot() -> None:
    found = code("(01)09501101530003(17)290600(10)AB-123(21)77X(99)ours", "Data Matrix", gs1=True)
    assert found.kind == "product"
    assert found.facts == (
        ("number", "9501101530003"),
        ("expiry", "June 2029"),
        ("lot", "AB-123"),
        ("serial", "77X"),
    )
    assert code("(17)991231", "Data Matrix", gs1=True).get("expiry") == "31 December 1999"
    assert code("(17)291331", "Data Matrix", gs1=True).get("expiry") == "291331"


def test_an_address_that_hides_where_it_leads_is_seen_through() -> None:
    assert host("https://bank.example@thief.example/login") == "thief.example"
    assert host("www.example.org/x") == "example.org"
    assert host("https://[") == ""


def test_what_cannot_be_seen_is_not_said() -> None:
    assert code("Pay\u202e now\x1b[2J\nhere").get("text") == "Pay now [2J here"


@given(
    st.sampled_from(["WIFI:", "MECARD:", "BEGIN:VCARD\n", "mailto:", "BCD\n", "geo:", "(17)", "https://", "tel:", ""]),
    st.text(max_size=80),
)
def test_whatever_stands_in_a_code_it_is_something(begins: str, text: str) -> None:
    found = code(begins + text)
    assert found.facts
    assert all(value.isprintable() for _, value in found.facts)
    host(text)
