"""Scripts of simulated conversations: a line for each thing that happens, read and then played in a `Simulation`.

camera sign.jpg              the camera sees this picture from now on; `camera nothing`, `camera covered`
say What does it say?        a voice says so; the next line comes when it is over
over Stop.                   as `say`, but while the assistant speaks: half a second after it has begun to
sound question.wav           a recording is heard instead of a made voice
noise 2 0.1                  noise for 2 seconds, as loud as a tenth of full
wait 1.5                     time passes
until silent                 until nothing is said, thought about or heard (at most 120 seconds); also: speaking, asleep
press / release / type TEXT  the button; words in writing
unplug camera / plug camera  also microphone, loudspeaker
expect parking               something said since the last `expect` contains this; `expect not …`
# a remark

Files are looked for beside the script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.conversation.simulation.simulator import Noted, Simulation
from assistant.errors import PictureError, ScriptError, SoundError
from assistant.picture.photo import Photo, load_photo
from assistant.ports.events import DeviceName, Pressed, Released, Typed
from assistant.sound.samples import HEARING_RATE, Sound, load_sound

PATIENCE = 120.0
"""Seconds that `until` waits at most."""
_DEVICES: tuple[DeviceName, ...] = ("microphone", "loudspeaker", "camera")
_NEEDS = {"camera", "say", "over", "sound", "noise", "wait", "until", "type", "unplug", "plug", "expect"}
_ALONE = {"press", "release"}
_STATES = ("silent", "speaking", "asleep")
_NO_FILES = ("nothing", "covered")
"""What a camera can see beside pictures."""


@dataclass(frozen=True)
class Line:
    """One thing that happens."""

    number: int
    what: str
    value: str


def read_script(path: Path) -> list[Line]:
    """The lines of a script.

    Errors: ScriptError that names each line with a mistake, and what may stand there.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ScriptError(
            f"cannot read the script {path} ({error.strerror or error}): give a text file", "I cannot read that script."
        ) from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path} is not UTF-8: give a text file", "I cannot read that script.") from error
    lines, problems = [], []
    for number, written in enumerate(text.splitlines(), 1):
        what, value = (*written.split(maxsplit=1), "", "")[:2]
        if not what or what.startswith("#"):
            continue
        lines.append(Line(number, what, value.strip()))
        if problem := _problem(what, value.strip(), path.parent):
            problems.append(f"line {number}: {problem}")
    if problems:
        raise ScriptError(f"{path}, {'; '.join(problems)}", "The script has a mistake.")
    return lines


def _problem(what: str, value: str, folder: Path) -> str:
    """What is wrong with a line; nothing for a good one."""
    if what not in _NEEDS | _ALONE:
        return f"knows no {what!r}: use one of {', '.join(sorted(_NEEDS | _ALONE))}"
    if what in _NEEDS and not value:
        return f"{what} needs a value"
    if what in _ALONE and value:
        return f"{what} stands alone"
    match what:
        case "camera" | "sound" if value not in _NO_FILES and not (folder / value).is_file():
            return f"there is no file {folder / value}"
        case "unplug" | "plug" if value not in _DEVICES:
            return f"{what} needs one of {', '.join(_DEVICES)}"
        case "until" if value not in _STATES:
            return f"until needs one of {', '.join(_STATES)}"
        case "wait" if not _are_numbers(value, 3600):
            return "wait needs a number of seconds, at most 3600"
        case "noise" if not _are_numbers(value, 3600, 1):
            return "noise needs two numbers: seconds, and loudness from 0 to 1"
        case "expect" if value == "not":
            return "expect not needs the words that are not to be said"
    return ""


def _are_numbers(text: str, *most: float) -> bool:
    """Whether `text` is one number for each of `most`, and none is larger or negative."""
    try:
        found = [float(part) for part in text.split()]
    except ValueError:
        return False
    return len(found) == len(most) and all(0 <= each <= limit for each, limit in zip(found, most, strict=True))


class Player:
    """Plays scripts in one simulation."""

    def __init__(
        self, simulation: Simulation, user: Callable[[str], Iterator[Sound]], script: Path, seed: int = 0
    ) -> None:
        """`user`: the voice of the one who asks; `script`: beside which the files lie."""
        self._simulation = simulation
        self._user = user
        self._script, self._folder = script, script.parent
        self._random = np.random.default_rng(seed)
        self.said: list[str] = []
        """Since the last `expect`."""

    def hear(self, noted: Noted) -> None:
        """Every line of the simulation's transcript is to come by here, for `expect`."""
        if noted.kind == "says":
            self.said.append(noted.text)

    def play(self, lines: list[Line]) -> Iterator[str]:
        """Play all lines; what was expected and did not come is given out.

        Errors: ScriptError when a picture or a recording cannot be used.
        """
        for line in lines:
            try:
                missed = self._play(line)
            except (PictureError, SoundError) as error:
                raise ScriptError(f"{self._script}, line {line.number}: {error}", error.spoken) from error
            if missed:
                yield f"line {line.number}: {missed}"

    def _play(self, line: Line) -> str:
        simulation, value = self._simulation, line.value
        match line.what:
            case "camera":
                simulation.noted("camera", value)
                simulation.camera.shown = self._picture(value)
            case "say" | "sound" | "over":
                if line.what == "over" and not simulation.run(
                    PATIENCE, lambda: simulation.dialogue.mouth.saying is not None
                ):
                    return "nothing was said to speak over"
                simulation.run(0.5 if line.what == "over" else 0.0)
                simulation.noted("user", value)
                sounds = [load_sound(self._folder / value)] if line.what == "sound" else list(self._user(value))
                for sound in sounds:
                    simulation.air.add(sound)
                    simulation.run(sound.seconds)
            case "noise":
                seconds, level = map(float, value.split())
                hiss = self._random.standard_normal(round(seconds * HEARING_RATE)).astype(np.float32)
                simulation.air.add(Sound(hiss / np.float32(3), HEARING_RATE), level)
                simulation.run(seconds)
            case "wait":
                simulation.run(float(value))
            case "until":
                return self._wait_until(value)
            case "press":
                simulation.happen(Pressed(simulation.time))
            case "release":
                simulation.happen(Released(simulation.time))
            case "type":
                simulation.happen(Typed(simulation.time, value))
            case "unplug" | "plug":
                self._plug(line.what, value)
            case "expect":
                return self._expect(value)
        return ""

    def _wait_until(self, state: str) -> str:
        simulation = self._simulation
        simulation.run(1.0)  # what was just said is not at its end yet
        holds: dict[str, Callable[[], bool]] = {
            "silent": lambda: simulation.silent,
            "speaking": lambda: simulation.dialogue.mouth.saying is not None,
            "asleep": lambda: simulation.dialogue.state == "asleep" and simulation.dialogue.mouth.saying is None,
        }
        return "" if simulation.run(PATIENCE, holds[state]) else f"not {state} within {PATIENCE:.0f} seconds"

    def _plug(self, what: str, value: str) -> None:
        device = next(name for name in _DEVICES if name == value)
        if what == "unplug":
            self._simulation.lose(device, f"The {device} is gone. Connect it again.")
        else:
            self._simulation.regain(device)

    def _expect(self, value: str) -> str:
        wanted = value.removeprefix("not ")
        said, self.said[:] = " ".join(self.said), []
        found = wanted.casefold() in said.casefold()
        return "" if found == (wanted == value) else f"expected {value!r}, heard: {said or 'nothing'}"

    def _picture(self, name: str) -> Photo | None:
        if name == "nothing":
            return None
        if name == "covered":
            noise = self._random.integers(0, 4, (480, 640, 3))
            return Photo(noise.astype(np.uint8))
        return load_photo(self._folder / name)
