"""What the commands write: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict, is_dataclass
from json import dumps
from pathlib import Path

from assistant.errors import OutputError
from models.progress import Progress

_SECONDS_BETWEEN = 0.1


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")


def say_json(value: object) -> None:
    """The result for a program: dataclasses become objects, paths texts."""
    say(_json(value))


def say_line(value: object) -> None:
    """A part of the result for a program, at once and in one line."""
    sys.stdout.write(dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def write_json(path: Path, value: object) -> None:
    """Like `say_json`, into a file: all or nothing; OutputError when the place cannot be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(_json(value) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {path} ({error.strerror or error}): free some space there or choose another place",
            "I could not save the answer. The disk may be full, or the folder is not mine to write.",
        ) from error


def complain(text: str) -> None:
    """A line that is not the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class ProgressLine:
    """Progress on standard error: one line that moves on a terminal, a line for each fifth of the way elsewhere."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._what = ""
        self._fifth = 0
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        share = progress.done_bytes / max(progress.total_bytes, 1)
        if progress.what != self._what:
            self._what, self._fifth, self._next = progress.what, -1, 0.0
        text = f"{progress.what}: {share:4.0%} of {progress.total_bytes / 1e6:,.0f} MB"
        if self._moving:
            now = time.monotonic()
            if now >= self._next or share >= 1:
                self._next = now + _SECONDS_BETWEEN
                sys.stderr.write(f"\r\033[K{text}")
                sys.stderr.flush()
        elif int(share * 5) > self._fifth:
            self._fifth = int(share * 5)
            complain(text)

    def clear(self) -> None:
        """Make room for a line of result."""
        if self._moving and self._what:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


class WrittenProgress:
    """Progress for a program: a line of JSON on standard output, `{"what", "share", "seconds_left"}`, at each hundredth of the way."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", -1)

    def __call__(self, progress: Progress) -> None:
        self.tell(progress.what, progress.done_bytes / max(progress.total_bytes, 1), None)

    def tell(self, what: str, share: float, seconds_left: float | None) -> None:
        """`share` of `what` is done, 0 to 1; `seconds_left` is None where nobody knows."""
        now = (what, int(share * 100))
        if now != self._last:
            self._last = now
            say_line({"what": what, "share": share, "seconds_left": seconds_left})

    def clear(self) -> None:
        """Lines are never rewritten."""


def add_progress_option(parser: argparse.ArgumentParser) -> None:
    """The option of every command that takes long and may be run by another program."""
    parser.add_argument(
        "--progress",
        choices=("text", "json"),
        default="text",
        help="json: progress as lines of JSON on standard output, for a program",
    )


class SpokenProgress:
    """Progress of minutes on standard error, for the ear: a short line for each tenth of the way, none of them rewritten."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tenth = 0

    def __call__(self, share: float, seconds_left: float | None) -> None:
        """`share` of the work done, 0 to 1; None where the time left is not known yet."""
        if int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            left = "" if seconds_left is None or share >= 1 else f", {_about(seconds_left)} left"
            complain(f"{self._what}: {self._tenth * 10} percent{left}")


def _about(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def _json(value: object) -> str:
    return dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
