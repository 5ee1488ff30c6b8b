"""Tries the devices one after the other, for somebody who sets the assistant up: what they give, in numbers and in words.

Each trial opens its device, yields what it finds while it goes on, and lets go of it at the end, also when it is broken off.
Everyday use is the work of `soundcard.py` and `camera.py`. No sound and no frame is kept.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from assistant.devices.microphone import PortAudioMicrophone
from assistant.devices.sound_devices import Direction, find, present
from assistant.errors import CameraError, EngineError
from assistant.ports.events import DeviceBack, DeviceLost, Event
from assistant.sound.samples import Sound, look_again, portaudio

if TYPE_CHECKING:
    from assistant.picture.photo import Photo

SECONDS = 5.0
"""How long a microphone is tried; a sentence takes less."""
CALL_SECONDS = 20.0
"""How long somebody may take to call."""
SEEING_SECONDS = 15.0
LEVELS_PER_SECOND = 5
QUIET, FAINT, LOUD = 0.003, 0.03, 0.99
"""Peaks: what a switched-off microphone may bring, from where speech is loud enough, and where it is clipped."""
LOST_SECONDS = 5.0
"""A camera that is gone for so long does not come back by itself; on a busy machine its frames may stop for a second or two."""
FIRST_FRAME_SECONDS = 12.0

SAMPLE = "Hello. This is how I speak. You can have me speak faster or slower."
"""What the voice says so that it can be chosen."""

Verdict = Literal["nothing", "faint", "good", "clipped"]
_SAID: dict[Verdict, str] = {
    "nothing": "I heard nothing. Switch the microphone on, or choose another one.",
    "faint": "I heard you, but faintly. Come nearer, or turn the microphone up.",
    "good": "I hear you well.",
    "clipped": "That was too loud for the microphone. Turn it down a little.",
}


@dataclass(frozen=True)
class Level:
    """How loud a fifth of a second was."""

    peak: float
    """0 to 1."""

    @property
    def percent(self) -> int:
        """On a scale on which ears measure: 0 at -60 dB, 100 at full."""
        return max(0, min(100, round(100 + 100 * math.log10(max(self.peak, 1e-9)) / 3)))


@dataclass(frozen=True)
class Finding:
    """How a trial ended."""

    good: bool
    words: str
    """A sentence or two: what was found, and what to do."""


@dataclass(frozen=True)
class View:
    """What the camera shows now."""

    photo: Photo
    usable: bool
    words: str
    """Of the picture gate; empty when nothing is wrong."""


def hear(microphone: str, seconds: float = SECONDS) -> Iterator[Level | Finding]:
    """How loud the microphone (a part of its name, "" for the default) hears, and in the end whether that will do.

    Errors: EngineError when there is none, or it brings no sound.
    """
    highest = 0.0
    with _listening(microphone) as blocks:
        for block in _for_seconds(blocks, seconds):
            peak = float(np.abs(block).max(initial=0.0))
            highest = max(highest, peak)
            yield Level(peak)
    verdict: Verdict = (
        "nothing" if highest < QUIET else "faint" if highest < FAINT else "clipped" if highest >= LOUD else "good"
    )
    yield Finding(verdict == "good", _SAID[verdict])


def await_call(
    microphone: str, word: str, sensitivity: float, seconds: float = CALL_SECONDS
) -> Iterator[Level | Finding]:
    """How loud it is until the wake word `word` is heard, or `seconds` are over.

    Errors: as `hear`; EngineError when the word cannot be listened for.
    """
    from assistant.sound.hearing.wakeword import WakeWord

    ear = WakeWord(word, sensitivity)
    name = word.replace("_", " ").title()
    highest = 0.0
    with _listening(microphone) as blocks:
        for block in _for_seconds(blocks, seconds):
            if ear.heard(block):
                yield Finding(True, f"I heard {name}.")
                return
            peak = float(np.abs(block).max(initial=0.0))
            highest = max(highest, peak)
            yield Level(peak)
    if highest < FAINT:
        yield Finding(False, f"I did not hear {name}: it was too quiet. Test the microphone, and come nearer.")
    else:
        yield Finding(
            False, f"I heard something, but not {name}. Say it again, clearly; or set the sensitivity to high."
        )


def say(sounds: Iterator[Sound], loudspeaker: str) -> None:
    """Play `sounds` one after the other on the loudspeaker (a part of its name, "" for the default).

    Errors: EngineError when there is none, or it fails.
    """
    device = _found("loudspeaker", loudspeaker)
    library = portaudio()
    try:
        for sound in sounds:
            library.play(sound.samples, sound.rate, device=device, blocking=True)
    except library.PortAudioError as error:
        raise EngineError(
            f"the loudspeaker failed ({error}): check it and try again", "The loudspeaker failed. Connect it again."
        ) from error


def see(camera: str, seconds: float = SEEING_SECONDS) -> Iterator[View | Finding]:
    """What the camera (as `sources.find_source` understands it) shows, about once a second, and in the end whether that will do.

    Errors: CameraError when there is none, or it stops.
    """
    from assistant.devices.camera import open_camera
    from assistant.picture import gate

    lost: list[DeviceLost] = []

    def report(event: Event) -> None:
        if isinstance(event, DeviceLost):
            lost.append(event)
        elif isinstance(event, DeviceBack):
            lost.clear()

    if not camera:
        raise CameraError(
            "no camera is chosen: set devices.camera to 0 for the first one", "No camera is chosen. Choose one first."
        )
    watched = open_camera(camera, report, time.monotonic)
    pause = threading.Event()
    until = time.monotonic() + FIRST_FRAME_SECONDS
    ends: float | None = None
    words = ""
    try:
        watched.watch(True)
        while time.monotonic() < until:
            photo = watched.newest()
            for gone in tuple(lost)[:1]:
                if time.monotonic() - gone.at > LOST_SECONDS:
                    raise CameraError(f"the camera {camera!r} cannot be used: {gone.spoken}", gone.spoken)
            if photo is None:
                pause.wait(0.1)
                continue
            if ends is None:
                ends = until = time.monotonic() + seconds
            quality = gate.judge(photo)
            words = quality.spoken
            yield View(photo, quality.usable, words)
            pause.wait(1.0)
    finally:
        watched.close()
    if ends is None:
        spoken = lost[0].spoken if lost else "The camera brings no picture. Connect it again."
        raise CameraError(f"the camera {camera!r} cannot be used: {spoken}", spoken)
    yield Finding(not words, words or "The picture is clear.")


def _found(direction: Direction, wanted: str) -> int | None:
    look_again()
    return find(direction, wanted, present()).index


@contextmanager
def _listening(wanted: str) -> Iterator[PortAudioMicrophone]:
    device = _found("microphone", wanted)
    microphone = PortAudioMicrophone()
    try:
        microphone.open(device)
        yield microphone
    except portaudio().PortAudioError as error:
        raise EngineError(
            f"the microphone cannot be used ({error}): close other programs that use it, or connect it again",
            "I cannot use the microphone. Close other programs that use it, or connect it again.",
        ) from error
    finally:
        microphone.close()


def _for_seconds(
    microphone: PortAudioMicrophone, seconds: float
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Its sound in fifths of a second. EngineError when none comes."""
    until = time.monotonic() + seconds
    last = time.monotonic()
    waiting: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
    size = 16_000 // LEVELS_PER_SECOND
    while time.monotonic() < until:
        heard = microphone.take(timeout=0.1)
        if heard is None:
            if time.monotonic() - last > 3.0:
                raise EngineError(
                    "the microphone brings no sound: connect it again",
                    "The microphone brings no sound. Connect it again.",
                )
            continue
        last = time.monotonic()
        waiting.append(heard.samples)
        if sum(map(len, waiting)) >= size:
            yield np.concatenate(waiting)
            waiting = []
