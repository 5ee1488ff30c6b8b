"""Text as printed → text as said: numbers, money, dates, codes, abbreviations, signs.

Only what goes to the voice passes through here; the printed answer is never changed. Both voices speak by espeak-ng's
rules, and a rule stands in `written` only where those were heard to fail: words in capitals need none (of the 5,447
commonest words of book titles, six sound different in capitals), nor do per cent and ordinal numbers.
"""

from __future__ import annotations

import re

from assistant.sound.speaking.written import codes, days, figures, measures, money, words
from assistant.sound.speaking.written.codes import digit_by_digit

__all__ = ["as_spoken", "digit_by_digit"]

_RULES: list[figures.Rule] = [
    (re.compile(r"[^\S\n]+"), " "),
    *codes.ADDRESSES,
    (re.compile(r"[☑☒✓✔]|\[[xX✓]\]"), " ticked: "),
    (re.compile(r"☐|\[ ?\]"), " not ticked: "),
    # piper would take [[...]] for phonemes; the other marks would be named aloud.
    (re.compile(r"[\[\]{}|•·*_^\\]+"), " "),
    # An option of a command, which somebody may have to type.
    (re.compile(r"(?<!\S)--(?=[a-z])"), "dash dash "),
    *codes.LABELLED,
    *days.RULES,
    *figures.THOUSANDS,
    *measures.FRACTIONS,
    *measures.PER,
    *money.RULES,
    *codes.TELEPHONES,
    figures.ranges(measures.UNIT),
    *measures.RULES,
    *codes.SERIALS,
    *figures.RULES,
    *words.RULES,
    (re.compile(r"  +"), " "),
]


def as_spoken(text: str) -> str:
    """`text` as a person would say it, for a voice; the same words, only written out."""
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    return text
