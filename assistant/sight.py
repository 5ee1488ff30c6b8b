"""When the picture model is asked, and what is made of what it says: at most two sentences, compared with what was read.

The reader goes first wherever print can answer; a label of a medicine is never left to a model that makes up words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from assistant.engines import Style, VisionLanguageModel
from assistant.eyes import Photo, brighten
from assistant.gate import Quality
from assistant.mind import medicine
from assistant.mind.agreement import disagreement, evidence
from assistant.mind.grounding import LOOKS, NEEDS_MODEL, NOT_FOUND, NOTHING_WRITTEN, Answer
from assistant.mind.question import Question
from assistant.mind.spans import LIKELY, matches
from assistant.page import Line, Page
from assistant.phrases import AS_SEEN, CANNOT_TELL, DISAGREE, MEDICINE_IS_READ, NOT_SAID, could_read, plain

MOST_SENTENCES = 2
_SENTENCE = re.compile(
    # Not after an initial or a title: "J. K. Rowling", "Dr. Seuss".
    r"(?<!\b[A-Z])(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?][\"”’)]*\s+(?=\S)"
)
_ENDS = re.compile(r"[.!?][\"”’)]*$")
_NEXT_TURN = re.compile(r"\n\s*\n|\n?\bQuestion:")
_DOES_NOT_KNOW = re.compile(
    r"^\W*(unanswerable|unsuitable|unknown|n/?a|not (visible|clear|sure)|"
    r"(i'm|i am) (sorry|not sure|unable)|sorry|i (do not|don't|cannot|can't|could not|couldn't))\b",
    re.IGNORECASE,
)
_PRINT_ALONE = ("expiry", "read", "barcode", "sentiment", *NOT_SAID)
"""Kinds that are read or not answered: a guess would harm, or be no reading."""
_HARMFUL = (
    "gluten", "lactose", "nuts?", "peanuts?", "allerg\\w*", "vegan", "vegetarian", "halal", "kosher", "sugar.free",
    "safe", "eat", "drink", "edible", "poison\\w*", "toxic",
)  # fmt: skip
"""Words of questions to which a wrong yes could do harm; of those for yes or no also the next."""
_WHAT_IS_IN_IT = ("contains?", "ingredients?", "in (it|this|that|them|these)")
_HIDES_THINGS = ("covered", "dark", "blurred", "glare")
"""Findings of the gate about the whole picture; others are about writing."""
_THINGS = ("cover", "label", "sign", "receipt", "box", "bottle", "package", "screen")


def may_look(question: Question, page: Page, quality: Quality) -> bool:
    """Whether a model that sees may have a say at all."""
    if any(finding.refuse and finding.kind in _HIDES_THINGS for finding in quality.findings):
        return False
    if question.kind in _PRINT_ALONE or medicine.looks_like_medicine(page):
        return False
    if question.kind == "whether" and question.asks(*_WHAT_IS_IN_IT):
        return False
    return is_visual(question) or not question.asks(*_HARMFUL)


def is_visual(question: Question) -> bool:
    """Whether print cannot answer it, or, as with "what is this?", not alone."""
    return question.kind in LOOKS or (question.kind == "product" and not question.keys)


def leaves_room(question: Question, page: Page, given: Answer) -> bool:
    """Whether the reader's answer leaves room for another: there is none, or it is but the largest words of the page."""
    if given.abstained:
        return given.reason in (NEEDS_MODEL, NOTHING_WRITTEN, NOT_FOUND)
    return question.kind == "product" and matches(question.keys, page.text) < LIKELY


def style(question: Question) -> Style:
    """A word or two for a fact, sentences for what is around."""
    wordy = question.kind == "scene" or question.asks("looks? like", "explain", "tell me (more )?about", "what else")
    return "chat" if wordy or (question.kind in ("product", "open") and not question.keys) else "short"


def read_medicine(question: Question, page: Page) -> Answer:
    """What is printed, where somebody asks how a medicine looks."""
    said, lines = medicine.verbatim(question, page)
    return Answer(f"{MEDICINE_IS_READ} {said}", False, "", lines)


def ask_eye(
    question: Question,
    photo: Photo,
    page: Page,
    quality: Quality,
    eye: VisionLanguageModel,
    history: Sequence[tuple[str, str]],
) -> Answer:
    """What the model says of the picture, as the reader saw it: upright and bright; errors as of its stream."""
    stream = eye.ask(_upright(brighten(photo), page.turned), question.text, history, style(question))
    try:
        said = sentences(stream)
    finally:
        stream.stop()
    hint = next((f" {finding.reason}" for finding in quality.findings if finding.kind == "dark"), "")
    if not any(map(str.isalnum, said)) or _DOES_NOT_KNOW.match(said):
        offered = f" {could_read(page.text)}" if page.lines else ""
        return Answer(f"{CANNOT_TELL}{offered}{hint}", True, "the picture model cannot tell", page.lines, said)
    text, reason, lines = _worded(said, page, quality, question)
    return Answer(f"{text}{hint}", False, reason, lines, said)


def _worded(said: str, page: Page, quality: Quality, question: Question) -> tuple[str, str, tuple[Line, ...]]:
    """The words, a reason for doubt, and the lines they stand in."""
    sentence = said if _ENDS.search(said) else f"{said}."
    sentence = sentence[0].upper() + sentence[1:]
    differs = disagreement(said, page, question)
    if differs and not set(differs.lines) & set(quality.cut_lines):
        thing = next((f" on the {thing}" for thing in _THINGS if question.asks(thing)), "")
        warning = DISAGREE.format(said=differs.said, read=plain(differs.read), where=thing)
        alone = plain(differs.said).lower() == plain(said).lower()
        text = warning if alone else f"{AS_SEEN.format(sentence)} {warning}"
        return text, "the readings disagree", differs.lines
    printed = evidence(plain(said), page)
    return (sentence if printed else AS_SEEN.format(sentence)), "", printed


def sentences(pieces: Iterable[str], most: int = MOST_SENTENCES) -> str:
    """The first sentences of an answer, taking no more pieces than it needs to know them; a last one cut short is left out."""
    text = ""
    for piece in pieces:
        text += piece
        body, *rest = _NEXT_TURN.split(text.lstrip(), maxsplit=1)
        whole = _parts(body)
        if rest or len(whole) > most:
            return " ".join(whole[:most])
    whole = _parts(text)
    if len(whole) > 1 and not _ENDS.search(whole[-1]):
        whole.pop()
    return " ".join(whole)


def _parts(text: str) -> list[str]:
    """Sentences, each with its mark."""
    text = " ".join(text.split())
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    return [part for part in (text[a:b].strip() for a, b in zip([0, *ends], [*ends, len(text)], strict=True)) if part]


def _upright(photo: Photo, turned: int) -> Photo:
    """Turned clockwise as the reader turned it."""
    return Photo(np.ascontiguousarray(np.rot90(photo.pixels, k=-turned // 90))) if turned else photo
