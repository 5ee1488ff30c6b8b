"""Errors of rpiq: each message says what failed, where, and what to do."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class RpiqError(Exception):
    """Something the user can mend; `str(error)` is one line for a terminal or a log."""


class CheckpointError(RpiqError):
    """A checkpoint is missing, damaged, or of a kind that is not read."""


class ConfigError(RpiqError):
    """An option, or a combination of options and model, that makes no sense."""


class CalibrationError(RpiqError):
    """The calibration text or the tokenizer cannot be used."""


class ArchitectureError(RpiqError):
    """A model whose structure is not understood; the message names the modules."""


class ResourceError(RpiqError):
    """Too little memory or disk, or no such device."""


class VerificationError(RpiqError):
    """The written folder does not compute what the quantized model computed."""


class EvaluationError(RpiqError):
    """The evaluation data are missing, too short, or in another form than expected."""


class SolverError(RpiqError):
    """A weight, or the statistics of its inputs, that the solvers cannot work with."""


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """KeyboardInterrupt for the error that an extension makes of one.

    Ctrl-C while safetensors builds a tensor comes out of it as "ValueError: could not determine the shape of object type",
    which would be taken for a fault of the file.
    """
    heard = False
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard = True
        if callable(before):
            before(number, frame)

    ours = callable(before) and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if heard:
            raise KeyboardInterrupt from error
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
