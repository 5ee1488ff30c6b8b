"""From what was recorded and logged of one question to its times, in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assistant.mind.finding.grounding import Answer
from assistant.picture.looking import Seen
from assistant.ports.events import DeviceLost, Event, Made, SpeechEnded, SpeechPaused
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking.phrases import STILL_WORKING
from scripts.bench.rig.questions import Question
from scripts.bench.rig.recording import begins, ends, outside, silent_from, without
from scripts.bench.rig.rig import Logged, Observed
from scripts.judging.speech import normalise, word_errors
from scripts.judging.verdict import verdict

STAGES = ("paused", "decided", "heard", "looked", "thought", "made", "queued", "first_word")
"""In the order in which they follow where nothing is done ahead. `looked` may be long before the question."""
MODELS = ("hear", "read", "judge", "speak")
SEARCH = 1.0
"""Seconds after a sound was given to the loudspeaker in which its beginning is looked for."""


@dataclass(frozen=True)
class Times:
    """When it happened, on the clock of the log; None for what did not, or was not found in the recording."""

    voice_begin: float
    voice_end: float
    """The last audible sample of the voice, in the air."""
    decided: float | None
    """The listener said that speech is over."""
    earcon: float | None
    first_word: float | None
    complete: float | None
    stages: dict[str, float]


@dataclass(frozen=True)
class Row:
    """One question in one way of working. Times in milliseconds; None for what did not happen, or was not found."""

    way: str
    kind: str
    group: str
    voice: str
    noisy: bool
    question: str
    heard: str
    misheard_words: int
    answer: str
    verdict: str
    """right, wrong, abstained, or silent; of a command whether it was understood."""
    earcon_ms: float | None
    """From the decision that speech is over."""
    earcon_after_voice_ms: float | None
    """From the end of the voice, as all that follow."""
    first_word_ms: float | None
    complete_ms: float | None
    stages_ms: dict[str, float]
    models_ms: dict[str, float]
    """How long each engine worked between the end of the voice and the first word."""
    outside_ms: float | None
    """In this time neither the silence that ends speech went by, nor did an engine work."""
    outside_share: float | None
    """The same as a share of the wait for the first word."""
    outside_share_after_silence: float | None
    """And as a share of what is left of the wait after that silence."""
    silenced_ms: float | None
    """Of a word that interrupts: from the beginning of the voice until nothing is heard any more."""
    device_lost: bool
    """Whether the machine was so busy meanwhile that a device stopped."""


def measure(observed: Observed, way: str, group: str, end_silence: float) -> Row | None:
    """The row of one question; None where its voice is not found in the recording of the air."""
    times = _times(observed)
    if times is None:
        return None
    question, log = observed.question, observed.log
    plays = [each.at for each in _answering(log, times.decided) if each.kind == "play"]
    heard = _last(log, Utterance, plays[0] if plays else observed.over)
    text = heard.value.piece.text if heard else ""
    said = " ".join(each.value for each in _answering(log, times.decided) if each.kind == "note")
    models, out = _spans(log, times, end_silence)
    wait = (times.first_word or 0.0) - times.voice_end
    left = wait - end_silence

    def ms(at: float | None, since: float | None = times.voice_end) -> float | None:
        return None if at is None or since is None else round(1000 * (at - since), 1)

    silent = None
    if question.kind == "interruption":  # up to the signal that speech is over, which is a sound as well
        silent = silent_from(observed.heard, times.voice_begin, times.decided or observed.over)
    return Row(
        way=way,
        kind=question.kind,
        group=group,
        voice=question.voice,
        noisy=question.noisy,
        question=question.text,
        heard=text,
        misheard_words=word_errors(normalise(question.text), normalise(text)),
        answer=said,
        verdict=_verdict(question, said, log, observed.over),
        earcon_ms=ms(times.earcon, times.decided),
        earcon_after_voice_ms=ms(times.earcon),
        first_word_ms=ms(times.first_word),
        complete_ms=ms(times.complete),
        stages_ms={name: round(1000 * (at - times.voice_end), 1) for name, at in times.stages.items()},
        models_ms=models,
        outside_ms=None if out is None else round(1000 * out, 1),
        outside_share=None if out is None else round(out / wait, 3),
        outside_share_after_silence=None if out is None or left <= 0 else round(out / left, 3),
        silenced_ms=ms(silent, times.voice_begin),
        device_lost=any(_event(each, DeviceLost) for each in log),
    )


def _times(observed: Observed) -> Times | None:
    voice, heard, log = observed.spoken.voice, observed.heard, observed.log
    latest = observed.began + observed.spoken.room.seconds
    voice_begin = begins(observed.air, voice, observed.began, latest)
    voice_end = ends(observed.air, voice, observed.began, latest)
    if voice_begin is None or voice_end is None:
        return None
    decided = next((each.at for each in log if _event(each, SpeechEnded) and each.at > voice_end), None)
    cue = next((each for each in log if each.kind == "cue" and decided is not None and each.at >= decided), None)
    plays = [each for each in _answering(log, decided) if each.kind == "play"]
    first_word = begins(heard, plays[0].value, plays[0].at, plays[0].at + SEARCH) if plays else None
    whole = plays and observed.answered
    signals = heard if first_word is None else without(heard, plays[0].value, first_word)
    return Times(
        voice_begin=voice_begin,
        voice_end=voice_end,
        decided=decided,
        earcon=begins(signals, cue.value, cue.at, cue.at + SEARCH) if cue else None,
        first_word=first_word,
        complete=ends(heard, plays[-1].value, plays[-1].at, observed.over) if whole else None,
        stages=_stages(log, plays[0] if plays else None, decided, first_word),
    )


def _stages(
    log: Sequence[Logged], play: Logged | None, decided: float | None, first_word: float | None
) -> dict[str, float]:
    until = play.at if play else float("inf")
    paused = [each for each in log if _event(each, SpeechPaused) and (decided is None or each.at <= decided)]
    found = {
        "paused": paused[-1] if paused else None,
        "heard": _last(log, Utterance, until),
        "looked": _last(log, Seen, until),
        "thought": _last(log, Answer, until),
        "made": next((each for each in log if play and _is_sound(each, play)), None),
        "queued": play,
    }
    times = {name: each.at for name, each in found.items() if each is not None}
    times |= {name: at for name, at in (("decided", decided), ("first_word", first_word)) if at is not None}
    return {name: times[name] for name in STAGES if name in times}


def _answering(log: Sequence[Logged], decided: float | None) -> list[Logged]:
    """What was said and played in answer; a sign of life while it was sought is none."""
    told = [each for each in log if decided is not None and each.at >= decided]
    says = [number for number, each in enumerate(told) if each.name == "says" and each.value != STILL_WORKING]
    return [each for each in told[says[0] :] if each.kind == "play" or each.name == "says"] if says else []


def _spans(log: Sequence[Logged], times: Times, end_silence: float) -> tuple[dict[str, float], float | None]:
    """Milliseconds that each engine worked between the voice and the first word, and the seconds in which none did."""
    if times.first_word is None:
        return {}, None
    begin, end = times.voice_end, times.first_word
    spans = {
        name: [(each.at, each.value) for each in log if each.kind == "model" and each.name == name] for name in MODELS
    }
    worked = {name: end - begin - outside(begin, end, each) for name, each in spans.items()}
    every = [span for each in spans.values() for span in each]
    out = outside(begin, end, [*every, (begin, min(end, begin + end_silence))])
    return {name: round(1000 * seconds, 1) for name, seconds in worked.items() if seconds > 0}, out


def _verdict(question: Question, said: str, log: Sequence[Logged], over: float) -> str:
    if question.kind in ("order", "interruption"):
        notes = [each.value for each in log if each.kind == "note" and each.name == "heard"]
        understood = [found[1] for note in notes if (found := re.search(r"\((\w+), [\d.]+\)$", note))]
        return "right" if question.accepted[0] in understood else "wrong"
    if not said:
        return "silent"
    thought = _last(log, Answer, over)
    given: Answer | None = thought.value.piece if thought else None
    if question.kind == "refusal":
        return "right" if given and given.abstained and given.reason in question.accepted else "wrong"
    return verdict(question.text, question.accepted, said, given is None or given.abstained)


def _event(logged: Logged, kind: type[Event]) -> bool:
    return logged.kind == "event" and isinstance(logged.value, kind)


def _last(log: Sequence[Logged], kind: type, until: float) -> Logged | None:
    """The last piece of this kind that was made before."""
    made = [each for each in log if _event(each, Made) and isinstance(each.value.piece, kind) and each.at <= until]
    return made[-1] if made else None


def _is_sound(logged: Logged, play: Logged) -> bool:
    """Whether this is the report that the sound of `play` was made."""
    piece = logged.value.piece if _event(logged, Made) else None
    if not (isinstance(piece, tuple) and isinstance(piece[1], Sound)):
        return False
    return bool(np.shares_memory(piece[1].samples, play.value.samples))
