"""The device itself speaks, on a virtual loudspeaker, and falls silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.web.visitors.service import Service
from assistant.engines.opening import ProfileEngines
from models.store import Store
from tests.app.web.serving import PATIENCE, places, serving, visitor
from tests.assistant.devices.pulse import PulseServer

pytestmark = pytest.mark.realtime

LONG = "This sentence is quite long, because somebody is going to stop it. " * 6


@pytest.fixture
def client(store: Store, pulse: PulseServer, tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(Service(places(tmp_path))) as address, visitor(address) as found:
        yield found


def speak(client: httpx.Client, text: str) -> httpx.Response:
    return client.post("/api/speech", json={"text": text, "where": "device"})


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_the_device_says_is_heard_and_the_answer_comes_when_it_is_over(
    client: httpx.Client, pulse: PulseServer, store: Store
) -> None:
    with pulse.recording() as recording:
        assert speak(client, "The parking fee is two dollars.").status_code == 204
        until(recording.first_sound)
        understood = ProfileEngines(store).recogniser.transcribe(recording.sound()).text.lower()
    assert "parking" in understood


def test_stop_silences_it_and_leaves_others_alone(client: httpx.Client, pulse: PulseServer) -> None:
    with pulse.recording() as recording, visitor(str(client.base_url)) as other:
        speaking = threading.Thread(target=speak, args=(client, LONG))
        began = time.monotonic()
        speaking.start()
        until(recording.first_sound)
        assert other.post("/api/stop").status_code == 204
        assert speaking.is_alive()
        assert client.post("/api/stop").status_code == 204
        speaking.join(PATIENCE)
        assert not speaking.is_alive()
        last = recording.last_sound()
        assert last is not None
        assert time.monotonic() - began < 25  # all of it would take half a minute
