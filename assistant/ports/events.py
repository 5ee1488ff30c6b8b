"""What happens to the assistant while it listens: voices, keys, devices that come and go, and work that is done.

Devices and threads only report; what follows from an event, and in which order, is known to `dialogue.py` alone.
All times are seconds of one clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.sound.hearing.events import SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted, Woken

__all__ = [
    "DeviceBack",
    "DeviceLost",
    "DeviceName",
    "Event",
    "Finished",
    "Made",
    "Played",
    "Pressed",
    "Quit",
    "Released",
    "SpeechEnded",
    "SpeechPaused",
    "SpeechResumed",
    "SpeechStarted",
    "Trouble",
    "Typed",
    "Woken",
]

DeviceName = Literal["microphone", "loudspeaker", "camera"]


@dataclass(frozen=True)
class Pressed:
    """The button to talk was pressed."""

    at: float
    source: str = "key"


@dataclass(frozen=True)
class Released:
    """The button to talk was let go. A button that cannot say so (a pedal that sends a key) sends none."""

    at: float


@dataclass(frozen=True)
class Typed:
    """Words that came in writing, from a socket or the web; they mean what they would mean spoken."""

    at: float
    text: str


@dataclass(frozen=True)
class DeviceLost:
    """A device stopped working. It is being looked for from now on."""

    at: float
    device: DeviceName
    spoken: str
    """What happened and what to do, in a sentence or two for the ear."""


@dataclass(frozen=True)
class DeviceBack:
    """A device that was lost works again."""

    at: float
    device: DeviceName


@dataclass(frozen=True)
class Played:
    """The loudspeaker has played everything that was given to it up to the sound with this number."""

    at: float
    number: int


@dataclass(frozen=True)
class Made:
    """A piece of what a task makes."""

    at: float
    task: int
    piece: object


@dataclass(frozen=True)
class Finished:
    """A task is over."""

    at: float
    task: int
    error: Exception | None = None


@dataclass(frozen=True)
class Trouble:
    """Something beside the three devices does not work, a pedal perhaps, or a settings file with a mistake."""

    at: float
    spoken: str
    """What happened and what to do, in a sentence or two for the ear."""


@dataclass(frozen=True)
class Quit:
    """The program is to end."""

    at: float


Event = (
    Woken | SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded | Pressed | Released | Typed
    | DeviceLost | DeviceBack | Played | Made | Finished | Trouble | Quit
)  # fmt: skip
