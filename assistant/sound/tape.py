"""The last seconds of sound, found by their position; and how much one stretch of sound is like another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import HEARING_RATE

Samples = NDArray[np.float32]

_EMPHASIS = 0.9
"""Lifts what tells sounds apart over the low tones that all voices share."""


class Tape:
    """The last seconds of sound, found by their position since the beginning."""

    def __init__(self, seconds: float) -> None:
        self._samples = np.zeros(round(seconds * HEARING_RATE), np.float32)
        self.end = 0
        """Samples that were appended so far."""

    def append(self, block: Samples) -> None:
        at, whole = self.end % len(self._samples), block[-len(self._samples) :]
        at = (at + len(block) - len(whole)) % len(self._samples)
        first = min(len(whole), len(self._samples) - at)
        self._samples[at : at + first] = whole[:first]
        self._samples[: len(whole) - first] = whole[first:]
        self.end += len(block)

    def cut(self, first: int, last: int) -> Samples:
        """A copy of the samples from `first` up to `last`, as far as they are still there."""
        first = max(first, 0, self.end - len(self._samples))
        return self._samples[np.arange(first, min(last, self.end)) % len(self._samples)]


def likeness(sound: Samples, other: Samples) -> float:
    """0 to 1: how well `sound` fits some place of the longer `other` (the highest normalised cross-correlation).

    Both `[n]`. What is silent fits nothing. Tenths of a second of different voices mostly stay under 0.3.
    """
    wanted, there = _emphasised(sound), _emphasised(other)
    size = 1 << (len(there) + len(wanted)).bit_length()  # room enough that the ends do not wrap around
    fits = np.fft.irfft(np.fft.rfft(there, size) * np.fft.rfft(wanted, size).conj(), size)
    energy = np.concatenate(([0.0], np.cumsum(there * there)))
    places = len(there) - len(wanted) + 1
    norms = np.sqrt(np.maximum((energy[len(wanted) :] - energy[:places]) * np.sum(wanted * wanted), 1e-12))
    return float(np.max(np.abs(fits[:places]) / norms))


def _emphasised(samples: Samples) -> NDArray[np.float64]:
    wide = samples.astype(np.float64)
    return wide[1:] - _EMPHASIS * wide[:-1]
