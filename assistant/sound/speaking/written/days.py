"""Dates, months, days of the week and times, in the forms they are stamped and printed in.

A date of figures alone is said with its month only where it can be read in one way; else its figures, in order.
"""

from __future__ import annotations

import re

from assistant.sound.speaking.written.figures import DASH, Rule

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _printed(names: tuple[str, ...], *others: str) -> str:
    """The names, their first three letters and the others, with a capital or all in capitals."""
    short = {name[:3] for name in names} | set(others)
    every = sorted({*names, *short}, key=len, reverse=True)
    return "|".join([*every, *(name.upper() for name in every)])


# In small letters only those that are no words.
_MONTH = f"(?:{_printed(MONTHS, 'Sept')}|jan|feb|apr|jun|jul|aug|sept|sep|oct|nov|dec)"
_DAY = rf"(?:{_printed(_DAYS, 'Tues', 'Thur', 'Thurs', 'Weds')})"
_YEAR = r"(?:19|20)\d\d"
_GAP = r"[ .,/'’-]{0,2}"
_NOT_IN_CODE = r"(?<![\w/.,:-])"
_NO_TIME = r"(?![\d:%€£$]|[.,]\d|/\d|-\d)"
_CLOCK = r"(?:[01]?\d|2[0-4])"
_HALF = r"[ap]\.?m\b\.?|[AP]\.?M\b\.?"
_LABEL = (
    r"(?:exp(?:iry|ires?|iration)?(?: date)?|bbe?|best (?:before|by)(?: end)?|use[ -]by|sell[ -]by|valid(?: thru| until)?|"
    r"mfg|mfd|pkd)[.:]{0,2} ?"
)


def _month_named(printed: str) -> str:
    """`SEPT` → `September`."""
    return next(name for name in MONTHS if name.upper().startswith(printed.upper()[:3]))


def _day_named(printed: str) -> str:
    return next(name for name in _DAYS if name.upper().startswith(printed.upper()[:3]))


def _day_month(match: re.Match[str]) -> str:
    day, month = match["day"].lstrip("0"), _month_named(match["month"])
    if not day or int(day) > 31:
        return match[0]
    ordinal = (match["ordinal"] or "").lower()
    comma = "," if "," in (match["gap"] or "") else ""
    year = f"{comma} {match['year']}" if match["year"] else ""
    first = f"{match['first'].lstrip('0')} to " if match["first"] else ""
    return f"{first}{day}{ordinal}{match['of'] or ''} {month}{year}"


def _month_day(match: re.Match[str]) -> str:
    day = match["day"].lstrip("0")
    if not day or int(day) > 31:
        return match[0]
    year = f", {match['year']}" if match["year"] else ""
    return f"{_month_named(match['month'])} {day}{(match['ordinal'] or '').lower()}{year}"


def _month_year(match: re.Match[str]) -> str:
    return f"{_month_named(match['month'])} {match['year']}"


def _year_first(match: re.Match[str]) -> str:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if 1 <= month <= 12 and 1 <= day <= 31:
        return f"{day} {MONTHS[month - 1]} {year}"
    return match[0]


def _figures(match: re.Match[str]) -> str:
    one, two, year = int(match["one"]), int(match["two"]), match["year"]
    if not (1 <= one <= 31 and 1 <= two <= 31 and min(one, two) <= 12):
        return match[0]
    if len(year) == 4 and (two > 12 or one == two):
        return f"{MONTHS[one - 1]} {two}, {year}"
    if len(year) == 4 and one > 12:
        return f"{one} {MONTHS[two - 1]} {year}"
    return f"{one}, {two}, {year}"


def _month_of_figures(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match['month']) - 1]} {match['year']}"


def _month_short(match: re.Match[str]) -> str:
    """`03/27`: month and year, or month and day; the figures, one after the other."""
    *label, one, two = match.groups()
    return f"{''.join(label)}{one.lstrip('0') or '0'}, {two}"


def _days(match: re.Match[str]) -> str:
    said = re.sub(_DAY + r"\b\.?", lambda day: _day_named(day[0]), match[0])
    return re.sub(rf"(?<=day){DASH}(?=[A-Z])", " to ", said)


def _months(match: re.Match[str]) -> str:
    return f"{_month_named(match[1])} to {_month_named(match[2])}"


def _clock(match: re.Match[str]) -> str:
    minutes = "" if match["minutes"] == "00" else f":{match['minutes']}"
    return f"{match['hour'].removeprefix('0') or '0'}{minutes} {match['half']}"


def _times(match: re.Match[str]) -> str:
    begin, end = match["begin"], match["end"]
    if all(re.fullmatch(r"\d\d\.\d\d", time) for time in (begin, end)):
        return f"{begin} to {end}".replace(".", ":")
    return f"{begin} to {end}" if re.search(r"[:aApP]", begin + end) else match[0]


_TIME = rf"{_CLOCK}(?:[:.][0-5]\d)?(?:\s?(?:{_HALF}))?"
_ORDINAL = r"(?P<ordinal>st|nd|rd|th|ST|ND|RD|TH)?"

RULES: list[Rule] = [
    (re.compile(rf"\b({_MONTH})\.?{DASH}({_MONTH})\b"), _months),
    # 14-MAY-2027, 12MAY2027, 12 JUN 27, 21st of Jan 2026, 24-26 Dec
    (
        re.compile(
            rf"{_NOT_IN_CODE}(?:(?P<first>\d\d?){DASH})?(?P<day>\d\d?){_ORDINAL}(?P<of> of)?[ ./-]{{0,2}}(?P<month>{_MONTH})(?![A-Za-z])\.?"
            rf"(?:(?P<gap>{_GAP})(?P<year>{_YEAR}|\d\d)(?!\w){_NO_TIME})?"
        ),
        _day_month,
    ),
    # NOV2021, MAY 2027
    (re.compile(rf"\b(?P<month>{_MONTH})(?![A-Za-z])\.?{_GAP}(?P<year>{_YEAR})(?!\w){_NO_TIME}"), _month_year),
    # Dec 24, 2025, FEB/21/21, JUN-27
    (
        re.compile(
            rf"\b(?P<month>{_MONTH})(?![A-Za-z])\.?{_GAP}(?P<day>\d\d?){_ORDINAL}(?!\w)(?![\d:%€£$]|\.\d|,\d)"
            rf"(?:[ .,/'’-]{{1,2}}(?P<year>{_YEAR}|(?<=[/.'’-])\d\d)(?!\w){_NO_TIME})?"
        ),
        _month_day,
    ),
    (
        re.compile(
            rf"{_NOT_IN_CODE}(?P<year>{_YEAR})(?P<mark>[-/.])(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)(?![\w/-]|\.\d)"
        ),
        _year_first,
    ),
    (
        re.compile(
            rf"{_NOT_IN_CODE}(?P<one>\d\d?) ?(?P<mark>[-/.]) ?(?P<two>\d\d?) ?(?P=mark) ?(?P<year>{_YEAR}|\d\d)"
            r"(?![\w/-]|[.,]\d)"
        ),
        _figures,
    ),
    (re.compile(rf"{_NOT_IN_CODE}(?P<month>0[1-9]|1[0-2])[/.-](?P<year>{_YEAR})(?![\w/-]|[.,]\d)"), _month_of_figures),
    (re.compile(rf"{_NOT_IN_CODE}(?P<month>[1-9])/(?P<year>{_YEAR})(?![\w/-]|[.,]\d)"), _month_of_figures),
    (
        re.compile(rf"(?P<label>(?i:\b{_LABEL}))(?P<year>{_YEAR})[-/.](?P<month>0[1-9]|1[0-2])(?![\w/-]|[.,]\d)"),
        lambda match: match["label"] + _month_of_figures(match),
    ),
    (re.compile(rf"(?i:\b({_LABEL}))(\d\d?)[/.-](\d\d)(?![\w/-]|[.,]\d)"), _month_short),
    (re.compile(rf"{_NOT_IN_CODE}(0[1-9])/(\d\d)(?![\w/-]|[.,]\d)"), _month_short),
    (re.compile(rf"\b{_DAY}\b\.?(?:(?:{DASH}| ?[/,&+] ?| and | to ){_DAY}\b)+"), _days),
    (
        re.compile(
            rf"(?<![Tt]he )\b{_DAY}\b\.?(?=,? ?(?:\d|{_MONTH}\b)|:| (?i:closed)| & [A-Z])"
            rf"|\b(?:Tue|Tues|Thu|Thur|Thurs|Weds|Fri)\b\.?(?!-)|(?<=losed ){_DAY}\b|(?<=LOSED ){_DAY}\b"
        ),
        _days,
    ),
    (re.compile(rf"(?<=day )(\d\d?){DASH}(\d\d?)\b(?![\d/-]|[.:]\d)"), r"\1 to \2"),
    (re.compile(r"\b24 ?/ ?7\b(?!/)"), "24 7"),
    (re.compile(rf"{_NOT_IN_CODE}({_CLOCK})[hH]([0-5]\d)\b"), r"\1:\2"),
    (re.compile(r"(?<![\w.,:/-])([01]\d|2[0-3])([0-5]\d) ?(?:hrs?|h)\b"), r"\1:\2 hours"),
    (
        re.compile(
            rf"(?<![\w.,:/-])(?<!\d )(?P<begin>{_TIME}){DASH}(?P<end>{_TIME})(?![\w:/-]|[.,]\d| ?(?:kg|g|ml|l|cm|m|mm)\b)"
        ),
        _times,
    ),
    (re.compile(rf"(?<![\w.,:/-])(?P<hour>{_CLOCK})[.:](?P<minutes>[0-5]\d) ?(?P<half>{_HALF})"), _clock),
]
