"""What the loudspeaker puts out, 10 ms at a time: sounds one after the other, signals mixed in, pauses without a click.

It has no device, thread or clock: `loudspeaker.py` pulls from it as the device asks, a simulation as its time goes on.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import HEARING_RATE, Sound, resample

Samples = NDArray[np.float32]

OUTPUT_RATE = 48_000
OUTPUT_STEP, HEARING_STEP = OUTPUT_RATE // 100, HEARING_RATE // 100
"""Samples of 10 ms for the device, and for the echo cancellation."""
STEP_SECONDS = 0.01
STEPS_BACK = 30
"""After a pause it goes on from so many steps before, so that the word that was cut is heard whole."""


@dataclass(frozen=True)
class _Prepared:
    """A sound in whole steps, at both rates."""

    number: int
    out: Samples
    """`[steps, 480]`"""
    heard: Samples
    """`[steps, 160]`"""


class Mixer:
    """The queue of sounds. One thread may pull; any may call the rest: nobody waits for anybody."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # Appending to a deque and taking from it are atomic, so commands need no lock, which `pull` must never wait for.
        self._commands: deque[Callable[[], None]] = deque()
        self._queue: deque[_Prepared] = deque()
        self._at = 0  # the next step of the first sound in the queue
        self._signals: list[tuple[_Prepared, int]] = []
        self._finished: list[int] = []
        self._running = True
        self._fading: tuple[_Prepared, int, float] | None = None  # the step that a pause fades out, and how loud it was
        self._level = 1.0  # of the queue: what its last step ended with, or 0 after a pause
        self.volume = 1.0
        """0 to 1; 1 plays samples as they are."""

    def play(self, sound: Sound) -> int:
        """Queue `sound` after all others; returns its number."""
        prepared = _prepare(next(self._numbers), sound)
        self._commands.append(lambda: self._queue.append(prepared))
        return prepared.number

    def cue(self, sound: Sound) -> None:
        """Mix `sound` in from the next step on, also while others are paused."""
        prepared = _prepare(0, sound)
        self._commands.append(lambda: self._signals.append((prepared, 0)))

    def pause(self) -> None:
        """Fall silent within a step; what was queued is kept."""
        self._commands.append(self._pause)

    def resume(self) -> None:
        """Go on from 0.3 s before the place of the pause, or from the beginning of the sound that was playing."""
        self._commands.append(self._resume)

    def stop(self) -> None:
        """Fall silent within a step and forget what was queued. What is queued after this is played."""
        self._commands.append(self._stop)

    def rewind(self) -> None:
        """Go back 0.3 s in the sound that is playing: the device lost that much of it."""
        self._commands.append(self._back)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be heard now."""
        return not (self._commands or self._signals or (self._running and self._queue))

    def pull(self) -> tuple[Samples, Samples]:
        """The next 10 ms: `[480]` at 48 kHz for the device, and the same as `[160]` at 16 kHz for echo cancellation."""
        while self._commands:
            self._commands.popleft()()
        out, heard = np.zeros(OUTPUT_STEP, np.float32), np.zeros(HEARING_STEP, np.float32)
        if self._fading:
            _mix(*self._fading, 0.0, out, heard)
            self._fading = None
        if self._running and self._queue:
            _mix(self._queue[0], self._at, self._level, self.volume, out, heard)
            self._level = self.volume
            self._at += 1
            if self._at == len(self._queue[0].out):
                self._finished.append(self._queue.popleft().number)
                self._at = 0
        for sound, at in self._signals:
            out += sound.out[at] * self.volume
            heard += sound.heard[at] * self.volume
        self._signals = [(sound, at + 1) for sound, at in self._signals if at + 1 < len(sound.out)]
        return np.clip(out, -1, 1), np.clip(heard, -1, 1)

    def finished(self) -> list[int]:
        """Numbers of the sounds whose last step was pulled since the last call; to be called by who pulls."""
        numbers, self._finished = self._finished, []
        return numbers

    def _pause(self) -> None:
        if self._running and self._queue:
            self._fading = self._queue[0], self._at, self._level
        self._running, self._level = False, 0.0

    def _resume(self) -> None:
        if not self._running:
            self._running = True
            self._back()

    def _stop(self) -> None:
        self._pause()
        self._queue.clear()
        self._at, self._running = 0, True

    def _back(self) -> None:
        self._at = max(0, self._at - STEPS_BACK)


def _mix(sound: _Prepared, at: int, before: float, after: float, out: Samples, heard: Samples) -> None:
    """Add a step of `sound` to both, its level going evenly from `before` to `after`."""
    for samples, mixed in ((sound.out[at], out), (sound.heard[at], heard)):
        mixed += samples * np.linspace(before, after, len(samples), dtype=np.float32)


def _prepare(number: int, sound: Sound) -> _Prepared:
    out, heard = resample(sound, OUTPUT_RATE).samples, resample(sound, HEARING_RATE).samples
    steps = max(1, -(-len(out) // OUTPUT_STEP), -(-len(heard) // HEARING_STEP))
    return _Prepared(number, _steps(out, steps, OUTPUT_STEP), _steps(heard, steps, HEARING_STEP))


def _steps(samples: Samples, steps: int, size: int) -> Samples:
    return np.pad(samples, (0, steps * size - len(samples))).reshape(steps, size)
