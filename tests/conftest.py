"""Fixtures for all tests: the filled model store and the shared evaluation data; absent ones skip with a reason."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from app import settings
from models.errors import ModelError
from models.store import Store

SHARED_VARIABLE = "RPIQ_ASSISTANT_SHARED"

# Started in the background by a shell, we and all our children would not hear Ctrl-C, which tests send to children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def store() -> Store:
    """The store of this machine with the embedded profile in it, verified."""
    filled = Store(settings.read().store_root)
    try:
        for entry in filled.catalogue.profile("embedded"):
            filled.open(entry.name)
    except ModelError as error:
        pytest.skip(f"needs the embedded models (assistant models fetch --profile embedded): {error}")
    return filled


@pytest.fixture(scope="session")
def shared() -> Path:
    """The evaluation data, which is not part of the repository: a folder beside it or where the variable says."""
    chosen = os.environ.get(SHARED_VARIABLE)
    folder = Path(chosen) if chosen else Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the shared evaluation data: set {SHARED_VARIABLE} to its folder")
    return folder
