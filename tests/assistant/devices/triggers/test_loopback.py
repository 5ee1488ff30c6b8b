"""HTTP on this machine: its orders, and that neither web pages nor other machines nor large bodies get through."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import psutil
import pytest

from assistant.devices.triggers.loopback import LONGEST_BODY, Loopback
from assistant.errors import TriggerError
from assistant.ports.events import Pressed, Released, Typed

from .heard import PATIENCE, Heard


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def server(heard: Heard) -> Iterator[Loopback]:
    made = Loopback(0, lambda: {"state": "idle"})
    made.start(heard.events.put, lambda: 7.0)
    yield made
    made.close()
    made.close()


def ask(
    server: Loopback, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_orders(server: Loopback, heard: Heard) -> None:
    for path in ("/press", "/release", "/stop"):
        assert ask(server, "POST", path, body=b"{}") == (200, {"ok": True})
    assert [heard.next() for _ in range(3)] == [Pressed(7, "http"), Released(7), Typed(7, "stop")]
    assert ask(server, "GET", "/status", {"Host": f"localhost:{server.port}"}) == (200, {"ok": True, "state": "idle"})


def test_only_this_machine_can_reach_it(server: Loopback) -> None:
    listening = [c.laddr for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert ("127.0.0.1", server.port) in listening


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/press", {"Origin": "https://evil.example"}, None, 403),
        ("POST", "/press", {"Origin": "null"}, None, 403),
        ("POST", "/press", {"Referer": "https://evil.example/"}, None, 403),
        ("POST", "/press", {"Sec-Fetch-Site": "cross-site"}, None, 403),
        ("POST", "/press", {"Host": "evil.example"}, None, 403),
        ("GET", "/status", {"Host": "evil.example:80"}, None, 403),
        ("POST", "/press", {"Content-Length": "-1"}, None, 400),
        ("POST", "/press", {"Content-Length": "²"}, None, 400),
        ("POST", "/press", {"Transfer-Encoding": "chunked"}, None, 400),
        ("POST", "/press", {}, b"x" * (LONGEST_BODY + 1), 413),
        ("POST", "/press", {"Content-Length": "9" * 5000}, None, 413),
        ("GET", "/press", {}, None, 405),
        ("POST", "/status", {}, None, 405),
        ("POST", "/quit", {}, None, 404),
        ("POST", "/press/../press", {}, None, 404),
        ("PUT", "/press", {}, None, 501),
    ],
)
def test_refused(
    server: Loopback, heard: Heard, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request(method, path, body, headers)
    assert connection.getresponse().status == status
    connection.close()
    assert heard.events.empty()


def test_two_host_names_and_none_are_refused(server: Loopback, heard: Heard) -> None:
    for hosts in (f"Host: 127.0.0.1:{server.port}\r\nHost: evil.example\r\n", ""):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(f"POST /press HTTP/1.1\r\n{hosts}\r\n".encode())
            assert b" 403 " in connection.makefile("rb").readline()
    assert heard.events.empty()


def test_one_silent_client_blocks_nobody(server: Loopback, heard: Heard) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(b"POST /press HTTP/1.1\r\nHo")
        assert ask(server, "POST", "/press") == (200, {"ok": True})
    assert heard.next() == Pressed(7, "http")


def test_a_port_in_use_is_an_error_that_says_which_setting(server: Loopback, heard: Heard) -> None:
    second = Loopback(server.port, dict)
    with pytest.raises(TriggerError, match=r"trigger\.http_port") as caught:
        second.start(heard.events.put, lambda: 0)
    assert caught.value.spoken
    second.close()


def test_nothing_is_written_about_requests(server: Loopback, capfd: pytest.CaptureFixture[str]) -> None:
    ask(server, "POST", "/secret-words")
    assert capfd.readouterr() == ("", "")
