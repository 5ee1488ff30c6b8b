"""Sound that comes in pieces, at another rate or in other lengths than it is wanted in.

For a whole sound there is `resample` in `samples.py`.
"""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import Sound, audio_frame

Samples = NDArray[np.float32]


class Resampling:
    """Turns a stream of pieces at one rate into one at another."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._rate = rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)

    def __call__(self, samples: Samples) -> Samples:
        """What is ready after `samples`: some may only come with the next ones."""
        blocks = self._resampler.resample(audio_frame(Sound(samples, self._rate)))
        return np.concatenate([np.zeros(0, np.float32), *(block.to_ndarray().reshape(-1) for block in blocks)])


class Buffer:
    """Puts pieces of any length in and takes others out."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self._samples)

    def put(self, samples: Samples) -> None:
        self._samples = np.concatenate((self._samples, samples))

    def take(self, count: int) -> Samples:
        """The first `count` samples, which must be there."""
        taken, self._samples = self._samples[:count], self._samples[count:]
        return taken
