"""The microphone on a virtual device, and on one that has only another rate."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from assistant.devices.microphone import MOST_WAITING, Heard, PortAudioMicrophone
from assistant.devices.sound_devices import find, present
from assistant.sound.samples import HEARING_RATE, Sound
from tests.assistant.devices.pulse import PulseServer


def tone(seconds: float, hertz: float, rate: int = HEARING_RATE) -> Sound:
    return Sound((0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32), rate)


def pitch(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * HEARING_RATE / len(samples))


@pytest.fixture
def microphone(pulse: PulseServer) -> Iterator[PortAudioMicrophone]:
    made = PortAudioMicrophone()
    made.open(find("microphone", "TESTMICRO", present()).index)
    yield made
    made.close()


def listened(microphone: PortAudioMicrophone, seconds: float) -> list[Heard]:
    heard: list[Heard] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        block = microphone.take(timeout=0.1)
        if block is not None:
            heard.append(block)
    return heard


def test_it_hears_what_is_in_the_air(pulse: PulseServer, microphone: PortAudioMicrophone) -> None:
    with pulse.saying(tone(2.0, 700)) as began:
        heard = listened(microphone, 2.0)
    samples = np.concatenate([block.samples for block in heard])
    assert len(samples) / HEARING_RATE == pytest.approx(2.0, abs=0.5)
    assert pitch(samples) == pytest.approx(700, abs=3)
    first = next(block for block in heard if np.abs(block.samples).max() > 0.1)
    assert -0.05 < first.at - began < 1.0
    assert all(len(block.samples) % 160 == 0 for block in heard)
    assert all(a.at < b.at for a, b in itertools.pairwise(heard))


def test_while_nobody_listens_the_oldest_is_forgotten(microphone: PortAudioMicrophone) -> None:
    time.sleep(MOST_WAITING / 50 + 1)
    first = microphone.take(timeout=1)
    assert first is not None
    assert first.waiting <= 2 * MOST_WAITING
    assert time.monotonic() - first.at < MOST_WAITING / 50 + 0.5  # and not when it was opened, a second earlier


def test_closed_it_is_silent(microphone: PortAudioMicrophone) -> None:
    assert microphone.take(timeout=2.0) is not None
    microphone.close()
    assert microphone.take(timeout=0.05) is None
    assert not microphone.active


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_another_rate_becomes_ours(monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    """PortAudio is faked, because no virtual device refuses a rate: one that only knows `rate`."""
    opened: dict[str, object] = {}

    class RefusedError(Exception):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise RefusedError

    def stream(**settings: object) -> SimpleNamespace:
        opened.update(settings)
        return SimpleNamespace(start=lambda: None, active=True, close=lambda ignore_errors: None)

    library = SimpleNamespace(
        PortAudioError=RefusedError,
        check_input_settings=refuse,
        query_devices=lambda device, kind: {"default_samplerate": float(rate)},
        InputStream=stream,
    )
    monkeypatch.setattr("assistant.devices.microphone.portaudio", lambda: library)
    microphone = PortAudioMicrophone()
    microphone.open(None)
    assert opened["samplerate"] == rate
    size = rate // 50
    sound = tone(1.0, 700, rate).samples
    for start in range(0, len(sound) - size + 1, size):
        microphone._called(sound[start : start + size, None], size, None, None)
    blocks = []
    while (block := microphone.take(timeout=0.0)) is not None:
        blocks.append(block.samples)
    samples = np.concatenate(blocks)
    assert len(samples) == pytest.approx(HEARING_RATE, rel=0.03)
    assert pitch(samples) == pytest.approx(700, abs=3)
    assert np.abs(np.diff(samples)).max() < 0.5 * 2 * np.pi * 700 / HEARING_RATE * 1.05  # no seam between blocks
