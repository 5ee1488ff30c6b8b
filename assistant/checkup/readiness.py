"""What `assistant listen` needs beyond `ask`: right settings, the devices they name, a wake word, a sound server, a pedal's group.

`surroundings` collects facts, `gaps` judges them (a pure function). `doctor.py` makes the report.
"""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assistant.devices.triggers.pedal import Place
from assistant.settings.preferences import Preferences

WAKE_WORD_PACKAGE = "pymicro-wakeword"
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Gap:
    """Something that is not there."""

    what: str
    mend: str
    """One action."""
    needed: bool
    """Whether `ask` cannot work without it."""


@dataclass(frozen=True)
class Surroundings:
    """Facts about what listening depends on."""

    settings_file: str
    settings_problem: str
    """What is wrong with it; empty when it is right or not there."""
    chosen: Preferences
    """What it says; the defaults where it is wrong."""
    wake_word: str
    """Version of the package that hears the wake word; empty when it is missing."""
    sound_server: str
    """As it names itself; empty where none answers."""
    buttons: tuple[str, ...]
    """Names of the devices that can send keys."""
    button_here: bool
    """Whether `trigger.device` is plugged in."""
    button_readable: bool
    """Whether we may read it."""
    camera_here: bool | None
    """Whether the device or the file of `devices.camera` exists; None where it is a name, an address, or nothing."""

    @property
    def wants_camera(self) -> bool:
        """Whether the settings ask for a camera of this machine: not for a file that is there, an address, or nothing."""
        camera = self.chosen.devices.camera
        return bool(camera) and "://" not in camera and not self.camera_here


def surroundings(file: Path, problem: str, chosen: Preferences, place: Place | None = None) -> Surroundings:
    """The facts for the settings `chosen`, read from `file`, with which `problem` is wrong. No device is opened."""
    place = place or Place()
    buttons = place.matching(chosen.trigger.device) if chosen.trigger.device else []
    return Surroundings(
        settings_file=str(file),
        settings_problem=problem,
        chosen=chosen,
        wake_word=_version(WAKE_WORD_PACKAGE),
        sound_server=_sound_server(),
        buttons=tuple(dict.fromkeys(filter(None, place.present().values()))),
        button_here=bool(buttons),
        button_readable=all(os.access(path, os.R_OK) for path in buttons),
        camera_here=_camera_here(chosen.devices.camera),
    )


def gaps(found: Surroundings, outputs: Sequence[str], inputs: Sequence[str], cameras: Sequence[str]) -> list[Gap]:
    """What `listen` lacks; `outputs`, `inputs` and `cameras` are the names of the devices of this machine."""
    chosen = found.chosen
    missing = []
    if found.settings_problem:
        missing.append(("the settings cannot be used", f"correct them: {found.settings_problem}"))
    for key, names in (("microphone", inputs), ("loudspeaker", outputs)):
        wanted: str = getattr(chosen.devices, key)
        if wanted and not any(wanted.casefold() in name.casefold() for name in names):
            missing.append((f"no {key} {wanted!r}", f"connect it, or run: assistant settings set devices.{key} ''"))
    camera = chosen.devices.camera
    here = found.camera_here is None and any(camera.casefold() in name.casefold() for name in cameras)
    if cameras and found.wants_camera and not here:
        missing.append((f"no camera {camera!r}", "connect it, or run: assistant settings set devices.camera 0"))
    if not found.wake_word and chosen.listening.mode == "wake":
        mend = f"run: pip install {WAKE_WORD_PACKAGE}, or: assistant settings set listening.mode button"
        missing.append(("no wake word can be heard", mend))
    if not found.sound_server:
        missing.append(
            ("no PipeWire or PulseAudio", "on Debian: apt install pipewire-pulse (devices may then come and go)")
        )
    if chosen.trigger.device and not found.button_here:
        missing.append((f"no button {chosen.trigger.device!r}", "plug it in, or correct trigger.device"))
    elif not found.button_readable:
        missing.append(
            (
                f"no permission to use the button {chosen.trigger.device!r}",
                "run: sudo usermod -aG input $USER, and restart the computer",
            )
        )
    return [Gap(what, mend, False) for what, mend in missing]


def lines(found: Surroundings) -> list[str]:
    """The facts for a person, one a line."""
    return [
        f"  Settings: {found.settings_file}",
        f"  Wake word: {f'{WAKE_WORD_PACKAGE} {found.wake_word}' if found.wake_word else 'none'}",
        f"  Sound server: {found.sound_server or 'none'}",
        f"  Keyboards and buttons: {', '.join(found.buttons) or 'none'}",
    ]


def missing_groups(names: Sequence[str]) -> list[str]:
    """Those groups of this system that this process is not in, though devices are lent to their members; root needs none."""
    if os.geteuid() == 0:
        return []
    own = {*os.getgroups(), os.getegid()}
    known = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    return [name for name in names if name in known and known[name] not in own]


def _camera_here(camera: str) -> bool | None:
    if not camera or "://" in camera:
        return None
    path = Path(f"/dev/video{camera}" if camera.isdecimal() else camera)
    with suppress(OSError, RuntimeError):  # too long a name, nobody's home: then there is no such file
        if path.expanduser().exists():
            return True
    return False if "/" in str(path) else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _sound_server() -> str:
    program = shutil.which("pactl")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "info"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},  # whose words are looked for
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = [line.partition(":")[2].strip() for line in done.stdout.splitlines() if line.startswith("Server Name:")]
    return found[0] if found else ""
