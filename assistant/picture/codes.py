"""What the content of a code is: a web address, a Wi-Fi network, a contact, a product's number, its expiry.

The forms are those that phones write: WIFI: and MECARD: (ZXing's "Barcode Contents"), vCard (RFC 6350) and vEvent (RFC 5545),
mailto: (RFC 6068), tel: (RFC 3966), geo: (RFC 5870), smsto:, payments of the European Payments Council ("BCD"), and GS1's
application identifiers. What is none of them is text. Nothing is opened, dialled or paid here.
"""

from __future__ import annotations

import quopri
import re
from calendar import month_name
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from assistant.picture.barcode import Barcode

Kind = Literal[
    "web address", "Wi-Fi network", "contact", "phone", "email", "message", "place", "event", "payment",
    "book", "magazine", "product", "text",
]  # fmt: skip
Name = Literal[
    "website", "network", "password", "name", "company", "phone", "email", "address", "subject", "message", "place",
    "start", "account", "amount", "reference", "isbn", "issn", "number", "expiry", "best before", "made", "lot", "serial",
    "text",
]  # fmt: skip
_VCARD: dict[str, Name] = {
    "FN": "name", "ORG": "company", "TEL": "phone", "EMAIL": "email", "ADR": "address", "URL": "website",
}  # fmt: skip
_MECARD: dict[str, Name] = {**_VCARD, "N": "name"}
_EVENT: dict[str, Name] = {"SUMMARY": "name", "DTSTART": "start", "LOCATION": "place"}
_GS1: dict[str, Name] = {
    "01": "number", "02": "number", "10": "lot", "11": "made", "15": "best before", "17": "expiry", "21": "serial",
}  # fmt: skip
_RETAIL = ("EAN-13", "EAN-8", "UPC-A", "UPC-E", "ITF-14")


@dataclass(frozen=True)
class Code:
    """A code and what it holds."""

    kind: Kind
    facts: tuple[tuple[Name, str], ...]
    """In the order in which they are best said; a name may occur twice (two phone numbers)."""
    format: str
    """The symbology's standard name; UPC-A for an EAN-13 that begins with the nought nobody prints."""

    def get(self, name: Name) -> str:
        """The first fact of this name; empty where there is none."""
        return next(iter(self.values(name)), "")

    def values(self, name: Name) -> tuple[str, ...]:
        """Every fact of this name."""
        return tuple(value for each, value in self.facts if each == name)


def meaning(code: Barcode) -> Code:
    """What `code` holds. Never fails: what is no known form, or a spoiled one, is text."""
    text = code.text.strip()
    if code.format in _RETAIL and text.isdigit():
        return _retail(text, code.format)
    if code.gs1 or _GS1_TEXT.fullmatch(text):
        facts = tuple(_gs1(text))
        if facts:
            return Code("product", facts, code.format)
    for begins, kind, read in _FORMS:
        if re.match(begins, text, re.IGNORECASE):
            facts = tuple((name, said) for name, value in read(text) if (said := _clean(value)))
            if facts:
                return Code(kind, facts, code.format)
    return Code("text", (("text", _clean(text)),), code.format)


def _clean(value: str) -> str:
    """In one line, without control signs and without what changes the direction of writing."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())


def _retail(digits: str, symbology: str) -> Code:
    if symbology == "EAN-13" and digits.startswith("0"):
        return Code("product", (("number", digits[1:]),), "UPC-A")
    if symbology == "UPC-E" and len(digits) == 13:
        return Code("product", (("number", _shortened(digits[1:])),), symbology)
    if symbology == "EAN-13" and digits.startswith(("978", "979")) and not digits.startswith("9790"):
        return Code("book", (("isbn", digits),), symbology)
    if symbology == "EAN-13" and digits.startswith("977"):
        return Code("magazine", (("issn", _issn(digits[3:10])),), symbology)
    return Code("product", (("number", digits),), symbology)


def _shortened(twelve: str) -> str:
    """The eight digits printed under a UPC-E, from the twelve they stand for (GS1 General Specifications 5.2.2.4)."""
    system, maker, item, check = twelve[0], twelve[1:6], twelve[6:11], twelve[11]
    if maker[2] in "012" and maker[3:] == "00":
        short = maker[:2] + item[2:] + maker[2]
    elif maker[3:] == "00":
        short = maker[:3] + item[3:] + "3"
    elif maker[4] == "0":
        short = maker[:4] + item[4] + "4"
    else:
        short = maker + item[4]
    return f"{system}{short}{check}"


def _issn(seven: str) -> str:
    """With its own check digit, which the barcode leaves out (ISO 3297)."""
    check = -sum(weight * int(digit) for weight, digit in zip(range(8, 1, -1), seven, strict=True)) % 11
    return f"{seven[:4]}-{seven[4:]}{'X' if check == 10 else check}"


_GS1_TEXT = re.compile(r"(?:\(\d{2,4}\)[^()]+)+")


def _gs1(text: str) -> Iterator[tuple[Name, str]]:
    """From "(01)09501101530003(17)290630(10)AB-123"."""
    for identifier, value in re.findall(r"\((\d{2,4})\)([^(]+)", text):
        name = _GS1.get(identifier)
        if name in ("expiry", "best before", "made"):
            value = _gs1_date(value)
        elif name == "number":
            value = value.removeprefix("0")
        if name and _clean(value):
            yield name, _clean(value)


def _gs1_date(six: str) -> str:
    """YYMMDD as "30 June 2029"; the day 00 is the month alone. What is no date stays as it is (GS1 General Specifications 7.12)."""
    if not re.fullmatch(r"\d{6}", six):
        return six
    year, month, day = int(six[:2]), int(six[2:4]), int(six[4:])
    now = datetime.now(UTC).year
    year += 100 * (now // 100) + (100 if year - now % 100 <= -50 else -100 if year - now % 100 > 50 else 0)
    if not 1 <= month <= 12:
        return six
    return f"{day} {month_name[month]} {year}" if day else f"{month_name[month]} {year}"


def _fields(text: str) -> dict[str, str]:
    """Of "WIFI:S:name;P:word;;": a backslash makes the sign after it a plain one."""
    found: dict[str, str] = {}
    for part in re.findall(r"(?:[^;\\]|\\.)+", text.partition(":")[2], re.DOTALL):
        name, _, value = part.partition(":")
        found.setdefault(name.strip().upper(), re.sub(r"\\(.)", r"\1", value))
    return found


def _wifi(text: str) -> Iterator[tuple[Name, str]]:
    fields = _fields(text)
    yield "network", _unquoted(fields.get("S", ""))
    if fields.get("T", "").upper() != "NOPASS":
        yield "password", _unquoted(fields.get("P", ""))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _mecard(text: str) -> Iterator[tuple[Name, str]]:
    for field, value in _fields(text).items():
        if field == "N":
            value = " ".join(reversed(value.split(",")))
        if field in _MECARD:
            yield _MECARD[field], value


def _cards(text: str, names: dict[str, Name]) -> Iterator[tuple[Name, str]]:
    """The properties of a vCard or vEvent: "item1.TEL;TYPE=cell:+44 20", lines folded or quoted-printable."""
    unfolded = re.sub(r"\r?\n[ \t]|=\r?\n", "", text)
    for line in unfolded.splitlines():
        head, _, value = line.partition(":")
        field, *options = head.split(";")
        field = field.rpartition(".")[2].upper()
        if "QUOTED-PRINTABLE" in ";".join(options).upper():
            value = quopri.decodestring(value.encode()).decode("utf-8", "replace")
        if field in ("ADR", "ORG"):
            value = ", ".join(part.strip() for part in re.split(r"(?<!\\);", value) if part.strip())
        value = re.sub(r"\\[nN]", ", ", value)
        value = re.sub(r"\\(.)", r"\1", value)
        if field == "DTSTART":
            value = _moment(value)
        if field == "TEL":
            value = value.removeprefix("tel:")
        if field in names:
            yield names[field], value


def _moment(value: str) -> str:
    """20270314T183000Z as "14 March 2027 at 18:30"."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d))?", value)
    if not found or not 1 <= int(found[2]) <= 12:
        return value
    day = f"{int(found[3])} {month_name[int(found[2])]} {found[1]}"
    return f"{day} at {found[4]}:{found[5]}" if found[4] else day


def _mail(text: str) -> Iterator[tuple[Name, str]]:
    if text.upper().startswith("MATMSG:"):
        fields = _fields(text)
        yield from (
            ("email", fields.get("TO", "")),
            ("subject", fields.get("SUB", "")),
            ("message", fields.get("BODY", "")),
        )
        return
    address, _, more = text.partition(":")[2].partition("?")
    asked = {name.lower(): values[0] for name, values in parse_qs(more).items()}
    yield "email", unquote(address)
    yield "subject", asked.get("subject", "")
    yield "message", asked.get("body", "")


def _message(text: str) -> Iterator[tuple[Name, str]]:
    number, _, said = re.sub(r"\?body=", ":", text.partition(":")[2], flags=re.IGNORECASE).partition(":")
    yield "phone", number
    yield "message", unquote(said)


def _place(text: str) -> Iterator[tuple[Name, str]]:
    found = re.match(r"geo:(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", text, re.IGNORECASE)
    if found:
        yield "place", f"latitude {found[1]}, longitude {found[2]}"


def _payment(text: str) -> Iterator[tuple[Name, str]]:
    """Lines as in the EPC's guidelines 069-12."""
    lines = [*text.splitlines(), *[""] * 12]
    yield "name", lines[5]
    yield "account", lines[6]
    found = re.fullmatch(r"([A-Z]{3})(\d+(?:\.\d+)?)", lines[7].strip())
    yield "amount", f"{float(found[2]):.2f} {found[1]}" if found else ""
    yield "reference", lines[9] or lines[10]


def _web(text: str) -> Iterator[tuple[Name, str]]:
    address = re.sub(r"^(?:URLTO:|MEBKM:.*?URL:)", "", text, flags=re.IGNORECASE).rstrip(";") if ":" in text else text
    yield "website", address


_FORMS: tuple[tuple[str, Kind, Callable[[str], Iterator[tuple[Name, str]]]], ...] = (
    (r"WIFI:", "Wi-Fi network", _wifi),
    (r"MECARD:", "contact", _mecard),
    (r"BEGIN:VCARD", "contact", lambda text: _cards(text, _VCARD)),
    (r"BEGIN:(VEVENT|VCALENDAR)", "event", lambda text: _cards(text, _EVENT)),
    (r"mailto:|MATMSG:", "email", _mail),
    (r"sms(to)?:", "message", _message),
    (r"tel:", "phone", lambda text: iter([("phone", text.partition(":")[2])])),
    (r"geo:", "place", _place),
    (r"BCD\r?\n", "payment", _payment),
    (r"https?://|URLTO:|MEBKM:|www\.", "web address", _web),
)  # fmt: skip
"""How the content begins, what it is then, and how its facts are found."""


def host(address: str) -> str:
    """The machine that a web address really leads to: of https://bank.example@thief.example/ the latter. Empty if it has none."""
    try:
        found = urlsplit(address if "://" in address else f"https://{address}").hostname or ""
    except ValueError:
        return ""
    return found.removeprefix("www.")
