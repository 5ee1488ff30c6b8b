"""The web's tests run no command in this process, so the environment stays the real one, which the sound system's library reads."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def kept_environment() -> None:
    """In place of that of tests/app/conftest.py."""
