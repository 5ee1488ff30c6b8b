"""Words that the recogniser ran together are parted and those that it tore are joined, by a word list and the gaps.

Names, numbers, codes and addresses stay as they were read: only pure letters are touched, and only into known words.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import pairwise

from symspellpy import SymSpell

from assistant.picture.reading.recogniser import Reading

LEAST_LETTERS = 5
"""Shorter ones are not parted."""
LIKELY, LIKELY_OF_MANY = -0.85, -1.2
"""Logarithm (base 10) of the words' probability, per letter, plus `GAP_WEIGHT` for each usual gap more between them: above
this a token is parted into two words; chance seldom makes three."""
GAP_WEIGHT = 0.5
NARROW, WIDE = 0.75, 2.0
"""Gap between two letters, in the usual gaps of that token: words are not parted at a narrower one; a name (Northfield) is
parted only at a wide one."""
COMMON = 5e8
"""Count in the word list from which two letters are a word: of, to, in."""
_ADDRESS = re.compile(r"[@/\\]|www|\d|\.[a-z]")
_DOTS = re.compile(r"(?<=[A-Z]\.)(?=[A-Z]{3})|(?<=[a-z]{2}[.!?,;])(?=[A-Z][a-z])")
"""Where a sentence or initials end without a space: "sold.This", "S.H.H.MOTOR"."""
_CASES = re.compile(r"[A-Z]{3}(?=(?:of|the|and|in|for|to|on|by)$)|[A-Z]{2}(?=[A-Z][a-z]{2})")
"""Where the case tells: "OCBCBank", "CHILDof"; "iPhone" and "PCs" stay."""


@cache
def _words() -> SymSpell:
    """82,765 English words with their counts in books."""
    words = SymSpell(max_dictionary_edit_distance=0)
    with resources.as_file(resources.files("symspellpy") / "frequency_dictionary_en_82_765.txt") as path:
        words.load_dictionary(path, 0, 1)
    return words


def known(word: str) -> bool:
    """Whether this is an English word, in any case."""
    return word.lower() in _words().words


def mended(reading: Reading) -> Reading:
    """`reading` with spaces where words were run together and without those inside a word."""
    return _parted(_joined(reading))


def _parted(reading: Reading) -> Reading:
    cuts: list[int] = []
    for token in re.finditer(r"\S+", reading.text):
        if _ADDRESS.search(token[0]):
            continue
        cuts += [token.start() + dot.start() for dot in _DOTS.finditer(token[0])]
        for run in re.finditer(r"[^\W\d_]+", token[0]):
            start = token.start() + run.start()
            cuts += [start + cut for cut in _cuts(run[0], reading.places[start : start + len(run[0])])]
    if not cuts:
        return reading
    pieces = [slice(start, end) for start, end in pairwise([0, *sorted(cuts), len(reading.text)])]
    space: tuple[float, ...] = (1.0,)
    sure, places = reading.sure[pieces[0]], reading.places[pieces[0]]
    for piece in pieces[1:]:
        sure += space + reading.sure[piece]
        places += places[-1:] + reading.places[piece]
    return replace(reading, text=" ".join(reading.text[piece] for piece in pieces), sure=sure, places=places)


def _cuts(run: str, places: tuple[float, ...]) -> list[int]:
    """Where a run of letters is to be parted: by its case, else into words."""
    by_case = [match.end() for match in _CASES.finditer(run)]
    if by_case or len(run) < LEAST_LETTERS or not run.isascii() or known(run):
        return by_case
    found = _words().word_segmentation(run, max_edit_distance=0)
    parts = found.segmented_string.split()
    if len(parts) == 1 or not all(map(_a_word, range(len(parts)), parts)):
        return []
    gaps = [after - before for before, after in pairwise(places)]
    cuts = [sum(map(len, parts[:count])) for count in range(1, len(parts))]
    gap = min(gaps[cut - 1] for cut in cuts) / max(statistics.median(gaps), 1e-9)
    least = WIDE if run[1:].islower() and run[0].isupper() else NARROW
    likely = found.log_prob_sum / len(run) + GAP_WEIGHT * (gap - 1)
    return cuts if gap >= least and likely > (LIKELY if len(parts) == 2 else LIKELY_OF_MANY) else []


def _a_word(place: int, part: str) -> bool:
    if len(part) == 1:
        return place == 0 and part in "aA"
    return known(part) and (len(part) > 2 or _words().words[part.lower()] >= COMMON)


def _joined(reading: Reading) -> Reading:
    """Without the space in "Hal lmark": the halves are no words, the whole is one."""
    text, sure, places = reading.text, list(reading.sure), list(reading.places)
    for match in reversed(list(re.finditer(r"(?<![^\s(])(?=([A-Za-z]+) ([A-Za-z]{2,})(?![^\s.,;:!?)]))", text))):
        first, second = match[1], match[2]
        torn = second.islower() or (first.isupper() and second.isupper() and not known(first))
        if torn and not known(second) and known(first + second):
            space = match.end(1)
            text = text[:space] + text[space + 1 :]
            del sure[space], places[space]
    return replace(reading, text=text, sure=tuple(sure), places=tuple(places))
