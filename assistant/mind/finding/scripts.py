"""Which letters a text is written in: the voice can say Latin ones, and should say what it leaves out."""

from __future__ import annotations

import unicodedata
from collections import Counter

_NAMES = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CYRILLIC": "Cyrillic",
    "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew", "THAI": "Thai", "DEVANAGARI": "Devanagari",
}  # fmt: skip
"""First word of a character's Unicode name, and what to call its letters."""
LEAST_LETTERS = 3
"""Fewer foreign letters than this are taken for misread marks."""


def latin_share(text: str) -> float:
    """Share of Latin letters among the letters of `text`; 1 when it has no letters."""
    kinds = _kinds(text)
    return kinds["LATIN"] / kinds.total() if kinds else 1.0


def foreign(text: str) -> str:
    """What to call the letters of `text` that are not Latin, the most frequent ones; empty if there are hardly any."""
    kinds = _kinds(text)
    names: Counter[str] = Counter()
    for kind, count in kinds.items():
        if kind in _NAMES:
            names[_NAMES[kind]] += count
    if names.total() < LEAST_LETTERS:
        return ""
    return "Japanese" if "Japanese" in names else names.most_common(1)[0][0]


def _kinds(text: str) -> Counter[str]:
    return Counter(unicodedata.name(letter, "?").split()[0].split("-")[0] for letter in text if letter.isalpha())
