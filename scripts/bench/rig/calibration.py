"""How late the virtual sound system itself is: clicks sent through the microphone, the loudspeaker and two recorders."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.devices.soundcard import SoundCard
from assistant.sound.hearing.listener import Listener
from assistant.sound.samples import HEARING_RATE, Sound
from scripts.bench.rig.recording import Track, begins, track
from scripts.bench.rig.report import spread
from tests.assistant.devices.pulse import PulseServer, Recording

CLICKS = 5
LEAD = 0.5
"""Seconds of silence before a click that is said: the virtual device shifts when a player joins it."""
APART = 1.0
"""Seconds in which a click has come through."""


def click() -> Sound:
    """0.1 s of a rising tone, which is found to the sample."""
    at = np.arange(HEARING_RATE // 10) / HEARING_RATE
    return Sound((0.5 * np.sin(2 * np.pi * (1000 + 15000 * at) * at)).astype(np.float32), HEARING_RATE)


def sound_system(pulse: PulseServer, card: SoundCard, listener: Listener) -> dict[str, Any]:
    """Milliseconds, median and 95th percentile.

    `microphone`: from the air to the listener. `loudspeaker`: from the call that plays a sound to its sound. `recorders`: how far
    two recorders of the same sound differ.
    """
    heard: list[tuple[float, NDArray[np.float32]]] = []
    hear = listener.hear

    def tap(block: NDArray[np.float32], played: NDArray[np.float32], now: float) -> Any:
        heard.append((time.monotonic(), block.copy()))
        return hear(block, played, now)

    listener.hear = tap  # type: ignore[method-assign]
    try:
        called, recordings, air = _clicks(pulse, card)
    finally:
        del listener.hear
    loudspeaker, other = recordings
    microphone = track(heard)
    times = [begins(loudspeaker, click(), at, at + APART) for at in called]
    others = [begins(other, click(), at, at + APART) for at in called]
    said = [begins(air, click(), at + LEAD / 2, at + LEAD + APART) for at in called]
    arrived = [begins(microphone, click(), at + LEAD / 2, at + LEAD + APART) for at in called]
    return {
        "loudspeaker": _apart(called, times),
        "recorders": _apart(times, others, signed=False),
        "microphone": _apart(said, arrived),
    }


def _clicks(pulse: PulseServer, card: SoundCard) -> tuple[list[float], tuple[Track, Track], Track]:
    """When the loudspeaker was told to click; what two recorders heard of it; and the air, into which the same was said."""
    called = []
    with pulse.recording() as one, pulse.recording() as two, pulse.recording("air") as air:
        for _ in range(CLICKS):
            called.append(time.monotonic())
            card.loudspeaker.cue(click())
            pulse.say(Sound(np.pad(click().samples, (round(LEAD * HEARING_RATE), 0)), HEARING_RATE))
            time.sleep(APART)
    return called, (_track(one), _track(two)), _track(air)


def _track(recording: Recording) -> Track:
    return track(recording.blocks())


def _apart(before: Any, after: Any, signed: bool = True) -> dict[str, float | int] | None:
    differences = [1000 * (b - a) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    return spread([each if signed else abs(each) for each in differences])
