"""Connections: the addresses we listen on, and uvicorn's HTTP protocol with bounds in time and number that it lacks.

Uvicorn waits for ever for the headers of a request and for a client to read its answer, and refuses everybody when too many are
connected. Here whoever keeps a connection waiting for longest makes room for whoever comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from asyncio import Transport
from collections import Counter
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.web.door.limits import whose
from assistant.errors import AssistantError

HEADER_SECONDS = 10.0
"""For the headers of a request, and for the TLS handshake before the first one."""
WRITE_SECONDS = 30.0
"""For a client to read what was sent, before more is sent."""
MOST_CONNECTIONS = 256
MOST_EACH = 64
"""Of one address; a browser uses six."""
LARGEST_HEADERS = 32_768
"""Bytes."""
_OPEN_FILES = 4096
"""With room for those whose TLS handshake is not done, which are not counted."""


class ListenError(AssistantError):
    """The address cannot be listened on."""


def listen(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """Sockets that listen on all of `hosts`, with the same port; a free one for port 0. Errors: ListenError."""
    found: list[socket.socket] = []
    for host in hosts:
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if listening.family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((host, found[0].getsockname()[1] if found else port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if found and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # a machine without IPv6
            for other in found:
                other.close()
            taken = "another program listens there: choose another --port"
            why = taken if error.errno == errno.EADDRINUSE else f"{error.strerror}: choose another --host or --port"
            raise ListenError(
                f"cannot listen on {host} port {port}: {why}", "I cannot open my page. Its place is taken."
            ) from error
        found.append(listening)
    return found


class PatientProtocol(H11Protocol):
    """One connection."""

    _waiting: asyncio.TimerHandle | None = None
    """For headers."""
    _writing: asyncio.TimerHandle | None = None
    since = 0.0
    """When the client began to keep us waiting."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        if not self._room():
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            self._wait_no_more()
        elif self._waiting is None:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.since = self.loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if self.flow is not None:
            super().resume_writing()

    @property
    def keeps_waiting(self) -> bool:
        """Whether the client is the one who is waited for: for headers, for the rest of a body, for another request."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _room(self) -> bool:
        """Make room for this connection among all; False when there is none."""
        own = whose(self.client[0]) if self.client else ""
        others = [each for each in self.connections if isinstance(each, PatientProtocol) and each is not self]
        parties = Counter(each.party for each in others)
        if parties[own] >= MOST_EACH:
            crowd = own
        elif len(others) >= MOST_CONNECTIONS:
            crowd = parties.most_common(1)[0][0]
        else:
            return True
        idle = [each for each in others if each.party == crowd and each.keeps_waiting]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.since)
        self.connections.discard(longest)
        longest.transport.abort()
        return True

    @property
    def party(self) -> str:
        """Who is at the other end."""
        return whose(self.client[0]) if self.client else ""


class _Loop(asyncio.SelectorEventLoop):
    """asyncio gives a TLS handshake a minute, and uvicorn cannot be told to give less."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", HEADER_SECONDS)
            options.setdefault("ssl_shutdown_timeout", HEADER_SECONDS)
        return await super().create_server(*arguments, **options)


def configuration(app: Any, certificate: str | None = None, key: str | None = None) -> uvicorn.Config:
    """How uvicorn serves `app`, over HTTPS when a certificate is given: nothing of a proxy is believed, nothing is told of itself."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        timeout_graceful_shutdown=5,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    """Serve until the server is told to end."""
    with contextlib.suppress(ValueError, OSError):  # a lower limit will do as well
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(server.serve(sockets))
