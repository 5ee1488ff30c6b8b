"""Answers made only of words that were read: the likeliest words as a sentence, or that nothing fits.

The reader of answers and the finders propose and are ranked (`extraction.py`); here the sentence is put together. Below a certain
probability the answer is not given: honesty beats eloquence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assistant.mind.finding import extraction, medicine, scripts
from assistant.mind.finding.spans import LIKELY, Span, fold, matches
from assistant.mind.understanding.question import Question
from assistant.picture.displays.figures import figures
from assistant.picture.page import Line, Page, Row
from assistant.sound.speaking.phrases import (
    ALSO_OTHER_SCRIPT,
    NEEDS_EYES,
    NO_TEXT,
    OTHER_SCRIPT,
    could_read,
    not_found,
    not_read,
    plain,
    reading,
    sentence,
)

MOSTLY = 0.5
"""Share of Latin letters from which a row or a page is read aloud."""
LEGIBLE = 0.6
"""Least confidence of the lines an answer stands in."""
UNSURE_DISPLAY = "There is a display that I cannot read surely; it may say {}."

LONG, LISTED = 30, 5
"""Words of a sentence, and things in it between commas, from which it is a list that nobody wants to hear to its end."""
_NEGATIONS = frozenset("no not without never free".split())
"""Words that may turn a sentence into its opposite; not if the question has them too ("is it lactose free")."""
_TURNS = frozenset("no not never without free may might trace traces except unless".split())
"""Words that say something of all that follows: a sentence with one of them is never shortened."""

LOOKS = ("scene", "eyes")
"""Kinds of question that print cannot answer."""
NEEDS_MODEL, NOTHING_WRITTEN, NOT_FOUND = "needs a vision model", "no text", "not found in the text"
"""Reasons for which another engine may know more."""
UNCLEAR = "unclear print"
"""Reason for an answer that is offered, not told."""


@dataclass(frozen=True)
class Answer:
    """What will be spoken, and what it rests on."""

    text: str
    abstained: bool
    reason: str
    """Why there is no answer, or why it is doubtful; empty when there is one."""
    evidence: tuple[Line, ...]
    """The lines the answer stands in; when abstaining, the lines that could be read."""
    seen: str = ""
    """What the picture model said, with nothing added; empty where it was not asked."""
    rest: tuple[str, ...] = ()
    """Sentences held back, for who asks for more."""
    belief: float = 1.0
    """Probability that it is right, where that is reckoned (`ranking.py`)."""


def answer(question: Question, page: Page) -> Answer:
    """Answer `question` from `page` alone; what stands on a display that cannot be read surely is said to be so."""
    given = _answer(question, page)
    said = {figure.lstrip("-") for figure in figures(given.text)}
    unsure = [display.text for display in page.displays if not display.sure]
    shown = bool(said) and question.asks("shows?", "showing", "displays?", "screen", "reading", "meter", "scales?")
    doubtful = [text for text in unsure if shown or said & {figure.lstrip("-") for figure in figures(text)}]
    if not doubtful:
        return given
    caution = UNSURE_DISPLAY.format(" and ".join(dict.fromkeys(doubtful)))
    if (given.abstained and given.reason != UNCLEAR) or question.kind == "read":
        return replace(given, text=f"{given.text} {caution}")
    return replace(given, text=caution, abstained=True, reason=UNCLEAR)


def _answer(question: Question, page: Page) -> Answer:
    if question.kind in LOOKS:
        offered = f" {could_read(_gist(page))}" if page.lines else ""
        return Answer(f"{NEEDS_EYES}{offered}", True, NEEDS_MODEL, page.lines)
    if not page.lines:
        return Answer(NO_TEXT, True, NOTHING_WRITTEN, ())
    foreign = scripts.foreign(page.text)
    if foreign and scripts.latin_share(page.text) < MOSTLY:
        return Answer(OTHER_SCRIPT.format(foreign), True, "writing in other letters", page.lines)
    if medicine.looks_like_medicine(page):
        label = medicine.verbatim(question, page)
        return Answer(label.said, False, "", label.lines, rest=label.rest)
    if question.kind == "read":
        return _read(question, page)
    if question.kind == "whether":
        return _whether(question, page)
    found = extraction.best(question, page)
    if found is None:
        return Answer(not_found(question.kind, _gist(page)), True, NOT_FOUND, page.lines)
    one = found[0]
    if min((line.confidence for line in one.lines), default=0.0) < LEGIBLE:
        return Answer(f"I cannot read that clearly. {could_read(one.text)}", True, UNCLEAR, one.lines)
    known = bool(one.features.get("agreed") or one.features.get("finder alone"))
    return Answer(sentence(question.kind if known else "open", one.text), False, "", one.lines, belief=found[1])


def _read(question: Question, page: Page) -> Answer:
    """Everything the voice can say, block by block, and that there is more where other letters stand."""
    blocks = [[row for row in block.rows if scripts.latin_share(row.text) >= MOSTLY] for block in page.blocks]
    clear = [rows for rows in blocks if _worth_reading(rows)] or [rows for rows in blocks if rows]
    said = reading([" ".join(row.text for row in rows) for rows in clear])
    foreign = scripts.foreign(page.text)
    if foreign and not question.asks("english"):
        said = f"{said} {ALSO_OTHER_SCRIPT.format(foreign)}"
    if page.unread:
        said = f"{said} {not_read(page.unread_places)}"
    return Answer(said, False, "", tuple(line for rows in clear for row in rows for line in row.lines))


def _worth_reading(rows: Sequence[Row]) -> bool:
    """Scraps of one or two characters beside real text are noise to the ear."""
    return sum(character.isalnum() for row in rows for character in row.text) >= 2


def _whether(question: Question, page: Page) -> Answer:
    """Yes only when the words stand there. Their absence proves nothing, so there is never a "no"."""
    sentences = [Span(each.text, each.lines, matches(question.keys, each.text)) for each in page.structure.statements]
    best = max(sentences, key=lambda span: span.belief, default=None)
    if best is None or best.belief < LIKELY:
        best = max(_neighbours(question, sentences), key=lambda span: span.belief, default=best)
    if question.keys and best is not None and best.belief >= LIKELY:
        whole = _deciding(question, best.text)
        shown = whole if whole.rstrip().endswith((".", "!", "?")) else f"{plain(whole)}."
        turned = (set(fold(best.text).split()) & _NEGATIONS) - set(fold(question.text).split())
        doubtful = bool(turned) or question.asks("can i", "may i", "could i", "should i")
        return Answer(f"{'It says' if doubtful else 'Yes. It says'}: {shown}", False, "", best.lines)
    asked = " ".join(words[0] for words in question.keys)
    said = f"I do not find {asked or 'that'} in what I could read, but I may have missed it."
    return Answer(f"{said} {could_read(_gist(page))}", True, NOT_FOUND, page.lines)


def _deciding(question: Question, sentence: str) -> str:
    """A sentence in full; of a longer list, what names it and the things in it that were asked for."""
    head, colon, listed = sentence.partition(":")
    if not colon or len(head.split()) > 3:
        head, colon, listed = "", "", sentence
    things = [thing.strip(" .") for thing in re.split(r"[,;]\s", listed)]
    if len(sentence.split()) <= LONG or len(things) < LISTED or (not colon and set(fold(sentence).split()) & _TURNS):
        return sentence
    asked = [thing for thing in things if matches(question.keys, thing) >= LIKELY]
    return f"{head}{colon} {', '.join(asked)}".strip() if asked else sentence


def _neighbours(question: Question, sentences: Sequence[Span]) -> list[Span]:
    """Each sentence with the next, where the words asked for stand in both."""
    joined = [Span(f"{a.text} {b.text}", (*a.lines, *b.lines), 0.0) for a, b in pairwise(sentences)]
    return [replace(span, belief=matches(question.keys, span.text)) for span in joined]


def _gist(page: Page) -> str:
    """The largest words first: what to offer when the answer is not there."""
    blocks = sorted(page.blocks, key=lambda block: block.height, reverse=True)[:2]
    ordered = [block for block in page.blocks if block in blocks]
    return " ".join(block.text for block in ordered)


def stands_in(given: Answer, lines: Sequence[Line]) -> bool:
    """Whether a word of the answer comes from one of `lines`."""
    said = set(fold(given.text).split())
    return any(line in lines and said & set(fold(line.text).split()) for line in given.evidence)


def hedge(given: Answer, opening: str) -> Answer:
    """The same answer with a sentence before it (a caution about the picture, or what was understood)."""
    return replace(given, text=f"{opening} {given.text}")
