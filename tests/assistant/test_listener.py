"""The listener on recorded and synthesised speech, noise, and echo of the assistant's own voice in a simulated room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant.events import Event, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted
from assistant.listener import Listener
from assistant.sound import HEARING_RATE, load_sound

BLOCK = 320


def still(seconds: float, level: float = 3e-4) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, round(seconds * HEARING_RATE)).astype(np.float32)


def heard(listener: Listener, mic: np.ndarray, played: np.ndarray | None = None) -> list[tuple[float, Event]]:
    """All events, each with the time at which it was reported; the clock starts with the sound."""
    played = np.zeros_like(mic) if played is None else played
    events: list[tuple[float, Event]] = []
    for start in range(0, len(mic) - BLOCK + 1, BLOCK):
        now = (start + BLOCK) / HEARING_RATE
        found = listener.hear(mic[start : start + BLOCK], played[start : start + BLOCK], now)
        events += [(now, event) for event in found]
    return events


def kinds(events: Sequence[tuple[float, Event]]) -> list[type[Event]]:
    return [type(event) for _, event in events]


def test_a_sentence_starts_pauses_and_ends(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/arctic_a0024.flac").samples
    events = heard(Listener(None), np.concatenate([still(1), voice, still(1)]))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]
    (_, _), (_, paused), (known, ended) = events
    assert isinstance(paused, SpeechPaused)
    assert isinstance(ended, SpeechEnded)
    assert paused.sound is ended.sound
    assert 0.5 < known - ended.at < 0.7


def test_a_pause_is_bridged(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/sb_spk2_snt4.flac").samples
    events = heard(Listener(None), np.concatenate([still(1), voice, still(0.2), voice, still(1)]))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]


def test_blocks_must_match() -> None:
    with pytest.raises(ValueError, match="whole 10 ms"):
        Listener(None).hear(np.zeros(320, np.float32), np.zeros(160, np.float32), 0.0)
