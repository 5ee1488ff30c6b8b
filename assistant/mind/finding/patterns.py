"""What dates, amounts, prices, telephone numbers and the like look like in print."""

from __future__ import annotations

import re

_MONTH = (
    r"(?:jan(?:uary|vier|uar)?|feb(?:ruary|ruar)?|f[ée]v(?:rier)?|mar(?:ch|s)?|m[äa]rz|apr(?:il)?|avr(?:il)?|ma[iy]|june?|juin|juni"
    r"|july?|juillet|juli|aug(?:ust)?|ao[ûu]t|sept?(?:ember|embre)?|oct(?:ober|obre)?|okt(?:ober)?|nov(?:ember|embre)?"
    r"|dec(?:ember)?|d[ée]c(?:embre)?|dez(?:ember)?)\b\.?"
)
_YEAR = r"(?:19|20)\d\d"
DATE = re.compile(
    rf"\b\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:{_YEAR}|\d\d)\b|\b{_YEAR}[/.\-]\d{{1,2}}[/.\-]\d{{1,2}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.? ?{_MONTH}(?:[ ,]*{_YEAR})?|\b{_MONTH} ?\d{{1,2}}(?:st|nd|rd|th)?(?:[ ,]+{_YEAR})?\b"
    rf"|\b{_MONTH} ?{_YEAR}\b|\b(?:0?[1-9]|1[0-2])/{_YEAR}\b",
    re.IGNORECASE,
)
EXPIRES = re.compile(
    r"\b(?:exp\w*|best (?:before|by|if)\b.*|use[ -]?by|use before|sell by|bbe?|mhd|tht|dlc|ddm|per|bäst före|haltbar|valid until"
    r"|consum\w* .*|à consommer .*|da consumarsi .*|verw\w*)\b",
    re.IGNORECASE,
)
MADE = re.compile(
    r"\b(?:mf[gd]|manuf\w*|made|prod\w*|pkd|packed|pack(?:ing|aged)|fab\w*|hergestellt|abgepackt|born|lot|batch|ch)\b",
    re.IGNORECASE,
)
"""Labels of dates: until when a thing is good, and what is none of that."""
TIME = re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\b\.?)?|\b\d{1,2} ?[ap]\.?m\b", re.IGNORECASE)
CURRENCY = r"(?:US\$|\$|€|£|¥|RM|Rp\.?|EUR|USD|GBP|MYR|CHF)"
MONEY = re.compile(
    rf"{CURRENCY} ?\d{{1,3}}(?:[,.]\d{{3}})*(?:[.,]\d\d)?(?!\d)|{CURRENCY} ?\d+(?:[.,]\d\d)?(?!\d)"
    rf"|(?<![\d.,/:\-])-?\d{{1,3}}(?:,\d{{3}})*[.,]\d\d(?![\d%/:])(?: ?[€£])?|(?<![\d.,/:\-])\d+[.,]\d\d(?![\d%/:])(?: ?[€£])?"
    r"|(?<![\d.,/:\-])\d{1,3}(?:[,.]\d{3})+(?![\d%])",
)
PERCENT = re.compile(r"\d+(?:[.,]\d+)? ?%")
AMOUNT = re.compile(r"\d+(?:[.,]\d+)? ?(?:mg|mcg|µg|g|kg|ml|cl|dl|l|oz|fl oz|lb|kcal|kj|iu|cm|mm|m)\b", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.,/])\d{1,3}(?:,\d{3})+(?![\w])|(?<![\w.,/])\d+(?:\.\d+)?(?![\w%])")
PHONE = re.compile(r"(?<![\d-])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{2,4})[ .-]{1,2}\d{3,4}[ .-]?\d{3,4}(?!\d)")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
WEBSITE = re.compile(
    r"\b(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|co|uk|de|fr|my)(?:/\S*)?\b",
    re.IGNORECASE,
)
_COUNTED = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
DURATION = re.compile(rf"\b(?:within |for |up to )?{_COUNTED} ?(?:hour|day|week|month|year|minute)s?\b", re.IGNORECASE)
ORDINAL = re.compile(
    r"\b(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|new|revised)\b",
    re.IGNORECASE,
)


_DATED = re.compile(
    r"\d[/.\- ]\d|(?:jan|feb|fév|mar|mär|apr|avr|ma[iy]|ju[nl]|jui|aug|aoû|sep|o[ck]t|nov|de[cz]|déc)|\b(?:19|20)\d\d\b|\d{6}",
    re.IGNORECASE,
)


def is_date(text: str) -> bool:
    """Whether a day, a month or a year stands in `text`, in whatever form: "12MAY27", "03/27"; a time alone is none."""
    bare = TIME.sub(" ", text)
    return sum(map(str.isdigit, bare)) >= 3 and _DATED.search(bare) is not None
