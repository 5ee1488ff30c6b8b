"""Telephone and reference numbers digit by digit, codes letter by letter, web and e-mail addresses sign by sign."""

from __future__ import annotations

import re

from assistant.sound.speaking.written.figures import Rule


def digit_by_digit(digits: str) -> str:
    """Each digit of `digits` by itself, with a pause where something is printed between them.

    A run of more than six gets a pause after every third: `5901234` → `5 9 0, 1 2 3, 4`.
    """
    groups = re.findall(r"\d+", digits)
    if len(groups) == 1 and len(groups[0]) > 6:
        groups = re.findall(r"\d{1,3}", groups[0])
    plus = "plus " if digits.startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def letter_by_letter(code: str) -> str:
    """Each letter and digit by itself, a pause where something is printed between them and in long runs.

    An A that a digit or letter follows would be the article: it gets a pause too.
    """
    groups = re.findall(r"[A-Za-z\d]+", code)
    if len(groups) == 1 and len(groups[0]) > 6:
        parts = re.findall(r"[A-Za-z]+|\d+", code)
        groups = parts if len(parts) == 2 else re.findall(r".{1,4}", groups[0])
    return re.sub(r"\bA (?=\w)", "A, ", ", ".join(" ".join(group) for group in groups))


_LABELS = (
    r"ref(?:erence)?|account|acct?|a/c|policy|order|invoice|customer|member(?:ship)?|card|sort code|pin|passcode|code|"
    r"serial|s/?n|iban|lot|batch|l|tel(?:ephone)?|phone|helpline|hotline|freephone|whatsapp|dial|fax|mob(?:ile)?|call|ring|"
    r"text|booking|ticket|case|claim|tracking|parcel|vat|reg(?:istration)?|rx|nhs|passport|licen[cs]e|flight|confirmation|isbn|ean|upc|barcode|"
    r"ext(?:ension)?|model|id|meter|permit|voucher|receipt|trans(?:action)?|docket|student|patient|employee"
)
_NUMBER_WORD = r"(?P<word>(?:[ -]?(?:no\b\.?|nos\b\.?|nr\b\.?|number|num\b\.?|id\b|code\b|#))*[.:]*)"
_DIGITS = r"(?=[A-Z./-]*\d)[A-Z\d]+(?:[-/.][A-Z\d]+)*"
_LABELLED = re.compile(
    rf"(?<![\w/])(?P<label>(?i:{_LABELS}))(?P<rest>(?i:{_NUMBER_WORD})\s{{0,2}})(?<![a-zA-Z](?=\d))"
    rf"(?P<code>(?:[A-Z]{{1,3}}[ -])?{_DIGITS}(?: {_DIGITS})*(?: [A-Z]\b(?! ))?)(?!\w|[:,.]\d|-\w|\s?[%°€])"
)
_STRICT = re.compile(
    r"dial|help|hot|free|whats|pin|code|passcode|call|ring|text|iban|ext|tel|phone|fax|mob", re.IGNORECASE
)
_NO_CODE = re.compile(
    # dates and times; prices; from-to
    r"\d{4}-\d\d?-\d\d?|\d\d?([./-])\d\d?\1\d{2,4}|\d\d?/\d{2,4}|\d{1,2}[-.]?[A-Z]{3,}[-.]?\d{2,4}|\d\d?[hH]\d\d|"
    r"\d{1,4}(?:[.,]\d{3})*[.,]\d{1,2}|\d{1,2}[/ -]\d{1,2}|\d{1,2}\.\d\d-\d{1,2}\.\d\d|[12]\d{3}-[12]\d{3}"
)
"""What may stand behind such a word and is none of its numbers."""
_NOT_INSIDE_NUMBER = r"(?<![\w.,/:-])"
_NUMBER_ENDS = r"(?![\w/:-]|[.,]\d)"


def _labelled(match: re.Match[str]) -> str:
    label, rest, code = match["label"], match["rest"], match["code"]
    digits = re.sub(r"\D", "", code)
    strict = bool(_STRICT.match(label) or match["word"])
    if (
        (_NO_CODE.fullmatch(code) and not label.lower().startswith("sort"))
        or label == "l"
        or (label == "L" and len(digits) < 4)
        or (code.isdigit() and len(code) < (3 if strict else 5) and not code.startswith("0"))
        or (len(digits) < 3 and not strict and not re.search(r"[A-Z]", code))
        or re.fullmatch(r"\w(?: \w)*", code)  # said already
    ):
        return match[0]
    said = letter_by_letter(code) if re.search(r"[A-Z]", code) else digit_by_digit(code)
    rest = re.sub(r"#|\bn(?:o|r|um)\b\.?", " number", rest.removeprefix("."), flags=re.IGNORECASE)
    return f"{label}{rest.rstrip()} {said}"


def _telephone(match: re.Match[str]) -> str:
    printed = match[0]
    if sum(map(str.isdigit, printed)) < 7 or _DATE_OR_RANGE.fullmatch(printed):
        return printed
    groups = re.findall(r"\d+", printed)
    if len(groups) > 3 and len("".join(groups)) > 8 and max(map(len, groups)) > 2:
        return digit_by_digit(printed)
    looks_dialled = printed[0] in "+(0" or "-" in printed or re.fullmatch(r"\d{4}(?: \d{4}){2,}", printed)
    return digit_by_digit(printed) if looks_dialled else printed


_DATE_OR_RANGE = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d?-\d\d?-\d{4}|[12]\d{3}\s?[-–]\s?[12]\d{3}|\d+0\s?[-–]\s?\d+0|\d+(?:\s[-–]\s|–)\d+"
)


def _serial(match: re.Match[str]) -> str:
    code = match[0]
    switches = len(re.findall(r"(?<=[A-Z])(?=\d)|(?<=\d)(?=[A-Z])", code))
    letters = len(re.findall("[A-Z]", code))
    digits = len(re.findall(r"\d", code))
    if re.search("[A-Z]{5}", code):  # a word
        return code
    is_code = (switches > 1 and len(code) > 3) or (letters and digits > 3 and len(code) > 5)
    return letter_by_letter(code) if is_code else code


def _address(match: re.Match[str]) -> str:
    said = match[0]
    for sign, name in {"@": "at", ".": "dot", "/": "slash", "_": "underscore", "-": "dash", "+": "plus", "?": "question mark",
                       "=": "equals", "&": "and", "#": "hash", "%": "percent", ":": "colon", "~": "tilde"}.items():  # fmt: skip
        said = said.replace(sign, f" {name} ")
    said = re.sub(r"(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[a-zA-Z])", " ", said)
    return re.sub(r"  +", " ", said).strip()


_TOP = "com|org|net|edu|gov|info|biz|io|eu|uk|de|fr|es|nl|ch|se|dk|fi|pl|ie|ca|au|nz|sg|jp|cn|br|za|pt|gr|cz"
"""None that is a word, for a space may be missing after a full stop: "Push.It opens"."""

ADDRESSES: list[Rule] = [
    (re.compile(r"https?://", re.IGNORECASE), ""),
    (re.compile(r"(?<![\w.+-])\w[\w.+-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}\b"), _address),
    (
        re.compile(
            r"(?<![\w@.-])(?:www\.[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"
            rf"|[a-zA-Z][\w-]{{0,62}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{_TOP})\b(?![.-]?\w))"
            r"(?:/[\w./?=&%#~+-]*[\w/])?"
        ),
        _address,
    ),
]
LABELLED: list[Rule] = [(_LABELLED, _labelled)]
SERIALS: list[Rule] = [
    (re.compile(r"\b[A-Z]{2}\d\d(?: [A-Z\d]{4}){3,}(?: [A-Z\d]{1,4})?\b"), lambda match: letter_by_letter(match[0])),
    (
        re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]{2}\d\d [A-Z]{3}\b"),
        lambda match: letter_by_letter(match[0]),
    ),
    (re.compile(r"(?<![\w-])(?=[A-Z-]{0,40}\d)(?=[\d-]{0,40}[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*\b(?![-/.:]\w)"), _serial),
]
TELEPHONES: list[Rule] = [
    (re.compile(_NOT_INSIDE_NUMBER + r"\d\d(?:\.\d\d){3,}\b(?!\.?\d)"), lambda match: digit_by_digit(match[0])),
    (re.compile(_NOT_INSIDE_NUMBER + r"\d{3}\.\d{3}\.\d{4}\b"), lambda match: digit_by_digit(match[0])),
    (re.compile(_NOT_INSIDE_NUMBER + r"[+(]{0,2}\d(?:[\d ()–-]|/(?=\d{4}))*\d" + _NUMBER_ENDS), _telephone),
    (
        re.compile(_NOT_INSIDE_NUMBER + r"(?:(?!\d+0000\b)\d{7,}|0\d{2,})" + _NUMBER_ENDS),
        lambda match: digit_by_digit(match[0]),
    ),
]
