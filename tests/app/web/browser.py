"""A real browser on the real server: what it asked the network for, what its live regions said, what its axe found.

The browser is Debian's Chromium with a camera that shows a picture and a microphone that plays a recording. The states that the page
can be in are made here too, for whoever looks at each of them: axe, and the script that takes pictures for the documentation.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, sync_playwright

from app.web.visitors.service import Service
from tests.app.web.serving import PATIENCE
from tests.paths import SAMPLES

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --use-fake-ui-for-media-stream --use-fake-device-for-media-stream --force-device-scale-factor=1"
).split()
SIGN, QUESTION = SAMPLES / "parking-sign.jpg", SAMPLES / "what-does-the-sign-say.wav"
QUESTION_MS = 2500
"""The recording, and silence after it."""
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=320, height=640)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE: dict[str, Any] = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": RULES},
    "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
}
"""Contrast as level AAA asks for it, 7:1 for text of usual size; targets as WCAG 2.2 does."""

_WATCH_REGIONS = """
window.announced = [];
addEventListener("DOMContentLoaded", () => {
  for (const region of document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]")) {
    const said = () => {
      const text = region.textContent.trim();
      if (text) window.announced.push([region.getAttribute("role") ?? region.getAttribute("aria-live"), text]);
    };
    new MutationObserver(said).observe(region, { childList: true, characterData: true, subtree: true });
  }
});
"""
_WATCH_SOUND = """
window.heard = [];
window.players = new Set();
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (this.src) {
    window.heard.push(this.src);
    window.players.add(this);
  }
  return play.call(this);
};
"""


class BusyService(Service):
    """A service that can be kept busy."""

    loop: asyncio.AbstractEventLoop

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.loop = asyncio.get_running_loop()
        async with super().running():
            yield

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Somebody else is being answered, all the while."""
        done = threading.Event()

        def work() -> Iterator[None]:
            done.wait()
            yield

        async def hold() -> None:
            async for _ in self.answers.enter(work):
                pass

        held = asyncio.run_coroutine_threadsafe(hold(), self.loop)
        wait_for(lambda: len(self.answers) > 0)
        try:
            yield
        finally:
            done.set()
            held.result(PATIENCE)


@contextmanager
def browsing(recording: Path, camera: Path) -> Iterator[Browser]:
    """The browser; its microphone hears `recording` each time it is opened, its camera sees `camera` (`as_camera`)."""
    with sync_playwright() as playwright:
        browser = launch(playwright, recording, camera)
        try:
            yield browser
        finally:
            browser.close()


def launch(
    playwright: Playwright, recording: Path, camera: Path, switches: tuple[str, ...] = (), **options: Any
) -> Browser:
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            *FLAGS,
            *switches,
            f"--use-file-for-fake-audio-capture={recording}%noloop",
            f"--use-file-for-fake-video-capture={camera}",
        ],
        **options,
    )


def as_camera(picture: Path, folder: Path) -> Path:
    """A film that shows `picture` in the middle of a table, as Chromium's fake camera takes it: JPEG after JPEG."""
    film, frame = folder / f"{picture.stem}.mjpeg", folder / f"{picture.stem}.jpg"
    table = Image.new("RGB", (1280, 720), (96, 88, 80))
    with Image.open(picture) as image:
        image.thumbnail((1000, 560))
        table.paste(image, ((table.width - image.width) // 2, (table.height - image.height) // 2))
    table.save(frame, quality=92)
    film.write_bytes(frame.read_bytes() * 10)
    return film


@dataclass
class Visit:
    """The page, opened by somebody new."""

    page: Page
    context: BrowserContext
    requests: list[str]
    """Addresses that the page asked for."""
    mistakes: list[str]
    """What the browser complained of."""

    @property
    def announced(self) -> list[tuple[str, str]]:
        """(role of the live region, text) of everything that was put into one."""
        return [(role, text) for role, text in self.page.evaluate("announced")]

    def forget_announced(self) -> None:
        self.page.evaluate("announced.length = 0")

    @property
    def heard(self) -> int:
        """Clips that were played."""
        return len(self.page.evaluate("heard"))

    @property
    def sounds(self) -> bool:
        """Whether a clip is playing."""
        return bool(self.page.evaluate("[...players].some((player) => !player.paused && !player.ended)"))

    def violations(self) -> list[str]:
        """What axe finds wrong with what is shown now."""
        found = Axe().run(self.page, options=_AXE).response["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    def ask(self, question: str) -> None:
        self.page.get_by_role("textbox").fill(question)
        self.page.get_by_role("textbox").press("Enter")

    def choose(self, picture: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Choose a picture").press("Enter")
        chooser.value.set_files(picture)
        self.until("document.getElementById('picture-note').textContent.includes('of text')")
        self.quiet()

    def speak(self) -> None:
        """Ask by voice: what the microphone hears, with the button held down by a key."""
        talk = self.page.get_by_role("button", name="Ask by voice")
        talk.focus()
        self.page.keyboard.down(" ")
        self.until("document.getElementById('state').textContent.startsWith('Listening')")
        self.page.wait_for_timeout(QUESTION_MS)
        self.page.keyboard.up(" ")

    def answers(self) -> list[tuple[str, str]]:
        """(question, answer), the newest first."""
        articles = self.page.locator("#conversation article").all()
        return [(each.locator("h3").inner_text(), each.locator(".answer").inner_text()) for each in articles]

    def settled(self, answers: int) -> None:
        """Wait until so many questions are answered, and all is said that follows from it."""
        self.until(
            f"document.querySelectorAll('#conversation article').length === {answers}"
            " && document.getElementById('state').textContent === 'Ready.'"
        )
        self.quiet()

    def until(self, expression: str) -> None:
        """Wait until it holds in the page, whose policy forbids Playwright's own way."""
        deadline = time.monotonic() + PATIENCE
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"{expression}; {self.mistakes}; {self.announced}"
            self.page.wait_for_timeout(50)

    def quiet(self) -> None:
        """Wait until the live regions have said nothing new for a while."""
        self.page.evaluate(
            """async () => {
                for (let before = -1; before !== announced.length; ) {
                    before = announced.length;
                    await new Promise((done) => setTimeout(done, 700));
                }
            }"""
        )


@contextmanager
def visiting(browser: Browser, address: str, viewport: ViewportSize = DESK, **options: Any) -> Iterator[Visit]:
    """Somebody opens the page at `address`. `options` as for `Browser.new_context`."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    visit = Visit(page, context, [], [])
    context.on("request", lambda request: visit.requests.append(request.url))
    page.on("pageerror", lambda error: visit.mistakes.append(str(error)))
    page.on("console", lambda line: visit.mistakes.append(line.text) if line.type == "error" else None)
    context.add_init_script(_WATCH_REGIONS + _WATCH_SOUND)
    page.goto(address)
    try:
        yield visit
    finally:
        context.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


STATES = ("empty", "answered", "busy", "error", "camera", "dialog")


@contextmanager
def in_state(state: str, visit: Visit, service: BusyService) -> Iterator[None]:
    """Bring the page that was just opened into one of STATES."""
    match state:
        case "answered":
            visit.choose(SIGN)
            visit.ask("What does it say?")
            visit.settled(1)
        case "busy":
            with service.busy():
                visit.ask("What does it say?")
                visit.until("document.getElementById('state').textContent === 'You are next in line.'")
                yield
            return
        case "error":
            visit.ask("")
            visit.until("document.getElementById('alert').textContent !== ''")
        case "camera":
            visit.page.get_by_role("button", name="Start the camera").press("Enter")
            visit.until("document.getElementById('video').videoWidth > 0")
        case "dialog":
            visit.page.get_by_role("button", name="Forget everything").press("Enter")
    yield
