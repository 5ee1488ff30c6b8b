"""Reading aloud: a page as a list of sentences one can step through, its headings, and words said letter by letter.

Recognising the text is the work of `reader.py`, saying it that of `mouth.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.mind.finding import medicine, scripts
from assistant.mind.finding.cover import headings as heading_spans
from assistant.mind.finding.grounding import MOSTLY, Answer
from assistant.mind.understanding.question import understand
from assistant.picture.page import Page
from assistant.sound.speaking.phrases import ALSO_OTHER_SCRIPT, not_read, plain, reading
from assistant.sound.speaking.pronounce import digit_by_digit
from assistant.sound.speaking.voice import pieces

_ALIKE = {
    "0": "zero",
    "O": "capital letter O",
    "o": "small letter o",
    "1": "one",
    "l": "small letter L",
    "I": "capital letter I",
}
"""Said so that nobody takes one for the other."""
_SIGNS = {
    ".": "dot", ",": "comma", "@": "at", "-": "dash", "/": "slash", ":": "colon", "%": "percent", "&": "and", "+": "plus",
    "#": "hash", "_": "underscore", "'": "apostrophe", "(": "bracket", ")": "bracket", "$": "dollar", "£": "pound", "€": "euro",
}  # fmt: skip
_WHOLE = understand("read everything")
MOST_SPELLED = 60
"""Letters; more is not spelled but cut into what one can write down."""


def sentences_of(page: Page) -> list[str]:
    """Everything on the page that the voice can say, in the order in which one reads; a medicine's label as it is printed."""
    if medicine.looks_like_medicine(page):
        return pieces(medicine.verbatim(_WHOLE, page).said)
    foreign = scripts.foreign(page.text)
    blocks = [
        " ".join(row.text for row in block.rows if scripts.latin_share(row.text) >= MOSTLY) for block in page.blocks
    ]
    worth = [text for text in blocks if sum(map(str.isalnum, text)) >= 2] or [text for text in blocks if text]
    said = [part for text in worth for part in pieces(reading([text]))]
    also = [ALSO_OTHER_SCRIPT.format(foreign)] if foreign else []
    return [*said, *also, *([not_read(page.unread_places)] if page.unread else [])]


def headings_of(page: Page) -> list[str]:
    """The headings alone, from top to bottom."""
    return [f"{plain(span.text)}." for span in heading_spans(page)]


def spelled(text: str) -> list[str]:
    """`text` letter by letter, a sentence for each word; what looks alike in print is told apart by name."""
    letters = 0
    said = []
    for word in plain(text).split():
        letters += len(word)
        if letters > MOST_SPELLED:
            said.append("And more.")
            break
        mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
        said.append(", ".join(_letter(letter, mixed) for letter in word) + ".")
    return said


def _letter(letter: str, mixed: bool) -> str:
    if mixed and letter in _ALIKE:
        return _ALIKE[letter]
    return _SIGNS.get(letter, letter.upper())


def number_by_number(text: str) -> list[str]:
    """The figures in `text`, each digit by itself; no sentence where there are none."""
    return [f"{digit_by_digit(found)}." for found in re.findall(r"\+?\d[\d .,:/()–-]*\d|\d", text)]


def printed_words(given: Answer) -> str:
    """The words of an answer that stand in the picture, which is what somebody wants spelled; all words where none does."""
    printed = {_bare(word) for line in given.evidence for word in line.text.split()}
    return " ".join(word for word in given.text.split() if _bare(word) in printed) or given.text


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'()").casefold()


def shortened(text: str, most: int) -> tuple[list[str], list[str]]:
    """The first `most` sentences, and the rest."""
    parts = [part for part in re.split(r"(?<=[.!?])\s+(?=\S)", " ".join(text.split())) if part]
    whole: list[str] = []
    for part in parts:  # a sentence of one word, as in "Dr. Who", belongs to the next
        if whole and len(whole[-1].split()) == 1:
            whole[-1] = f"{whole[-1]} {part}"
        else:
            whole.append(part)
    return whole[:most], whole[most:]


def position(at: int, sentences: Sequence[str]) -> str:
    """Where one is in a reading."""
    return f"Sentence {min(at + 1, len(sentences))} of {len(sentences)}."
