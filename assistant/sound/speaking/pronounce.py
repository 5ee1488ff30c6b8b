"""Text as printed → text as said: money, units, telephone numbers, barcodes and abbreviations.

Only what goes to the voice passes through here; the printed answer is never changed. Both voices speak by espeak-ng's
rules, and a rule stands here only where those were heard to fail: words in capitals need none (of the 5,447 commonest
words of book titles, six sound different in capitals), nor do per cent, times, ordinal numbers and web addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_CURRENCIES = {
    "RM": ("ringgit", "sen"),
    "$": ("dollars", "cents"),
    "US$": ("US dollars", "cents"),
    "S$": ("Singapore dollars", "cents"),
    "£": ("pounds", "pence"),
    "€": ("euros", "cents"),
    "₹": ("rupees", "paise"),
    "¥": ("yen", "sen"),
}
_SINGULARS = {"ringgit": "ringgit", "sen": "sen", "yen": "yen", "pence": "penny", "paise": "paisa"}
_UNITS = {
    "mg": "milligrams",
    "mcg": "micrograms",
    "µg": "micrograms",
    "μg": "micrograms",
    "g": "grams",
    "kg": "kilograms",
    "ml": "millilitres",
    "mL": "millilitres",
    "cl": "centilitres",
    "l": "litres",
    "L": "litres",
    "mm": "millimetres",
    "cm": "centimetres",
    "km": "kilometres",
    "kJ": "kilojoules",
    "kcal": "kilocalories",
    "oz": "ounces",
    "fl oz": "fluid ounces",
    "lb": "pounds",
    "lbs": "pounds",
    "IU": "international units",
}
_ABBREVIATIONS = {
    "Dr": "Doctor",
    "Mr": "Mister",
    "Mrs": "Missis",
    "Ms": "Miz",
    "Prof": "Professor",
    "St": "St",  # saint or street: espeak-ng chooses, once the dot no longer ends a sentence
    "vs": "versus",
    "Vol": "volume",
    "Tel": "telephone",
    "approx": "approximately",
    "Co": "Company",
    "pp": "pages",
    "p": "page",
}


def as_spoken(text: str) -> str:
    """`text` as a person would say it, for a voice; the same words, only written out."""
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    return text


def digit_by_digit(digits: str) -> str:
    """Each digit of `digits` by itself, with a pause where something is printed between them.

    A run of more than six gets a pause after every third: `5901234` → `5 9 0, 1 2 3, 4`.
    """
    groups = re.findall(r"\d+", digits)
    if len(groups) == 1 and len(groups[0]) > 6:
        groups = re.findall(r"\d{1,3}", groups[0])
    plus = "plus " if digits.startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _money(match: re.Match[str]) -> str:
    whole, cents = match["whole"].replace(",", ""), match["cents"]
    unit, small = _CURRENCIES[match["sign"]]
    said = f"{whole} {_counted(unit, int(whole))}"
    if cents and int(cents):
        said += f" and {int(cents)} {_counted(small, int(cents))}"
    return said


def _counted(plural: str, count: int) -> str:
    return plural if count != 1 else _SINGULARS.get(plural, plural.removesuffix("s"))


def _unit(match: re.Match[str]) -> str:
    said = _UNITS[match["unit"]]
    return f"{match['number']} {_counted(said, 1) if match['number'] == '1' else said}"


def _telephone(match: re.Match[str]) -> str:
    printed = match[0]
    if sum(map(str.isdigit, printed)) < 7 or _DATE_OR_YEARS.fullmatch(printed):
        return printed
    looks_dialled = printed[0] in "+(0" or "-" in printed
    return digit_by_digit(printed) if looks_dialled else printed


def _abbreviation(match: re.Match[str]) -> str:
    return _ABBREVIATIONS[match[1]] + " "


def _any_of(words: Iterable[str]) -> str:
    """A regular expression for one of `words`, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_DATE_OR_YEARS = re.compile(r"\d{4}-\d\d-\d\d|\d\d?-\d\d?-\d{4}|[12]\d{3}[-–][12]\d{3}")
_AMOUNT = r"(?P<whole>\d+(?:,\d{3})*)(?:\.(?P<cents>\d\d))?(?!\.?\d|[^\W\d_])"
_NOT_INSIDE_NUMBER = r"(?<![\w.,/:-])"
_NUMBER_ENDS = r"(?![\w/:-]|[.,]\d)"

_RULES: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    # piper would take [[...]] for phonemes; the other marks would be named aloud.
    (re.compile(r"[\[\]{}|•·*_~^\\]+"), " "),
    (re.compile(r"https?://", re.IGNORECASE), ""),
    # An option of a command, which somebody may have to type.
    (re.compile(r"(?<!\S)--(?=[a-z])"), "dash dash "),
    (re.compile(rf"(?<![\w$])(?P<sign>{_any_of(_CURRENCIES)})\s?{_AMOUNT}"), _money),
    (re.compile(rf"\b(?P<number>\d+(?:[.,]\d+)*)\s?(?P<unit>{_any_of(_UNITS)})\b"), _unit),
    (re.compile(_NOT_INSIDE_NUMBER + r"[+(]{0,2}\d[\d ()–-]{5,}\d" + _NUMBER_ENDS), _telephone),
    (re.compile(_NOT_INSIDE_NUMBER + r"(?:\d{7,}|0\d{2,})" + _NUMBER_ENDS), lambda match: digit_by_digit(match[0])),
    (re.compile(r"\bNo\. ?(?=\d)"), "number "),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(rf"\b({_any_of(_ABBREVIATIONS)})\. ?(?=\d|(?<= )[\w(])"), _abbreviation),
    # A dot after an initial would end the sentence between "J." and "K.".
    (re.compile(r"\b([A-Z])\. ?(?=[A-Z])"), r"\1 "),
    # In a title printed in capitals IT is a word, not an abbreviation.
    (re.compile(r"(?<=[A-Z] )IT\b|\bIT(?= [A-Z]{2})"), "it"),
    (re.compile(r"[^\S\n]+"), " "),
]
