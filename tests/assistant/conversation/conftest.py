"""Engines for conversations in counted time."""

from __future__ import annotations

import pytest

from assistant.engines.opening import ProfileEngines
from tests.assistant.remembering import RememberingEngines


@pytest.fixture(scope="session")
def engines(remembering: RememberingEngines) -> ProfileEngines:
    """Real ones, which do the same work once."""
    return remembering
