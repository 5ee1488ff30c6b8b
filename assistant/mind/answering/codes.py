"""Questions that a barcode or QR code in the picture answers: what it is, and each thing in it."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.question import Question
from assistant.picture.codes import Code, Name, host

_WORDS: tuple[tuple[str, tuple[Name, ...]], ...] = (
    (r"\bpass ?(word|code|phrase|key)\b|\b(wi-?fi|network|security) key\b", ("password",)),
    (r"\b(connect|join|log ?in|get on|get online)\b.*\b(wi-?fi|network|internet)\b", ("network", "password")),
    (r"\bwi-?fi\b|\bnetwork\b|\bssid\b", ("network",)),
    (r"\bisbn\b", ("isbn",)),
    (r"\bissn\b", ("issn",)),
    (r"\biban\b|\baccount number\b", ("account",)),
    (r"\b(lot|batch)\b", ("lot",)),
    (r"\bserial\b", ("serial",)),
    (r"\b(contact|business|visiting) (card|details?|information)\b", ("name", "company", "phone", "email", "address", "website")),
    (r"\bwhose\b|\bname of the (person|contact)\b", ("name",)),
    (r"\b(link|web ?(site|page|address)|url)\b|\b(lead|leads|go|goes) to\b", ("website",)),
)  # fmt: skip
"""What is asked in words that belong to codes, and the facts that answer."""
_KINDS: dict[str, tuple[Name, ...]] = {
    "website": ("website",), "email": ("email",), "phone": ("phone",), "expiry": ("expiry", "best before"),
    "date": ("start",), "time": ("start",), "amount": ("amount",), "cost": ("amount",), "total": ("amount",),
    "place": ("place",), "company": ("company",),
}  # fmt: skip
"""Kinds of question whose answer may stand in a code where the print has none."""
_CODE_ALONE = frozenset({"password", "network", "isbn", "issn", "account", "lot", "serial"})
"""What a code says more surely than print: it is asked first."""
_SAID: dict[Name, str] = {
    "website": "the web address is {}", "network": "the network is {}", "password": "the password is {}",
    "name": "the name is {}", "company": "the company is {}", "phone": "the phone number is {}",
    "email": "the e-mail address is {}", "address": "the address is {}", "subject": "the subject is {}",
    "message": "the message is: {}", "place": "the place is {}", "start": "it begins on {}", "account": "the account is {}",
    "amount": "the amount is {}", "reference": "the reference is {}", "isbn": "the ISBN number is {}",
    "issn": "the ISSN number is {}", "number": "the code number is {}", "expiry": "it expires: {}",
    "best before": "it is best before {}", "made": "it was made: {}", "lot": "the lot number is {}",
    "serial": "the serial number is {}", "text": "it says: {}",
}  # fmt: skip
_WHOLE_WORDS = 30
"""Words of a code's text that are said at once."""
_FLAT = ("EAN", "UPC", "ITF", "Code ", "Codabar", "DataBar")
_SIGNS = {
    "!": "exclamation mark", '"': "quotation mark", "#": "hash", "$": "dollar", "%": "percent", "&": "and", "'": "apostrophe",
    "(": "open bracket", ")": "close bracket", "*": "star", "+": "plus", ",": "comma", "-": "dash", ".": "dot", "/": "slash",
    ":": "colon", ";": "semicolon", "<": "less than", "=": "equals", ">": "greater than", "?": "question mark", "@": "at",
    "[": "open square bracket", "\\": "backslash", "]": "close square bracket", "^": "caret", "_": "underscore",
    "`": "backtick", "{": "open brace", "|": "bar", "}": "close brace", "~": "tilde", " ": "space",
}  # fmt: skip


def asks_of_codes(question: Question) -> bool:
    """Whether a code is looked for before print is: the question names one, or what only codes say surely."""
    return question.kind == "barcode" or bool(_CODE_ALONE & set(_asked(question)))


def from_codes(question: Question, codes: Sequence[Code]) -> Answer | None:
    """The fact asked for; for a question about the codes themselves what each of them is. None where they say nothing of it."""
    names = _asked(question)
    found = [code for code in codes if any(code.get(name) for name in names)]
    if found:
        facts = [(name, value) for name in names for value in found[0].values(name)]
        return _answer([_sentence([fact]) for fact in facts])
    return what_they_are(codes) if question.kind == "barcode" and codes else None


def what_they_are(codes: Sequence[Code]) -> Answer:
    """Each code in a sentence; the rest of it for who asks for more."""
    return _answer(
        [said for code in codes for said in _described(code)], [one for code in codes for one in _held_back(code)]
    )


def _answer(said: Sequence[str], rest: Sequence[str] = ()) -> Answer:
    return Answer(" ".join(dict.fromkeys(said)), False, "", (), rest=tuple(dict.fromkeys(rest)))


def _asked(question: Question) -> tuple[Name, ...]:
    for words, names in _WORDS:
        if re.search(words, question.text, re.IGNORECASE):
            return names
    return _KINDS.get(question.kind, ())


def _sentence(facts: Sequence[tuple[Name, str]]) -> str:
    """The facts in one sentence; a password also letter by letter, for it is to be typed."""
    said = ", ".join(_SAID[name].format(value) for name, value in facts)
    passwords = [value for name, value in facts if name == "password"]
    spelled = f" Letter by letter: {letter_by_letter(passwords[0])}." if passwords else ""
    return f"{said[0].upper()}{said[1:]}.{spelled}"


def letter_by_letter(word: str) -> str:
    """Every sign by its name, with "capital" before a large letter: what is typed must be exact."""
    return ", ".join(
        f"capital {sign}" if sign in string.ascii_uppercase else _SIGNS.get(sign, sign.upper() if sign == "a" else sign)
        for sign in word
    )


def _described(code: Code) -> list[str]:
    what = "barcode" if code.format.startswith(_FLAT) else "QR code" if "QR" in code.format else f"{code.format} code"
    match code.kind:
        case "web address":
            site = host(code.get("website"))
            return [f"A {what} with a web address{f' at {site}' if site else ''}."]
        case "Wi-Fi network":
            password = code.get("password")
            first = f"A {what} for the Wi-Fi network {code.get('network')}"
            return [f"{first}, password {password}."] if password else [f"{first}, without a password."]
        case "contact":
            return [f"A {what} with the contact of {code.get('name') or code.get('company') or 'somebody'}."]
        case "phone":
            return [f"A {what} that calls the phone number {code.get('phone')}."]
        case "email":
            return [f"A {what} that writes an e-mail to {code.get('email')}."]
        case "message":
            return [f"A {what} that sends a text message to the phone number {code.get('phone')}."]
        case "place":
            return [f"A {what} with a place on the map: {code.get('place')}."]
        case "event":
            start = code.get("start")
            return [
                f"A {what} with an event: {code.get('name') or 'without a name'}{f', on {start}' if start else ''}."
            ]
        case "payment":
            amount = code.get("amount")
            return [f"A {what} that pays{f' {amount}' if amount else ''} to {code.get('name')}."]
        case "book":
            return [f"A {what} of a book: ISBN number {code.get('isbn')}."]
        case "magazine":
            return [f"A {what} of a magazine: ISSN number {code.get('issn')}."]
        case "product":
            more = [fact for fact in code.facts if fact[0] != "number"]
            known = code.format.startswith(("EAN", "UPC"))
            number = (
                f", {code.format} code number {code.get('number')}" if known else f", code number {code.get('number')}"
            )
            return [
                f"A {what} of a product{number if code.get('number') else ''}.",
                *([_sentence(more)] if more else []),
            ]
        case "text":
            words = code.get("text").split()
            return [
                f"A {what} that says: {' '.join(words[:_WHOLE_WORDS])}{', and more' if len(words) > _WHOLE_WORDS else ''}."
            ]


def _held_back(code: Code) -> list[str]:
    """What `_described` left out."""
    match code.kind:
        case "web address":
            address = re.sub(r"^https?://", "", code.get("website"))
            return [f"The whole address is {address}."] if address.strip("/") != host(code.get("website")) else []
        case "Wi-Fi network":
            return [_sentence([("password", code.get("password"))])] if code.get("password") else []
        case "contact" | "email" | "message" | "event" | "payment":
            said = {"contact": ("name",), "email": ("email",), "message": ("phone",), "event": ("name", "start")}
            return [_sentence([fact]) for fact in code.facts if fact[0] not in said.get(code.kind, ("name", "amount"))]
        case "text":
            words = code.get("text").split()[_WHOLE_WORDS:]
            return [f"{' '.join(words)}."] if words else []
    return []
