"""How well a recogniser hears: word error rate, non-speech taken for a question, seconds a clip.

Pure measuring; `evaluate_assistant` prints and files the result. The text normaliser is deliberately simple: lower
case, no punctuation, no apostrophes, hyphens open. "Mr." and "mister", "10" and "ten" count as different words.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.ports.engines import Recogniser
from assistant.sound.samples import load_sound


@dataclass(frozen=True)
class Clip:
    """One recording and what was heard in it."""

    name: str
    kind: str
    """read, command, question, or "nonspeech: what"."""
    reference: str
    """The words spoken; empty for non-speech."""
    heard: str
    confidence: float
    errors: int
    """Words substituted, left out or put in."""
    words: int
    """Words of the reference."""
    seconds: float
    """Time the recogniser took, reading the file included."""


@dataclass(frozen=True)
class SpeechResult:
    """The whole set."""

    wer: float
    """Errors in all speech clips by words in all of them."""
    nonspeech_as_question: int
    """Non-speech clips in which words were heard."""
    nonspeech: int
    missed: int
    """Speech clips in which nothing was heard."""
    seconds_median: float
    clips: tuple[Clip, ...]


def normalise(text: str) -> list[str]:
    """Words of `text` as they are compared."""
    plain = text.lower().replace("’", "'").replace("'", "")
    return re.sub(r"[^\w]+", " ", plain).split()


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest words to substitute, leave out or put in to turn `reference` into `heard` (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, 1):
        corner, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (wanted != word))
    return row[-1]


def word_error_rate(reference: str, heard: str) -> float:
    """Word errors by words of the reference, after normalising both."""
    wanted = normalise(reference)
    return word_errors(wanted, normalise(heard)) / max(1, len(wanted))


def evaluate_speech(folder: Path, recogniser: Recogniser) -> SpeechResult:
    """Every clip that `folder/transcripts.jsonl` names, through `recogniser`.

    Errors: SoundError when a clip cannot be read.
    """
    rows = [json.loads(line) for line in (folder / "transcripts.jsonl").read_text("utf-8").splitlines() if line.strip()]
    clips = tuple(_clip(folder, row, recogniser) for row in rows)
    speech = [clip for clip in clips if clip.reference]
    silent = [clip for clip in clips if not clip.reference]
    return SpeechResult(
        wer=sum(clip.errors for clip in speech) / sum(clip.words for clip in speech),
        nonspeech_as_question=sum(bool(clip.heard) for clip in silent),
        nonspeech=len(silent),
        missed=sum(not clip.heard for clip in speech),
        seconds_median=statistics.median(clip.seconds for clip in speech),
        clips=clips,
    )


def _clip(folder: Path, row: dict[str, str], recogniser: Recogniser) -> Clip:
    started = time.perf_counter()
    heard = recogniser.transcribe(load_sound(folder / row["audio"]))
    seconds = time.perf_counter() - started
    reference = normalise(row["text"])
    return Clip(
        name=row["audio"],
        kind=row["kind"],
        reference=row["text"],
        heard=heard.text,
        confidence=heard.confidence,
        errors=word_errors(reference, normalise(heard.text)),
        words=len(reference),
        seconds=seconds,
    )
