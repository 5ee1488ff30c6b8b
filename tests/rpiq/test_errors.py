"""Ctrl-C stays Ctrl-C, whatever an extension makes of it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from rpiq.errors import interrupts_kept


def extension() -> None:
    """As safetensors does: what is raised while it works becomes an error of its own."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        raise ValueError("could not determine the shape") from None


def test_an_interrupt_that_became_an_error_is_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as raised, interrupts_kept(), interrupts_kept():
        extension()
    assert isinstance(raised.value.__cause__, ValueError | KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_its_own_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="damaged"), interrupts_kept():
        raise ValueError("damaged")
