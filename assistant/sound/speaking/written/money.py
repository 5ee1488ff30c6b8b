"""Prices: the currency's sign or code before or behind, thousands, cents, millions, from–to."""

from __future__ import annotations

import re

from assistant.sound.speaking.written.figures import DASH, Rule, any_of, counted

# One, many, one hundredth, many of them; no hundredths where none are printed, or their name is not to be told.
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("US dollar", "US dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "S$": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "NT$": ("Taiwan dollar", "Taiwan dollars", "cent", "cents"),
    "R$": ("real", "reais", "centavo", "centavos"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "RM": ("ringgit", "ringgit", "sen", "sen"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "kr": ("kroner", "kroner", "øre", "øre"),
    "zł": ("zloty", "zloty", "groszy", "groszy"),
    "Kč": ("koruna", "koruna", "", ""),
    "Ft": ("forint", "forint", "", ""),
    "₩": ("won", "won", "", ""),
    "₺": ("lira", "lira", "kurush", "kurush"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "฿": ("baht", "baht", "satang", "satang"),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "₦": ("naira", "naira", "kobo", "kobo"),
    "₫": ("dong", "dong", "", ""),
    "₽": ("rouble", "roubles", "kopek", "kopeks"),
    "₴": ("hryvnia", "hryvnia", "", ""),
    "Rp": ("rupiah", "rupiah", "", ""),
    "R": ("rand", "rand", "cent", "cents"),
    "AED": ("dirham", "dirhams", "fils", "fils"),
    "SEK": ("Swedish krona", "Swedish kronor", "öre", "öre"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "øre", "øre"),
    "DKK": ("Danish krone", "Danish kroner", "øre", "øre"),
}
for _code, _sign in {
    "USD": "US$", "AUD": "A$", "CAD": "C$", "NZD": "NZ$", "SGD": "S$", "HKD": "HK$", "GBP": "£", "EUR": "€", "Eur": "€",
    "JPY": "¥", "INR": "₹", "Rs.": "₹", "Rs": "₹", "MYR": "RM", "Fr.": "CHF", "SFr.": "CHF", "kr.": "kr", "PLN": "zł",
    "CZK": "Kč", "HUF": "Ft", "KRW": "₩", "TRY": "₺", "TL": "₺", "ILS": "₪", "THB": "฿", "PHP": "₱", "ZAR": "R",
    "AU$": "A$", "CA$": "C$", "BRL": "R$", "IDR": "Rp", "Dhs": "AED", "Dhs.": "AED", "RUB": "₽", "UAH": "₴",
}.items():  # fmt: skip
    _CURRENCIES[_code] = _CURRENCIES[_sign]
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "mn": "million", "M": "million", "million": "million",
           "bn": "billion", "B": "billion", "billion": "billion", "tn": "trillion", "trillion": "trillion"}  # fmt: skip

_BEHIND = set(_CURRENCIES) - {"RM", "R", "R$", "Rs.", "Rs", "Rp", "TRY"}
"""Those that may stand behind their amount. `21.20 RM 5kg` is no price of 21.20."""
# With gaps between thousands only where no point follows: "200 165.00 €" is two figures, "1 200 €" and "1 200,50 €" one.
_GAPS = r"(?:\d{1,2}(?: \d{3}){1,4}|\d{3}(?: 000){1,4})(?![\d.])"
# One point before three digits may be either, as in a litre of petrol at 1.579.
_POINTS = r"\d{1,3}(?:\.\d{3}){1,6}(?=,\d)|\d{1,3}(?:\.\d{3}){2,6}"
_WHOLE = rf"\d{{1,3}}(?:[,'’]\d{{3}}){{1,6}}|{_POINTS}|\d{{1,2}}(?:,\d\d){{1,6}},\d{{3}}|{_GAPS}|\d{{1,15}}"
_AMOUNT = rf"(?P<whole>{_WHOLE})(?:[.,](?P<cents>\d{{1,6}}|[-–—]{{1,2}})|[/:][-–—](?!\w))?(?![.,]?\d)"
_SCALE = rf"(?:\s?(?P<scale>{any_of(_SCALES)})\b(?!\s?\d))?"
_ENDS = r"(?!(?<=\d)[^\W\d_]|\s?(?:mg|g|kg|ml|cl|l|oz|lb|(?:milli|kilo|centi)?(?:gram|litre)s?|ounces?)\b)"
# R22 is a name, R 89.99 a price.
_SIGN = any_of(set(_CURRENCIES) - {"R"}) + r"|R(?=\s?[\d ,]{1,12}\.\d\d\b)"
_NOT_IN_WORD = r"(?<![\w$])"


def _second(pattern: str) -> str:
    return re.sub(r"\?P<(\w+)>", r"?P<\1_to>", pattern)


def _said(match: re.Match[str], sign: str, suffix: str = "", bare: bool = False) -> str:
    """The amount in the groups `whole`, `cents` and `scale` of `match`; `bare`: without its currency."""
    whole, cents, scale = _digits(match["whole" + suffix]), match["cents" + suffix], match["scale" + suffix]
    one, many, small, smalls = _CURRENCIES[sign]
    printed = f"{int(whole):,}" if int(whole) >= 1_000_000 else whole
    if scale or (cents and cents.isdigit() and (len(cents) != 2 or (int(cents) and not small))):
        number = f"{printed}.{cents}" if cents else printed
        said = f"{number} {_SCALES[scale]}" if scale else number
        return said if bare else f"{said} {many}"
    pennies = int(cents) if cents and cents.isdigit() else 0
    if not pennies:
        return printed if bare else f"{printed} {counted(whole, one, many)}"
    said = f"{pennies} {counted(str(pennies), small, smalls)}"
    return said if int(whole) == 0 else f"{printed} {counted(whole, one, many)} and {said}"


def _digits(whole: str) -> str:
    """Digits alone, without a nought in front."""
    return re.sub(r"\D", "", whole).lstrip("0") or "0"


def _price(match: re.Match[str]) -> str:
    minus = "minus " if match["minus"] or match.groupdict().get("minus_amount") else ""
    if not match["whole_to"]:
        return minus + _said(match, match["sign"])
    # 5 to 10 pounds, but 5 pounds and 20 pence to 10 pounds
    bare = not (match["cents"] or "").strip("0-–—")
    return f"{minus}{_said(match, match['sign'], bare=bare)} to {_said(match, match['sign'], '_to')}"


def _pence(match: re.Match[str]) -> str:
    many = "pence" if match[2] == "p" else "cents"
    return f"{match[1]} {counted(match[1], 'penny' if many == 'pence' else 'cent', many)}"


RULES: list[Rule] = [
    (
        re.compile(
            rf"{_NOT_IN_WORD}(?:(?<!\d)(?P<minus>[-−]\s?))?(?P<sign>{_SIGN})\s?(?P<minus_amount>[-−](?=\d))?{_AMOUNT}{_SCALE}"
            rf"(?:{DASH}(?:(?P=sign)\s?)?{_second(_AMOUNT)}{_second(_SCALE)})?{_ENDS}"
        ),
        _price,
    ),
    (re.compile(r"(?<![\w.,])(\d+)\s?€(\d\d)\b"), r"\1 euros and \2 cents"),
    (
        re.compile(
            rf"(?<![\w.,/:-])(?:(?P<minus>[-−]))?{_AMOUNT}{_SCALE}(?:{DASH}{_second(_AMOUNT)}{_second(_SCALE)})?"
            rf"\s?(?P<sign>{any_of(_BEHIND)})(?![\w$])(?!\s?\d)"
        ),
        _price,
    ),
    (re.compile(r"(?<![\w.,/:-])(\d+(?:\.\d+)?)\s?([¢￠]|(?<=\d)p\b(?!\.m)|(?<=\d\d)c\b)"), _pence),
]
