"""Fixtures of the assistant's tests: the sound system without hardware."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.sound import portaudio
from assistant.sounddevices import has_server
from tests.assistant import pulse as virtual


@pytest.fixture(scope="session")
def _pulse_server() -> Iterator[virtual.PulseServer]:
    reason = virtual.missing()
    if reason:
        pytest.skip(reason)
    # Not pytest's own temporary folder: a socket's path may have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="pulse") as folder, virtual.running(Path(folder)) as server:
        yield server


@pytest.fixture
def pulse(_pulse_server: virtual.PulseServer) -> Iterator[virtual.PulseServer]:
    """The virtual sound system with everything plugged in, in os.environ for this process and its children."""
    _pulse_server.plug("loudspeaker")
    _pulse_server.plug("microphone")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _pulse_server.environment.items():
            patch.setenv(name, value)
        for name in ("PULSE_SINK", "PULSE_SOURCE"):
            patch.setenv(name, "")  # so that it is as before afterwards, whatever the test sets
            patch.delenv(name)
        _look_again()
        if not has_server():
            pytest.skip("needs ALSA's way to PulseAudio (Debian: libasound2-plugins)")
        yield _pulse_server
    _look_again()


def _look_again() -> None:
    """PortAudio keeps the devices that it found first."""
    portaudio()._terminate()
    portaudio()._initialize()
