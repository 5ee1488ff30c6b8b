"""What the microphone heard, without what the loudspeaker played; the costly part rests while nothing is played.

WebRTC's canceller changes nothing but low tones and a delay when nothing is played (it differs by less than -130 dB), and takes
eight times the processor time of the high-pass filter alone, which does the same.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from pywebrtc_audio import AudioProcessor

from assistant.sound.samples import HEARING_RATE

Samples = NDArray[np.float32]

AUDIBLE = 1e-4
"""What the loudspeaker plays is silence below this."""
ECHO_DELAY = 128
"""Samples by which echo cancellation is late (measured with a click)."""
WARM_SECONDS = 2.0
"""Of what was heard, given to the canceller before it goes on after a rest, so that it knows the room as it is now."""


class EchoCanceller:
    """Hears one microphone beside one loudspeaker. Its output is `ECHO_DELAY` samples late."""

    def __init__(self, rest: float) -> None:
        """`rest`: seconds after the last played sound after which it rests; infinite for never."""
        self._rest = rest * HEARING_RATE
        self._canceller = AudioProcessor(HEARING_RATE, 1, echo_cancellation=True, high_pass_filter=True)
        self.reset()

    def reset(self) -> None:
        """Forget all sound. What is known of the room's echo stays: it holds no sound."""
        self._filter = AudioProcessor(HEARING_RATE, 1, high_pass_filter=True)
        self._late = np.zeros(ECHO_DELAY, np.float32)
        self._before: deque[Samples] = deque()
        self._kept = 0
        self._silent = 0
        self._resting = False

    def process(self, block: Samples, played: Samples) -> Samples:
        """`[n * 160]` heard while `played` was put out, without it."""
        filtered = np.concatenate((self._late, self._filter.process(block)))
        self._late = filtered[len(block) :]
        self._silent = 0 if np.abs(played).max(initial=0.0) > AUDIBLE else self._silent + len(block)
        if self._silent > self._rest:
            self._resting = True
            self._keep(block)
            return filtered[: len(block)]
        if self._resting:
            self._resting = False
            while self._before:
                before = self._before.popleft()
                self._canceller.process(before, np.zeros_like(before))
            self._kept = 0
        cleared: Samples = self._canceller.process(block, played)
        return cleared

    def _keep(self, block: Samples) -> None:
        """Whole blocks, as many as it takes to have what is wanted before going on."""
        self._before.append(block.copy())
        self._kept += len(block)
        while self._kept - len(self._before[0]) >= WARM_SECONDS * HEARING_RATE:
            self._kept -= len(self._before.popleft())
