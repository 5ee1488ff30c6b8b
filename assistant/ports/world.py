"""What the dialogue needs of the world around it, as small Protocols: a loudspeaker, a camera, workers, a clock.

Real devices are in `loudspeaker.py`, `camera.py` and `workers.py`; a simulated world, in which time is counted and not
waited for, in `conversation/simulation/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from assistant.picture.looking import Seen
from assistant.picture.photo import Photo
from assistant.sound.samples import Sound


class Clock(Protocol):
    """Seconds that only go forward."""

    def __call__(self) -> float: ...


class Loudspeaker(Protocol):
    """Plays sounds one after the other. No call waits for the sound; none fails: a lost device is reported as an event."""

    def play(self, sound: Sound) -> int:
        """Queue `sound` after all others; returns its number, which `Played` reports when it has been heard."""

    def cue(self, sound: Sound) -> None:
        """Mix a short signal (an earcon) in at once, also while other sound plays or is paused."""

    def pause(self) -> None:
        """Fall silent within some hundredths of a second; what was queued is kept."""

    def resume(self) -> None:
        """Go on where it was paused, from a moment before."""

    def stop(self) -> None:
        """Fall silent as with `pause`, and forget all that was queued; no `Played` comes for it."""

    @property
    def volume(self) -> float:
        """0 to 1; 1 plays samples as they are."""

    @volume.setter
    def volume(self, value: float) -> None: ...


class Camera(Protocol):
    """Pictures of what is in front of the user. Frames live in memory only."""

    def watch(self, on: bool) -> None:
        """Whether to keep the frames of the last second or two; switched off, all are forgotten."""

    def sharpest(self) -> Photo | None:
        """The sharpest of the frames kept; None where there is none (switched off, not yet, or the camera is lost)."""

    def newest(self) -> Photo | None:
        """The newest of the frames kept."""

    def switch(self, on: bool) -> None:
        """Let go of the device, so that its light goes out, or take it again."""


class Workers(Protocol):
    """Does slow work elsewhere. Each piece is reported as `Made`, the end as `Finished`."""

    def start(self, lane: str, work: Callable[[], Iterator[object]]) -> int:
        """Begin `work` after all other work of the same lane; returns the number of the task."""

    def cancel(self, task: int) -> None:
        """Nobody wants this any more: it is ended before its next piece, and nothing of it is reported from now on."""


@dataclass(frozen=True)
class World:
    """Everything around the conversation."""

    loudspeaker: Loudspeaker
    camera: Camera
    workers: Workers
    clock: Clock
    now: Callable[[], datetime]
    """Time of day."""
    battery: Callable[[], tuple[int, bool] | None]
    """Percent, and whether it is being charged; None without a battery."""
    save: Callable[[Seen, str], str]
    """Writes a picture and the words about it to the disk, because the user said so; returns the folder's name."""
    remember: Callable[[float, float], None]
    """Speed and volume of the voice were changed by a word, and are to stay so."""
    forget: Callable[[], None]
    """Have the microphone's side forget all sound."""
