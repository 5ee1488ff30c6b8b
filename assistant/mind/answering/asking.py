"""One question about one picture, from files to a spoken answer: the order of the stages, and the time each takes.

The gate stands before every model that sees the picture, and the reader before the picture model (`sight.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from assistant.engines.opening import Engines
from assistant.errors import EngineError, ServerError
from assistant.mind.answering import sight
from assistant.mind.finding.grounding import Answer, answer, hedge, stands_in
from assistant.mind.finding.medicine import looks_like_medicine
from assistant.mind.finding.sentiment import sentiment
from assistant.mind.understanding.question import Question, understand
from assistant.picture import gate
from assistant.picture.measures import Measures
from assistant.picture.page import Page
from assistant.picture.photo import Photo, brighten
from assistant.ports.engines import LanguageModel
from assistant.sound.hearing.recogniser import hear
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking.phrases import (
    BROKE_OFF,
    NOT_HEARD_WELL,
    NOT_SAID,
    SENTIMENT,
    SENTIMENT_UNSURE,
    barcodes,
    could_read,
    not_found,
)
from assistant.sound.speaking.pronounce import as_spoken

DOUBTFUL_HEARING = 0.6
"""Below this confidence the assistant first says what it understood."""

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Seen:
    """A picture that was looked at once; any number of questions may be asked about it."""

    photo: Photo
    quality: gate.Quality
    page: Page | None
    """None when the gate let no model see the picture."""
    timings_ms: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """A question with its answer and the first of its sound."""

    question: str
    heard_confidence: float | None
    """None for a typed question."""
    answer: Answer
    seen: Seen
    timings_ms: dict[str, float]
    """Milliseconds of each stage; `first_audible` counts from the end of the question to the first sample of speech."""
    speech: Iterator[Sound] = field(repr=False)
    """The spoken answer, a sentence at a time; the first is ready, the others are made when they are asked for."""

    @property
    def turn(self) -> tuple[str, str]:
        """Question and answer as what was said before the next question, which may refer to it."""
        return self.question, self.answer.seen or self.answer.text


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.timings_ms: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], _Result]) -> _Result:
        """Run `work` and note how long it took."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.timings_ms[stage] = 1000 * (time.perf_counter() - start)

    def total(self) -> float:
        return 1000 * (time.perf_counter() - self.started)


def look(photo: Photo, engines: Engines) -> Seen:
    """Judge the picture and, if it is worth it, read it."""
    watch = Stopwatch()
    quality = watch.time("gate", lambda: gate.judge(photo))
    if not quality.usable:
        return Seen(photo, quality, None, watch.timings_ms)
    page = watch.time("read", lambda: engines.reader.read(brighten(photo)))
    again = watch.time("gate_text", lambda: _judge_read(photo, page, quality.measures, engines))
    return Seen(photo, again, page, watch.timings_ms)


def _judge_read(photo: Photo, page: Page, seen: Measures, engines: Engines) -> gate.Quality:
    """The gate's second look. Stripes look like smeared writing, but a code that can be read proves a sharp picture."""
    quality = gate.judge_lines(photo, page.lines, page.turned, seen)
    if any(finding.kind == "blurred" for finding in quality.findings) and engines.barcodes.codes(photo):
        return replace(quality, findings=tuple(each for each in quality.findings if each.kind != "blurred"))
    return quality


def ask_aloud(
    sound: Sound,
    picture: Photo | Seen,
    engines: Engines,
    speed: float = 1.0,
    history: Sequence[tuple[str, str]] = (),
) -> Outcome:
    """Answer a spoken question about a picture, looked at already or not; `history` holds what was asked and answered before.

    Raises SoundError when nobody speaks, QuestionError when what was heard is no English question.
    """
    watch = Stopwatch()
    utterance = watch.time("hear", lambda: hear(sound, engines.recogniser))
    question = understand(utterance.text)  # before the picture, which would be read in vain for a foreign one
    # One after the other: side by side on two cores the engines' threads wait on each other, 0.76 s against 0.50 s.
    seen = picture if isinstance(picture, Seen) else look(picture, engines)
    before = seen if isinstance(picture, Seen) else None
    return _outcome(question, utterance, before, seen, engines, speed, history, watch)


def ask_in_writing(
    question: str, seen: Seen, engines: Engines, speed: float = 1.0, history: Sequence[tuple[str, str]] = ()
) -> Outcome:
    """Answer a typed question about a picture that was looked at already; `history` as of `ask_aloud`.

    Raises QuestionError when it is no English question.
    """
    watch = Stopwatch()
    return _outcome(understand(question), question, seen, seen, engines, speed, history, watch)


def _outcome(
    question: Question,
    asked: Utterance | str,
    before: Seen | None,
    seen: Seen,
    engines: Engines,
    speed: float,
    history: Sequence[tuple[str, str]],
    watch: Stopwatch,
) -> Outcome:
    """`before`: what was seen before the question came."""
    given = watch.time("think", lambda: think(question, seen, engines, history))
    text, confidence = (asked, None) if isinstance(asked, str) else (asked.text, asked.confidence)
    if confidence is not None and confidence < DOUBTFUL_HEARING:
        given = hedge(given, NOT_HEARD_WELL.format(text))
    speech = engines.speaker.speak(as_spoken(given.text), speed)
    first = watch.time("speak", lambda: next(speech, None))
    if first is None:
        raise EngineError("the voice made no sound of the answer: try the other --voice", "My voice failed.")
    timings = {**seen.timings_ms, **watch.timings_ms, "first_audible": watch.total()}
    if before is not None:  # a first question waits for the reading all the same
        timings["first_audible"] += sum(before.timings_ms.values())
    return Outcome(text, confidence, given, seen, timings, _chain(first, speech))


def _chain(first: Sound, rest: Iterator[Sound]) -> Iterator[Sound]:
    yield first
    yield from rest


def think(question: Question, seen: Seen, engines: Engines, history: Sequence[tuple[str, str]] = ()) -> Answer:
    """The answer to `question` about what was seen; no model has a say before the gate has.

    What the reader cannot answer is asked of the picture model, where the profile has one; `history` is for it.
    """
    return joined(list(think_aloud(question, seen, engines, history)))


def think_aloud(
    question: Question, seen: Seen, engines: Engines, history: Sequence[tuple[str, str]] = ()
) -> Iterator[Answer]:
    """As `think`, part by part: the picture model's sentences as they are written."""
    page = seen.page
    if page is None or not engines.sees:
        yield _think_reading(question, seen, engines)
    elif sight.is_visual(question) and seen.quality.usable and looks_like_medicine(page):
        yield sight.read_medicine(question, page)
    elif not sight.may_look(question, page, seen.quality):
        yield _think_reading(question, seen, engines)
    else:
        given = None if sight.is_visual(question) else _think_reading(question, seen, engines)
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
    )


def _think_reading(question: Question, seen: Seen, engines: Engines) -> Answer:
    """The answer of the reader, and of the language model where it judges."""
    codes = engines.barcodes.codes(seen.photo) if question.kind == "barcode" and seen.page else []
    if codes:
        return Answer(barcodes([(code.format, code.text) for code in codes]), False, "", ())
    if seen.page is None or not seen.quality.usable or not seen.page.lines:
        return ground(question, seen.page, seen.quality, None)
    if question.kind == "barcode":
        return Answer(not_found("barcode", seen.page.text), True, "no barcode", seen.page.lines)
    if question.kind == "sentiment":
        said = question.text.partition(":")[2].strip()  # "what is the mood of this: I love it"
        mood = sentiment(said or seen.page.text, engines.judge)
        if mood.sure:
            return Answer(SENTIMENT.format(mood.label), False, "", seen.page.lines)
        return Answer(SENTIMENT_UNSURE.format(mood.label), True, "uncertain", seen.page.lines)
    return ground(question, seen.page, seen.quality, _LateJudge(engines))


def ground(question: Question, page: Page | None, quality: gate.Quality, judge: LanguageModel | None) -> Answer:
    """The answer that stands on the page, as far as the picture's quality lets one trust it.

    `page` may be None when the gate let nobody read.
    """
    if question.kind in NOT_SAID:
        return Answer(NOT_SAID[question.kind], True, "not judged", page.lines if page else ())
    if page is None or not quality.usable:
        refusing = next(finding for finding in quality.findings if finding.refuse)
        return Answer(quality.spoken, True, refusing.kind, page.lines if page else ())
    given = answer(question, page, judge)
    hint = next((finding for finding in quality.findings if not finding.refuse), None)
    if hint is None:
        return given
    if hint.kind == "cut" and not given.abstained and question.kind != "read" and stands_in(given, quality.cut_lines):
        return Answer(f"{hint.reason} {hint.action} {could_read(given.text)}", True, hint.kind, given.evidence)
    # Who got an answer hears that there may be more; who got none, or a whole page, hears what to do about it too.
    wordy = given.abstained or question.kind == "read"
    return replace(given, text=f"{given.text} {hint.reason}{f' {hint.action}' if wordy else ''}")


class _LateJudge:
    """The language model, opened only if the answer is in dispute: most questions never need it."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        return self._engines.judge.score(prompt, continuations)
