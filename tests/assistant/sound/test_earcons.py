"""Earcons: short, soft, without clicks, and each unlike all others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from assistant.sound.earcons import EARCONS, EarconName, earcon
from assistant.sound.samples import Sound

RATES = (16_000, 22_050, 48_000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", EARCONS)
def test_short_soft_and_without_clicks(name: EarconName, rate: int) -> None:
    sound = earcon(name, rate)
    loud = np.abs(sound.samples)
    assert sound.rate == rate
    assert 0.05 <= sound.seconds <= 0.25
    assert 0.02 <= loud.max() <= 0.3
    assert loud[0] < 0.002
    assert loud[-1] < 0.002
    assert not np.isnan(loud).any()
    edge = rate // 500  # 2 ms
    assert loud[:edge].max() < 0.3 * loud.max()
    assert loud[-edge:].max() < 0.3 * loud.max()


def test_waiting_is_the_softest() -> None:
    loudness = {name: float(np.sqrt(np.mean(earcon(name, 16_000).samples ** 2))) for name in EARCONS}
    assert min(loudness, key=loudness.__getitem__) == "waiting"
    assert loudness["waiting"] < 0.5 * sorted(loudness.values())[1]


def contour(sound: Sound) -> np.ndarray:
    """Energy by time (five parts of 0.05 s) and pitch (bands of a third of an octave), of length 1."""
    samples = np.pad(sound.samples, (0, round(0.25 * sound.rate) - len(sound.samples)))
    bands = np.geomspace(100, 8000, 20)
    parts = []
    for part in np.split(samples, 5):
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 4096)) ** 2
        hertz = np.fft.rfftfreq(4096, 1 / sound.rate)
        parts.append(np.histogram(hertz, bands, weights=power)[0])
    flat = np.sqrt(np.concatenate(parts))
    return flat / np.linalg.norm(flat)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(EARCONS, 2)))
def test_each_is_unlike_the_others(one: EarconName, other: EarconName) -> None:
    """Alike would be 1; the same signal at another level, or shifted by 5 ms, is above 0.9."""
    assert contour(earcon(one, 16_000)) @ contour(earcon(other, 16_000)) < 0.75


def test_the_measure_of_likeness_knows_a_signal_again() -> None:
    sound = earcon("listening", 16_000)
    later = Sound(0.5 * np.concatenate([np.zeros(80, np.float32), sound.samples]), sound.rate)
    assert contour(sound) @ contour(later) > 0.9


def test_listening_rises_and_asleep_falls() -> None:
    def pitch(samples: np.ndarray) -> int:
        return int(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16_384))))

    up, down = earcon("listening", 16_000).samples, earcon("asleep", 16_000).samples
    assert pitch(up[: len(up) // 3]) < pitch(up[len(up) // 2 :])
    assert pitch(down[: len(down) // 3]) > pitch(down[len(down) // 2 :])
