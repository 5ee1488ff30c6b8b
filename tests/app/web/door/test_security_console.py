"""Gradio behind the guard: a small console, tried by two sessions, by strangers and by a browser."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.web.door.console_guard import policy
from app.web.scratch import GRADIO_VARIABLE, private_folder
from tests.app.web.door.test_security import refused
from tests.app.web.serving import PATIENCE
from tests.paths import ROOT

pytestmark = pytest.mark.servers

API = "/setup/gradio_api"


@contextmanager
def console(folder: Path, door: str = "open") -> Iterator[tuple[str, Path]]:
    """The address of a server with a console, and the folder where Gradio keeps its files."""
    program = [sys.executable, "-m", "tests.app.web.console.console_server", str(folder), door]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            port, _, scratch = process.stdout.readline().strip().partition(" ")
            yield f"http://127.0.0.1:{port}", Path(scratch)
        finally:
            process.terminate()


def visiting(address: str) -> httpx.Client:
    """A browser's way of asking."""
    return httpx.Client(base_url=address, headers={"Origin": address}, timeout=PATIENCE, trust_env=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with console(tmp_path_factory.mktemp("console")) as found:
        yield found


@pytest.fixture(scope="module")
def one(served: tuple[str, Path]) -> Iterator[httpx.Client]:
    """Somebody with a session."""
    with visiting(served[0]) as client:
        client.get("/").raise_for_status()
        yield client


@pytest.fixture(scope="module")
def other(served: tuple[str, Path]) -> Iterator[httpx.Client]:
    """Somebody else, whose visit began with the console."""
    with visiting(served[0]) as client:
        client.get("/setup/").raise_for_status()
        yield client


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.png"}


def join(client: httpx.Client, stream: str, data: list[object], fn_index: int = 0) -> httpx.Response:
    body = {"data": data, "fn_index": fn_index, "session_hash": stream, "trigger_id": 1, "event_data": None}
    return client.post(f"{API}/queue/join", json=body)


def answers(client: httpx.Client, stream: str) -> str:
    """All events until the run is completed."""
    got = ""
    with client.stream("GET", f"{API}/queue/data", params={"session_hash": stream}) as response:
        for line in response.iter_lines():
            got += line
            if "process_completed" in line or "close_stream" in line:
                break
    return got


def test_nothing_is_uploaded_through_gradio_so_nobody_gets_what_another_sent(
    served: tuple[str, Path], one: httpx.Client, other: httpx.Client
) -> None:
    refused(one.post(f"{API}/upload", files={"files": ("a.png", b"mine", "image/png")}), 404, "path")
    # What Gradio has kept all the same, say for an answer, is nobody's either.
    kept = served[1] / "a.png"
    assert kept.read_bytes() == b"somebody's picture"
    for client in (one, other):
        for name in (str(kept), f"/{kept}", os.path.relpath(kept), f"%2f{str(kept)[1:]}"):
            refused(client.get(f"{API}/file={name}"), 404, "path")
            refused(join(client, "sfile1" if client is one else "sfile2", [file(name)], 1), 403, "forbidden")
            refused(
                join(client, "sfile1" if client is one else "sfile2", [{"deep": [file(name)]}], 1), 403, "forbidden"
            )


def test_nobody_listens_to_the_events_of_another(one: httpx.Client, other: httpx.Client) -> None:
    assert join(one, "stwo01", ["hello"]).status_code == 200
    refused(other.get(f"{API}/queue/data", params={"session_hash": "stwo01"}), 403, "forbidden")
    refused(other.get(f"{API}/heartbeat/stwo01"), 403, "forbidden")
    refused(join(other, "stwo01", ["hello"]), 403, "forbidden")
    body = {"session_hash": "stwo01", "fn_index": 0, "event_id": "x"}
    refused(other.post(f"{API}/cancel", json=body), 403, "forbidden")
    assert "You asked: hello" in answers(one, "stwo01")


@pytest.mark.parametrize(
    "path",
    [
    "/etc/passwd", "//etc/passwd", "etc/passwd", "file:///etc/passwd", "%2fetc%2fpasswd", "/proc/self/environ",
    "http://127.0.0.1:1/", "https://evil.example/x.png", "/dev/zero", "C:%5cWindows%5cwin.ini", ".", "~/.ssh/id_rsa",
    ],
)  # fmt: skip
def test_no_file_and_no_other_site_is_read_through_gradio(one: httpx.Client, path: str) -> None:
    for route in (f"{API}/file={path}", f"{API}/file/{path}", f"{API}/proxy={path}", f"/setup/file={path}"):
        refused(one.get(route), 404, "path")
    refused(join(one, "sfile03", [file(path)], 1), 403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
    ("GET", "proxy=http://127.0.0.1:1/"), ("GET", "runs"), ("POST", "run/predict"), ("POST", "api/predict"), ("GET", "info"),
    ("POST", "call/predict"), ("GET", "call/predict/x"), ("GET", "deep_link"), ("POST", "vibe-edit"), ("GET", "vibe-code"),
    ("POST", "process_recording"), ("GET", "openapi.json"), ("GET", "dev/reload"), ("GET", "stream/a/b/c/playlist.m3u8"),
    ("GET", "custom_component/a/b/c/d"), ("POST", "run-history/connect"), ("PUT", "queue/join"), ("POST", "component_server"),
    ],
)  # fmt: skip
def test_what_the_console_does_not_need_is_not_there(one: httpx.Client, method: str, path: str) -> None:
    refused(one.request(method, f"{API}/{path}"), 404, "path")


@pytest.mark.parametrize("path", ["monitoring", "gradio_api/mcp/sse", "login", "robots.txt", "docs", "svelte/x.js"])
def test_nor_are_the_other_pages_of_gradio(one: httpx.Client, path: str) -> None:
    refused(one.get(f"/setup/{path}"), 404, "path")


def test_strangers_get_nothing_of_gradio(tmp_path: Path) -> None:
    with console(tmp_path, "login") as (address, _), visiting(address) as client:
        for path in ("/setup/", "/setup/config", f"{API}/queue/data", "/setup/theme.css", f"{API}/heartbeat/x"):
            refused(client.get(path), 401, "session")
        refused(join(client, "sx", ["hello"]), 401, "session")
        page = client.get("/setup/", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?to=setup")


def test_what_is_no_json_goes_no_further(one: httpx.Client) -> None:
    for body in (b"{", b"[" * 100_000, b"\xff\xfe", b'{"session_hash": 1}{'):
        headers = {"Content-Type": "application/json"}
        refused(one.post(f"{API}/queue/join", content=body, headers=headers), 403, "forbidden")


def test_many_streams_of_one_client_are_bounded(one: httpx.Client, other: httpx.Client) -> None:
    streams = [
        one.send(one.build_request("GET", f"{API}/heartbeat/sbeat{number}"), stream=True) for number in range(40)
    ]
    statuses = [each.status_code for each in streams]
    assert statuses.count(200) == 16
    assert statuses.count(503) == 24
    assert other.get("/setup/config").status_code == 200
    for each in streams:
        each.close()


def test_proxies_are_not_believed_by_gradio(one: httpx.Client) -> None:
    odd = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    page = one.get("/setup/", headers=odd)
    assert page.status_code == 200
    assert "evil.example" not in page.text


def test_the_policy_of_its_page_names_its_scripts(one: httpx.Client) -> None:
    page = one.get("/setup/")
    told = page.headers["content-security-policy"]
    scripts = told.partition("script-src ")[2].partition(";")[0]
    assert scripts.count("'sha256-") >= 3
    assert "unsafe" not in scripts
    assert "default-src 'none'" in told
    assert page.headers["cache-control"] == "no-store"
    assert policy(b"<script src='x.js'></script><p>").count("sha256") == 0


@pytest.mark.browser
def test_in_a_browser_it_works_under_this_policy_and_a_script_brought_in_does_not(served: tuple[str, Path]) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(90_000)
        told: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served[0]}/setup/")
        page.get_by_label("Question").first.fill("hello")
        page.get_by_role("button", name="Ask").click()
        page.get_by_text("You asked: hello").wait_for()
        assert [text for text in told if "Content Security Policy" in text] == []
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken = 1\">')")
        page.evaluate(
            "{ const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s) }"
        )
        page.wait_for_timeout(500)
        assert page.evaluate("window.broken") is None
        assert len([text for text in told if "Content Security Policy" in text]) >= 2
        here = served[0].split("/")[2]
        assert {url.split("/")[2] for url in asked if url.startswith(("http:", "https:", "ws"))} == {here}
        browser.close()


def test_the_folder_is_private_and_gone_at_the_end_and_left_overs_go_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "rpiq-assistant-web-999999999-x"
    left.mkdir()
    (left / "a.png").write_bytes(b"somebody's picture")
    (tmp_path / "rpiq-assistant-web-link").symlink_to("/etc")
    with private_folder(tmp_path) as folder:
        assert not left.exists()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert os.environ[GRADIO_VARIABLE] == str(folder)
        with private_folder(tmp_path):
            assert folder.exists()
        (folder / "b.png").write_bytes(b"x")
    assert not folder.exists()
    assert Path("/etc/passwd").exists()
