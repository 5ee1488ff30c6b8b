"""A sound system without hardware: a private PulseAudio server with a virtual loudspeaker and a virtual microphone.

    speaker   what a program plays here, `PulseServer.record` hears
    air       what `PulseServer.say` plays here, the microphone hears
    mic       the microphone

A test asks for the fixture `pulse` (defined in `tests/conftest.py`): the server lives as long as the test session, listens on a socket in a
temporary folder, and touches nothing of the user's own sound system. The fixture puts its address into os.environ, so
that PortAudio in this process and all programs started from it see this server and no other. Each test finds everything
plugged in.

    def test_it_hears(pulse: PulseServer) -> None:
        with pulse.recording() as recording:
            pulse.say(question)             # returns when it has been said
            ...
        assert recording.sound().seconds > 1
        pulse.unplug("microphone")          # and pulse.plug("microphone")

Times are those of time.monotonic().
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import Sound, resample

RATE = 16_000
AHEAD_MS = 1000
"""Of a voice that the server holds beforehand. With 20 ms, a player that a busy machine wakes late left holes of up to a second in
what it said, and "Stop it" was heard as "Start this". It begins no later for it."""
Plug = Literal["microphone", "loudspeaker"]

_SPEAKER = ("module-null-sink", "sink_name=speaker", "sink_properties=device.description=TestSpeaker")
_AIR = ("module-null-sink", "sink_name=air", "sink_properties=device.description=TestAir")
_MICROPHONE = (
    "module-remap-source",
    "source_name=mic",
    "master=air.monitor",
    "source_properties=device.description=TestMicrophone",
)
_PLUGS: dict[Plug, tuple[str, ...]] = {"microphone": _MICROPHONE, "loudspeaker": _SPEAKER}
_DEFAULTS: dict[Plug, tuple[str, str]] = {
    "microphone": ("set-default-source", "mic"),
    "loudspeaker": ("set-default-sink", "speaker"),
}


def missing() -> str | None:
    """What is not installed, for the reason of a skip."""
    needed = ("pulseaudio", "pactl", "pacat", "parec")
    absent = [program for program in needed if shutil.which(program) is None]
    return f"needs {', '.join(absent)} (Debian: pulseaudio, pulseaudio-utils, libasound2-plugins)" if absent else None


class Recording:
    """What the loudspeaker played since it began."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._blocks: list[tuple[float, NDArray[np.float32]]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while data := stream.read(2 * RATE // 100):
            samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
            self._blocks.append((time.monotonic(), samples))

    def end(self) -> None:
        """Stop recording."""
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def blocks(self) -> list[tuple[float, NDArray[np.float32]]]:
        """Each with the time at which it came, which is late where the machine was busy."""
        return list(self._blocks)

    def sound(self, after: float = 0.0) -> Sound:
        """All of it, at 16 kHz, or what was heard after a moment."""
        heard = [samples for at, samples in list(self._blocks) if at > after]
        return Sound(np.concatenate([np.zeros(0, np.float32), *heard]), RATE)

    def levels(self, after: float = 0.0) -> list[tuple[float, float]]:
        """Of each 10 ms: when it was heard, to some 20 ms, and its peak, 0 to 1."""
        return [(at, float(np.abs(samples).max(initial=0))) for at, samples in list(self._blocks) if at > after]

    def last_sound(self, level: float = 0.01) -> float | None:
        """When something at least so loud was last heard; None for never."""
        return max((at for at, peak in self.levels() if peak >= level), default=None)

    def first_sound(self, level: float = 0.01, after: float = 0.0) -> float | None:
        """When something at least so loud was first heard."""
        return min((at for at, peak in self.levels(after) if peak >= level), default=None)


class PulseServer:
    """The server. Make one with `running`, or take the fixture `pulse`."""

    def __init__(self, environment: dict[str, str], process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.environment = environment
        """For programs that are to use this server: the variables that name it."""
        self._modules: dict[Plug, str] = {}
        self._wakers: dict[str, subprocess.Popen[bytes]] = {}

    def _run(self, *command: str) -> str:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, env=environment)
        return done.stdout.strip()

    def _load(self, *module: str) -> str:
        return self._run("pactl", "load-module", *module)

    def plug(self, plug: Plug) -> None:
        """Plug a device in, and make it the default again; nothing if it is in."""
        if plug not in self._modules:
            self._modules[plug] = self._load(*_PLUGS[plug])
            self._run("pactl", *_DEFAULTS[plug])
            self._keep_awake(_DEFAULTS[plug][1])

    def unplug(self, plug: Plug) -> None:
        """Pull a device out; nothing if it is out."""
        if plug in self._modules:
            self._run("pactl", "unload-module", self._modules.pop(plug))
            self._let_sleep(_DEFAULTS[plug][1])

    def _keep_awake(self, device: str) -> None:
        """A virtual device that nobody uses works in steps of two seconds, and a stream that is opened waits for the next.

        So a loudspeaker plays silence, and a microphone is recorded. Returns when it has become quick.
        """
        self._let_sleep(device)
        source = device if device == "mic" else f"{device}.monitor"
        command = ["parec" if device == "mic" else "pacat", f"--device={device}", *_FORMAT]
        with Path("/dev/zero").open("rb") as silence:
            self._wakers[device] = subprocess.Popen(
                command,
                stdin=silence,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        with self._recorder(source) as recording:
            _wait(lambda: recording.sound().seconds > 0.3, f"{device} does not wake up")

    def _let_sleep(self, device: str) -> None:
        if waker := self._wakers.pop(device, None):
            waker.kill()
            waker.wait(10)

    def end(self) -> None:
        """End what was started beside the server."""
        for device in list(self._wakers):
            self._let_sleep(device)

    def say(self, sound: Sound) -> None:
        """Play `sound` into the air before the microphone; returns when it has been said."""
        process = self._player()
        try:
            process.communicate(_raw(sound), timeout=sound.seconds + 20)
        finally:
            process.kill()
            process.wait(10)

    @contextlib.contextmanager
    def saying(self, sound: Sound) -> Iterator[float]:
        """Like `say`, but goes on meanwhile; yields the time at which it began, to some 50 ms. Cut off at the end of the block."""
        process = self._player()
        assert process.stdin is not None
        writer = threading.Thread(target=_write, args=(process, _raw(sound)), daemon=True)
        began = time.monotonic()
        writer.start()
        try:
            yield began
        finally:
            process.kill()
            process.wait(10)
            writer.join(10)

    @contextlib.contextmanager
    def echoing(self, level: float) -> Iterator[None]:
        """The microphone hears the loudspeaker within the block, `level` times as loud, some 50 ms late."""
        module = self._load("module-loopback", "source=speaker.monitor", "sink=air", "latency_msec=50")
        try:
            inputs = json.loads(self._run("pactl", "--format=json", "list", "sink-inputs"))
            loop = next(each["index"] for each in inputs if str(each["owner_module"]) == module)
            self._run(
                "pactl", "set-sink-input-volume", str(loop), str(round(65536 * level ** (1 / 3)))
            )  # its scale is cubic
            yield
        finally:
            self._run("pactl", "unload-module", module)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The server answers nobody within the block: all devices stay where they are and bring no sound."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def recording(self, sink: str = "speaker") -> Iterator[Recording]:
        """Record what the loudspeaker plays, or what is in the air before the microphone."""
        with self._recorder(f"{sink}.monitor") as recording:
            yield recording

    @contextlib.contextmanager
    def _recorder(self, source: str) -> Iterator[Recording]:
        command = ["parec", f"--device={source}", *_FORMAT]
        recording = Recording(
            subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **self.environment}, bufsize=0)
        )
        try:
            _wait(lambda: bool(recording.levels()), "the recorder brings nothing")
            yield recording
        finally:
            recording.end()

    def _player(self) -> subprocess.Popen[bytes]:
        command = ["pacat", "--playback", "--device=air", *_FORMAT, f"--latency-msec={AHEAD_MS}"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, env={**os.environ, **self.environment})


_FORMAT = ("--raw", "--format=s16le", "--channels=1", f"--rate={RATE}", "--latency-msec=20")


def _raw(sound: Sound) -> bytes:
    return (np.clip(resample(sound, RATE).samples, -1, 1) * 32767).astype("<i2").tobytes()


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    left = memoryview(data)
    with contextlib.suppress(BrokenPipeError):  # the block of `saying` ended first
        while left:
            left = left[process.stdin.write(left) :]
    process.stdin.close()


def _wait(condition: object, what: str, seconds: float = 10.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[PulseServer]:
    """A server whose socket lies in `folder`, which must have a short name and belong to the test; it is ended at the end."""
    folder.chmod(0o700)
    runtime = folder / "pulse"
    environment = {
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_RUNTIME_PATH": str(runtime),
        "PULSE_SERVER": f"unix:{runtime}/native",
        "PULSE_STATE_PATH": str(folder / "state"),
        "PULSE_COOKIE": str(folder / "cookie"),
        "HOME": str(folder),
    }
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error"]
    process = subprocess.Popen(
        [*command, "--load=module-native-protocol-unix auth-anonymous=1"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
    address = {key: environment[key] for key in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER")}
    server = PulseServer({**address, "PULSE_COOKIE": environment["PULSE_COOKIE"]}, process)
    try:
        _wait((runtime / "native").exists, "the sound server does not start")
        server._load(*_AIR)
        server._keep_awake("air")
        server.plug("loudspeaker")
        server.plug("microphone")
        yield server
    finally:
        server.end()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
