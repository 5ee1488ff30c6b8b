"""A real server for tests: uvicorn in a thread of this process, on a free port, with settings of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from app import settings
from app.web.server import create_app
from app.web.visitors.service import Service

PATIENCE = 120.0
"""Seconds for anything, on a busy machine."""


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    name: str
    data: dict[str, Any]


def places(folder: Path) -> settings.Settings:
    """The models of this machine, and everything else in `folder`."""
    return settings.read(folder / "settings.toml")


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address of a server for `service`, which is ready."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(service), log_config=None, access_log=False, proxy_headers=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            wait_for_ready(address)
            yield address
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def wait_for_ready(address: str) -> None:
    """Until the engines are open."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            found = httpx.get(f"{address}/api/health", trust_env=False).json()
        except httpx.TransportError:
            found = {"status": "getting ready"}
        if found["status"] != "getting ready":
            assert found["status"] == "ready", found
            return
        time.sleep(0.1)
    raise AssertionError("the server did not get ready")


@contextmanager
def visitor(address: str) -> Iterator[httpx.Client]:
    """A browser that has opened the page."""
    with httpx.Client(base_url=address, timeout=PATIENCE, headers={"Origin": address}, trust_env=False) as client:
        client.get("/").raise_for_status()
        yield client


def events(client: httpx.Client, **request: Any) -> Iterator[Event]:
    """Ask, and read the answer as it comes."""
    with client.stream("POST", "/api/ask", headers={"Accept": "text/event-stream"}, **request) as response:
        response.raise_for_status()
        name = ""
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield Event(name, json.loads(value))
