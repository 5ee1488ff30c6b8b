"""Commands run in this process switch the model hub off for good; here the process goes on to other tests."""

from __future__ import annotations

import os

import pytest
from huggingface_hub import constants


@pytest.fixture(autouse=True)
def kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test does to the environment and to the hub's switch is undone after it."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", constants.HF_HUB_OFFLINE)
