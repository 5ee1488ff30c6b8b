"""Fixtures for all tests: the filled model store, the shared evaluation data, a sound system without hardware.

Absent ones skip with a reason.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import settings
from assistant.devices.sound_devices import has_server
from assistant.sound.samples import look_again
from models.errors import ModelError
from models.store import Store
from tests.assistant.devices import pulse as virtual
from tests.assistant.remembering import RememberingEngines

SHARED_VARIABLE = "RPIQ_ASSISTANT_SHARED"

BROWSERS = {"browser", "chromium", "page", "orca"}
"""Fixtures with a browser in them."""
SERVERS = {"served", "server", "closed", "open_here", "site"}
"""Fixtures that listen on loopback."""

# Started in the background by a shell, we and all our children would not hear Ctrl-C, which tests send to children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by what a test asks for: `browser`, `servers`, `model`, and `sound` for the virtual sound system."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & BROWSERS:
            item.add_marker(pytest.mark.browser)
        if asked & SERVERS:
            item.add_marker(pytest.mark.servers)
        if "store" in asked:
            item.add_marker(pytest.mark.model)
        if "pulse_server" in asked:
            item.add_marker(pytest.mark.sound)


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
def remembering(store: Store) -> RememberingEngines:
    """The embedded profile's engines, opened once, which do the same work once: for conversations in counted time."""
    opened = RememberingEngines(store)
    opened.warm()
    return opened


@pytest.fixture(scope="session")
def shared() -> Path:
    """The evaluation data, which is not part of the repository: a folder beside it or where the variable says."""
    chosen = os.environ.get(SHARED_VARIABLE)
    folder = Path(chosen) if chosen else Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the shared evaluation data: set {SHARED_VARIABLE} to its folder")
    return folder


@pytest.fixture(scope="session")
def pulse_server() -> Iterator[virtual.PulseServer]:
    """The virtual sound system; its `environment` is for programs that are to use it."""
    reason = virtual.missing()
    if reason:
        pytest.skip(reason)
    # Not pytest's own temporary folder: a socket's path may have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="pulse") as folder, virtual.running(Path(folder)) as server:
        yield server


@pytest.fixture
def pulse(pulse_server: virtual.PulseServer) -> Iterator[virtual.PulseServer]:
    """The virtual sound system with everything plugged in, in os.environ for this process and its children."""
    pulse_server.plug("loudspeaker")
    pulse_server.plug("microphone")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pulse_server.environment.items():
            patch.setenv(name, value)
        for name in ("PULSE_SINK", "PULSE_SOURCE"):
            patch.setenv(name, "")  # so that it is as before afterwards, whatever the test sets
            patch.delenv(name)
        look_again()
        if not has_server():
            pytest.skip("needs ALSA's way to PulseAudio (Debian: libasound2-plugins)")
        yield pulse_server
    look_again()
