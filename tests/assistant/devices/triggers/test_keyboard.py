"""The keys of a real terminal (a pty): what each reports, and that the terminal is always given back."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.devices.triggers.keyboard import REPEAT_SECONDS, Keyboard
from assistant.ports.events import Pressed, Quit, Typed
from tests.paths import ROOT

from .heard import PATIENCE, Heard

pytestmark = pytest.mark.realtime


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def cooked(descriptor: int) -> bool:
    return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)


def test_keys_and_what_they_report(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    now = 100.0
    heard = Heard()
    keyboard = Keyboard(theirs)
    keyboard.start(heard.events.put, lambda: now)
    try:
        assert not cooked(theirs)
        os.write(ours, b"\x1b[A\x1b[15~\x1bOPx")  # arrow, F5, F1 and a letter mean nothing
        os.write(ours, b" ")
        assert heard.next() == Pressed(now, "keyboard")
        os.write(ours, b"\x1b")
        assert heard.next() == Typed(now, "stop")
        now += REPEAT_SECONDS + 0.1
        os.write(ours, b"\r")
        assert heard.next() == Pressed(now, "keyboard")
        os.write(ours, b"q")
        assert heard.next() == Quit(now)
        assert heard.events.empty()
    finally:
        keyboard.close()
    keyboard.close()
    assert termios.tcgetattr(theirs) == before


def test_a_key_held_down_is_one_press(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.5 if now == 0 else 0.03
        return now

    heard = Heard()
    keyboard = Keyboard(theirs)
    keyboard.start(heard.events.put, clock)
    try:
        os.write(ours, b" " * 100 + b"q")
        assert heard.kinds(2) == ["Pressed", "Quit"]
    finally:
        keyboard.close()


def test_a_terminal_that_goes_away_ends_the_keys_only() -> None:
    ours, theirs = pty.openpty()
    keyboard = Keyboard(theirs)
    heard = Heard()
    keyboard.start(heard.events.put, time.monotonic)
    os.close(ours)
    assert heard.nothing()
    keyboard.close()
    os.close(theirs)


PROGRAM = """
import sys, time
from assistant.devices.triggers.keyboard import Keyboard
keyboard = Keyboard()
assert keyboard.usable()
keyboard.start(lambda event: print(type(event).__name__, flush=True), time.monotonic)
print("started", flush=True)
{then}
"""


class Child:
    """A program in a terminal of its own, as its session's leader."""

    def __init__(self, *command: str) -> None:
        # A terminal ends with its last holder, so we hold both ends to see what is left of it.
        self.ours, self.theirs = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True, cwd=ROOT,
            preexec_fn=take_terminal,
        )  # fmt: skip
        self.said = ""

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + PATIENCE
        while text not in self.said:
            assert time.monotonic() < until, self.said
            if select.select([self.ours], [], [], 0.1)[0]:
                self.said += os.read(self.ours, 4096).decode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


def take_terminal() -> None:
    import fcntl

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    started = Child(sys.executable, "-c", PROGRAM.format(then=request.param))
    try:
        started.wait_for("started")
        yield started
    finally:
        started.close()


@pytest.mark.parametrize("child", ["raise ValueError", "sys.exit(3)"], indirect=True)
def test_the_terminal_is_given_back_when_the_program_ends(child: Child) -> None:
    child.process.wait(PATIENCE)
    assert cooked(child.theirs)


@pytest.mark.parametrize("child", ["time.sleep(60)"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_given_back_when_a_signal_ends_it(child: Child, number: int) -> None:
    assert not cooked(child.theirs)
    child.process.send_signal(number)
    assert child.process.wait(PATIENCE) != 0
    assert cooked(child.theirs)


@pytest.mark.parametrize("child", ["time.sleep(60)"], indirect=True)
def test_control_c_is_the_signal_that_it_is_everywhere(child: Child) -> None:
    os.write(child.ours, b"\x03")
    child.wait_for("KeyboardInterrupt")
    child.process.wait(PATIENCE)
    assert cooked(child.theirs)


@pytest.mark.parametrize("child", ["while True: time.sleep(0.1)"], indirect=True)
def test_suspended_it_gives_the_terminal_back_and_continued_takes_it_again(child: Child) -> None:
    # The kernel does not suspend the leader of an orphaned session, which our child is; SIGSTOP it does.
    child.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.process.pid, os.WSTOPPED | os.WNOWAIT)
    attributes = termios.tcgetattr(child.theirs)
    attributes[3] |= termios.ICANON | termios.ECHO  # what a shell does when a job stops
    termios.tcsetattr(child.theirs, termios.TCSANOW, attributes)
    child.process.send_signal(signal.SIGCONT)
    until = time.monotonic() + PATIENCE
    while cooked(child.theirs):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.write(child.ours, b" ")
    child.wait_for("Pressed")


DASH = shutil.which("dash")


@pytest.mark.skipif(not DASH, reason="needs dash, a shell that leaves the terminal as it is")
def test_ctrl_z_and_fg_in_a_shell(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(then="while True: time.sleep(0.1)"))
    shell = Child(str(DASH), "-i")
    try:
        os.write(shell.ours, f"PYTHONPATH={ROOT} {sys.executable} {program}\n".encode())
        shell.wait_for("started")
        assert not cooked(shell.theirs)
        os.write(shell.ours, b"\x1a")
        shell.wait_for("Stopped")
        assert cooked(shell.theirs)
        os.write(shell.ours, b"fg\n")
        until = time.monotonic() + PATIENCE
        while cooked(shell.theirs):
            assert time.monotonic() < until
            time.sleep(0.02)
        os.write(shell.ours, b" ")
        shell.wait_for("Pressed")
        os.write(shell.ours, b"\x1a")
        shell.said = ""
        shell.wait_for("Stopped")
        assert cooked(shell.theirs), "the second time as well"
        os.write(shell.ours, b"kill -9 %1\n")
    finally:
        shell.close()
