"""Who answers a question about a picture: codes, print, the picture model, or nobody; and the answer, part by part.

The gate stands before every model that sees the picture, and the reader before the picture model (`sight.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from assistant.errors import ServerError
from assistant.mind.answering import sight
from assistant.mind.answering.codes import asks_of_codes, from_codes, what_they_are
from assistant.mind.finding.grounding import NOT_FOUND, NOTHING_WRITTEN, Answer, answer, stands_in
from assistant.mind.finding.medicine import looks_like_medicine
from assistant.mind.finding.sentiment import sentiment
from assistant.mind.understanding.question import Question
from assistant.picture import gate
from assistant.picture.codes import Code, meaning
from assistant.picture.looking import Seen
from assistant.picture.page import Page
from assistant.ports.engines import Engines
from assistant.sound.speaking.phrases import (
    BROKE_OFF,
    NOT_SAID,
    SENTIMENT,
    SENTIMENT_UNSURE,
    could_read,
    not_found,
)

log = logging.getLogger(__name__)

BY_PLACE = frozenset(
    "title subtitle author series publisher brand company city place product heading large line".split()
)
"""Kinds answered by where something stands and how large it is, and not by a label: where print is missing, what is left looks like it."""


def think(question: Question, seen: Seen, engines: Engines, history: Sequence[tuple[str, str]] = ()) -> Answer:
    """The answer to `question` about what was seen; no model has a say before the gate has.

    What the reader cannot answer is asked of the picture model, where the profile has one; `history` is for it.
    """
    return joined(list(think_aloud(question, seen, engines, history)))


Answerer = Literal["reader", "label", "eye", "reader, then eye"]
"""Who may answer: what was read; a medicine's label, word by word; the picture model; or that only where print leaves room."""


def who_answers(question: Question, seen: Seen, sees: bool) -> Answerer:
    """The one place where it is decided who may answer; `sees`: whether there is a picture model."""
    page = seen.page
    if page is None or not sees:
        return "reader"
    if sight.is_visual(question) and seen.quality.usable and looks_like_medicine(page):
        return "label"
    if not sight.may_look(question, page, seen.quality):
        return "reader"
    return "eye" if sight.is_visual(question) else "reader, then eye"


def think_aloud(
    question: Question, seen: Seen, engines: Engines, history: Sequence[tuple[str, str]] = ()
) -> Iterator[Answer]:
    """As `think`, part by part: the picture model's sentences as they are written."""
    answerer, page = who_answers(question, seen, engines.sees), seen.page
    if page is None or answerer == "reader":
        yield _think_reading(question, seen, engines)
    elif answerer == "label":
        yield sight.read_medicine(question, page)
    else:
        given = None if answerer == "eye" else _think_reading(question, seen, engines)
        if given is None or sight.leaves_room(question, page, given):
            yield from _think_seeing(question, seen, page, given, engines, history)
        else:
            yield given


def _think_seeing(
    question: Question,
    seen: Seen,
    page: Page,
    given: Answer | None,
    engines: Engines,
    history: Sequence[tuple[str, str]],
) -> Iterator[Answer]:
    """The picture model's answer. Where that is on another machine and fails, the reader's (`given`, if it has answered already)
    and what is wrong; what was said by then stays said."""
    begun = False
    try:
        for part in sight.ask_eye(question, seen.photo, page, seen.quality, engines.eye, history):
            yield part
            begun = True
    except ServerError as error:
        log.warning("%s", error)
        if begun:
            yield Answer(BROKE_OFF, False, "the other machine broke off", ())
        else:
            yield sight.only_read(error, given or _think_reading(question, seen, engines))


def joined(parts: Sequence[Answer]) -> Answer:
    """The parts of one answer as one."""
    if len(parts) == 1:
        return parts[0]
    return Answer(
        " ".join(part.text for part in parts),
        all(part.abstained for part in parts),
        next((part.reason for part in parts if part.reason), ""),
        tuple(dict.fromkeys(line for part in parts for line in part.evidence)),
        " ".join(part.seen for part in parts if part.seen),
        tuple(sentence for part in parts for sentence in part.rest),
    )


def _think_reading(question: Question, seen: Seen, engines: Engines) -> Answer:
    """The answer of the reader, and of the language model where it judges."""
    if seen.page is not None and asks_of_codes(question):
        found = from_codes(question, _codes(seen, engines))
        if found:
            return found
    given = _think_print(question, seen, engines)
    nothing_read = not seen.quality.usable or given.reason == NOTHING_WRITTEN
    if seen.page is None or not given.abstained or not (nothing_read or given.reason == NOT_FOUND):
        return given
    codes = _codes(seen, engines)
    return from_codes(question, codes) or (what_they_are(codes) if codes and nothing_read else given)


def _codes(seen: Seen, engines: Engines) -> list[Code]:
    return [meaning(code) for code in engines.barcodes.codes(seen.photo)]


def _think_print(question: Question, seen: Seen, engines: Engines) -> Answer:
    if seen.page is None or not seen.quality.usable or not seen.page.lines:
        return ground(question, seen.page, seen.quality)
    if question.kind == "barcode":
        return Answer(not_found("barcode", seen.page.text), True, "no barcode", seen.page.lines)
    if question.kind == "sentiment":
        said = question.text.partition(":")[2].strip()  # "what is the mood of this: I love it"
        mood = sentiment(said or seen.page.text, engines.judge)
        if mood.sure:
            return Answer(SENTIMENT.format(mood.label), False, "", seen.page.lines)
        return Answer(SENTIMENT_UNSURE.format(mood.label), True, "uncertain", seen.page.lines)
    return ground(question, seen.page, seen.quality)


def ground(question: Question, page: Page | None, quality: gate.Quality) -> Answer:
    """The answer that stands on the page, as far as the picture's quality lets one trust it.

    `page` may be None when the gate let nobody read.
    """
    if question.kind in NOT_SAID:
        return Answer(NOT_SAID[question.kind], True, "not judged", page.lines if page else ())
    if page is None or not quality.usable:
        refusing = next(finding for finding in quality.findings if finding.refuse)
        return Answer(quality.spoken, True, refusing.kind, page.lines if page else ())
    given = answer(question, page)
    hint = next((finding for finding in quality.findings if not finding.refuse), None)
    if hint is None:
        return given
    if not given.abstained and question.kind != "read":
        out = hint.kind == "cut" and stands_in(given, quality.cut_lines)
        out = out or (question.kind in BY_PLACE and (hint.doubt or hint.kind == "cut"))
        if out or (hint.doubt and any(line.confidence < gate.SURE for line in given.evidence)):
            return Answer(f"{hint.reason} {hint.action} {could_read(given.text)}", True, hint.kind, given.evidence)
    # Who got an answer hears that there may be more; where much is missing, also what to do about it.
    wordy = given.abstained or question.kind == "read" or hint.doubt
    return replace(given, text=f"{given.text} {hint.reason}{f' {hint.action}' if wordy else ''}")
