"""A Unix socket by which other programs of the same account talk to the running assistant: shortcuts of the desktop, scripts.

One line in, one line of JSON out; the orders are in `orders.py`. Whoever holds the lock beside the socket is the one
running assistant, so a socket that a killed one left behind is known as such.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import socketserver
import stat
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.devices.triggers.orders import Desk, refusal
from assistant.devices.triggers.trigger import Report, Status
from assistant.errors import AlreadyRunningError, TriggerError
from assistant.ports.world import Clock

LONGEST_LINE = 4096
"""Bytes of an order; a question has at most 500 characters."""
SECONDS_TO_SPEAK = 10.0
"""How long a program may hold a connection without an order."""


class TalkSocket:
    """The socket, from `start` to `close`."""

    def __init__(self, path: Path, status: Status) -> None:
        self._path = path
        self._status = status
        self._lock: int | None = None
        self._server: _Server | None = None

    def start(self, report: Report, clock: Clock) -> None:
        """Errors: AlreadyRunningError when another assistant of this account runs, TriggerError when no safe socket can be made."""
        try:
            self._own_folder()
            self._lock = self._locked()
            self._path.unlink(missing_ok=True)
            self._server = _Server(str(self._path), Desk(report, clock, self._status))
        except OSError as error:
            self.close()
            raise TriggerError(
                f"cannot make the socket {self._path} ({error.strerror or error}): set XDG_RUNTIME_DIR to a folder of yours, "
                "or trigger.socket to false",
                "Other programs cannot talk to me, because I could not make the place where they would.",
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="talk socket", daemon=True).start()

    def close(self) -> None:
        """Take the socket away."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self._path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _own_folder(self) -> None:
        """Nobody else may put something there, or look in."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise TriggerError(
                f"{folder} is not a folder of yours: take it away, or set XDG_RUNTIME_DIR to a folder of yours",
                "Other programs cannot talk to me, because somebody else owns the place where they would.",
            )
        folder.chmod(0o700)

    def _locked(self) -> int:
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError(
                "the assistant is already running for this account: use it, or end it with: assistant talk quit",
                "I am already running. There is no need to start me twice.",
            ) from None
        return descriptor


def tell(path: Path, order: str) -> Mapping[str, object]:
    """Send one order to the assistant that runs at `path`; its reply.

    Errors: TriggerError when none runs, it does not answer, or it refuses.
    """
    if len(order.encode()) >= LONGEST_LINE:
        raise TriggerError("the question is too long: ask a short one", "That question is too long. Ask a short one.")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS_TO_SPEAK)
            connection.connect(str(path))
            connection.sendall(order.replace("\n", " ").encode() + b"\n")
            with connection.makefile("rb") as answer:
                reply = json.loads(answer.readline(LONGEST_LINE * 4))
    except (FileNotFoundError, ConnectionRefusedError):
        raise TriggerError(
            "the assistant is not running: start it with: assistant listen, or: assistant service install",
            "The assistant is not running. Start it first.",
        ) from None
    except (OSError, ValueError) as error:
        raise TriggerError(
            f"the assistant at {path} does not answer ({error}): start it again",
            "The assistant does not answer. Start it again.",
        ) from error
    if not isinstance(reply, dict) or not reply.get("ok"):
        why = reply.get("error", "no reason given") if isinstance(reply, dict) else "no reason given"
        raise TriggerError(f"the assistant refused: {why}", f"The assistant refused: {why}.")
    return reply


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = SECONDS_TO_SPEAK

    def handle(self) -> None:
        while line := self.rfile.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                self._answer(refusal(f"an order has at most {LONGEST_LINE} bytes"))
                return
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self._answer(refusal("an order is written in UTF-8"))
                continue
            self._answer(self.server.desk.take(text, "socket"))

    def _answer(self, reply: Mapping[str, object]) -> None:
        self.wfile.write(json.dumps(reply).encode() + b"\n")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, desk: Desk) -> None:
        self.desk = desk
        super().__init__(path, _Handler)

    def server_bind(self) -> None:
        super().server_bind()
        Path(str(self.server_address)).chmod(0o600)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a program that goes away or says nothing is no concern of ours
            super().handle_error(request, client_address)
