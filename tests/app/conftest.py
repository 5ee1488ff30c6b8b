"""Commands run in this process switch the model hub off for good; here the process goes on to other tests."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from assistant.checkup.privacy import memory_is_closed


@pytest.fixture(autouse=True)
def kept_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does to the environment and to the hub's switch is undone after it."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", constants.HF_HUB_OFFLINE)
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def open_memory() -> Iterator[None]:
    """Commands close their process's memory to others, which also hides it from tools that other tests look with."""
    yield
    if memory_is_closed():
        set_dumpable = 4  # of Linux's prctl
        assert ctypes.CDLL(None).prctl(set_dumpable, 1) == 0
