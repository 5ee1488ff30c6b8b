"""When the picture model is asked, and what is made of what it says: at most two sentences, compared with what was read.

The reader goes first wherever print can answer; a label of a medicine is never left to a model that makes up words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from assistant.errors import AssistantError
from assistant.mind.finding import medicine
from assistant.mind.finding.agreement import disagreement, evidence
from assistant.mind.finding.grounding import LOOKS, NEEDS_MODEL, NOT_FOUND, NOTHING_WRITTEN, Answer
from assistant.mind.finding.spans import LIKELY, matches
from assistant.mind.understanding.question import Question
from assistant.picture.gate import Quality
from assistant.picture.page import Page
from assistant.picture.photo import Photo, brighten
from assistant.ports.engines import Style, VisionLanguageModel
from assistant.sound.speaking.phrases import (
    AS_SEEN,
    CANNOT_TELL,
    DISAGREE,
    MEDICINE_IS_READ,
    NEEDS_EYES,
    NO_TEXT,
    NOT_SAID,
    ONLY_READ,
    could_read,
    plain,
)

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


SURELY = 0.8
"""Probability of the reader's answer from which the picture model is not asked as well."""


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
    return given.belief < SURELY or (question.kind == "product" and matches(question.keys, page.text) < LIKELY)


def style(question: Question) -> Style:
    """A word or two for a fact, sentences for what is around."""
    wordy = question.kind == "scene" or question.asks("looks? like", "explain", "tell me (more )?about", "what else")
    return "chat" if wordy or (question.kind in ("product", "open") and not question.keys) else "short"


def read_medicine(question: Question, page: Page) -> Answer:
    """What is printed, where somebody asks how a medicine looks."""
    label = medicine.verbatim(question, page)
    return Answer(f"{MEDICINE_IS_READ} {label.said}", False, "", label.lines, rest=label.rest)


def only_read(error: AssistantError, given: Answer) -> Answer:
    """What the reader has to say (`given`) where the picture model of another machine failed: first why there is no more."""
    said = given.text.removeprefix(NEEDS_EYES).strip() or NO_TEXT  # a picture model there is, so nobody is to add one
    return replace(given, text=f"{error.spoken} {ONLY_READ} {said}", reason=given.reason or "only read")


def ask_eye(
    question: Question,
    photo: Photo,
    page: Page,
    quality: Quality,
    eye: VisionLanguageModel,
    history: Sequence[tuple[str, str]],
) -> Iterator[Answer]:
    """What the model says of the picture, as the reader saw it: upright and bright.

    An Answer for each sentence, as soon as it is written; errors as of the model's stream.
    """
    said = ""
    stream = eye.ask(_upright(brighten(photo), page.turned), question.text, history, style(question))
    hint = next((finding.reason for finding in quality.findings if finding.kind == "dark"), "")
    hedged = False
    begun = False
    try:
        for said in sentences(stream):
            if not begun and (not any(map(str.isalnum, said)) or _DOES_NOT_KNOW.match(said)):
                break
            part = _worded(said, page, quality, question, hedged)
            hedged = hedged or part.text.startswith(AS_SEEN.format(""))
            begun = True
            yield part
    finally:
        stream.stop()
    if not begun:
        offered = f" {could_read(page.text)}" if page.lines else ""
        yield Answer(f"{CANNOT_TELL}{offered}", True, "the picture model cannot tell", page.lines, said)
    if hint:
        yield Answer(hint, not begun, "" if begun else "the picture model cannot tell", ())


def _worded(said: str, page: Page, quality: Quality, question: Question, hedged: bool) -> Answer:
    """A sentence of the model in words to be spoken; `hedged` when it was said already that it is only what is seen."""
    sentence = said if _ENDS.search(said) else f"{said}."
    sentence = sentence[0].upper() + sentence[1:]
    as_seen = sentence if hedged else AS_SEEN.format(sentence)
    differs = disagreement(said, page, question)
    if differs and not set(differs.lines) & set(quality.cut_lines):
        thing = next((f" on the {thing}" for thing in _THINGS if question.asks(thing)), "")
        warning = DISAGREE.format(said=differs.said, read=plain(differs.read), where=thing)
        alone = plain(differs.said).lower() == plain(said).lower()
        text = warning if alone else f"{as_seen} {warning}"
        return Answer(text, False, "the readings disagree", differs.lines, said)
    printed = evidence(plain(said), page)
    return Answer(sentence if printed else as_seen, False, "", printed, said)


def sentences(pieces: Iterable[str], most: int = MOST_SENTENCES) -> Iterator[str]:
    """The first sentences of an answer, each as soon as it is known to be whole; a last one cut short is left out."""
    text = ""
    given = 0
    for piece in pieces:
        text += piece
        body, *rest = _NEXT_TURN.split(text.lstrip(), maxsplit=1)
        whole = _parts(body)
        for sentence in whole[given : None if rest else -1][: most - given]:
            given += 1
            yield sentence
        if rest or given == most:
            return
    for sentence in _parts(text)[given:]:
        if not given or _ENDS.search(sentence):
            yield sentence


def _parts(text: str) -> list[str]:
    """Sentences, each with its mark."""
    text = " ".join(text.split())
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    return [part for part in (text[a:b].strip() for a, b in zip([0, *ends], [*ends, len(text)], strict=True)) if part]


def _upright(photo: Photo, turned: int) -> Photo:
    """Turned clockwise as the reader turned it."""
    return Photo(np.ascontiguousarray(np.rot90(photo.pixels, k=-turned // 90))) if turned else photo
