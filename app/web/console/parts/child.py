"""Runs a command of ours as a process of its own, and reads the lines of JSON that it writes while it goes on.

So a device that hangs, or a run that needs all memory, cannot take the server with it; and stopping is ending the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

from app import settings
from assistant.errors import AssistantError
from models.fetch import environment

PATIENCE = 10.0
"""Seconds that a process may take to end."""
_ERROR = "assistant: error: "
_MOST_LINES = 200
"""Of what it complained that are kept."""


class CommandError(AssistantError):
    """A command failed; its own words say why."""


class Child:
    """A command that runs."""

    def __init__(self, module: str, arguments: Sequence[str], places: settings.Settings) -> None:
        """`python -m MODULE ARGUMENTS`, with the store and the settings of `places`."""
        variables = {
            **environment(),
            settings.STORE_VARIABLE: str(places.store_root),
            settings.FILE_VARIABLE: str(places.file),
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=variables,
            start_new_session=True,  # so that what it started, as pip, ends with it
        )
        self._out, self._errors = cast(TextIO, self._process.stdout), cast(TextIO, self._process.stderr)
        self._complaints: list[str] = []
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self.stopped = False
        """Whether `stop` was called while it ran."""

    def _listen(self) -> None:
        for line in self._errors:
            self._complaints.append(line.strip())
            del self._complaints[:-_MOST_LINES]

    def lines(self) -> Iterator[dict[str, Any] | str]:
        """What it writes to standard output: objects of JSON as such, other lines as texts. Ends when it does.

        Errors: CommandError when it failed and was not stopped. Status 1, which says that something was found wanting, is no failure.
        """
        for line in self._out:
            value: dict[str, Any] | str = line.rstrip("\n")
            if line.startswith("{"):
                with contextlib.suppress(ValueError):
                    value = json.loads(line)
            yield value
        status = self._process.wait()
        self._listening.join(PATIENCE)
        if status not in (0, 1) and not self.stopped:
            raise CommandError(self._why(status), "That did not work.")
        if status == 1 and any(line.startswith("Traceback") for line in self._complaints):
            raise CommandError(self._why(status), "That did not work.")

    def _why(self, status: int) -> str:
        said = [line for line in self._complaints if line.startswith((_ERROR, "rpiq: error: "))]
        lines = said or [line for line in self._complaints if line] or [f"it ended with status {status}"]
        return lines[-1].partition("error: ")[2] or lines[-1]

    def stop(self) -> None:
        """End it, and what it started; returns when it is over."""
        self.stopped = self._process.poll() is None
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                continue
            return

    def close(self) -> None:
        """End it if it still runs, and let go of its pipes."""
        if self._process.poll() is None:
            self.stop()
        self._listening.join(PATIENCE)
        self._out.close()
        self._errors.close()


@contextlib.contextmanager
def running(module: str, arguments: Sequence[str], places: settings.Settings) -> Iterator[Child]:
    """The command runs while inside, at most."""
    child = Child(module, arguments, places)
    try:
        yield child
    finally:
        child.close()
