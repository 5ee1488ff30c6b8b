"""A server as `assistant web` starts it, in a thread, for those who attack it; and bytes sent to it as no client library would."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from app.web.door.access import Access, Rules, cookie_name
from app.web.door.certificate import Certificate
from app.web.door.connections import configuration, listen, serve
from app.web.door.credentials import Credentials
from app.web.server import create_app
from app.web.visitors.service import Service
from tests.app.web.serving import PATIENCE, places

PASSWORD = "correct horse battery staple"


class Clock:
    """Stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    scheme: str
    service: Service
    access: Access
    credentials: Credentials
    server: uvicorn.Server

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @contextmanager
    def client(self, **options: object) -> Iterator[httpx.Client]:
        """A browser's way of asking, without a session."""
        settings: dict[str, object] = {"headers": {"Origin": self.address}, **options}
        with httpx.Client(base_url=self.address, timeout=PATIENCE, trust_env=False, verify=False, **settings) as client:  # type: ignore[arg-type]  # noqa: S501 - our own certificate
            yield client

    @contextmanager
    def inside(self) -> Iterator[httpx.Client]:
        """One who has a session."""
        with self.client() as client:
            client.cookies.set(cookie_name(self.scheme), self.service.sessions.open(local=True))
            yield client

    def program(self) -> dict[str, str]:
        """The headers of a program that has the token."""
        return {"Authorization": f"Bearer {self.credentials.token()}"}


def without_engines(folder: Path) -> Service:
    """A service that has no models, and says so to whoever asks."""
    return Service(replace(places(folder), store_root=folder / "no models", state=folder / "state"))


@contextmanager
def secured(
    service: Service,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    clock: Callable[[], float] = time.monotonic,
    certificate: Certificate | None = None,
    mount: Callable[[FastAPI], None] = lambda app: None,
) -> Iterator[Served]:
    """The server; `mount` adds to its application."""
    credentials = Credentials(service.places.state)
    if rules.login and not credentials.has_password:
        credentials.set_password(PASSWORD)
    access = Access(service.sessions, credentials, rules, clock)
    app = create_app(service, access)
    mount(app)
    files = (str(certificate.file), str(certificate.key_file)) if certificate else (None, None)
    server = uvicorn.Server(configuration(app, *files))
    sockets = listen(("127.0.0.1",), 0)
    thread = threading.Thread(target=serve, args=(server, sockets), name="server")
    port = sockets[0].getsockname()[1]
    thread.start()
    try:
        eventually(lambda: server.started)
        yield Served(port, "https" if certificate else "http", service, access, credentials, server)
    finally:
        server.should_exit = True
        thread.join()


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until it holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


@contextmanager
def connected(served: Served, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection from `source`, any address of this machine."""
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE, (source, 0)) as plain:
        if served.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as wrapped:
                yield wrapped
        else:
            yield plain


def raw(served: Served, request: bytes, source: str = "127.0.0.1") -> tuple[int, bytes]:
    """Send these bytes (PORT stands for the port); the status and all that came back until the server closed."""
    with connected(served, source) as connection:
        connection.sendall(request.replace(b"PORT", str(served.port).encode()))
        return answer(connection)


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """All that comes until the server closes; status 0 for nothing at all."""
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:  # closed on us while we still sent
        pass
    return int(got.split(None, 2)[1]) if got else 0, got
