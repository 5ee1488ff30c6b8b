"""What text looks like, whatever the language: figures with their units, bullets, ends of sentences, labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = frozenset(
    """% ‰ ° °c °f ℃ ℉ g kg mg mcg µg μg ug lb lbs oz st t ml cl dl l fl floz pt qt gal m cm mm km ft in mi kj kcal cal iu ie w kw kwh v a
    hz
    mb gb kb tb am pm a.m. p.m. a.m p.m h hr hrs hour hours uhr min mins s sec eur usd gbp chf dkk sek nok pln czk huf rm rp € £ $ ¥ ₹ kr zł
    ea each pcs pc x × m² m³ km/h mph bar psi dpi ppm""".split()
)
_MONTH = re.compile(
    r"(jan|feb|fév|fev|mar|mär|mrz|apr|avr|abr|may|mai|mag|maj|jun|jui|jul|giu|lug|aug|aoû|aou|ago|sep|set|oct|okt|ott|out|nov"
    r"|dec|déc|dez|dic)[^\W\d]{0,7}\.?,?",
    re.IGNORECASE,
)
_MONTH_YEAR = re.compile(r"(0[1-9]|1[0-2]) (19|20)\d\d")
_DAY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?", re.IGNORECASE)
_CURRENCY = re.compile(r"[$€£¥₹]|EUR|USD|GBP|CHF|CAD|AUD|JPY|INR|SEK|NOK|DKK|PLN|CZK|HUF|MYR|IDR|RM|Rp\.?|kr\.?")
_LINK = re.compile(r"[-–—~/&+x×*]|to|bis|à|till|until|and|or")
_NOTHING = re.compile(r"[-–—]+|n/?a|[✓✔✗✘×]|nil|none|trace", re.IGNORECASE)
BULLET = re.compile(r"(?:[•●○◦·∙▪■□‣➢►▶✓✔☐❑*–—-]|[oO](?= [A-Z])|\(?\d{1,2}[.)](?!\d)|\(?[a-hA-H]\))\s*(?=\S)")
"""How an item of a list begins."""
NUMBERED = re.compile(r"\(?(\d{1,2}|[a-h])[.)]", re.IGNORECASE)
LEADER = re.compile(r"\s*(?:\.\s?){3,}\s*|\s*[…·_]{2,}\s*|\s*…\s*(?=\S)")
"""The dots between an item and its price."""
_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")
_HYPHEN = re.compile(r"[^\W\d_][-‐\u00ad¬]$")
_CLOSING = {"(": ")", "[": "]"}


def is_end(text: str) -> bool:
    """Whether a sentence ends with these words."""
    return _END.search(text.rstrip()) is not None


def is_hyphenated(text: str) -> bool:
    """Whether the last word seems to go on in the next row."""
    return _HYPHEN.search(text.rstrip()) is not None


def starts_low(text: str) -> bool:
    """Whether the first letter, with nothing but marks before it, is a small one."""
    found = re.match(r"[\"'“‘(\[]*([^\W\d_])", text.lstrip())
    return found is not None and found.group(1).islower()


def is_capitals(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) >= 3 and sum(letter.isupper() for letter in letters) >= 0.85 * len(letters)


def is_open(text: str) -> bool:
    """Whether something must follow: after a comma, within a bracket."""
    text = text.rstrip()
    if not text or text[-1] in ",&/([+–" or is_hyphenated(text):
        return True
    return any(text.count(opening) > text.count(closing) for opening, closing in _CLOSING.items())


def is_hanging(text: str) -> bool:
    """Whether these words can hardly be the end: something must follow, or a short small word that is no unit stands last."""
    if is_open(text):
        return True
    words = text.split()
    return len(words) > 1 and re.fullmatch(r"[^\W\d_]{1,3}", words[-1]) is not None and words[-1].islower() and not (
        words[-1] in _UNITS and _has_digit(words[-2])
    )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Words of one sort, and where they stand in the text."""

    start: int
    end: int
    value: bool


def values(text: str) -> list[Run]:
    """`text` cut into words and values, each value with its currency and unit: "Fat", "12 g", "15%"."""
    tokens = list(re.finditer(r"\S+", text))
    kinds = [_kind(token.group()) for token in tokens]
    for index, token in enumerate(tokens):
        before = kinds[index - 1] if index else ""
        after = kinds[index + 1] if index + 1 < len(kinds) else ""
        word = token.group().strip("()[],;").lower()
        if kinds[index] == "money" and after != "figure" and before != "figure":
            kinds[index] = "word"
        elif kinds[index] == "word" and before == "figure" and word in _UNITS:
            kinds[index] = "unit"
        elif kinds[index] == "word" and "figure" in (before, after) and _MONTH.fullmatch(token.group()):
            kinds[index] = "month"
        elif kinds[index] == "link" and not (before in ("figure", "unit", "money") and after in ("figure", "money")):
            kinds[index] = "nothing" if _NOTHING.fullmatch(token.group()) else "word"
    runs: list[Run] = []
    for index, token in enumerate(tokens):
        kind = kinds[index]
        before = kinds[index - 1] if index else ""
        value = kind not in ("word",)
        glued = runs and (
            (not value and not runs[-1].value)
            or kind in ("unit", "link")
            or (runs[-1].value and before in ("money", "link", "month") and kind == "figure")
            or (runs[-1].value and kind == "month" and before == "figure")
            or (kind == before == "figure" and _MONTH_YEAR.fullmatch(f"{tokens[index - 1].group()} {token.group()}"))
            or (kind == "money" and before == "figure" and kinds[index + 1 : index + 2] != ["figure"])
        )
        if glued:
            runs[-1] = Run(runs[-1].start, token.end(), runs[-1].value)
        else:
            runs.append(Run(token.start(), token.end(), value))
    return runs


def _kind(token: str) -> str:
    bare = token.strip("()[],;:")
    if _has_digit(bare):
        letters = sum(letter.isalpha() for letter in bare)
        digits = sum(letter.isdigit() for letter in bare)
        unit = re.sub(r"[\d.,/<>~+-]", "", bare).lower() in _UNITS
        return "figure" if unit or letters <= max(digits, 2) or _MONTH.search(bare) else "word"
    if _CURRENCY.fullmatch(bare):
        return "money"
    if _LINK.fullmatch(bare):
        return "link"
    return "nothing" if _NOTHING.fullmatch(bare) else "word"


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def is_value(text: str) -> bool:
    """Whether `text` is a figure, an amount, a date, a time, a code or the mark for none of these."""
    runs = values(text)
    words = " ".join(text[run.start : run.end] for run in runs if not run.value)
    return bool(runs) and any(run.value for run in runs) and all(map(_DAY.fullmatch, words.split()))


def is_mostly_value(text: str) -> bool:
    """Whether `text` begins with a value, and has no more letters in other words than it has digits: "20JUL2022 F M 0938"."""
    runs = values(text)
    if not runs or not runs[0].value:
        return False
    others = "".join(text[run.start : run.end] for run in runs if not run.value)
    return sum(map(str.isalpha, others)) <= sum(map(str.isdigit, text))


def value_kind(text: str) -> str:
    """time, date, percent, money, amount, number, none or text: what a column of a table holds."""
    if not is_value(text):
        return "text"
    if re.search(r"\d{1,2}[:.h]\d\d(?!\d).*(?:[ap]\.?m)?$|\d ?[ap]\.?m\b", text, re.IGNORECASE) and not re.search(
        r"[$€£¥%,]|\d\.\d\d\d", text
    ):
        return "time" if re.search(r"\d:\d\d|[ap]\.?m|\d\d\.\d\d", text, re.IGNORECASE) else "number"
    if re.search(r"\d[/.-]\d+[/.-]\d|\d/\d{4}", text) or _MONTH.search(text):
        return "date"
    if "%" in text:
        return "percent"
    if re.search(r"[$€£¥₹]|\d[.,]\d\d\b", text):
        return "money"
    if not _has_digit(text):
        return "none"
    return "amount" if re.search(r"\d ?[^\W\d]", text) else "number"


_UNIT_IN_HEAD = re.compile(r"[(\[,/]\s*([^\W\d]{1,5}|%|°C|°F|[€£$¥]|m[²³])\s*[)\]]?$")
PER = re.compile(r"\b(?:per|pro|je|par|por)\b\s*\S|^\s*/\s*\d", re.IGNORECASE)
"""How the head of a column says for how much its figures are."""


def unit_of(head: str) -> str:
    """The unit that a heading names for all that stands under it, as in "Salt (g)"; empty where it names none."""
    found = _UNIT_IN_HEAD.search(head.strip())
    return found.group(1) if found and found.group(1).lower() in _UNITS else ""


def labelled(text: str) -> list[tuple[int, int, int, int]]:
    """Pairs of label and value within one text, as four places: of the label from, to, of the value from, to.

    By colons ("MFG: 01/2025 EXP: 01/2027"), by leaders ("Total ..... 12.99"), or by figures ("MFG 01/2025 EXP 01/2027").
    """
    leader = LEADER.search(text)
    if leader and any(map(str.isalnum, text[: leader.start()])) and text[leader.end() :].strip():
        return [(0, leader.start(), leader.end(), len(text))]
    return _by_colons(text) or _by_values(text)


_COLON = re.compile(r"(?<=[^\W_])[.)\]]?\s?:(?!//)(?:\s+|(?=[^\W\d])|(?=\d)(?<![\d]:))")


def _by_colons(text: str) -> list[tuple[int, int, int, int]]:
    colons = list(_COLON.finditer(text))
    found: list[tuple[int, int, int, int]] = []
    for number, colon in enumerate(colons):
        before = colons[number - 1].end() if number else 0
        start = before + _label_start(text[before : colon.start() + 1]) if number else before
        if found:
            last = found[-1]
            found[-1] = (last[0], last[1], last[2], start)
        label = text[start : colon.start() + 1].strip()
        if not label or len(label.split()) > 5 or len(label) > 40:
            return []
        found.append((start, colon.start() + 1, colon.end(), len(text)))
    return [each for each in found if text[each[2] : each[3]].strip()]


def _label_start(text: str) -> int:
    """Where, after a value, the next label begins: at its last word that is no figure, with short ones before it."""
    runs = values(text)
    if runs and not runs[-1].value and len(runs) > 1:
        return runs[-1].start
    words = list(re.finditer(r"\S+", text))
    return words[-1].start() if words else 0


def _by_values(text: str) -> list[tuple[int, int, int, int]]:
    runs = values(text)
    if len(runs) < 2 or len(runs) % 2 or not all(run.value == bool(place % 2) for place, run in enumerate(runs)):
        return []
    labels = [text[run.start : run.end] for run in runs[::2]]
    if not all(
        1 <= len(label.split()) <= 4 and not re.search(r"[,;@]", label) and re.search(r"[^\W\d_]{2}|№|#", label)
        for label in labels
    ):
        return []
    return [(a.start, a.end, b.start, b.end) for a, b in zip(runs[::2], runs[1::2], strict=True)]
