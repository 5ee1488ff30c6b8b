"""Numbers as they are printed in many countries, ranges, fractions, ratios, and the signs that stand before numbers.

Digits stay digits, for the voices say them well; only what they would say wrongly is written out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
"""What is printed, and what is said for it."""

NUMBER = r"\d+(?:[.,]\d+)*"
DASH = r"\s?[-–—−‒]\s?"
ALONE = r"(?<![\w.,/:-])"
"""Before a number: it is not the end of a longer one, nor of a code."""


def any_of(words: Iterable[str]) -> str:
    """A regular expression for one of `words`, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def plain(number: str) -> str:
    """`number` with a decimal point and without marks between thousands, which are told apart by their places.

    `1.249,00` → `1249.00`, `1,5` → `1.5`, `1,249` → `1249`, `1.249` → `1.249`, for that may be either.
    """
    number = re.sub(r"[\s'’]", "", number)
    last = max(number.rfind("."), number.rfind(","))
    if last < 0:
        return number
    whole, mark, rest = number[:last], number[last], number[last + 1 :]
    is_one_kind = not {".", ","} - {mark} & set(whole)
    thousands = len(rest) == 3 and is_one_kind and not whole.startswith("0") and (mark == "," or mark in whole)
    return re.sub(r"[.,]", "", whole) + (rest if thousands else f".{rest}")


def counted(count: str, one: str, many: str) -> str:
    """The singular only after exactly one."""
    return one if count in ("1", "1.0") else many


VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 16: "16th"}


def part_of_one(upper: int, lower: int) -> str | None:
    """`1/2` → `half`, `3/4` → `3 quarters`; None for what is not commonly said as a fraction."""
    if not 0 < upper < lower or lower not in _PARTS:
        return None
    if lower == 2:
        return "half"
    return f"{upper} {_PARTS[lower]}{'s' if upper > 1 else ''}"


def _thousands(match: re.Match[str]) -> str:
    return match[0].replace(" ", ",")


def _decimal(match: re.Match[str]) -> str:
    return plain(match[0])


def _range(match: re.Match[str]) -> str:
    low, high = match["low"], match["high"]
    padded = any(re.match(r"0\d", number) for number in (low, high))
    spaced = match["dash"] != match["dash"].strip() or match["dash"] != "-"
    long = max(len(low), len(high)) > 4 and match["dash"] == "-"
    if padded or long or not (float(plain(low)) < float(plain(high)) or (spaced and match["unit"])):
        return match[0]
    return f"{match['sign']}{low}{match['unit'] or ''} to {high}"


def _ratio(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 30) : match.start()]
    if re.search(r"ratio|mix|dilut|scale|parts", before, re.IGNORECASE):
        return f"{match[1]} to {match[2]}"
    # A time, or a verse of the Bible.
    if re.fullmatch(r"[0-5]\d", match[2]):
        return match[0]
    if re.search(r"\b[A-Z][a-z]+ $", before):
        return f"{match[1]} {match[2]}"
    return f"{match[1]} to {match[2]}"


def ranges(units: str) -> Rule:
    """The rule for `10-15 mg`, `10 mg – 15 mg`, where `units` may stand after the first number."""
    return (
        re.compile(
            rf"(?<![\w.,/:])(?<!\d[-–])(?P<sign>[-−+]?)(?P<low>{NUMBER})(?P<unit>\s?(?:%|°\s?[CF]?|(?:{units})\b))?"
            rf"(?P<dash>{DASH})(?P<high>{NUMBER})(?![/\d]|[.,:]\d|[-–—]\w|{DASH}\d)"
        ),
        _range,
    )


THOUSANDS: list[Rule] = [
    # 1 234 567, 12 000: with gaps between thousands as many countries print them.
    (re.compile(r"(?<![\d.,/:-])(?<!\d )\d{1,2}(?: \d{3}){2,5}\b(?![ ,.]?\d)"), _thousands),
    (re.compile(r"(?<![\d.,/:-])(?<!\d )[1-9]\d{0,2}(?: 000){1,4}\b(?![ ,.]?\d)"), _thousands),
]
RULES: list[Rule] = [
    # 0,5 and 3,5 %
    (re.compile(r"(?<![\w.,:/-])(\d+),(\d+)(?=\s?[%‰])|(?<![\w.,:/-])(0),(\d+)\b(?![.,]\d)"), _decimal),
    (
        re.compile(
            rf"{ALONE}(?=1:|\d+:1\b|16:9|(?<=[a-z] )\d+:\d\b)(\d+):(\d{{1,3}}(?:[ ,]?\d{{3}})*)(?![\d:]|[.,]\d)"
        ),
        _ratio,
    ),
    (re.compile(r"<\s?=\s?(?=[\d.$£€-])|≤\s?"), "at most "),
    (re.compile(r">\s?=\s?(?=[\d.$£€-])|≥\s?"), "at least "),
    (re.compile(r"<\s?(?=[\d.$£€-])"), "less than "),
    (re.compile(r">\s?(?=[\d.$£€-])"), "more than "),
    (re.compile(r"(?<!\w)[~≈]\s?(?=[\d$£€])"), "about "),
    (re.compile(r"(?:±|\+/-)\s?(?=\d)"), "plus or minus "),
    (re.compile(r"(?<![\w)])[-−](?=\d+(?:[.,]\d+)?\s?(?:%|°))|(?<![\w)\d.])−(?=\d)"), "minus "),
    (re.compile(r"§\s?(?=\d)"), "section "),
]
