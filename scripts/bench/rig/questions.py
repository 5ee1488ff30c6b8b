"""What is asked, in whose voice, about which picture: the questions of the bench, and their sound.

Each group is asked about one picture, its questions one after the other; the next group shows another picture.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.picture.photo import Photo, load_photo
from assistant.ports.engines import Speaker
from assistant.sound.samples import HEARING_RATE, Sound, load_sound, resample
from assistant.sound.speaking.voice import EspeakSpeaker
from scripts.bench.rig.recording import audible
from scripts.judging.degraded import DEGRADATIONS

Kind = Literal["reading", "refusal", "order", "interruption"]
SNR_DB = 10.0
LEVEL = 0.3
"""Peak of every voice at the microphone."""
LEAD, TAIL = 0.3, 14.0
"""Seconds of the room before and after the voice: its noise does not end with the question."""
SPOILED = ("black", "pocket", "night", "blur 12", "motion")
BOOKS, OTHERS = 6, 12
"""Pictures of the evaluation data that are asked about: their questions are alike for books, and differ for all else."""
SECONDS_OF_NOISE = 10


@dataclass(frozen=True)
class Question:
    """One thing said to the assistant."""

    text: str
    kind: Kind
    accepted: tuple[str, ...]
    """What a right answer contains (one of these), or what the order is called."""
    voice: str
    noisy: bool
    recording: Path | None = None
    """A recording in place of a voice made here."""


@dataclass(frozen=True)
class Group:
    """Questions about one picture, in their order."""

    name: str
    photo: Photo
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Spoken:
    """A question as it is played into the air."""

    room: Sound
    """With the room before and after."""
    voice: Sound
    """The voice alone, cut to its audible part: by it the place in the recording is found."""


def groups(data: Path, samples: Path) -> list[Group]:
    """All groups: of the evaluation data in `data` where it is there, and of the samples."""
    turns = itertools.cycle(itertools.product((False, True), ("joe", "en-us", "en-gb+f3")))

    def question(text: str, kind: Kind, accepted: Sequence[str]) -> Question:
        noisy, voice = next(turns)
        return Question(text, kind, tuple(accepted), voice, noisy)

    made = [*_recorded(samples), *_of_data(data / "ocr_vqa_images", question)]
    made += _spoiled(load_photo(samples / "book-cover.jpg"), question)
    made += _orders(samples, question)
    return made


Ask = Callable[[str, Kind, Sequence[str]], Question]


def _recorded(samples: Path) -> Iterator[Group]:
    """The two recordings of the samples, each about both of its pictures' likes, clean and in noise."""
    for noisy in (False, True):
        for name, text, accepted, recording in (
            ("parking-sign.jpg", "What does the sign say?", "double parking prohibited", "what-does-the-sign-say.wav"),
            ("book-cover.jpg", "Who wrote this book?", "Herman Melville", "who-wrote-this-book.wav"),
        ):
            asked = Question(text, "reading", (accepted,), "recording", noisy, samples / recording)
            yield Group(name, load_photo(samples / name), (asked,))


def _of_data(folder: Path, ask: Ask) -> Iterator[Group]:
    """First one question about each of the pictures, then a second; the evaluation data's own."""
    if not folder.is_dir():
        return
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    by_picture: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_picture.setdefault(row["image"], []).append(row)
    books = [name for name, asked in by_picture.items() if asked[0]["category"] == "book"]
    others = [name for name, asked in by_picture.items() if asked[0]["category"] != "book"]
    chosen = [*books[:: max(1, len(books) // BOOKS)][:BOOKS], *others[:: max(1, len(others) // OTHERS)][:OTHERS]]
    for number in (0, 1):
        for name in chosen:
            if number < len(by_picture[name]):
                row = by_picture[name][number]
                yield Group(name, load_photo(folder / name), (ask(row["question"], "reading", row["answers"]),))


def _spoiled(photo: Photo, ask: Ask) -> Iterator[Group]:
    for name in SPOILED:
        spoil, reasons = DEGRADATIONS[name]
        spoiled = Photo(spoil(photo.pixels, ()).pixels)
        yield Group(f"{name} book-cover.jpg", spoiled, (ask("What does it say?", "refusal", sorted(reasons)),))


def _orders(samples: Path, ask: Ask) -> Iterator[Group]:
    """Orders after an answer, and one that interrupts a reading."""
    cover, receipt = load_photo(samples / "book-cover.jpg"), load_photo(samples / "parking-receipt.jpg")
    title = ask("What is the title of this book?", "reading", ("Moby Dick",))
    yield Group("book-cover.jpg", cover, (title, *(ask(text, "order", (name,)) for text, name in _WORDS[:3])))
    city = ask("Which city is this parking receipt from?", "reading", ("Palo Alto",))
    yield Group("parking-receipt.jpg", receipt, (city, *(ask(text, "order", (name,)) for text, name in _WORDS[3:])))
    for text in ("Stop.", "Stop reading."):
        yield Group("parking-receipt.jpg", receipt, (ask(text, "interruption", ("stop",)),))


_WORDS = (
    ("Repeat that.", "repeat"), ("What time is it?", "time"), ("Spell that.", "spell"), ("Say that again.", "repeat"),
    ("Please spell it.", "spell"), ("Tell me the time.", "time"),
)  # fmt: skip


class Voices:
    """Who speaks, and in which noise."""

    def __init__(self, joe: Speaker, data: Path) -> None:
        """`joe`: the assistant's own voice, as that of a man."""
        self._joe = joe
        clips = sorted((data / "speech").glob("nonspeech_*.flac"))
        self.noises = [load_sound(clip).samples for clip in clips] or [shaped_noise()]
        self.of_noise = f"{len(clips)} recordings" if clips else "shaped noise"
        self._turn = itertools.cycle(self.noises)

    def say(self, question: Question) -> Spoken:
        """The question's sound."""
        samples = _voice(question, self._joe)
        first, last = audible(samples)
        voice = LEVEL * samples[first:last] / np.abs(samples).max()
        room = np.pad(voice, (round(LEAD * HEARING_RATE), round(TAIL * HEARING_RATE)))
        if question.noisy:
            room = room + noise_at(np.resize(next(self._turn), len(room)), voice, SNR_DB)
        return Spoken(Sound(room.astype(np.float32), HEARING_RATE), Sound(voice.astype(np.float32), HEARING_RATE))


def _voice(question: Question, joe: Speaker) -> NDArray[np.float32]:
    if question.recording is not None:
        return load_sound(question.recording).samples
    speaker = joe if question.voice == "joe" else EspeakSpeaker(voice=question.voice)
    parts = list(speaker.speak(question.text, 1.0))
    return resample(Sound(np.concatenate([part.samples for part in parts]), parts[0].rate), HEARING_RATE).samples


def noise_at(noise: NDArray[np.float32], voice: NDArray[np.float32], decibels: float) -> NDArray[np.float32]:
    """`noise`, so loud that the power of `voice` is so many decibels above its own."""
    powers = [float(np.mean(samples.astype(np.float64) ** 2)) for samples in (voice, noise)]
    return (noise * np.sqrt(powers[0] / max(powers[1], 1e-12) / 10 ** (decibels / 10))).astype(np.float32)


def shaped_noise() -> NDArray[np.float32]:
    """Noise whose power falls with frequency, as that of a room or a street; always the same."""
    n = SECONDS_OF_NOISE * HEARING_RATE
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(n))
    shaped = np.fft.irfft(spectrum / np.sqrt(1 + np.arange(len(spectrum))), n)
    return (shaped / np.abs(shaped).max()).astype(np.float32)
