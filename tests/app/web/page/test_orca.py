"""A real screen reader (Orca) on a real browser: what it says when an answer comes, taken from its own log of its speech."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.app.web.browser import CHROMIUM, QUESTION, SIGN, Visit, as_camera, launch, visiting, wait_for

ANSWER = "NOTICE DOUBLE PARKING PROHIBITED AT ALL TIMES."
BUS_LAUNCHER = next((path for path in Path("/usr").glob("lib*/at-spi*/at-spi-bus-launcher")), None) or Path(
    "/usr/libexec/at-spi-bus-launcher"
)


@dataclass
class Orca:
    """The screen reader, running."""

    log: Path
    environment: dict[str, str | float | bool]

    @property
    def said(self) -> list[str]:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return re.findall(r"SPEECH OUTPUT: '(.*?)'", text)


@contextmanager
def program(*command: str, environment: dict[str, str], **options: int) -> Iterator[subprocess.Popen[str]]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    with subprocess.Popen(command, env=environment, text=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def orca() -> Iterator[Orca]:
    missing = [name for name in ("orca", "Xvfb", "dbus-daemon", "speech-dispatcher") if shutil.which(name) is None]
    if CHROMIUM is None or missing or not BUS_LAUNCHER.exists():
        pytest.skip(f"needs chromium, orca, xvfb, dbus, speech-dispatcher and at-spi2-core; missing: {missing}")
    with ExitStack() as stack:
        # Not pytest's own temporary folder: a socket's path may have 107 bytes at most.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orca", ignore_cleanup_errors=True)))
        environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "ACCESSIBILITY_ENABLED": "1"}
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "WAYLAND_DISPLAY"):
            environment.pop(name, None)
        screen = stack.enter_context(
            program("Xvfb", "-displayfd", "1", environment=environment, stdout=subprocess.PIPE)
        )
        assert screen.stdout is not None
        environment["DISPLAY"] = f":{screen.stdout.readline().strip()}"
        address = ("dbus-daemon", "--session", "--nofork", "--print-address")
        bus = stack.enter_context(program(*address, environment=environment, stdout=subprocess.PIPE))
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        stack.enter_context(program(str(BUS_LAUNCHER), "--launch-immediately", environment=environment))
        speech = home / ".config/speech-dispatcher/speechd.conf"
        speech.parent.mkdir(parents=True)
        speech.write_text('AddModule "dummy" "sd_dummy" ""\nDefaultModule dummy\n')
        log = home / "orca.log"
        stack.enter_context(program("orca", "--replace", "--debug-file", str(log), environment=environment))
        running = Orca(log, dict(environment))
        wait_for(lambda: "Screen reader on." in running.said)
        yield running


def test_orca_reads_the_answer_once_and_an_error_once(site: str, orca: Orca, tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright, QUESTION, as_camera(SIGN, tmp_path), headless=False, env=orca.environment,
                         switches=("--force-renderer-accessibility",))  # fmt: skip
        with visiting(browser, site) as visit:
            wait_for(lambda: any("Finished loading" in each for each in orca.said))
            visit.page.get_by_role("textbox").focus()
            wait_for(lambda: any("Your question" in each and "entry" in each for each in orca.said))
            visit.choose(SIGN)
            wait_for(lambda: "Picture ready, 5 lines of text." in orca.said)
            _ask_and_listen(visit, orca)
        browser.close()


def _ask_and_listen(visit: Visit, orca: Orca) -> None:
    visit.ask("What does it say?")
    wait_for(lambda: ANSWER in orca.said)
    visit.page.keyboard.press("Enter")
    error = "Type a question first, or ask by voice."
    wait_for(lambda: error in orca.said)
    wait_for(lambda: _moves_on(visit, orca))  # then nothing is left of what came before
    assert orca.said.count(ANSWER) == 1
    assert orca.said.count(error) == 1


def _moves_on(visit: Visit, orca: Orca) -> bool:
    """Go from the question to the next control; Orca says its name, unless it is too busy to notice."""
    visit.page.get_by_role("textbox").focus()
    visit.page.keyboard.press("Tab")
    visit.page.wait_for_timeout(3000)
    return any("Ask push button" in each for each in orca.said)
