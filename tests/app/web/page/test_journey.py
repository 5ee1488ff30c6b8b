"""The whole journey of somebody new, by keyboard alone: the first steps, a typed question, a spoken one, a follow-up, stop, a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from app import settings
from assistant.settings.preferences import Preferences
from models.store import Store
from tests.app.web.browser import CHROMIUM, QUESTION, SIGN, as_camera, launch, visiting
from tests.app.web.chromium import Visit as ConsoleVisit
from tests.app.web.chromium import visit, web
from tests.assistant.devices.pulse import PulseServer

STEPS = ("Models", "Voice", "Loudspeaker", "Microphone", "Wake word", "Camera", "Ready")


@pytest.mark.browser
def test_from_the_first_steps_to_answers_and_again_after_a_restart(
    store: Store, pulse_server: PulseServer, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("needs a browser (Debian: chromium)")
    file = tmp_path / "settings.toml"
    settings.save(file, Preferences())
    with sync_playwright() as driver:
        browser = launch(driver, QUESTION, as_camera(SIGN, tmp_path))
        with web(tmp_path, store.root, pulse_server.environment) as address:
            with visiting(browser, address) as page:
                page.page.get_by_role("link", name="Set up").focus()
                page.page.keyboard.press("Enter")
                page.page.wait_for_url(f"{address}/setup/**")
            with visit(browser, address) as console:
                _first_steps(console)
            with visiting(browser, address) as page:
                keyboard = page.page.keyboard
                page.page.locator("#file").set_input_files(
                    SIGN
                )  # the system's own window takes over from here in real life
                page.page.locator("#question").focus()
                keyboard.type("What does the sign say?")
                keyboard.press("Enter")
                page.settled(1)
                assert "PARKING" in page.answers()[0][1]
                keyboard.down("F2")
                page.until("document.getElementById('state').textContent.startsWith('Listening')")
                page.page.wait_for_timeout(4000)  # the recorded question is spoken meanwhile
                keyboard.up("F2")
                page.settled(2)
                assert "sign" in page.answers()[0][0].lower()
                page.page.locator("#question").focus()
                keyboard.type("spell that")
                keyboard.press("Enter")
                page.settled(3)
                assert page.answers()[0][1].startswith("N, O, T, I, C, E")
                keyboard.press("Escape")
                page.until("!document.querySelector('.heard')")
        assert settings.load(file).voice.speed == 1.5
        with web(tmp_path, store.root, pulse_server.environment) as address, visit(browser, address) as console:
            console.open("Settings")
            expect(console.page.get_by_label("Voice: speed").locator("visible=true")).to_have_value("1.5")
        browser.close()


def _first_steps(console: ConsoleVisit) -> None:
    console.walk_to(console.page.get_by_role("tab", name="Ask", exact=True))
    console.walk_to(console.page.get_by_role("tab", name="First steps"))
    console.page.keyboard.press("Enter")
    for number, step in enumerate(STEPS, 2):
        console.press(f"Next: {step}")
        expect(console.page.get_by_role("heading", name=f"Step {number} of 8: {step}")).to_be_focused()
        if step == "Voice":
            console.walk_to(console.page.get_by_label("Voice: speed").locator("visible=true"))
            console.page.keyboard.press("Control+A")
            console.page.keyboard.type("1.5")
    console.press("Is everything ready?")
    console.hears("Ready.")
