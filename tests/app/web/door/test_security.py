"""What must not work, tried on a real server: strangers, other pages, odd names and paths, files that are not what they say."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image

from app.web.door.access import Rules
from app.web.door.certificate import certificate
from app.web.door.guard import HEADERS, PAGE_POLICY
from app.web.visitors.service import Service
from tests.app.web.door.secured import PASSWORD, Clock, Served, raw, secured, without_engines
from tests.paths import ROOT

ROUTES = (
    ("POST", "/api/ask"), ("POST", "/api/picture"), ("POST", "/api/guide"), ("POST", "/api/speech"), ("POST", "/api/stop"),
    ("POST", "/api/forget"), ("GET", "/api/openapi.json"), ("GET", "/api/docs"), ("GET", "/"), ("GET", "/setup/"),
    ("GET", "/setup/gradio_api/file=/etc/passwd"), ("POST", "/setup/gradio_api/queue/join"), ("GET", "/static/page.js"),
    ("GET", "/manifest.webmanifest"), ("POST", "/logout"), ("GET", "/logout"),
)  # fmt: skip


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Served]:
    """A server that demands a login."""
    with secured(without_engines(tmp_path_factory.mktemp("closed")), Rules(login=True), clock) as served:
        yield served


@pytest.fixture(scope="module")
def open_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server as it usually is, open to this machine."""
    with secured(without_engines(tmp_path_factory.mktemp("open"))) as served:
        yield served


def refused(response: httpx.Response, status: int, kind: str = "") -> None:
    """It was refused so, in words for the eye and the ear."""
    assert response.status_code == status, response.text
    if "json" in response.headers["content-type"]:
        error = response.json()["error"]
        assert error["message"]
        assert error["spoken"].endswith(".")
        assert not kind or error["kind"] == kind
    else:
        assert 'role="alert"' in response.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_strangers_get_nothing_but_the_login_page(closed: Served, method: str, path: str) -> None:
    with closed.client() as client:
        refused(client.request(method, path), 401, "session")
        if method == "GET" and not path.startswith("/api/openapi"):
            page = client.get(path, headers={"Accept": "text/html"})
            assert (page.status_code, page.headers["location"].partition("?")[0]) == (303, "/login")
        assert not client.cookies


def test_strangers_see_the_login_page_its_style_and_that_the_server_lives(closed: Served) -> None:
    with closed.client() as client:
        assert "Password" in client.get("/login").text
        assert client.get("/plain.css").headers["content-type"].startswith("text/css")
        health = client.get("/api/health").json()
        assert health["login"] is True
        assert not any(health[key] for key in ("problem", "profile", "engines", "waiting"))


def test_an_invented_cookie_and_a_wrong_token_are_nobody(closed: Served) -> None:
    with closed.client(cookies={"assistant_session": "A" * 43}) as client:
        refused(client.post("/api/stop"), 401, "session")
    with closed.client() as client:
        for header in ("Bearer x", "Bearer", "Basic YTpi", f"bearer {closed.credentials.token()}x"):
            refused(client.post("/api/stop", headers={"Authorization": header}), 401, "session")


def token_in(response: httpx.Response) -> str:
    """The cookie's value that a response gives."""
    return response.headers["set-cookie"].partition("=")[2].partition(";")[0]


def test_who_knows_the_password_gets_a_new_session_each_time_and_can_leave(closed: Served) -> None:
    def ask(method: str, path: str, token: str, data: dict[str, str] | None = None) -> httpx.Response:
        with closed.client(cookies={"assistant_session": token}) as client:
            return client.request(method, path, data=data)

    entered = ask("POST", "/login", "chosen-by-somebody-else", {"secret": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(entered.headers["set-cookie"].split("; "))
    refused(ask("POST", "/api/stop", "chosen-by-somebody-else"), 401)
    first = token_in(entered)
    assert ask("POST", "/api/stop", first).status_code == 204
    second = token_in(ask("POST", "/login", first, {"secret": PASSWORD}))
    assert second != first
    refused(ask("POST", "/api/stop", first), 401)
    assert ask("GET", "/logout", second).status_code == 200
    assert ask("POST", "/api/stop", second).status_code == 204  # a link logs nobody out
    left = ask("POST", "/logout", second)
    assert left.status_code == 200
    assert "Max-Age=0" in left.headers["set-cookie"]
    refused(ask("POST", "/api/stop", second), 401)


def test_whoever_opens_the_page_where_everybody_may_gets_one_session_and_keeps_it(open_here: Served) -> None:
    with open_here.client() as client:
        assert {"HttpOnly", "SameSite=Strict"} <= set(client.get("/").headers["set-cookie"].split("; "))
        assert "set-cookie" not in client.get("/").headers
        assert client.post("/api/stop").status_code == 204


def test_after_login_one_goes_on_to_our_pages_alone(closed: Served) -> None:
    for to, expected in (("setup", "/setup/"), ("//evil.example", "/"), ("https://evil.example", "/"), ("", "/")):
        with closed.client() as client:
            entered = client.post("/login", data={"secret": PASSWORD, "to": to})
            assert entered.headers["location"] == expected
    with closed.client() as client:
        assert "evil" not in client.get("/login", params={"to": '"><script>evil'}).text


def test_wrong_passwords_are_said_on_an_accessible_page_and_slow_their_sender_down(
    closed: Served, clock: Clock
) -> None:
    statuses = []
    with closed.client() as client:
        for _ in range(20):
            response = client.post("/login", data={"secret": "wrong wrong wrong"})
            statuses.append(response.status_code)
            if response.status_code == 429:
                assert int(response.headers["retry-after"]) > 0
            assert 'aria-describedby="wrong"' in response.text
        assert statuses == [401] * 3 + [429] * 17
        kept_waiting = client.post("/login", data={"secret": PASSWORD})
        assert kept_waiting.status_code == 429
        clock.now += float(kept_waiting.headers["retry-after"])
        assert client.post("/login", data={"secret": PASSWORD}).status_code == 303


def test_a_password_or_code_in_the_address_is_not_taken(closed: Served) -> None:
    with closed.client() as client:
        assert client.get("/login", params={"secret": PASSWORD}).status_code == 200
        assert not client.cookies


def test_a_program_needs_the_token_and_no_page(closed: Served) -> None:
    with httpx.Client(base_url=closed.address, trust_env=False, headers=closed.program()) as client:
        assert client.post("/api/stop").status_code == 204
        assert client.get("/api/health").json()["profile"] == "embedded"
        refused(client.post("/api/stop", headers={"Origin": "http://evil.example"}), 403, "origin")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/ask", "/api/forget", "/login", "/login/say", "/logout", "/setup/gradio_api/upload"]
)
def test_requests_of_other_pages_are_refused(open_here: Served, path: str, headers: dict[str, str]) -> None:
    with open_here.inside() as client:
        del client.headers["Origin"]
        refused(client.post(path, headers=headers), 403, "origin")


def test_other_pages_cannot_read_either(open_here: Served) -> None:
    with open_here.inside() as client:
        refused(client.get("/api/health", headers={"Origin": "http://evil.example"}), 403, "origin")
        preflight = client.options("/api/ask", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 405
        for response in (preflight, client.get("/api/health"), client.get("/")):
            assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["evil.example:PORT", "evil.example", "127.0.0.1:1", "localhost.evil.example:PORT", "", "[::1"]
)
def test_names_that_are_not_ours_are_refused(open_here: Served, host: str) -> None:
    request = f"GET /api/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    status, _ = raw(open_here, request)
    assert status in (400, 403)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
        b"GET /api/../api/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
        b"GET /\\..\\x HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
        b"POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_requests_are_refused(open_here: Served, request_: bytes) -> None:
    status, _ = raw(open_here, request_)
    assert status in (0, 400, 403, 404, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"Forwarded": "for=1.2.3.4;host=evil.example;proto=https"},
        {"X-Real-IP": "1.2.3.4"},
        {"X-Original-URL": "/api/openapi.json"},
        {"X-Rewrite-URL": "/api/openapi.json"},
        {"X-HTTP-Method-Override": "DELETE"},
    ],
)
def test_what_proxies_say_is_not_believed(closed: Served, headers: dict[str, str]) -> None:
    with closed.client() as client:
        refused(client.get("/api/docs", headers=headers), 401)
        page = client.get("/login", headers=headers)
        assert page.status_code == 200
        assert "evil" not in page.text + str(page.headers)
        entered = client.post("/login", data={"secret": PASSWORD}, headers=headers)
        assert entered.headers["location"] == "/"
        assert "Secure" not in entered.headers["set-cookie"]


def test_another_address_in_a_header_does_not_get_around_the_delay(tmp_path: Path) -> None:
    with secured(without_engines(tmp_path), Rules(login=True), Clock()) as served, served.client() as client:
        statuses = [
            client.post(
                "/login", data={"secret": "wrong wrong"}, headers={"X-Forwarded-For": f"10.0.0.{number}"}
            ).status_code
            for number in range(6)
        ]
        assert statuses == [401] * 3 + [429] * 3


CLIMBS = (
    "../" * 8 + "etc/passwd", "..%2f" * 8 + "etc%2fpasswd", "%2e%2e/" * 8 + "etc/passwd", "%252e%252e%252f" * 8 + "etc/passwd",
    "..%5c" * 8 + "etc%5cpasswd", "....//" * 8 + "etc/passwd", "/etc/passwd", "%2fetc%2fpasswd", "page.js%00.html",
    "..;/" * 8 + "etc/passwd", "%c0%ae%c0%ae/" * 8 + "etc/passwd", "static/" + "../" * 9 + "etc/passwd", "../guard.py", "%2e%2e/guard.py",
)  # fmt: skip


@pytest.mark.parametrize("climb", CLIMBS)
@pytest.mark.parametrize(
    "place", ["/static/", "/", "/api/", "/login/", "/setup/", "/setup/static/", "/setup/gradio_api/file="]
)
def test_no_path_leads_out_of_our_files(open_here: Served, place: str, climb: str) -> None:
    with open_here.inside() as client:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    request = f"GET {place}{climb} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    status, got = raw(open_here, request.encode())
    assert status in (400, 403, 404), got
    assert b"root:" not in got
    assert b"middleware" not in got


def test_every_answer_carries_the_headers_and_nothing_is_kept_by_the_browser(open_here: Served) -> None:
    with open_here.inside() as client:
        answers = [
            client.get("/"), client.get("/api/health"), client.get("/api/docs"), client.get("/nowhere"), client.post("/api/ask"),
            client.post("/api/stop"), client.get("/login"), client.get("/logout"), client.put("/api/ask"),
            client.get("/api/health", headers={"Origin": "http://evil.example"}),
        ]  # fmt: skip
        for response in answers:
            for name, value in HEADERS.items():
                assert response.headers[name] == value
            assert response.headers["Cache-Control"] == "no-store"
            assert "server" not in response.headers
            assert "strict-transport-security" not in response.headers
        assert client.get("/static/index.html").headers["Cache-Control"] == "no-cache"
    assert "unsafe" not in PAGE_POLICY


def test_a_mistake_of_ours_is_told_without_its_details(tmp_path: Path) -> None:
    service = without_engines(tmp_path)

    def broken() -> None:
        raise RuntimeError("a secret in the words of an error")

    service.refresh = broken  # type: ignore[method-assign]
    with secured(service) as served, served.inside() as client:
        response = client.get("/api/health")
        refused(response, 500, "mistake")
        assert "secret" not in response.text
        assert response.headers["Content-Security-Policy"] == PAGE_POLICY


def test_over_https_the_cookie_is_bound_to_this_host_and_plain_http_is_not_answered(tmp_path: Path) -> None:
    made = certificate(tmp_path, ("kitchen",), (), datetime.now(UTC))
    rules = Rules(login=True, fingerprint=made.fingerprint)
    with secured(without_engines(tmp_path), rules, certificate=made) as served, served.client() as client:
        assert made.fingerprint in client.get("/login").text.replace("<wbr>", "")
        given = client.post("/login", data={"secret": PASSWORD}).headers["set-cookie"]
        assert given.startswith("__Host-assistant_session=")
        assert "Secure" in given.split("; ")
        assert client.post("/api/stop").status_code == 204
        refused(client.post("/api/stop", headers={"Origin": served.address.replace("https", "http")}), 403, "origin")
        plain = replace(served, scheme="http")
        status, _ = raw(plain, b"GET /login HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n")
        assert status == 0


def bomb(width: int, height: int) -> bytes:
    """A picture of zeros: a few kilobytes that want to be gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeezed = zlib.compressobj(9)
    rows = b"".join(squeezed.compress(bytes(1 + 3 * width)) for _ in range(min(height, 200))) + squeezed.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A small picture with a compressed comment of 400 MB."""
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "PNG")
    squeezed = zlib.compressobj(9)
    body = b"Comment\0\0" + b"".join(squeezed.compress(bytes(1_000_000)) for _ in range(400)) + squeezed.flush()
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = plain.getvalue()
    return data[:33] + chunk + data[33:]


NOT_PICTURES = {
    "a bomb of 50,000 by 50,000.png": bomb(50_000, 50_000),
    "a bomb of 65,000 by 1,000.png": bomb(65_000, 1_000),
    "text bomb.png": text_bomb(),
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("/api/forget",{method:"POST"})</script></svg>',
    "drawing.png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "page.png": b"<!doctype html><script>alert(1)</script>",
    "archive.png": b"PK\x03\x04" + zlib.compress(bytes(10_000_000), 9),
    "document.png": b"%PDF-1.7\n1 0 obj<</OpenAction 2 0 R>>",
    "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n(/etc/passwd) (r) file",
    "magick.png": b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/'",
    "cut off.png": bomb(800, 800)[:200],
    "empty.png": b"",
}


@pytest.mark.parametrize("name", NOT_PICTURES)
@pytest.mark.parametrize("path", ["/api/picture", "/api/ask", "/api/guide"])
def test_what_is_no_picture_is_refused_whatever_it_is_called(open_here: Served, path: str, name: str) -> None:
    field = "frame" if path == "/api/guide" else "picture"
    with open_here.inside() as client:
        response = client.post(
            path, files={field: (name, NOT_PICTURES[name], "image/png")}, data={"question": "What does it say?"}
        )
        refused(response, 415, "picture")
        assert response.headers["content-type"] == "application/json"


NOT_RECORDINGS = {
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat.txt": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "page.wav": b"<!doctype html><script>alert(1)</script>",
    "subtitles.wav": b"1\n00:00:01,000 --> 00:00:02,000\nhello\n",
    "empty.wav": b"",
}


@pytest.mark.parametrize("name", NOT_RECORDINGS)
def test_what_is_no_recording_is_refused_whatever_it_is_called(open_here: Served, name: str) -> None:
    with open_here.inside() as client:
        refused(client.post("/api/ask", files={"audio": (name, NOT_RECORDINGS[name], "audio/wav")}), 422, "sound")


def test_names_of_files_are_never_opened(open_here: Served, tmp_path: Path) -> None:
    aim = tmp_path / "aim"
    with open_here.inside() as client:
        for name in (
            "/etc/passwd",
            "../../../../etc/passwd",
            str(aim),
            "file:///etc/passwd",
            "http://127.0.0.1:1/x.png",
        ):
            response = client.post("/api/picture", files={"picture": (name, b"<html>", "image/png")})
            refused(response, 415, "picture")
            assert "root:" not in response.text
    assert not aim.exists()


def test_a_model_that_is_missing_is_said_so_and_is_no_mistake(open_here: Served) -> None:
    with open_here.inside() as client:
        picture = (ROOT / "samples" / "parking-sign.jpg").read_bytes()
        question = {"data": {"question": "What does it say?"}, "files": {"picture": picture}}
        refused(client.post("/api/ask", **question), 503, "engine")  # type: ignore[arg-type]
        told = client.post("/api/ask", headers={"Accept": "text/event-stream"}, **question).text  # type: ignore[arg-type]
        assert "event: error" in told
        assert "models is missing" in told


def test_websockets_are_refused_everywhere(open_here: Served, closed: Served) -> None:
    for served, path, expected in (
        (open_here, "/api/ask", 501), (open_here, "/setup/gradio_api/queue/join", 501), (closed, "/login", 501), (open_here, "/", 501),
    ):  # fmt: skip
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        status, _ = raw(served, request.encode())
        assert status == expected


def test_one_session_never_gets_what_another_sent(tmp_path: Path, store: object) -> None:
    """With the real engines: the one shows a book cover and asks, the other asks about "the picture"."""
    sample = ROOT / "samples" / "book-cover.jpg"
    picture = sample if sample.exists() else next((ROOT / "samples").glob("*.jpg"))
    from tests.app.web.serving import places, wait_for_ready

    with secured(Service(places(tmp_path))) as served:
        wait_for_ready(served.address)
        with served.inside() as one, served.inside() as other:
            question = {"question": "What does it say?"}
            seen = one.post("/api/ask", data=question, files={"picture": picture.read_bytes()}).json()
            assert len(seen["text"]) > 10
            for words in ("What does it say?", "repeat", "more", "spell that", "where am I"):
                told = other.post("/api/ask", data={"question": words})
                assert not told.is_success or not {"evidence": told.json()["evidence"]}["evidence"]
                assert seen["text"] not in told.text
            assert one.post("/api/ask", data={"question": "repeat"}).json()["text"] == seen["text"]
            assert one.post("/api/forget").status_code == 204
            gone = one.post("/api/ask", data=question)
            assert json.dumps(seen["text"])[1:-1] not in gone.text
