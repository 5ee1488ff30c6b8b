"""The wake words, spoken by synthetic voices. How often they are missed: docs/results/wake-word.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import EngineError
from assistant.sound.hearing.wakeword import REFRACTORY, WakeWord
from assistant.sound.samples import HEARING_RATE, load_sound, resample
from assistant.sound.speaking.voice import EspeakSpeaker

pytestmark = pytest.mark.model

WORDS = {"okay_nabu": "Okay Nabu", "hey_jarvis": "Hey Jarvis", "alexa": "Alexa", "hey_mycroft": "Hey Mycroft"}

VOICES = {"okay_nabu": "en-gb", "hey_jarvis": "en-gb-scotland+f2", "alexa": "en-gb", "hey_mycroft": "en-gb"}
"""espeak-ng's voices that the models take for people."""


def said(text: str, voice: str = "en-gb") -> np.ndarray:
    sounds = [resample(sound, HEARING_RATE).samples for sound in EspeakSpeaker(voice=voice).speak(text, 1.0)]
    still = np.random.default_rng(0).normal(0, 1e-4, HEARING_RATE).astype(np.float32)
    return np.concatenate([still, 0.5 * np.concatenate(sounds), still])


def times(word: WakeWord, samples: np.ndarray, size: int = 160) -> list[float]:
    return [at / HEARING_RATE for at in range(0, len(samples) - size + 1, size) if word.heard(samples[at : at + size])]


@pytest.mark.parametrize("name", WORDS)
def test_each_word_wakes_and_no_other(name: str) -> None:
    word = WakeWord(name)
    for other, text in WORDS.items():
        word.reset()
        assert len(times(word, said(f"{text}.", VOICES[other]))) == (name == other), text


def test_it_is_heard_once_and_then_again() -> None:
    word, sound = WakeWord(), said("Okay Nabu.")
    found = times(word, np.concatenate([sound, sound]))
    assert len(found) == 2
    assert found[1] - found[0] > REFRACTORY


def test_it_may_be_loud_or_faint() -> None:
    sound = said("Okay Nabu.")
    for gain in (0.02, 0.2, 2.0, 8.0):
        assert len(times(WakeWord(), gain * sound)) == 1, gain


def test_blocks_of_any_length_will_do() -> None:
    sound = said("Okay Nabu.")
    assert len(times(WakeWord(), sound, 1600)) == 1
    assert len(times(WakeWord(), sound, 250)) == 1


def test_speech_does_not_wake(shared: Path) -> None:
    word = WakeWord()
    for path in sorted((shared / "data/speech").glob("*.flac")):
        assert times(word, load_sound(path).samples) == [], path.name


def test_what_was_heard_before_a_reset_is_forgotten() -> None:
    sound = said("Okay Nabu.")
    (at,) = times(WakeWord(), sound)
    cut = int((at - 0.25) * HEARING_RATE)
    word = WakeWord()
    assert times(word, sound[:cut]) == []
    word.reset()
    assert times(word, sound[cut:]) == []


def test_sensitivity() -> None:
    assert times(WakeWord(sensitivity=0.0), said("Okay Nabu.")) == []
    assert WakeWord(sensitivity=1.0).threshold < WakeWord().threshold < WakeWord(sensitivity=0.1).threshold
    with pytest.raises(ValueError, match="between 0 and 1"):
        WakeWord(sensitivity=1.5)


def test_an_unknown_word_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineError, match="okay_nabu, hey_jarvis, alexa, hey_mycroft") as caught:
        WakeWord("computer")
    assert "Okay Nabu" in caught.value.spoken
