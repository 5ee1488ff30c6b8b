"""Which microphones and loudspeakers there are now, by the names people know them by.

PortAudio keeps the list that it made when it was first asked, and where PulseAudio or PipeWire runs it knows that server alone and
not the devices behind it. So their names are asked of the server (pactl), which is told by the environment which one to open.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.errors import EngineError
from assistant.sound.samples import portaudio

Direction = Literal["microphone", "loudspeaker"]

_PACTL_SECONDS, _FIRST_SECONDS = 0.5, 5.0
"""A server that does not answer in this time hangs; with no earlier answer to go by, a busy machine is waited for."""
_LISTS: dict[Direction, str] = {"microphone": "sources", "loudspeaker": "sinks"}
_VARIABLES: dict[Direction, str] = {"microphone": "PULSE_SOURCE", "loudspeaker": "PULSE_SINK"}
_SERVER_DEVICE = "pulse"
_NO_DEVICE = "auto_null"
"""What the server calls the loudspeaker that it makes up where there is none."""
_CARDS = Path("/proc/asound/cards")


@dataclass(frozen=True)
class Named:
    """A device of the sound server."""

    name: str
    """What the server calls it."""
    description: str
    """What people call it."""


@dataclass(frozen=True)
class Present:
    """The devices there are at a moment; two are equal when nothing was plugged in or out between them."""

    server: bool
    """Whether a sound server answers; the names are its."""
    microphones: tuple[Named, ...] = ()
    loudspeakers: tuple[Named, ...] = ()
    cards: str = ""
    """The kernel's list, where there is one."""

    def named(self, direction: Direction) -> tuple[Named, ...]:
        return self.microphones if direction == "microphone" else self.loudspeakers


NOTHING = Present(server=False)


@dataclass(frozen=True)
class Found:
    """A device to be opened."""

    index: int | None
    """PortAudio's number of it, good until PortAudio is initialised again; None for its default."""
    name: str
    """What the sound server calls it; empty without one."""


def present(before: Present = NOTHING) -> Present:
    """What is there now; `before`, the last answer, when a sound server does not answer in time. Takes some milliseconds."""
    patience = _FIRST_SECONDS if before is NOTHING else _PACTL_SECONDS
    cards = _CARDS.read_text() if _CARDS.exists() else ""
    try:
        microphones = _pulse_devices("microphone", patience)
        loudspeakers = None if microphones is None else _pulse_devices("loudspeaker", patience)
    except subprocess.TimeoutExpired:
        return before
    if microphones is None or loudspeakers is None:
        return Present(server=False, cards=cards)
    return Present(True, microphones, loudspeakers, cards)


def find(direction: Direction, wanted: str, now: Present) -> Found:
    """The device whose name or description contains `wanted`, in whatever case; "" is the system's default.

    Errors: EngineError when there is none, or no PortAudio library.
    """
    kind: Literal["input", "output"] = "input" if direction == "microphone" else "output"
    known = {
        index: device["name"]
        for index, device in enumerate(portaudio().query_devices())
        if device[f"max_{kind}_channels"] > 0
    }
    if now.server and has_server():
        os.environ.pop(_VARIABLES[direction], None)
        name = _matching(direction, wanted, now) if wanted else _default(direction, now)
        if wanted:  # else the server may take the stream along when the user chooses another default
            os.environ[_VARIABLES[direction]] = name
        return Found(next(index for index, known_name in known.items() if known_name == _SERVER_DEVICE), name)
    fitting = [index for index, name in known.items() if wanted.lower() in name.lower()]
    if not fitting:
        raise gone(direction, wanted)
    return Found(fitting[0] if wanted else None, "")


def has_server() -> bool:
    """Whether PortAudio knows the way to a sound server."""
    return any(device["name"] == _SERVER_DEVICE for device in portaudio().query_devices())


def gone(direction: Direction, wanted: str) -> EngineError:
    """The device is not there."""
    which = f"no {direction} whose name contains {wanted!r}" if wanted else f"no {direction}"
    return EngineError(
        f"{which}: plug it in, or choose another in the settings", f"The {direction} is gone. Plug it in again."
    )


def names(direction: Direction, now: Present) -> tuple[str, ...]:
    """The names that can be chosen from."""
    if now.server:
        return tuple(device.description for device in now.named(direction))
    kind = "input" if direction == "microphone" else "output"
    return tuple(device["name"] for device in portaudio().query_devices() if device[f"max_{kind}_channels"] > 0)


def _matching(direction: Direction, wanted: str, now: Present) -> str:
    for device in now.named(direction):
        if wanted.lower() in device.name.lower() or wanted.lower() in device.description.lower():
            return device.name
    raise gone(direction, wanted)


def _default(direction: Direction, now: Present) -> str:
    """The server's default. A monitor, which plays back what is played, is none: it stands in for a lost microphone."""
    try:
        default = (_pactl(f"get-default-{_LISTS[direction].removesuffix('s')}", patience=_FIRST_SECONDS) or "").strip()
    except subprocess.TimeoutExpired:
        raise EngineError(
            "the sound server does not answer: restart it", "The sound system does not answer. Start me again."
        ) from None
    if default in {device.name for device in now.named(direction)}:
        return default
    raise gone(direction, "")


def _pulse_devices(direction: Direction, patience: float) -> tuple[Named, ...] | None:
    """The server's devices, without monitors and made-up ones; None when no server answers."""
    answer = _pactl("--format=json", "list", _LISTS[direction], patience=patience)
    if answer is None:
        return None
    return tuple(
        Named(device["name"], device.get("description", ""))
        for device in json.loads(answer)
        if device["name"] != _NO_DEVICE and device.get("properties", {}).get("device.class") != "monitor"
    )


def _pactl(*arguments: str, patience: float) -> str | None:
    """What pactl prints; None when it is not installed or there is no server. TimeoutExpired after `patience` seconds."""
    program = shutil.which("pactl")
    if program is None:
        return None
    # In English, with a point in numbers: some versions write the JSON in the user's language.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=patience, check=False, env=environment
    )
    return None if done.returncode else done.stdout
