"""Gradio behind the guard: a small console with an upload, a picture and a script, tried by two sessions and a browser."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from app.web.access import Rules, cookie_name
from app.web.console_guard import policy
from app.web.scratch import gradio_folder, private_folder
from tests.app.web.secured import Served, secured, without_engines
from tests.app.web.test_security import refused

API = "/setup/gradio_api"


def mount(app: FastAPI) -> None:
    import gradio as gr

    with gr.Blocks(title="Console", analytics_enabled=False) as blocks:
        words = gr.Textbox(label="Question")
        picture = gr.Image(label="Picture", type="filepath")
        shown = gr.HTML("<p>nothing yet</p>")
        back = gr.Image(label="Turned")
        button = gr.Button("Ask")
        button.click(lambda text: f"<p>You asked: {text}</p>", words, shown).then(
            None, js="() => { document.title = 'answered'; }"
        )
        gr.Button("Turn").click(lambda path: Image.open(path).rotate(90), picture, back)
    gr.mount_gradio_app(app, blocks, "/setup", footer_links=[], max_file_size=1_000_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # In the system's folder for temporary files, as Gradio was imported with another variable perhaps.
    with (
        private_folder(tmp_path_factory.mktemp("scratch")),
        secured(without_engines(tmp_path_factory.mktemp("console")), mount=mount) as one,
    ):
        yield one


def photograph() -> bytes:
    data = io.BytesIO()
    Image.radial_gradient("L").save(data, "PNG")
    return data.getvalue()


def upload(client: httpx.Client, data: bytes, name: str = "a.png") -> str:
    response = client.post(f"{API}/upload", files={"files": (name, data, "image/png")})
    assert response.status_code == 200, response.text
    path: str = response.json()[0]
    return path


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.png"}


def join(client: httpx.Client, stream: str, data: list[object], fn_index: int = 2) -> httpx.Response:
    body = {"data": data, "fn_index": fn_index, "session_hash": stream, "trigger_id": 1, "event_data": None}
    return client.post(f"{API}/queue/join", json=body)


def answers(client: httpx.Client, stream: str) -> str:
    """All events until the run is completed."""
    got = ""
    with client.stream("GET", f"{API}/queue/data", params={"session_hash": stream}) as response:
        for line in response.iter_lines():
            got += line + "\n"
            if "process_completed" in line or "close_stream" in line:
                break
    return got


def test_a_file_goes_back_to_who_sent_it_and_to_nobody_else(served: Served) -> None:
    with served.inside() as one, served.inside() as other, served.client() as stranger:
        path = upload(one, photograph())
        assert one.get(f"{API}/file={path}").content == photograph()
        refused(other.get(f"{API}/file={path}"), 403, "forbidden")
        refused(stranger.get(f"{API}/file={path}"), 401)
        for odd in (path.replace("/a.png", "/./a.png"), f"/{path}", path.replace("/", "//")):
            assert other.get(f"{API}/file={odd}").status_code in (403, 404)
        refused(join(other, "sother01", [file(path)]), 403, "forbidden")
        refused(join(other, "sother02", [{"deep": [file(os.path.relpath(path))]}]), 403, "forbidden")


def test_what_a_session_is_answered_is_for_it_alone(served: Served) -> None:
    with served.inside() as one, served.inside() as other:
        path = upload(one, photograph())
        assert join(one, "sone01", [file(path)]).status_code == 200
        told = answers(one, "sone01")
        assert '"success":true' in told.replace(" ", "")
        made = json.loads(told.strip().rpartition("data: ")[2])["output"]["data"][0]["path"]
        assert one.get(f"{API}/file={made}").status_code == 200
        refused(other.get(f"{API}/file={made}"), 403, "forbidden")


def test_nobody_listens_to_the_events_of_another(served: Served) -> None:
    with served.inside() as one, served.inside() as other:
        assert join(one, "stwo01", ["hello"], fn_index=0).status_code == 200
        refused(other.get(f"{API}/queue/data", params={"session_hash": "stwo01"}), 403, "forbidden")
        refused(other.get(f"{API}/heartbeat/stwo01"), 403, "forbidden")
        refused(join(other, "stwo01", ["hello"], fn_index=0), 403, "forbidden")
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
def test_no_other_file_and_no_other_site_is_read_through_gradio(served: Served, path: str) -> None:
    with served.inside() as client:
        response = client.get(f"{API}/file={path}")
        assert response.status_code in (403, 404)
        assert "root:" not in response.text
        refused(join(client, "sfile01", [file(path)]), 403, "forbidden")


def test_not_even_our_own_folder_is_listed_or_left_through_a_link(served: Served) -> None:
    with served.inside() as client:
        path = Path(upload(client, photograph(), "link.png"))
        path.unlink()
        path.symlink_to("/etc/passwd")
        refused(client.get(f"{API}/file={path}"), 403, "forbidden")
        refused(client.get(f"{API}/file={gradio_folder()}"), 403, "forbidden")
        path.unlink()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "proxy=http://127.0.0.1:1/"), ("GET", "runs"), ("POST", "run/predict"), ("POST", "api/predict"),
        ("POST", "call/predict"), ("GET", "call/predict/x"), ("GET", "deep_link"), ("POST", "vibe-edit"), ("GET", "vibe-code"),
        ("POST", "process_recording"), ("GET", "openapi.json"), ("GET", "dev/reload"), ("GET", "file/etc/passwd"),
        ("GET", "custom_component/a/b/c/d"), ("POST", "run-history/connect"), ("PUT", "upload"), ("DELETE", "file=/x"),
    ],
)  # fmt: skip
def test_what_the_console_does_not_need_is_not_there(served: Served, method: str, path: str) -> None:
    with served.inside() as client:
        refused(client.request(method, f"{API}/{path}"), 404, "path")
    for place in ("monitoring", "monitoring/summary", "gradio_api/mcp/sse", "login", "robots.txt", "docs"):
        with served.inside() as client:
            refused(client.get(f"/setup/{place}"), 404, "path")


def test_strangers_get_nothing_of_gradio(tmp_path: Path) -> None:
    service = without_engines(tmp_path)
    with (
        private_folder(tmp_path),
        secured(service, Rules(login=True), mount=mount) as served,
        served.client() as client,
    ):
        for path in ("/setup/", "/setup/config", f"{API}/info", "/setup/theme.css", f"{API}/heartbeat/x"):
            refused(client.get(path), 401, "session")
        refused(client.post(f"{API}/upload", files={"files": ("a.png", photograph())}), 401, "session")
        refused(join(client, "sx", ["hello"], 0), 401, "session")


def test_uploads_are_bounded_one_by_one_and_together(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.inside() as client:
        assert client.post(f"{API}/upload", files={"files": ("a.png", bytes(1_000_001))}).status_code == 413
        monkeypatch.setattr("app.web.console_guard.MOST_FILE_BYTES", 10)
        upload(client, photograph()) if not any(gradio_folder().rglob("*.png")) else None
        refused(client.post(f"{API}/upload", files={"files": ("b.png", b"x")}), 503, "busy")


def test_what_is_no_json_goes_no_further(served: Served) -> None:
    with served.inside() as client:
        for body in (b"{", b"[" * 100_000, b"\xff\xfe", b'{"session_hash": 1}{'):
            headers = {"Content-Type": "application/json"}
            refused(client.post(f"{API}/queue/join", content=body, headers=headers), 403, "forbidden")


def test_what_was_sent_is_gone_when_the_session_is(served: Served) -> None:
    with served.inside() as one, served.inside() as other:
        mine, both = upload(one, b"mine"), upload(one, b"both")
        assert upload(other, b"both") == both
        assert one.post("/api/forget").status_code == 204
        assert not Path(mine).exists()
        assert Path(both).exists()
        refused(one.get(f"{API}/file={both}"), 403)
        served.service.sessions.close(other.cookies[cookie_name("http")])
        assert not Path(both).exists()


def test_proxies_are_not_believed_by_gradio(served: Served) -> None:
    with served.inside() as client:
        odd = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
        page = client.get("/setup/", headers=odd)
        assert page.status_code == 200
        assert "evil.example" not in page.text


def test_the_policy_of_its_page_names_its_scripts(served: Served) -> None:
    with served.inside() as client:
        told = client.get("/setup/").headers["content-security-policy"]
        scripts = told.partition("script-src ")[2].partition(";")[0]
        assert scripts.count("'sha256-") >= 3
        assert "'unsafe-inline'" not in scripts
        assert "default-src 'none'" in told
        assert (
            client.get("/setup/theme.css")
            .headers["content-security-policy"]
            .startswith("default-src 'none'; script-src 'self';")
        )
    assert policy(b"<script src='x.js'></script><p>").count("sha256") == 0


def test_in_a_browser_it_works_under_this_policy_and_a_script_brought_in_does_not(served: Served) -> None:
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
        page.goto(f"{served.address}/setup/")
        page.get_by_label("Question").first.fill("hello")
        page.get_by_role("button", name="Ask").click()
        page.get_by_text("You asked: hello").wait_for()
        page.wait_for_function("document.title === 'answered'")
        assert [text for text in told if "Content Security Policy" in text] == []
        page.locator("input[type=file]").first.set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": photograph()}
        )
        page.locator("img[src*='/file=']").first.wait_for()
        page.get_by_role("button", name="Turn").click()
        page.locator("img[src*='/file=']").nth(1).wait_for()
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken = 1\">')")
        page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s)"
        )
        assert page.evaluate("window.broken") is None
        assert {url.split("/")[2] for url in asked if url.startswith(("http:", "https:", "ws"))} == {
            served.address.split("/")[2]
        }
        browser.close()


def test_the_folder_is_private_and_gone_at_the_end_and_left_overs_go_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "rpiq-assistant-web-999999999-x"
    left.mkdir()
    (left / "a.png").write_bytes(b"somebody's picture")
    (tmp_path / "rpiq-assistant-web-link").symlink_to("/etc")
    with private_folder(tmp_path) as folder:
        assert not left.exists()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert gradio_folder() == folder
        with private_folder(tmp_path):
            assert folder.exists()
        (folder / "b.png").write_bytes(b"x")
    assert not folder.exists()
    assert Path("/etc/passwd").exists()
