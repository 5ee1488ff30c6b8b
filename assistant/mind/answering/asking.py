"""One question about one picture, from files to a spoken answer: the order of the stages, and the time each takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assistant.errors import EngineError
from assistant.mind.answering.thinking import think
from assistant.mind.finding.grounding import Answer, hedge
from assistant.mind.understanding.question import Question, understand
from assistant.picture.looking import Seen, Stopwatch, look
from assistant.picture.photo import Photo
from assistant.ports.engines import Engines
from assistant.sound.hearing.words import hear
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking.phrases import NOT_HEARD_WELL
from assistant.sound.speaking.pronounce import as_spoken

DOUBTFUL_HEARING = 0.6
"""Below this confidence the assistant first says what it understood."""


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
