"""Numbers in a text, whatever their form: 1,234.50 and 1234.5 are one, and so are 12 March 1987 and 03/12/87.

Only what they are; whether two texts contradict each other is the work of `agreement.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.mind.finding import patterns as p

_UNITS = {
    "milligram": "mg", "microgram": "mcg", "µg": "mcg", "gram": "g", "kilogram": "kg", "milliliter": "ml", "millilitre": "ml",
    "liter": "l", "litre": "l", "ounce": "oz", "pound": "lb", "percent": "%",
}  # fmt: skip
_UNIT = r"%|per cent|(?:mg|mcg|µg|g|kg|ml|cl|dl|l|fl oz|oz|lb|kcal|kj|iu|cm|mm)\b|" + "|".join(
    rf"{word}s?\b" for word in _UNITS if word.isascii()
)
_WORDS = {
    word: str(number) for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
}  # fmt: skip
"""Not "one", which is seldom a number."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MEASURED = re.compile(rf"(?<![\w.,/])(\d+(?:[.,]\d+)*) ?({_UNIT})", re.IGNORECASE)
_COUNTED = re.compile(
    rf"(?<![\w.,/])(\d+(?:[.,]\d+)*|{'|'.join(_WORDS)})(?![\w%])(?: ([a-zA-Z]{{3,}}))?", re.IGNORECASE
)
_LOOK_ALIKE = str.maketrans("OoQDlI|BSsZzGg", "00001118552269")
_ALMOST_DIGITS = re.compile(r"(?<![^\W_])(?=[\w|]*\d)[\dOoQDlI|BSsZzGg]{2,}(?![^\W_])")


@dataclass(frozen=True)
class Figure:
    """One number."""

    text: str
    """As written."""
    kind: str
    """date, time, phone, money, year, number, a unit, or the word for what is counted."""
    values: frozenset[str]
    """Day, month and year in any order for a date; else one text, the same for every form of the same number."""

    @property
    def digits(self) -> str:
        return re.sub(r"\D", "", self.text)

    def same(self, other: Figure) -> bool:
        """Whether both can be one number; a year is a part of a date, and 0.5 liters is 0.5."""
        if "phone" in (self.kind, other.kind):
            return self.digits.endswith(other.digits[-7:]) if min(len(self.digits), len(other.digits)) >= 7 else False
        if "date" in (self.kind, other.kind) and not {self.kind, other.kind} <= {"date", "year"}:
            return False
        return self.values <= other.values or other.values <= self.values


def figures(text: str) -> list[Figure]:
    """The numbers in `text`, in order of their kinds."""
    found = []
    for kind, pattern in (("date", p.DATE), ("time", p.TIME), ("phone", p.PHONE), ("", _MEASURED), ("money", p.MONEY)):
        for match in pattern.finditer(text):
            found.append(_figure(kind, match))
        text = pattern.sub(lambda match: "\x00" * len(match.group()), text)  # what it is it is not twice
    found += [_counted(match) for match in _COUNTED.finditer(text)]
    return [figure for figure in found if figure.values]


def doubtful(text: str) -> list[Figure]:
    """What else `text` may say where letters that look like digits stand among digits: l978 for 1978."""
    digits = _ALMOST_DIGITS.sub(lambda match: match.group().translate(_LOOK_ALIKE), text)
    return figures(digits) if digits != text else []


def _figure(kind: str, match: re.Match[str]) -> Figure:
    text = match.group().strip(" .")
    if kind == "date":
        return Figure(text, kind, frozenset(_date(text)))
    if kind == "time":
        hours, minutes = [*map(int, re.findall(r"\d+", text)), 0][:2]
        return Figure(text, kind, frozenset({f"{hours % 12}:{minutes:02}"}))
    if kind == "":
        unit = match.group(2).lower().replace("per cent", "percent")
        return Figure(text, _UNITS.get(unit.removesuffix("s"), unit), frozenset({_number(match.group(1))}))
    return Figure(text, kind, frozenset({_number(text)}))


def _counted(match: re.Match[str]) -> Figure:
    written = match.group(1)
    number = _number(_WORDS.get(written.lower(), written))
    counted = (match.group(2) or "").lower().removesuffix("s")
    if re.fullmatch(r"(1[89]|20)\d\d", written):
        return Figure(written, "year", frozenset({number[-2:].lstrip("0") or "0"}) | {number})
    return Figure(match.group().strip() if counted else written, counted or "number", frozenset({number}))


def _date(text: str) -> Iterator[str]:
    for part in re.findall(r"\d+|[^\W\d_]{3,}", text.lower()):
        if part.isdigit():
            yield str(int(part[-2:]))
            if len(part) == 4:
                yield part
        else:
            folded = part.replace("é", "e").replace("û", "u").replace("ä", "a")
            month = {"mai": "may", "okt": "oct", "dez": "dec", "fev": "feb", "avr": "apr", "juin": "jun", "aou": "aug"}
            known = month.get(folded, month.get(folded[:3], folded[:3]))
            if known in _MONTHS:
                yield str(_MONTHS.index(known) + 1)


def _number(text: str) -> str:
    """Its value, plainly: the last mark of several is a decimal one, and a single one unless three digits follow it."""
    figure = re.sub(r"[^\d.,]", "", text).strip(".,")
    parts = re.split(r"[.,]", figure)
    if len(parts) > 1 and (len(parts[-1]) != 3 or len({*re.findall(r"[.,]", figure)}) > 1):
        whole, fraction = "".join(parts[:-1]), parts[-1].rstrip("0")
    else:
        whole, fraction = "".join(parts), ""
    return f"{whole.lstrip('0') or '0'}{f'.{fraction}' if fraction else ''}"
