"""Progress of long work on a terminal, or, line by line and now and then, in a log. Writes to standard error,
or, for a program, lines of JSON to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from rpiq.run.result import Progress


class _Line:
    """One line of progress: rewritten on a terminal, a new one at most now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, key: str, text: str, final: bool = False) -> None:
        """Show `text`; where lines cannot be rewritten, only when `key` is a new one."""
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if final else ""))
            sys.stderr.flush()
        elif key != self._last:
            sys.stderr.write(f"{text}\n")
        self._last = key


def show_progress() -> Callable[[Progress], None]:
    """A listener for `rpiq.quantize`: the stage, the block, the time it took and the time left."""
    line = _Line()

    def show(step: Progress) -> None:
        if step.stage == "finished":  # the next line tells
            return
        left = "" if step.seconds_left is None else f", about {duration(step.seconds_left)} left"
        where, key = "", f"{step.stage}{step.block}"
        if step.stage == "block":
            where = f" {step.block + 1}/{step.blocks} {step.detail}"
        elif step.stage == "distillation":
            where, key = f" {step.detail}", f"{step.stage}{step.detail}"
        elif step.stage == "conversion":
            where, key = f" {step.block}/{step.blocks}", f"{step.stage}{step.block * 10 // step.blocks}"
        line.show(key, f"{step.stage}{where}, {duration(step.seconds)}{left}", step.stage == "done")

    return show


def write_progress(step: Progress) -> None:
    """A listener for `rpiq.quantize` that tells a program: each step as a line of JSON on standard output."""
    sys.stdout.write(json.dumps(asdict(step)) + "\n")
    sys.stdout.flush()


def show_count(what: str) -> Callable[[int, int], None]:
    """A listener for things that are counted: `what`, how many are done, how many there are."""
    line = _Line()

    def show(done: int, total: int) -> None:
        line.show(str(done * 10 // total), f"{what} {done}/{total}", done == total)

    return show


def duration(seconds: float) -> str:
    """1:02 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
