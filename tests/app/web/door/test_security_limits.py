"""Too much, too often, too slowly, too long: what one client may take from the others, tried on a real server."""

from __future__ import annotations

import gc
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi import FastAPI
from fastapi.responses import Response

from app.web.door import bodies, connections, guard
from app.web.door.access import cookie_name
from app.web.door.bodies import MOST_AT_ONCE, most_bytes
from app.web.door.connections import MOST_EACH, ListenError, listen
from app.web.visitors.sessions import Session
from app.web.visitors.uploads import MOST_BYTES
from tests.app.web.door.secured import Served, answer, connected, eventually, secured, without_engines

pytestmark = pytest.mark.servers

MEGABYTE = 1_000_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with secured(without_engines(tmp_path)) as one:
        yield one


def head(served: Served, path: str, *lines: str, token: str | None = None) -> bytes:
    """The head of a POST from our own page, in a session of its own."""
    name = cookie_name(served.scheme)
    token = token or served.service.sessions.open(local=True)
    here = f"127.0.0.1:{served.port}"
    rows = (f"POST {path} HTTP/1.1", f"Host: {here}", f"Origin: http://{here}", f"Cookie: {name}={token}", *lines)
    return "".join(f"{row}\r\n" for row in rows).encode() + b"\r\n"


def form(picture: bytes) -> tuple[str, bytes]:
    """A picture as multipart/form-data: the header line, and the body."""
    mark = "----a-mark-between-parts"
    body = (
        f'--{mark}\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
        + picture
        + f"\r\n--{mark}--\r\n".encode()
    )
    return f"Content-Type: multipart/form-data; boundary={mark}", body


def grown(before: int) -> int:
    """Bytes by which this process, server included, is larger."""
    return int(psutil.Process().memory_info().rss) - before


def alive(served: Served) -> None:
    """Somebody else is served."""
    assert httpx.get(f"{served.address}/api/health", trust_env=False, timeout=60).status_code == 200


@pytest.mark.parametrize("more", ["", "Expect: 100-continue"])
def test_two_gigabytes_are_refused_by_their_own_word_before_a_byte_is_read(served: Served, more: str) -> None:
    with connected(served) as connection:
        connection.sendall(head(served, "/api/ask", "Content-Length: 2147483648", *filter(None, [more])))
        status, got = answer(connection)
    assert status == 413
    assert b'"kind":"size"' in got


def test_two_gigabytes_that_do_not_say_so_are_cut_off_and_never_held(served: Served) -> None:
    gc.collect()
    before, sent, largest = psutil.Process().memory_info().rss, 0, 0
    kind, body = form(bytes(MEGABYTE))
    with connected(served) as connection:
        connection.sendall(head(served, "/api/ask", "Transfer-Encoding: chunked", kind))
        chunk = f"{MEGABYTE:x}\r\n".encode() + body[:MEGABYTE] + b"\r\n"
        try:
            while sent < 2000:
                connection.sendall(chunk)
                sent += 1
                largest = max(largest, grown(before))
        except (BrokenPipeError, ConnectionResetError):
            pass
        status, _ = answer(connection)
    assert status in (413, 0)  # 0: we did not stop to read
    assert sent < 100
    assert largest < 250 * MEGABYTE
    alive(served)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/login", 4_000),
        ("/api/stop", 16_000),
        ("/api/speech", 16_000),
        ("/api/guide", 1_064_000),
        ("/api/picture", 25_064_000),
    ],
)
def test_each_place_takes_what_it_needs_and_no_more(served: Served, path: str, most: int) -> None:
    assert most_bytes(path) == most
    with connected(served) as connection:
        connection.sendall(head(served, path, f"Content-Length: {most + 1}"))
        assert answer(connection)[0] == 413


def test_a_file_that_is_too_large_in_a_body_that_is_not_is_refused(served: Served) -> None:
    with served.inside() as client:
        files = {"audio": ("a.wav", bytes(10_000_001), "audio/wav")}
        response = client.post("/api/ask", files=files)
        assert (response.status_code, response.json()["error"]["kind"]) == (413, "size")
        files = {"picture": ("a.jpg", bytes(MOST_BYTES + 1), "image/jpeg")}
        assert client.post("/api/picture", files=files).status_code == 413


def test_eight_large_uploads_at_once_stay_in_memory_and_off_the_disk(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Whatever would be written to a temporary file fails now.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    kind, body = form(b"no picture" * (MOST_BYTES // 10))
    gc.collect()
    before = psutil.Process().memory_info().rss

    def upload(_: int) -> int:
        with connected(served) as connection:
            connection.sendall(head(served, "/api/picture", f"Content-Length: {len(body)}", kind, "Connection: close"))
            connection.sendall(body)
            return answer(connection)[0]

    largest, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal largest
        while not ended.wait(0.02):
            largest = max(largest, grown(before))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(upload, range(8)))
    ended.set()
    watcher.join()
    assert statuses == [415] * 8
    assert largest < 2 * MOST_AT_ONCE + 100 * MEGABYTE


def test_more_than_fits_into_memory_is_refused_and_given_back(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = bodies.Memory(most=1000)
    assert memory.fits(900)
    assert not memory.fits(101)
    assert memory.held == 900
    monkeypatch.setattr(bodies.Memory, "fits", lambda self, count: count < 100)
    kind, body = form(bytes(5000))
    with connected(served) as connection:
        connection.sendall(head(served, "/api/picture", f"Content-Length: {len(body)}", kind) + body)
        status, got = answer(connection)
    assert status == 503
    assert b"retry-after" in got.lower()


def test_a_body_that_trickles_in_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.5)
    with connected(served) as connection:
        connection.sendall(head(served, "/api/speech", "Content-Length: 100") + b"{")
        status, got = answer(connection)
    assert status == 408
    assert b'"spoken"' in got


def test_a_body_that_never_ends_is_given_up_though_it_never_stops(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "WHOLE_SECONDS", 1.0)
    with connected(served) as connection:
        connection.sendall(head(served, "/api/speech", "Content-Length: 10000"))
        connection.settimeout(0.1)
        got = b""
        for _ in range(600):
            connection.sendall(b" ")
            try:
                got = connection.recv(1000)
                break
            except TimeoutError:
                continue
    assert got.startswith(b"HTTP/1.1 408 ")


def test_headers_that_trickle_in_are_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    with connected(served) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert answer(connection) == (0, b"")
    with connected(served) as connection:
        connection.sendall(f"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\nGET /".encode())
        assert answer(connection)[0] == 200  # and the second request, of which the rest never comes, ended it


def test_who_does_not_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.5)

    def mount(app: FastAPI) -> None:
        app.get("/api/large")(lambda: Response(bytes(50 * MEGABYTE)))

    with secured(without_engines(tmp_path), mount=mount) as served, connected(served) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        here = f"127.0.0.1:{served.port}"
        connection.sendall(f"GET /api/large HTTP/1.1\r\nHost: {here}\r\n\r\n".encode())
        eventually(lambda: len(served.server.server_state.connections) == 1)
        eventually(lambda: not served.server.server_state.connections)


@pytest.mark.parametrize("what", ["nothing", "half a head", "half a body"])
def test_fifty_slow_clients_keep_nobody_out(served: Served, what: str) -> None:
    sent = {
        "nothing": b"",
        "half a head": b"GET / HTTP/1.1\r\nHost: 127.",
        "half a body": head(served, "/api/ask", "Content-Length: 1000000", form(b"")[0]) + b"----",
    }[what]
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connected(served)).sendall(sent)
        with served.inside() as client:
            for _ in range(20):
                assert client.post("/api/stop").status_code == 204
            response = client.post("/api/ask", data={"question": "What time is it?"})
            assert "It is" in response.json()["text"]


def test_of_too_many_connections_the_one_that_waits_longest_makes_room(served: Served) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(served)) for _ in range(MOST_EACH)]
        eventually(lambda: len(served.server.server_state.connections) == MOST_EACH)
        elsewhere = stack.enter_context(connected(served, "127.0.0.2"))
        eventually(lambda: len(served.server.server_state.connections) == MOST_EACH + 1)
        late = stack.enter_context(connected(served))
        here = f"127.0.0.1:{served.port}"
        late.sendall(f"GET /api/health HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n".encode())
        assert answer(late)[0] == 200
        waiting[0].settimeout(60)
        assert answer(waiting[0]) == (0, b"")
        elsewhere.sendall(f"GET /api/health HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n".encode())
        assert answer(elsewhere)[0] == 200


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BURST", 20.0)
    monkeypatch.setattr(guard, "PER_SECOND", 0.1)
    with secured(without_engines(tmp_path)) as served, served.inside() as client:
        statuses = [client.get("/api/health").status_code for _ in range(30)]
        last = client.get("/api/health")
        assert statuses.count(429) >= 9
        assert last.json()["error"]["kind"] == "often"
        assert 1 <= int(last.headers["retry-after"]) <= 10
        with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"), base_url=served.address) as other:
            assert other.get("/api/health").status_code == 200


def test_strangers_may_ask_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "STRANGERS_BURST", 5.0)
    with secured(without_engines(tmp_path)) as served, served.client() as stranger, served.inside() as known:
        assert 429 in [stranger.get("/api/health").status_code for _ in range(20)]
        assert {known.get("/api/health").status_code for _ in range(20)} == {200}


def test_nobody_gets_sessions_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SESSIONS_BURST", 5.0)
    with secured(without_engines(tmp_path)) as served, served.inside() as known:
        statuses = []
        for _ in range(10):
            with served.client() as client:
                statuses.append(client.get("/").status_code)
        assert statuses.count(200) <= 6
        assert known.post("/api/stop").status_code == 204


def test_a_flood_of_new_sessions_puts_nobody_out_who_came_back(served: Served) -> None:
    with served.inside() as known:
        assert known.post("/api/stop").status_code == 204
        for _ in range(200):
            served.service.sessions.open(local=True)
        assert known.post("/api/stop").status_code == 204


@contextmanager
def hanging(served: Served) -> Iterator[str]:
    """The token of a session whose question is being worked on until we leave: an engine that hangs."""
    token = served.service.sessions.open(local=True)
    session = served.service.sessions.find(token)
    assert isinstance(session, Session)
    release = threading.Event()

    def ask(*_: object) -> Iterator[object]:
        release.wait(120)
        yield from ()

    session.exchange.ask = ask  # type: ignore[method-assign, assignment]
    try:
        yield token
    finally:
        release.set()


@contextmanager
def stream(served: Served, token: str | None = None) -> Iterator[socket.socket]:
    """A question whose answer streams; up to its first event."""
    body = b"question=What+does+it+say%3F"
    with connected(served) as connection:
        kinds = ("Accept: text/event-stream", "Content-Type: application/x-www-form-urlencoded")
        connection.sendall(head(served, "/api/ask", f"Content-Length: {len(body)}", *kinds, token=token) + body)
        got = b""
        while b"event: line" not in got:
            piece = connection.recv(4096)
            assert piece, got
            got += piece
        yield connection


def test_streams_that_are_abandoned_free_the_line(served: Served) -> None:
    line = served.service.answers
    with hanging(served) as first, stream(served, first):
        with ExitStack() as stack:
            for _ in range(12):
                stack.enter_context(stream(served))
            assert len(line) == 13
        eventually(lambda: len(line) == 1)
        alive(served)
    eventually(lambda: len(line) == 0)


def test_questions_without_a_stream_that_are_abandoned_free_the_line(served: Served) -> None:
    line = served.service.answers
    body = b"question=What+does+it+say%3F"
    kind = "Content-Type: application/x-www-form-urlencoded"
    with hanging(served) as first, stream(served, first):
        with connected(served) as connection:
            connection.sendall(head(served, "/api/ask", f"Content-Length: {len(body)}", kind) + body)
            eventually(lambda: len(line) == 2)
        eventually(lambda: len(line) == 1)
        alive(served)
    eventually(lambda: len(line) == 0)


def test_many_streams_of_one_client_take_one_place_in_the_line(served: Served) -> None:
    line = served.service.answers
    token = served.service.sessions.open(local=True)
    with served.inside() as other, ThreadPoolExecutor(1) as threads:
        with hanging(served) as first, stream(served, first), ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(stream(served, token))
                assert len(line) <= 2
            told = threads.submit(other.post, "/api/ask", data={"question": "What time is it?"})
            eventually(lambda: len(line) == 3)
        assert told.result(60).status_code == 200
    eventually(lambda: len(line) == 0)


def test_a_session_cannot_ask_everything_at_once(served: Served) -> None:
    token = served.service.sessions.open(local=True)
    kind, body = form(bytes(1000))
    with ExitStack() as stack:
        for _ in range(guard.MOST_OF_SESSION):
            waiting = stack.enter_context(connected(served))
            waiting.sendall(
                head(served, "/api/picture", f"Content-Length: {len(body)}", kind, token=token) + body[:100]
            )

        def refused() -> bool:
            with connected(served) as late:
                late.sendall(head(served, "/api/stop", "Content-Length: 0", "Connection: close", token=token))
                return answer(late)[0] == 503

        eventually(refused)
        with served.inside() as other:
            assert other.post("/api/stop").status_code == 204


def test_a_place_that_is_taken_is_said_so() -> None:
    first = listen(("127.0.0.1",), 0)[0]
    with first, pytest.raises(ListenError, match="choose another --port") as told:
        listen(("127.0.0.1",), first.getsockname()[1])
    assert told.value.spoken


def test_all_addresses_are_listened_on_with_the_same_port() -> None:
    found = listen(("127.0.0.1", "::1"), 0)
    ports = {each.getsockname()[1] for each in found}
    for each in found:
        each.close()
    assert len(ports) == 1
