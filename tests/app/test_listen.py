"""`assistant listen` as a person meets it: a process, a loudspeaker, a microphone, real engines.

The tests down to `test_it_ends_when_it_is_told_to` talk with one process, in this order.
"""

from __future__ import annotations

import os
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.commands.listen import ALREADY_RUNNING
from assistant.engines.opening import ProfileEngines
from models.store import Store
from tests.app.listening import RECEIPT, SIGN, Listening, Place, User
from tests.assistant.devices.pulse import PulseServer, Recording
from tests.leaks import leaked

pytestmark = pytest.mark.realtime

PROHIBITED = "prohibited"
QUESTION = "What does the sign say?"
UNSAID = ("what does the sign", "double parking", PROHIBITED, "how much was paid", "15.00", "palo alto")
"""Parts of what is said and read here, which no log may hold."""
CUT = ("unshare", "-rn")


@pytest.fixture(scope="module")
def user(store: Store) -> User:
    return User(ProfileEngines(store, steady=True, threads=1))


@pytest.fixture(scope="module")
def recording(pulse_server: PulseServer) -> Iterator[Recording]:
    pulse_server.plug("loudspeaker")
    pulse_server.plug("microphone")
    with pulse_server.recording() as recording:
        yield recording


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with new_place() as place:
        yield place


@contextmanager
def new_place() -> Iterator[Place]:
    # Not pytest's own temporary folder: a socket's path may have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="listen") as folder:
        yield Place(Path(folder))


@pytest.fixture
def other_place() -> Iterator[Place]:
    """Of another user, whose assistant has nothing to do with the one that the first tests talk with."""
    with new_place() as place:
        yield place


Start = Callable[..., Listening]


@pytest.fixture(scope="module")
def start(pulse_server: PulseServer, recording: Recording, user: User) -> Iterator[Start]:
    """Starts processes, and ends those that a failed test left."""
    started: list[Listening] = []

    def one(place: Place, *options: object, **others: object) -> Listening:
        started.append(Listening(place, pulse_server, recording, user, *options, **others))  # type: ignore[arg-type]
        return started[-1]

    yield one
    for each in started:
        if each.process.poll() is None:
            each.kill()


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def running(start: Start, place: Place, port: int) -> Listening:
    picture = shutil.copy(SIGN, place.folder / "picture.jpg")
    place.settings.parent.mkdir(parents=True)
    write_settings(place, port)
    return start(place, "-vv", "listen", "--camera", picture)


def write_settings(place: Place, port: int, more: str = "") -> None:
    """All or nothing, as editors do."""
    new = place.settings.with_suffix(".new")
    new.write_text(f"[trigger]\nhttp_port = {port}\n{more}", "utf-8")
    new.replace(place.settings)


def test_it_says_that_it_is_ready(running: Listening) -> None:
    assert "ready" in running.ready().lower()


def test_a_spoken_question_is_answered_aloud(running: Listening) -> None:
    running.wake()
    asked = running.say(QUESTION)
    assert PROHIBITED in running.says(PROHIBITED, after=asked).lower()


def test_no_core_file_is_made_of_it(running: Listening) -> None:
    limits = Path(f"/proc/{running.process.pid}/limits").read_text("utf-8")
    assert re.search(r"Max core file size +0 +0 ", limits)


def test_it_is_asked_and_silenced_by_other_programs(running: Listening, place: Place) -> None:
    def talk(*words: str) -> str:
        command = [sys.executable, "-m", "app.cli", "talk", *words]
        done = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    asked = time.monotonic()
    talk("ask", "help")
    running.until(lambda: running.state() == "speaking" and running.sounds(asked), "help")
    assert talk("status") == "state: speaking\n"
    talk("stop")
    stopped = time.monotonic()
    running.until(lambda: running.state() == "attending", "silence", 5)
    time.sleep(1.0)
    assert not running.sounds(stopped + 0.5)


def test_only_the_loopback_is_listened_to_while_it_converses(running: Listening, port: int) -> None:
    seen = set()
    asked = time.monotonic()
    running.order(f"ask {QUESTION}")
    while not running.sounds(asked):
        seen |= internet_sockets(running)
    assert PROHIBITED in running.says(PROHIBITED, after=asked).lower()
    assert seen == {("127.0.0.1", port)}


def internet_sockets(running: Listening) -> set[tuple[str, int]]:
    """Where it and what it started can be reached; it reaches nothing."""
    own = psutil.Process(running.process.pid)
    found = []
    for process in (own, *own.children(True)):
        try:
            found += process.net_connections("inet")
        except psutil.AccessDenied:
            pytest.skip("only root may look into a process that has closed its memory")
        except psutil.NoSuchProcess:  # a child that has ended meanwhile
            assert process != own
    assert not [use.raddr for use in found if use.raddr]
    return {tuple(use.laddr) for use in found}


def test_a_change_of_the_settings_takes_effect_and_a_mistake_in_them_is_said(
    running: Listening, recording: Recording, place: Place, port: int
) -> None:
    def seconds() -> float:
        asked = time.monotonic()
        running.order(f"ask {QUESTION}")
        running.words(asked)
        heard = [at for at, peak in recording.levels(asked) if peak > 0.01]
        return heard[-1] - heard[0]

    usual = seconds()
    starts = running.written.count("getting ready")
    write_settings(place, port, "[voice]\nspeed = 2.0\n")
    time.sleep(2.5)
    assert any(seconds() < 0.75 * usual for _ in range(3))  # later on a busy machine
    write_settings(place, port)  # at the usual speed again, at which a recogniser gets every word
    assert any(seconds() > 0.75 * usual for _ in range(3))
    changed = time.monotonic()
    write_settings(place, port, "[voice]\nspeed = 99\n")
    running.says("mistake", after=changed)
    running.says("settings", after=changed)
    assert running.written.count("getting ready") == starts, "nothing is opened anew for it"
    write_settings(place, port)


def test_another_mode_is_taken_up_without_a_restart(running: Listening, place: Place, port: int) -> None:
    changed = time.monotonic()
    write_settings(place, port, '[listening]\nmode = "button"\n')
    running.says("ready", after=changed)
    running.order("press")
    asked = running.say(QUESTION)
    assert PROHIBITED in running.says(PROHIBITED, after=asked).lower()


def test_a_second_one_beside_it_gives_way(running: Listening, start: Start, place: Place) -> None:
    began = time.monotonic()
    second = start(place, "listen", "--camera", "")
    assert second.end() == ALREADY_RUNNING
    assert second.written.endswith("end it with: assistant talk quit\n")
    assert "already running" in running.words(began).lower()
    assert running.state() in ("asleep", "attending")


def test_it_ends_when_it_is_told_to(running: Listening, place: Place) -> None:
    running.order("quit")
    assert running.end() == 0
    assert not place.socket.exists()
    assert "opening the recogniser" in running.written
    assert leaked(running.written, UNSAID) == []


def test_without_a_camera_it_says_so_and_ctrl_c_gives_the_terminal_back(start: Start, other_place: Place) -> None:
    controller, terminal = pty.openpty()
    try:
        before = termios.tcgetattr(terminal)
        own = start(other_place, "listen", "--camera", "/dev/video99", terminal=terminal)
        said = own.ready()
        assert "camera" in said.lower()
        asked = time.monotonic()
        own.order("ask What time is it?")
        assert "it is" in own.words(asked).lower()
        assert termios.tcgetattr(terminal) != before
        own.process.send_signal(signal.SIGINT)
        assert own.end() == 130
        assert own.written.endswith("assistant: interrupted\n")
        assert termios.tcgetattr(terminal) == before
    finally:
        os.close(controller)
        os.close(terminal)


def test_with_the_network_cut_it_answers_and_killed_it_leaves_nothing(start: Start, other_place: Place) -> None:
    """In a network namespace of its own, with not even a loopback device up; then it is killed twice, and started again."""
    if not shutil.which("unshare") or subprocess.run([*CUT, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let its users make a network namespace (unshare -rn)")
    moment = random.Random(1)
    began = time.time()
    first = start(other_place, "listen", "--camera", RECEIPT, before=CUT)
    first.ready()
    asked = time.monotonic()
    first.order("ask How much was paid?")
    assert "15" in first.says("15", "fifteen", after=asked)
    first.order("ask Read everything.")
    first.until(lambda: first.state() == "speaking", "the reading")
    time.sleep(moment.uniform(0, 3))
    first.kill()
    assert left(other_place, began) == {}
    second = start(other_place, "listen", "--camera", RECEIPT)
    time.sleep(moment.uniform(1, 6))
    second.kill()
    assert left(other_place, began) == {}
    third = start(other_place, "listen", "--camera", RECEIPT)
    third.ready()
    third.order("quit")
    assert third.end() == 0
    assert left(other_place, began) == {}


def left(place: Place, since: float) -> dict[str, int]:
    """What is on the disk and holds something."""
    return {name: size for name, size in place.traces(since).items() if size}
