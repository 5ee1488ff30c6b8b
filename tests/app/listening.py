"""A real `assistant listen`: a process in folders of its own, before a virtual loudspeaker and microphone, with a picture as its camera.

For `test_listen.py` and `scripts/stress/kill_listen`. What the assistant says is recorded from the loudspeaker and recognised.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app import settings
from assistant.checkup.privacy import disk_traces
from assistant.devices.triggers.talk_socket import tell
from assistant.engines.opening import ProfileEngines
from assistant.sound.samples import Sound
from tests.assistant.devices.pulse import PulseServer, Recording
from tests.paths import ROOT

SAMPLES = ROOT / "samples"
SIGN, RECEIPT = SAMPLES / "parking-sign.jpg", SAMPLES / "parking-receipt.jpg"
WAKE_WORD = "Okay Nabu."
PATIENCE = 180.0
"""Seconds for anything, on a busy machine."""
QUIET_SECONDS = 1.2
"""After so much silence the assistant has finished speaking."""


@dataclass(frozen=True)
class Place:
    """Folders of one user: home, temporary files, runtime files, working folder. The path must be short, for the socket's sake."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "run", "here"):
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def settings(self) -> Path:
        return self.folder / "home/.config/rpiq-assistant/settings.toml"

    @property
    def socket(self) -> Path:
        return self.folder / "run/rpiq-assistant/talk.sock"

    @property
    def environment(self) -> dict[str, str]:
        """Everything by which programs find a place to write to."""
        home = self.folder / "home"
        kept = {name: value for name, value in os.environ.items() if name != settings.FILE_VARIABLE}
        return {
            **kept,
            settings.STORE_VARIABLE: str(settings.read().store_root),
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "XDG_STATE_HOME": str(home / ".local/state"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    def traces(self, since: float) -> dict[str, int]:
        """Files below the folder that were made or changed since then (`time.time()`), and their sizes in bytes."""
        found = disk_traces([self.folder], since)
        return {str(path.relative_to(self.folder)): path.lstat().st_size for path in found}


class User:
    """Who talks with the assistant: a voice, and ears that understand what the loudspeaker says."""

    def __init__(self, engines: ProfileEngines) -> None:
        self._engines = engines
        self._made: dict[str, Sound] = {}

    def voice(self, words: str) -> Sound:
        """`words` spoken; made once."""
        if words not in self._made:
            parts = list(self._engines.speaker.speak(words, 1.0))
            self._made[words] = Sound(np.concatenate([part.samples for part in parts]), parts[0].rate)
        return self._made[words]

    def understand(self, sound: Sound) -> str:
        """What is said in `sound`, phrase by phrase: behind a longer one a single word is easily lost."""
        return " ".join(self._engines.recogniser.transcribe(phrase).text for phrase in phrases(sound))


def phrases(sound: Sound, pause: float = 0.5) -> list[Sound]:
    """What stands between pauses of `pause` seconds, each with a little silence around it."""
    step = sound.rate // 50
    levels = np.abs(sound.samples[: len(sound.samples) // step * step]).reshape(-1, step).max(axis=1)
    loud = np.flatnonzero(levels > 0.01)
    if not len(loud):
        return [sound]
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > pause * 50) + 1)
    return [Sound(sound.samples[max(0, part[0] - 10) * step : (part[-1] + 11) * step], sound.rate) for part in parts]


class Listening:
    """The process, from its start to `end`."""

    def __init__(
        self,
        place: Place,
        server: PulseServer,
        recording: Recording,
        user: User,
        *options: object,
        before: Sequence[str] = (),
        terminal: int = subprocess.DEVNULL,
    ) -> None:
        """`options`: of `assistant`, from its subcommand on or before it; `before`: a program that starts it; `terminal`: its input."""
        self.place, self._server, self._recording, self._user = place, server, recording, user
        self.began, self.began_on_disk = time.monotonic(), time.time()
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "app.cli", *map(str, options)],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=place.folder / "here",
            env={**server.environment, **place.environment, "PULSE_SERVER": server.environment["PULSE_SERVER"]},
            start_new_session=terminal != subprocess.DEVNULL,
        )
        self.lines: list[str] = []
        """What it wrote to standard error."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    @property
    def written(self) -> str:
        """All of it, but for what the sound library says of a busy machine."""
        return "".join(line for line in self.lines if not line.startswith("ALSA lib"))

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Wait; AssertionError when it takes too long or the process ends before."""
        end = time.monotonic() + seconds
        while not condition():
            alive = self.process.poll() is None
            assert alive, f"it ended with {self.process.returncode} before {what}:\n{self.written}"
            assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s:\n{self.written}"
            time.sleep(0.02)

    def words(self, after: float) -> str:
        """What it says after that moment, when it has begun and then been silent for a moment."""
        self.until(lambda: self._recording.first_sound(after=after) is not None, "a sound")
        self.until(lambda: self._silent_since(after) > QUIET_SECONDS and self.state() != "thinking", "silence")
        return self._user.understand(self._recording.sound(after))

    def _silent_since(self, after: float) -> float:
        last = max((at for at, peak in self._recording.levels(after) if peak > 0.01), default=after)
        return time.monotonic() - last

    def sounds(self, after: float) -> bool:
        """Whether anything was heard of it after that moment."""
        return self._recording.first_sound(after=after) is not None

    def says(self, *wanted: str, after: float) -> str:
        """Wait until it has said something that holds one of `wanted`; what it said."""
        said: list[str] = []

        def done() -> bool:
            said[:] = [self.words(after)]
            return any(each.casefold() in said[0].casefold() for each in wanted)

        try:
            self.until(done, " or ".join(wanted))
        except AssertionError as error:
            raise AssertionError(f"heard {said}; {error}") from None
        return said[0]

    def ready(self) -> str:
        """Wait until it is ready and says so; what it says. The socket answers from then on."""
        self.until(lambda: "ready: say" in self.written and self.place.socket.exists(), "ready")
        return self.says("ready", after=self.began)

    def order(self, line: str) -> dict[str, object]:
        """As `assistant talk`."""
        return dict(tell(self.place.socket, line))

    def state(self) -> str:
        """Of the conversation."""
        return str(self.order("status")["state"])

    def wake(self) -> None:
        """Say the wake word, again if need be: a busy machine may have lost a part of it."""
        for _ in range(5):
            self._server.say(self._user.voice(WAKE_WORD))
            end = time.monotonic() + 3
            while time.monotonic() < end:
                if self.state() == "attending":
                    return
                time.sleep(0.05)
        raise AssertionError(f"it does not wake:\n{self.written}")

    def say(self, words: str) -> float:
        """Say something to it; the moment at which that was over."""
        self._server.say(self._user.voice(words))
        return time.monotonic()

    def saying(self, words: str) -> AbstractContextManager[float]:
        """Say something meanwhile; cut off at the end of the block."""
        return self._server.saying(self._user.voice(words))

    def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self._over()

    def end(self) -> int:
        """Its exit status; it is killed if it does not end by itself soon."""
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._over()

    def _over(self) -> int:
        status = self.process.wait(10)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status
