"""HTTP on this machine alone, for programs that speak nothing else: POST /press, /release and /stop, GET /status.

Web pages are kept out: a request that a browser made for a page carries its origin, or the wrong name of the host.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assistant.devices.triggers.orders import Desk, refusal
from assistant.devices.triggers.trigger import Report, Status
from assistant.errors import TriggerError
from assistant.ports.world import Clock

HOST = "127.0.0.1"
LONGEST_BODY = 1024
"""Bytes; what is sent along is not used."""
SECONDS_TO_SPEAK = 5.0

_POSTED = {"/press": "press", "/release": "release", "/stop": "stop"}
_FROM_A_PAGE = ("Origin", "Referer", "Sec-Fetch-Site")
"""Headers that browsers send for pages and other programs do not."""


class Loopback:
    """The HTTP server, from `start` to `close`."""

    def __init__(self, port: int, status: Status) -> None:
        """`port` on the loopback address; 0 chooses a free one."""
        self._port = port
        self._status = status
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port in use; meant for after `start`."""
        return self._server.server_port if self._server else self._port

    def start(self, report: Report, clock: Clock) -> None:
        """Errors: TriggerError when the port cannot be had."""
        try:
            self._server = _Server((HOST, self._port), Desk(report, clock, self._status))
        except OSError as error:
            raise TriggerError(
                f"port {self._port} on {HOST} cannot be used ({error.strerror or error}): set trigger.http_port to another, or to 0",
                "Other programs cannot reach me over the web port that is set. Set another one.",
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="loopback", daemon=True).start()

    def close(self) -> None:
        """Let the port go."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SECONDS_TO_SPEAK
    server_version = "assistant"
    sys_version = ""

    def do_POST(self) -> None:
        self._do(_POSTED)

    def do_GET(self) -> None:
        self._do({"/status": "status"})

    def _do(self, orders: Mapping[str, str]) -> None:
        problem = self._problem()
        if problem:
            self._answer(*problem)
        elif self.path not in orders:
            known = self.path in _POSTED or self.path == "/status"
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            self._answer(status, "there are: POST /press, /release, /stop; GET /status")
        else:
            self._reply(HTTPStatus.OK, self.server.desk.take(orders[self.path], "http"))

    def _problem(self) -> tuple[HTTPStatus, str] | None:
        port = self.server.server_port
        # Another name for this machine is how a page reaches it by rebinding a name of its own.
        if self.headers.get_all("Host") not in ([f"{HOST}:{port}"], [f"localhost:{port}"]):
            return HTTPStatus.FORBIDDEN, "call me by 127.0.0.1 or localhost"
        if any(name in self.headers for name in _FROM_A_PAGE):
            return HTTPStatus.FORBIDDEN, "web pages may not do this"
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return HTTPStatus.BAD_REQUEST, "say the length of the body"
        if len(length) > 9 or int(length) > LONGEST_BODY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {LONGEST_BODY} bytes"
        self.rfile.read(int(length))
        return None

    def _answer(self, status: HTTPStatus, error: str) -> None:
        self._reply(status, refusal(error))

    def _reply(self, status: HTTPStatus, reply: Mapping[str, object]) -> None:
        body = json.dumps(reply).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Nothing is logged of a request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], desk: Desk) -> None:
        self.desk = desk
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask for the name of the address, and so perhaps a name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a program that goes away in the middle is no concern of ours
            super().handle_error(request, client_address)
