"""Whether an answer is one of those that count as right, in three ways of looking at it.

Exactly: equation 26 of the RPIQ paper. Whatever its case: what VLMEvalKit counts for OCR-VQA, and so what the numbers of the
paper's table 2 are. Normalized: as the VQA evaluation (Antol et al. 2015) has it, which forgives articles and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_ARTICLES = {"a", "an", "the"}
_NUMBERS = {"none": "0"} | {
    word: str(number) for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
_CONTRACTIONS = {
    word.replace("'", ""): word
    for word in (
        "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've "
        "he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've "
        "o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's "
        "someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've "
        "there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's "
        "what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've "
        "wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've"
    ).split()
}
"""By what is left of them without apostrophes, wherever some of these are missing."""


@dataclass(frozen=True)
class Match:
    """One answer, looked at in three ways."""

    exact: bool
    caseless: bool
    normalized: bool


def match(answer: str, accepted: Sequence[str]) -> Match:
    """Whether `answer` agrees with any of the accepted ones. White space around either never counts."""
    return Match(
        exact=answer.strip() in {one.strip() for one in accepted},
        caseless=answer.strip().lower() in {one.strip().lower() for one in accepted},
        normalized=normalize(answer) in {normalize(one) for one in accepted},
    )


def normalize(text: str) -> str:
    """Lower case, without punctuation and articles, numbers to ten as digits, contractions with their apostrophes.

    A mark of punctuation that touches white space somewhere in the text vanishes wherever it is, another becomes a blank; in
    a text with a number like 1,000 all of them vanish. A full stop goes unless a digit follows.
    """
    text = text.replace("\n", " ").replace("\t", " ").strip()
    number = _COMMA_IN_NUMBER.search(text) is not None
    plain = text
    for mark in _PUNCTUATION:
        vanishes = number or f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if vanishes else " ")
    words = [_NUMBERS.get(word, word) for word in _FULL_STOP.sub("", plain).lower().split()]
    return " ".join(_CONTRACTIONS.get(word.replace("'", ""), word) for word in words if word not in _ARTICLES)
