"""Echo cancellation rests while nothing is played: until something is, exactly the same is heard as by one that never rests."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from assistant.ports.events import SpeechEnded, SpeechPaused
from assistant.sound.hearing.echo import ECHO_DELAY, EchoCanceller
from assistant.sound.hearing.listener import Listener
from assistant.sound.hearing.speech import ListenerOptions
from assistant.sound.hearing.wakeword import WakeWord
from assistant.sound.samples import HEARING_RATE, load_sound, resample
from assistant.sound.speaking.voice import EspeakSpeaker

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the program espeak-ng"),
]

BLOCK = 320
NEVER = ListenerOptions(echo_rest=math.inf)
Story = list[tuple[str, float, float, int]]


def noise(seconds: float, level: float, seed: int, kind: str = "hiss") -> np.ndarray:
    """Of that root mean square; `hum`: mostly low, as of a fan or a street far away."""
    made = np.random.default_rng(seed).standard_normal(round(seconds * HEARING_RATE))
    if kind == "hum":
        spectrum = np.fft.rfft(made)
        spectrum /= np.maximum(np.arange(len(spectrum)) / seconds, 30) ** 0.5
        made = np.fft.irfft(spectrum, len(made))
    return (made * (level / np.sqrt(np.mean(made**2)))).astype(np.float32)


def spoken(text: str, voice: str = "en-gb") -> np.ndarray:
    sounds = [resample(sound, HEARING_RATE).samples for sound in EspeakSpeaker(voice=voice).speak(text, 1.0)]
    return 0.5 * np.concatenate(sounds)


def heard(listener: Listener, mic: np.ndarray, played: np.ndarray | None = None) -> Story:
    """Every event: its kind, when it was reported, when it was, and how many samples came with it."""
    story: Story = []
    played = np.zeros_like(mic) if played is None else played
    for at in range(0, len(mic) - BLOCK + 1, BLOCK):
        now = (at + BLOCK) / HEARING_RATE
        for event in listener.hear(mic[at : at + BLOCK], played[at : at + BLOCK], now):
            sound = len(event.sound.samples) if isinstance(event, SpeechPaused | SpeechEnded) else 0
            story.append((type(event).__name__, now, event.at, sound))
    return story


def both(mic: np.ndarray, played: np.ndarray | None = None, wake: bool = True) -> tuple[Story, Story]:
    """What is heard by one that rests, and by one that never does."""
    resting, always = (Listener(WakeWord() if wake else None, options=each) for each in (ListenerOptions(), NEVER))
    return heard(resting, mic, played), heard(always, mic, played)


def recordings(shared: Path) -> dict[str, np.ndarray]:
    rows = map(json.loads, (shared / "data/speech/transcripts.jsonl").read_text("utf-8").splitlines())
    return {row["audio"]: load_sound(shared / "data/speech" / row["audio"]).samples for row in rows}


@pytest.mark.parametrize(("decibels", "kind"), [(40, "hiss"), (10, "hum"), (0, "hiss")])
def test_recorded_speech_in_noise_is_heard_the_same(shared: Path, decibels: float, kind: str) -> None:
    """One recording after the other, each after silence enough to rest, at all loudnesses between near and far."""
    random, parts = np.random.default_rng(7), []
    for voice in recordings(shared).values():
        parts += [np.zeros(round(random.uniform(4, 8) * HEARING_RATE), np.float32), voice * random.choice((1.0, 0.1))]
    mic = np.concatenate(parts)
    loud = np.sqrt(np.mean(np.concatenate(parts[1::2]) ** 2))
    mic += noise(len(mic) / HEARING_RATE + 1, loud * 10 ** (-decibels / 20), 3, kind)[: len(mic)]
    resting, always = both(mic.astype(np.float32), wake=False)
    assert resting == always
    assert resting or decibels == 0


@pytest.mark.parametrize("level", [0.0, 1e-5, 3e-4, 1e-2, 3e-2])
def test_the_word_is_heard_at_the_same_moment(level: float) -> None:
    parts = []
    for number, (text, gain) in enumerate(
        (("Okay Nabu.", 1.0), ("Okay Nabu. What does it say?", 0.3), ("Good evening.", 1.0), ("Okay Nabu, stop.", 0.05))
    ):
        parts += [np.zeros((4 + number) * HEARING_RATE, np.float32), gain * spoken(text)]
    mic = np.concatenate([*parts, np.zeros(4 * HEARING_RATE, np.float32)])
    resting, always = both((mic + noise(len(mic) / HEARING_RATE + 1, level, 4)[: len(mic)]).astype(np.float32))
    assert resting == always
    assert [kind for kind, *_ in resting].count("Woken") >= (3 if level < 1e-2 else 1)


def test_after_a_rest_its_own_voice_is_no_speech_and_a_person_is_heard_over_it(shared: Path) -> None:
    """Each answer comes after a silence in which echo cancellation rested; somebody speaks over every second one. To the
    millisecond nobody hears the same there: without a rest, too, what is left of an echo depends on all the silence before.
    """
    answer = spoken("The label says: whole milk, two litres. It was written by Jane Austen.", "en-us")
    people = list(recordings(shared).values())
    room = np.zeros(4000, np.float32)
    room[[800, 1100, 1900, 3000]] = (0.1, 0.05, -0.04, 0.02)
    played, voices, spans = [], [], []
    for number in range(6):
        silence, over = np.zeros((8 + number) * HEARING_RATE, np.float32), np.zeros(len(answer), np.float32)
        if number % 2:
            voice = people[number]
            voice = voice[np.flatnonzero(np.abs(voice) > 0.08 * np.abs(voice).max())[0] :][: 2 * HEARING_RATE]
            over[2 * HEARING_RATE :][: len(voice)] = voice[: len(over) - 2 * HEARING_RATE]
        played += [silence, answer]
        voices += [silence, over]
        end = sum(map(len, played)) / HEARING_RATE
        spans.append((end - len(answer) / HEARING_RATE, end + 0.5))
    out = np.concatenate(played).astype(np.float32)
    mic = np.convolve(out, room)[: len(out)] + np.concatenate(voices) + noise(len(out) / HEARING_RATE, 3e-4, 5)
    for story in both(mic.astype(np.float32), out):
        starts = [known for kind, known, *_ in story if kind == "SpeechStarted"]
        for number, (begin, end) in enumerate(spans):
            found = [at - begin for at in starts if begin < at < end]
            if number % 2:
                assert 2.0 < found[0] < 2.5, number
            else:
                assert found == [], number


def test_resting_echo_cancellation_gives_what_the_working_one_does() -> None:
    voice = spoken("Somebody speaks while nothing is played.")
    mic = (np.concatenate([np.zeros(16_000, np.float32), voice]) + noise(1 + len(voice) / 16_000, 1e-3, 6))[
        : len(voice)
    ]
    mic = mic[: len(mic) // BLOCK * BLOCK].astype(np.float32)
    found = []
    for rest in (0.0, math.inf):
        echo = EchoCanceller(rest)
        blocks = [echo.process(mic[at : at + BLOCK], np.zeros(BLOCK, np.float32)) for at in range(0, len(mic), BLOCK)]
        found.append(np.concatenate(blocks))
    settled = slice(HEARING_RATE // 10, None)
    assert np.abs(found[0] - found[1])[settled].max() < 1e-5
    assert np.abs(found[0][ECHO_DELAY:]).max() > 0.1


def test_nothing_heard_before_is_kept_for_the_echo_after_a_reset() -> None:
    echo = EchoCanceller(0.0)
    echo.process(noise(0.1, 0.3, 8), np.zeros(1600, np.float32))
    echo.reset()
    assert not echo._before
    assert not echo.process(np.zeros(1600, np.float32), np.zeros(1600, np.float32)).any()
