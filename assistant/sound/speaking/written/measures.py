"""Figures with units: weights, volumes, lengths, times, degrees; fractions of them, `per`, and `20 x 30 cm`."""

from __future__ import annotations

import re

from assistant.sound.speaking.written.figures import NUMBER, VULGAR, Rule, any_of, counted, part_of_one, plain

_NAMES = {
    "mg": "milligram", "mcg": "microgram", "µg": "microgram", "μg": "microgram", "g": "gram", "gm": "gram",
    "gr": "gram", "kg": "kilogram", "kgs": "kilogram", "ml": "millilitre", "cl": "centilitre", "dl": "decilitre",
    "l": "litre", "L": "litre", "ltr": "litre", "mm": "millimetre", "cm": "centimetre", "m": "metre",
    "km": "kilometre", "kJ": "kilojoule", "kcal": "kilocalorie", "cal": "calorie", "oz": "ounce", "fl oz": "fluid ounce",
    "fl. oz": "fluid ounce", "lb": "pound", "lbs": "pound", "IU": "international unit", "ft": "foot", "yd": "yard",
    "mi": "mile", "tsp": "teaspoon", "tbsp": "tablespoon", "pt": "pint", "qt": "quart", "gal": "gallon", "h": "hour",
    "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second", "ms": "millisecond",
    "wk": "week", "wks": "week", "yr": "year", "yrs": "year", "mth": "month", "mths": "month", "W": "watt",
    "kW": "kilowatt", "kWh": "kilowatt hour", "V": "volt", "mA": "milliamp", "mAh": "milliamp hour", "Hz": "hertz",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "dB": "decibel", "kB": "kilobyte", "KB": "kilobyte",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "Mbps": "megabit per second", "mmol": "millimole",
    "mph": "mile per hour", "km/h": "kilometre per hour", "kmh": "kilometre per hour", "kph": "kilometre per hour",
    "bpm": "beat per minute", "rpm": "revolution per minute", "mmHg": "millimetre of mercury", "m²": "square metre",
    "m2": "square metre", "sq m": "square metre", "sqm": "square metre", "cm²": "square centimetre",
    "km²": "square kilometre", "sq ft": "square foot", "sq. ft": "square foot", "m³": "cubic metre", "m3": "cubic metre",
    "cm³": "cubic centimetre", "ha": "hectare", "pcs": "piece", "pkt": "packet", "pkts": "packet", "tab": "tablet",
    "tabs": "tablet", "caps": "capsule", "mol": "mole", "px": "pixel", "kPa": "kilopascal", "°C": "degree Celsius",
    "° C": "degree Celsius", "ºC": "degree Celsius", "℃": "degree Celsius", "°F": "degree Fahrenheit",
    "° F": "degree Fahrenheit", "ºF": "degree Fahrenheit", "℉": "degree Fahrenheit", "°": "degree",
}  # fmt: skip
_IN_CAPITALS = (
    "mg",
    "mcg",
    "kg",
    "ml",
    "cl",
    "mm",
    "cm",
    "km",
    "kJ",
    "kcal",
    "oz",
    "fl oz",
    "lb",
    "lbs",
    "tsp",
    "tbsp",
)
_NAMES |= {printed.upper(): _NAMES[printed] for printed in _IN_CAPITALS}
_NAMES |= {"mL": "millilitre", "cL": "centilitre", "dL": "decilitre", "Kg": "kilogram", "Kcal": "kilocalorie"}
_NAMES |= {"Tbsp": "tablespoon", "Tsp": "teaspoon", "Hrs": "hour", "Mins": "minute", "MINS": "minute"}
_SAME = {"hertz", "kilohertz", "megahertz", "gigahertz"}


def _plural(name: str) -> str:
    first, *rest = re.split(r" (?=per |of |Celsius|Fahrenheit)", name, maxsplit=1)
    if first.endswith("foot"):
        first = first.removesuffix("foot") + "feet"
    elif first not in _SAME:
        first += "s"
    return " ".join([first, *rest])


UNITS = {printed: (name, _plural(name)) for printed, name in _NAMES.items()}
_MARKS = {'"': ("inch", "inches"), "″": ("inch", "inches")}
UNIT = any_of(UNITS)
_LENGTHS = any_of(["mm", "cm", "m", "km", "MM", "CM", "ft", "in", "px", "m²"])

_SPANS = (
    "hour|day|week|month|year|night|minute|min|second|person|adult|child|kilo|litre|liter|pound|head|item|piece|unit"
)
_AFTER_SLASH = {"h": "hour", "hr": "hour", "yr": "year", "mo": "month", "pp": "person", "s": "second", "d": "day",
                "ea": "each"}  # fmt: skip
_SAID_TWICE = [{"kj", "kcal"}, {"g", "oz"}, {"kg", "lb"}, {"kg", "lbs"}, {"ml", "fl oz"}, {"cm", "in"}, {"km", "mi"},
               {"°c", "°f"}, {"mg", "mcg"}]  # fmt: skip
"""The same in two units, parted by a stroke which does not mean `per`."""
_MONTH_BEFORE = "".join(
    f"(?<!{month} )"
    for month in "January February March April May June July August September October November December".split()
)
_COUNTED = (
    r"(?:cup|tablet|pill|capsule|teaspoon|tablespoon|pint|mile|dozen|glass|tin|can|packet|sachet|inch|pound|litre)s?"
)


def _unit(match: re.Match[str]) -> str:
    one, many = UNITS[match["unit"]]
    number = plain(match["number"]) if "," in match["number"] else match["number"]
    return f"{number} {counted(number, one, many)}"


def _per(match: re.Match[str]) -> str:
    over, number, unit = match["over"], match["number"] or "", match["unit"]
    if {over.lower(), unit.lower()} in _SAID_TWICE and number.strip() not in ("1", "100"):
        return f"{over}, {number}{unit}"
    if number:
        return f"{over} per {number}{unit}"
    said = _AFTER_SLASH.get(unit) or UNITS.get(unit, (unit,))[0]
    return f"{over} {said}" if said == "each" else f"{over} per {said}"


def _fraction(match: re.Match[str]) -> str:
    upper, lower = VULGAR[match["sign"]] if match["sign"] else (int(match["upper"]), int(match["lower"]))
    part = part_of_one(upper, lower)
    whole, unit = match["whole"], match["unit"]
    if part is None:
        return match[0]
    one, many = (UNITS | _MARKS).get(unit, (unit, unit)) if unit else ("", "")
    if whole:
        said = f"{whole} and {part if upper > 1 else 'a ' + part.removeprefix('1 ')}"
        return f"{said} {many}" if unit else said
    if not unit:
        return part
    article = "an" if one[0] in "aeiou" or one.startswith("hour") else "a"
    return f"half {article} {one}" if lower == 2 else f"{part} of {article} {one}"


def _inches(match: re.Match[str]) -> str:
    """After a figure the mark means inches, unless it closes a quotation."""
    if re.sub(r'\d ?"', "", match.string[: match.start()]).count('"') % 2:
        return match[0]
    return f"{match[1]} {counted(match[1], 'inch', 'inches')}"


def _times(match: re.Match[str]) -> str:
    """`20 x 30 cm` is 20 by 30, `6 x 330 ml` six times as much."""
    unit = match["last"] or match["first"] or ""
    by = not unit or re.fullmatch(_LENGTHS, unit) or len(re.findall("[x×X]", match[0])) > 1
    return re.sub(r"\s?[x×X]\s?", " by " if by else " times ", match[0])


_IN_A_SENTENCE = r"(?= (?!(?:and|or|at|on|from|to|in|by|until|is|was)\b)[a-z])"

FRACTIONS: list[Rule] = [
    (re.compile(r"(?i:\b(page|sheet|part|box|step|slide)) (\d+)/(\d+)(?![\w/])"), r"\1 \2 of \3"),
    (
        re.compile(
            rf"(?<![\w.,/-])(?:(?P<whole>\d+)[ -]?)?(?:(?P<sign>[{''.join(VULGAR)}])"
            r"|(?<!\d)(?P<upper>\d\d?)[/⁄](?P<lower>\d\d?)(?![\w/⁄]|[.,-]\d)"
            rf"(?(whole)|(?={_IN_A_SENTENCE}| (?:{UNIT}|CUP)\b| ?[\"″])))"
            rf"(?:[ -]?(?P<unit>(?:{UNIT}|{_COUNTED}|hour)(?!\w)|[\"″]))?"
        ),
        _fraction,
    ),
]
PER: list[Rule] = [
    (re.compile(rf"(?<=[\d ])(?P<over>{UNIT})\s?/\s?(?P<number>\d+ ?)?(?P<unit>{UNIT}|{_SPANS})(?![\w/])"), _per),
    (
        re.compile(
            r"(?P<over>(?<=[\d%€£¢])|(?<=\dp))\s?/\s?(?P<number>(?:1000? ?)?)"
            rf"(?P<unit>{UNIT}|{_SPANS}|{any_of(_AFTER_SLASH)})(?![\w/])"
        ),
        _per,
    ),
]
RULES: list[Rule] = [
    (re.compile(r"(?<![\w.,/-])(\d{2,3})/(\d{2,3} ?)(?=mmHg)"), r"\1 over \2"),
    (
        re.compile(
            rf"(?<![\w.,/-]){NUMBER}(?:\s?(?P<first>{UNIT}))?(?:\s?[x×X]\s?{NUMBER}(?:\s?(?P<last>{UNIT}))?)+(?!\w)"
        ),
        _times,
    ),
    (re.compile(r"(?<![\w.,/-])(\d+)\s?[x×](?=\s|$)"), r"\1 times"),
    (re.compile(r"(?:(?<!\w)[x×]|(?<=[a-z] )[x×] )(\d+)\b(?![.,]\d)"), r"times \1"),
    (re.compile(r"(?<![\w.,])(\d+)\s?['′’]\s?(\d+)\s?(?:\"|″|”|'')"), r"\1 feet \2 inches"),
    (re.compile(rf"(?<![\w.,\"])({NUMBER})\s?[\"″](?!\w)"), _inches),
    (
        re.compile(
            rf"(?<![\w.,])({NUMBER}) ?in(?=(?<=ft \d in)\b|(?<=ft \d\d in)\b|\s?\)|\.(?: [a-z]|,|$)|\s?[x×] ?\d)"
        ),
        _inches,
    ),
    (re.compile(r"(?<![\w.,/:-])(\d{2,} |\d{3,})G\b(?! ?\d)"), lambda match: f"{match[1].strip()} grams"),
    (
        re.compile(
            rf"(?=\d){_MONTH_BEFORE}(?<![\w.,/:])(?P<number>{NUMBER}) ?(?P<unit>{UNIT})(?!\w|['’]\w)"
            # "L 26134" is a lot, "E C 1 V, 9 H X" a code.
            r"(?!(?<=[LVWh]) ?\d(?:\d\d| \d\b)|(?<=\d [A-Z]) [A-Z\d]\b)(?<![A-Z] \d [VWL])"
            # "5 min. walk": the dot would end the sentence.
            r"(?:\.(?= [a-z\d(]))?"
        ),
        _unit,
    ),
]
