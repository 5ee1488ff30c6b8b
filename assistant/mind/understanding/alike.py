"""How alike two phrases sound, by their spelling: near enough to tell "Boss." from "pause" with a list of phrases at hand.

The spelling is rewritten as a rough row of sounds, and the rows are compared by a weighted edit distance. What is compared,
and how alike is alike enough, is the caller's.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SPELLINGS = (
    # Applied in this order; capitals are sounds that have no letter of their own.
    (r"[^a-z ]", ""), (r"\b(the|a|an)\b", "D@"), (r"\bone\b", "wan"), (r"\btwo\b", "to"), (r"\beye", "ai"),
    (r"tch|ch", "C"), (r"sch|sh|[tcs]i(?=on|ou|al)", "S"), (r"ph", "f"), (r"(?<=[au])gh\b", "f"), (r"gh", ""),
    (r"\bkn", "n"), (r"\bwr", "r"), (r"wh", "w"), (r"th", "T"), (r"ck", "k"), (r"dge?(?=[^a-z]|$)", "d"),
    (r"c(?=[eiy])", "s"), (r"g(?=[ei])", "j"), (r"c|q", "k"), (r"x", "ks"), (r"ng\b", "n"), (r"(?<=[a-zTSC])e\b", ""),
    (r"([a-zTSC])\1+", r"\1"), (r"\by", "Y"), (r"[aeiouy@]+", "a"), (r" ", ""),
)  # fmt: skip
_RULES = tuple((re.compile(pattern), sound) for pattern, sound in _SPELLINGS)
_KIN = ("pbfvm", "tdTDn", "kgj", "szSCj", "mn", "lrwY", "Tsf", "hTkp")
"""Sounds that are taken for each other, by the place in the mouth where they are made."""
_ALIKE = frozenset((one, other) for kin in _KIN for one in kin for other in kin)
_NEAR, _LIGHT, _WHOLE = 0.4, 0.4, 1.0
_LIGHT_SOUNDS = frozenset("ahwYD")
"""They come and go."""


@lru_cache(maxsize=4096)
def sounds(phrase: str) -> str:
    """`phrase` (lower case, no punctuation) as a rough row of sounds; vowels are not told apart."""
    for pattern, sound in _RULES:
        phrase = pattern.sub(sound, phrase)
    return phrase


def difference(one: str, other: str, most: float = 1.0) -> float:
    """How unlike two rows of `sounds` are: 0 for the same, 1 for nothing in common, or for more than `most`."""
    lengths = length(one), length(other)
    longer = max(lengths)
    if not longer:
        return 0.0
    if longer - min(lengths) > most * longer:
        return 1.0
    row = [0.0]
    for sound in other:
        row.append(row[-1] + _weight(sound))
    for mine in one:
        corner, row[0] = row[0], row[0] + _weight(mine)
        for at, theirs in enumerate(other, 1):
            best = min(row[at] + _weight(mine), row[at - 1] + _weight(theirs), corner + _exchange(mine, theirs))
            corner, row[at] = row[at], best
        if min(row) > most * longer:
            return 1.0
    return row[-1] / longer


@lru_cache(maxsize=4096)
def length(row: str) -> float:
    """What a row of `sounds` weighs: about the number of its consonants, and 0.4 for each vowel."""
    return sum(_weight(sound) for sound in row)


def _weight(sound: str) -> float:
    return _LIGHT if sound in _LIGHT_SOUNDS else _WHOLE


def _exchange(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return _NEAR if (one, other) in _ALIKE else _WHOLE
