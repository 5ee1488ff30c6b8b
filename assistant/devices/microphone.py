"""The microphone: a PortAudio stream whose blocks wait in a short queue until the listening thread takes them.

When it is opened, watched and opened again, is the work of `soundcard.py`; what is heard in the sound, that of `listener.py`.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.sound.mixer import HEARING_STEP
from assistant.sound.samples import HEARING_RATE, portaudio
from assistant.sound.streaming import Buffer, Resampling

Samples = NDArray[np.float32]

BLOCKS_PER_SECOND = 50
MOST_WAITING = 100
"""Blocks of 20 ms that wait at most; while nobody takes them, the oldest are forgotten."""


@dataclass(frozen=True)
class Heard:
    """The next sound of the microphone."""

    samples: Samples
    """`[n * 160]` at 16 kHz, -1 to 1."""
    at: float
    """When it ended."""
    waiting: int
    """Steps of 10 ms that came after it and wait."""


class PortAudioMicrophone:
    """A microphone, mono at 16 kHz, whatever rate the device has."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stream: Any = None
        self._blocks: queue.SimpleQueue[tuple[Samples, float]] = queue.SimpleQueue()
        self._begin(HEARING_RATE)
        self.ticked = 0.0
        """When the device last brought sound."""

    def _begin(self, rate: int) -> None:
        self._rest = Buffer()
        self._resampling = None if rate == HEARING_RATE else Resampling(rate, HEARING_RATE)

    @property
    def active(self) -> bool:
        """Whether the stream is open and has not ended by itself."""
        return self._stream is not None and self._stream.active

    def open(self, device: int | None) -> None:
        """Open PortAudio's device of this number, None for its default.

        Errors: PortAudioError.
        """
        rate = HEARING_RATE
        try:
            portaudio().check_input_settings(device, channels=1, dtype="float32", samplerate=rate)
        except portaudio().PortAudioError:
            rate = round(portaudio().query_devices(device, "input")["default_samplerate"])
        self._begin(rate)
        self._stream = portaudio().InputStream(
            samplerate=rate,
            blocksize=rate // BLOCKS_PER_SECOND,
            device=device,
            channels=1,
            dtype="float32",
            latency="low",
            callback=self._called,
        )
        self._stream.start()

    def close(self) -> None:
        """Let go of the device and forget its sound. Never fails: it may be gone."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)
        while not self._blocks.empty():
            self._blocks.get()

    def take(self, timeout: float) -> Heard | None:
        """The sound of the next block; None when none came within `timeout` seconds. For one thread alone."""
        try:
            samples, at = self._blocks.get(timeout=timeout)
        except queue.Empty:
            return None
        self._rest.put(self._resampling(samples) if self._resampling else samples)
        steps = len(self._rest) // HEARING_STEP
        whole = self._rest.take(steps * HEARING_STEP)
        waiting = self._blocks.qsize() * HEARING_RATE // (BLOCKS_PER_SECOND * HEARING_STEP)
        return Heard(whole, at - len(self._rest) / HEARING_RATE, waiting)

    def _called(self, block: Samples, frames: int, times: Any, status: Any) -> None:
        """PortAudio brings `[frames, 1]` samples. Nothing here waits for a lock or the disk."""
        self.ticked = now = self._clock()
        if self._blocks.qsize() >= MOST_WAITING:
            self._blocks.get_nowait()
        self._blocks.put((block[:, 0].copy(), now))
