"""A real Chromium before a real server of ours, for the tests of the console: `assistant web` as a process, and what a visitor
sees and hears.

Skips where Chromium or its driver is not installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as Late

from app import settings

PATIENCE = 120.0
"""Seconds for anything, on a busy machine."""
expect.set_options(timeout=1000 * PATIENCE)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream --autoplay-policy=no-user-gesture-required"
).split()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]

_LIVE_LOG = """
window.heard = [];
window.played = 0;
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { this.addEventListener('playing', () => { window.played += 1; }); return play.call(this); };
const live = '[role=status],[role=alert],[role=log],[aria-live]:not([aria-live=off])';
new MutationObserver((changes) => {
  for (const change of changes) {
    const target = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    const region = target && target.closest(live);
    const text = region && region.textContent.trim();
    if (text) window.heard.push(text);
  }
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


@contextmanager
def web(folder: Path, store: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of `assistant web` with the settings file in `folder` and the models in `store`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "app.cli",
            "-v",
            "web",
            "--port",
            str(port),
            "--settings",
            str(folder / "settings.toml"),
        ],
        env={**os.environ, **(environment or {}), settings.STORE_VARIABLE: str(store)},
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in complaints, complaints


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/api/health", trust_env=False).json()["status"] != "getting ready":
                return
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[1]
        time.sleep(0.2)
    raise AssertionError("the server did not get ready")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A browser window at the console."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What the browser complained of."""

    def heard(self) -> list[str]:
        """Everything that live regions said so far."""
        found: list[str] = self.page.evaluate("window.heard")
        return found

    def hears(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until a live region says something with `text` in it."""
        try:
            self.page.wait_for_function(
                "(text) => window.heard.some((one) => one.includes(text))", arg=text, timeout=1000 * seconds
            )
        except Late:
            raise AssertionError(f"{text!r} is not among {self.heard()}") from None

    def forget(self) -> None:
        """Hear only what comes from now on."""
        self.page.evaluate("window.heard = []")

    def violations(self) -> list[str]:
        """What axe finds now."""
        options = {"runOnly": {"type": "tag", "values": TAGS}}
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def open(self, tab: str) -> None:
        """Click the tab of this name."""
        self.page.get_by_role("tab", name=tab, exact=True).click()
        expect(self.page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")

    def walk_to(self, control: Locator, most: int = 120) -> None:
        """Press Tab until `control` has the focus, once it is there."""
        expect(control).to_be_visible()
        for _ in range(most):
            if control.count() == 1 and control.evaluate("(one) => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{control} is not reached with the Tab key")

    def press(self, button: str) -> None:
        """Walk to the button of this name and press it."""
        self.walk_to(self.page.get_by_role("button", name=button, exact=True))
        self.page.keyboard.press("Enter")


@contextmanager
def visit(
    browser: Browser, address: str, scheme: str = "light", path: str = "/setup/", **options: Any
) -> Iterator[Visit]:
    """Somebody at the console. Nothing they do may leave the machine, or be forbidden by the policy.

    `options` as for `Browser.new_context`.
    """
    dark: Literal["dark", "light"] = "dark" if scheme == "dark" else "light"
    context = browser.new_context(color_scheme=dark, reduced_motion="reduce", **options)
    context.set_default_timeout(1000 * PATIENCE)
    context.add_init_script(_LIVE_LOG)
    page = context.new_page()
    here = Visit(page, address)
    page.on("request", lambda request: here.requests.append(request.url))
    page.on("pageerror", lambda error: here.problems.append(str(error)))
    page.on("console", lambda said: here.problems.append(said.text) if _is_trouble(said.type, said.text) else None)
    try:
        page.goto(f"{address}{path}")
        page.get_by_role("tab").first.wait_for()
        yield here
        hosts = {urlsplit(url).netloc for url in here.requests if not url.startswith(("blob:", "data:"))}
        assert hosts == {urlsplit(address).netloc}
        assert not here.problems, here.problems
    finally:
        context.close()


def _is_trouble(kind: str, text: str) -> bool:
    """What fetch is answered with is no trouble of the page."""
    return kind == "error" and "Failed to load resource" not in text
