"""Finds known sounds in a recording whose blocks came at known times: when did the voice end, when was the first word heard?

Pure functions on samples. A sound is found by its shape (normalised correlation with what was given to the loudspeaker),
so an earcon is never taken for speech, nor speech for an earcon, also while both are heard at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import HEARING_RATE, Sound, resample

Samples = NDArray[np.float32]

AUDIBLE = 0.02
"""Of a sound's peak: what is fainter (34 dB) is taken for silence at its ends."""
ALIKE = 0.6
"""Least correlation of what is found with what was looked for."""
FAINT = 0.01
"""Least energy of what is found, by what was looked for: in silence every shape is found."""
PIECE = 0.3
"""Seconds of a sound by which its beginning or its end is known again."""
NEIGHBOURS = 30
"""Blocks before and after, of which the promptest tells how late all are: a delay only ever adds. No more than 0.3 s of them,
because a virtual device shifts by up to 20 ms when a player joins it."""


@dataclass(frozen=True)
class Track:
    """A recording, and when each of its samples was recorded."""

    samples: Samples
    """`[n]` at 16 kHz."""
    ends: NDArray[np.int64]
    """Of each block: how many samples there are up to its end."""
    origins: NDArray[np.float64]
    """Of each block: when sample 0 would have been recorded, by the promptest of its neighbours."""

    def time_of(self, sample: int) -> float:
        """When this sample was recorded, seconds of time.monotonic()."""
        block = min(int(np.searchsorted(self.ends, sample, side="right")), len(self.ends) - 1)
        return float(self.origins[block]) + sample / HEARING_RATE

    def sample_at(self, time: float) -> int:
        """The sample that was recorded at this time; the first or last for a time outside."""
        times = self.origins + self.ends / HEARING_RATE
        block = min(int(np.searchsorted(times, time)), len(times) - 1)
        return int(np.clip(round((time - self.origins[block]) * HEARING_RATE), 0, len(self.samples)))


def track(blocks: Sequence[tuple[float, Samples]]) -> Track:
    """The recording whose `blocks` came at these times."""
    ends = np.cumsum([len(samples) for _, samples in blocks])
    lags = np.array([at for at, _ in blocks]) - ends / HEARING_RATE
    padded = np.pad(lags, NEIGHBOURS, constant_values=np.inf)
    origins = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1).min(axis=1)
    return Track(np.concatenate([samples for _, samples in blocks]), ends, origins)


def audible(samples: Samples) -> tuple[int, int]:
    """From where to where `samples` are loud enough to be heard; (0, 0) where nothing is."""
    loud = np.flatnonzero(np.abs(samples) > AUDIBLE * np.abs(samples).max(initial=0.0))
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, 0)


def begins(recording: Track, sound: Sound, after: float, before: float) -> float | None:
    """When the first audible sample of `sound` was heard, between two times; None where it was not."""
    samples = resample(sound, HEARING_RATE).samples
    first, last = audible(samples)
    found = _find(recording, samples[first : min(last, first + round(PIECE * HEARING_RATE))], after, before)
    return None if found is None else recording.time_of(found)


def ends(recording: Track, sound: Sound, after: float, before: float) -> float | None:
    """When the last audible sample of `sound` was heard, between two times; None where it was not."""
    samples = resample(sound, HEARING_RATE).samples
    first, last = audible(samples)
    piece = samples[max(first, last - round(PIECE * HEARING_RATE)) : last]
    found = _find(recording, piece, after - len(piece) / HEARING_RATE, before)
    return None if found is None else recording.time_of(found + len(piece))


def without(recording: Track, sound: Sound, begin: float) -> Track:
    """The recording without `sound`, whose first audible sample was heard at `begin`, as loud as it was."""
    samples = resample(sound, HEARING_RATE).samples
    start = recording.sample_at(begin) - audible(samples)[0]
    first, last = max(0, start), min(len(recording.samples), start + len(samples))
    part = samples[first - start : last - start]
    level = float(part @ recording.samples[first:last]) / max(float(part @ part), 1e-9)
    left = recording.samples.copy()
    left[first:last] -= level * part
    return replace(recording, samples=left)


def silent_from(recording: Track, after: float, before: float, level: float = 0.003) -> float | None:
    """When the last sound between two times was over; None where nothing was heard."""
    start = recording.sample_at(after)
    loud = np.flatnonzero(np.abs(recording.samples[start : recording.sample_at(before)]) > level)
    return recording.time_of(start + int(loud[-1]) + 1) if len(loud) else None


def _find(recording: Track, piece: Samples, after: float, before: float) -> int | None:
    """Where `piece` begins in the recording."""
    first, last = recording.sample_at(after), recording.sample_at(before) + len(piece)
    within = recording.samples[max(0, first) : last]
    if not len(piece) or len(within) < len(piece):
        return None
    product = cv2.matchTemplate(within[None], piece[None], cv2.TM_CCORR)[0]
    energy = np.cumsum(np.concatenate(([0.0], within.astype(np.float64) ** 2)))
    own, there = float(np.sum(piece.astype(np.float64) ** 2)), energy[len(piece) :] - energy[: -len(piece)]
    likeness = product / np.sqrt(own * np.maximum(there, FAINT * own))
    best = int(np.argmax(likeness))
    return max(0, first) + best if likeness[best] >= ALIKE else None


def outside(begin: float, end: float, spans: Sequence[tuple[float, float]]) -> float:
    """Seconds between `begin` and `end` that lie in none of `spans`."""
    left, at = 0.0, begin
    for start, stop in sorted(spans):
        left += max(0.0, min(start, end) - at)
        at = max(at, min(stop, end))
    return left + max(0.0, end - at)
