"""The keys of the terminal that the assistant runs in: space or Enter to talk, Esc to stop it, q to quit.

Ctrl-C stays the signal that it is everywhere, so that it works even when all else hangs. The terminal is given back as it
was found, also when the program is suspended or ended by a signal.
"""

from __future__ import annotations

import atexit
import os
import re
import select
import signal
import sys
import termios
import threading
import tty
from types import FrameType
from typing import Any

from assistant.devices.triggers.trigger import STOP, Report
from assistant.ports.events import Pressed, Quit, Typed
from assistant.ports.world import Clock

REPEAT_SECONDS = 0.7
"""A key that is held down repeats after half a second; what comes sooner after the last is no second press."""

_SEQUENCE = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|\x1b[^\x1b]")
"""What arrows and function keys, and keys with Alt, send; each begins like Esc."""
_WAIT = 0.2
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


class Keyboard:
    """The keys of the terminal. A press is reported and never a release, which terminals do not tell."""

    def __init__(self, terminal: int | None = None) -> None:
        """`terminal` is a file descriptor; standard input by default."""
        self._terminal = sys.stdin.fileno() if terminal is None else terminal
        self._found: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._closed = threading.Event()
        self._last_press = float("-inf")
        self._thread: threading.Thread | None = None

    @staticmethod
    def usable() -> bool:
        """Whether standard input is a terminal."""
        return sys.stdin is not None and sys.stdin.isatty()

    def start(self, report: Report, clock: Clock) -> None:
        """Take the terminal and begin. Signals are heeded when this is the main thread."""
        self._found = termios.tcgetattr(self._terminal)
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():
            for number in (*_ENDING, signal.SIGCONT):
                self._handlers[number] = signal.signal(number, self._signalled)
        self._take()
        self._thread = threading.Thread(target=self._read, args=(report, clock), name="keyboard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the terminal back."""
        self._closed.set()
        if self._found is None:
            return
        self._give_back()
        self._found = None
        atexit.unregister(self.close)
        for number, handler in self._handlers.items():
            # Whoever has taken a signal since keeps it.
            if signal.getsignal(number) == self._signalled:
                signal.signal(number, handler)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _take(self) -> None:
        if self._in_front():
            tty.setcbreak(self._terminal, termios.TCSADRAIN)

    def _give_back(self) -> None:
        if self._found is not None and self._in_front():
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._found)

    def _in_front(self) -> bool:
        """Whether this program has the terminal's keys now; touching it from the background would suspend us."""
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:  # not the terminal that we were started from, so there is no background
            return os.isatty(self._terminal)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        before = self._handlers[number]
        if before == signal.SIG_IGN:
            return
        if number == signal.SIGCONT:
            self._take()
        else:
            self._give_back()
        if callable(before):
            before(number, frame)
        elif before == signal.SIG_DFL and number != signal.SIGCONT:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            signal.signal(number, self._signalled)  # suspended, and now continued

    def _read(self, report: Report, clock: Clock) -> None:
        while not self._closed.is_set():
            try:
                ready, _, _ = select.select([self._terminal], [], [], _WAIT)
                if not ready or not self._in_front():
                    self._closed.wait(0 if not ready else _WAIT)
                    continue
                sent = os.read(self._terminal, 1024)
            except OSError:  # the terminal is gone, as when its window is closed
                return
            if not sent:
                return
            for key in _SEQUENCE.sub(b"", sent):
                self._key(key, report, clock())

    def _key(self, key: int, report: Report, now: float) -> None:
        if key in b" \r\n":
            if now - self._last_press > REPEAT_SECONDS:
                report(Pressed(now, "keyboard"))
            self._last_press = now
        elif key == 0x1B:
            report(Typed(now, STOP))
        elif key in b"qQ\x04":
            report(Quit(now))
