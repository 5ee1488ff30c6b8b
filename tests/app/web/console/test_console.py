"""The console in a real Chromium, before a real server with real engines: what is seen, heard and announced, and by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from app import settings
from app.web.console.parts.controls import GROUPS, controls
from app.web.console.settings_tab import KEYS
from assistant.settings.preferences import Preferences, choices
from models.store import Store
from tests.app.web.chromium import PATIENCE, Visit, chromium, visit, web
from tests.assistant.devices.pulse import PulseServer
from tests.paths import SAMPLES

TABS = ("Ask", "First steps", "Settings", "Models", "Quantize", "Health and log")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the settings of the shared server lie."""
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def address(store: Store, folder: Path) -> Iterator[str]:
    with web(folder, store.root) as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_has_a_violation(browser: Browser, address: str, scheme: str) -> None:
    with visit(browser, address, scheme) as here:
        for tab in TABS:
            here.open(tab)
            expect(here.page.get_by_role("heading", level=2).locator("visible=true").first).to_be_visible()
            assert here.violations() == [], tab
        assert here.page.get_by_role("heading", level=1).count() == 1
        assert here.heard() == []


def test_every_control_is_large_enough_to_be_hit(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        for tab in TABS:
            here.open(tab)
            here.page.get_by_role("heading", level=2).locator("visible=true").first.wait_for()
            small = here.page.evaluate(
                """() => [...document.querySelectorAll('button, input, textarea, [role=tab]')].filter((one) => {
                    const box = (one.closest('label') || one).getBoundingClientRect();
                    return one.offsetParent && one.tabIndex >= 0 && box.width > 0 && (box.width < 24 || box.height < 24);
                }).map((one) => one.outerHTML.slice(0, 120))"""
            )
            assert small == [], tab


def test_a_control_is_named_by_its_title_and_its_group_is_one(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        here.open("Settings")
        speed = here.page.get_by_role("textbox", name="Voice: speed", exact=True).locator("visible=true")
        expect(speed).to_have_accessible_description(re.compile("Times the usual speed.*from 0.5 to 3"))
        group = here.page.get_by_role("group", name="Listening: wake word", exact=True).locator("visible=true")
        assert len(set(group.get_by_role("radio").evaluate_all("(all) => all.map((one) => one.name)"))) == 1
        group.get_by_role("radio", name="okay_nabu").focus()
        here.page.keyboard.press("ArrowRight")
        expect(group.get_by_role("radio", name="hey_jarvis")).to_be_checked()
        expect(group.get_by_role("radio", name="okay_nabu")).not_to_be_checked()


def test_a_typed_question_is_answered_and_announced_once(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        here.page.get_by_label("not at all").check()
        here.page.get_by_label("Choose a picture, or take one").set_input_files(SAMPLES / "parking-sign.jpg")
        here.hears("Picture ready")
        here.forget()
        here.page.get_by_label(re.compile("Type your question")).fill("What does the sign say?")
        here.page.keyboard.press("Enter")
        answer = here.page.locator("#ask-answers section").first
        assert here.violations() == []
        expect(answer).not_to_have_attribute("aria-busy", "true")
        here.page.wait_for_function("() => window.heard.length > 0")
        text = answer.locator("p").inner_text()
        assert "parking" in text.lower()
        assert [said for said in here.heard() if "before you" not in said] == [text]
        assert here.violations() == []
        # A follow-up needs no picture.
        here.forget()
        here.page.get_by_label(re.compile("Type your question")).fill("repeat")
        here.page.keyboard.press("Enter")
        here.page.wait_for_function("() => window.heard.length > 0")
        assert here.heard() == [text]


def test_an_answer_is_spoken_in_the_browser(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        here.page.get_by_label("Choose a picture, or take one").set_input_files(SAMPLES / "parking-sign.jpg")
        here.hears("Picture ready")
        with here.page.expect_response("**/api/speech") as spoken:
            here.page.get_by_label(re.compile("Type your question")).fill("What does the sign say?")
            here.page.get_by_role("button", name="Ask", exact=True).click()
        assert spoken.value.headers["content-type"] == "audio/wav"
        assert int(spoken.value.headers["content-length"]) > 10_000
        here.page.wait_for_function("() => window.played > 0")


def test_camera_and_microphone_of_the_browser(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        here.page.get_by_role("button", name="Camera on").click()
        here.hears("The camera is on.")
        assert here.violations() == []
        here.page.get_by_role("button", name="Take the picture").click()
        here.page.wait_for_function(
            "() => document.getElementById('ask-picture').textContent.includes('.') && "
            "!document.getElementById('ask-picture').textContent.includes('looked at')"
        )
        here.page.get_by_role("button", name="Camera off").click()
        here.page.get_by_role("button", name="Record a question").click()
        here.hears("Recording. Press again to ask.")
        here.forget()
        here.page.wait_for_timeout(1500)  # Chromium's fake microphone beeps once a second
        here.page.get_by_role("button", name="End the recording and ask").click()
        here.page.wait_for_function("() => window.heard.length > 0")  # beeps are no question, which is said
        assert here.violations() == []


def test_what_is_no_picture_is_said_at_once(browser: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "page.png").write_text("<html>no picture</html>")
    with visit(browser, address, "dark") as here:
        here.page.get_by_label("Choose a picture, or take one").set_input_files(tmp_path / "page.png")
        here.page.wait_for_function("() => window.heard.length > 0")
        assert len(here.heard()) == 1
        assert here.violations() == []


def test_settings_are_saved_or_their_mistakes_told(browser: Browser, address: str, folder: Path) -> None:
    with visit(browser, address) as here:
        here.open("Settings")
        speed = here.page.get_by_label("Voice: speed").locator("visible=true")
        volume = here.page.get_by_label("Voice: volume")
        speed.fill("9")
        volume.fill("loud")
        here.page.get_by_role("button", name="Save all settings").click()
        here.hears("There are 2 mistakes. Nothing was changed.")
        assert len(here.heard()) == 1
        assert "give a number from 0.5 to 3" in here.heard()[0]
        assert here.violations() == []
        assert not (folder / "settings.toml").exists()
        speed.fill("1.5")
        volume.fill("0.8")
        here.page.get_by_label("Answers: earcons").uncheck()
        here.page.get_by_label("hey_jarvis").locator("visible=true").check()
        here.page.get_by_role("button", name="Save all settings").click()
        here.hears("The settings are saved.")
    kept = settings.load(folder / "settings.toml")
    assert (kept.voice.speed, kept.voice.volume, kept.answers.earcons) == (1.5, 0.8, False)
    assert kept.listening.wake_word == "hey_jarvis"


def test_nothing_can_be_typed_into_settings_that_were_not_read_yet(
    browser: Browser, address: str, folder: Path
) -> None:
    settings.save(folder / "settings.toml", replace(Preferences(), voice=replace(Preferences().voice, speed=2.0)))
    held: list[Route] = []
    with visit(browser, address) as here:
        page = here.page.context.new_page()
        page.route("**/queue/join*", lambda route: held.append(route))  # a server so busy that it does not answer
        with page.expect_request("**/queue/join*", timeout=1000 * PATIENCE):
            page.goto(f"{address}/setup/")
        page.get_by_role("tab", name="Settings").click()
        page.wait_for_timeout(1000)
        expect(page.get_by_role("button", name="Save all settings")).not_to_be_visible()
        expect(page.get_by_label("Voice: speed")).to_have_count(0)
        for one in held:
            one.continue_()
        page.unroute("**/queue/join*")
        expect(page.get_by_label("Voice: speed").locator("visible=true")).to_have_value("2.0")


def test_settings_changed_elsewhere_are_shown_and_unsaved_ones_stay(
    browser: Browser, address: str, folder: Path
) -> None:
    file = folder / "settings.toml"
    settings.save(file, Preferences())
    with visit(browser, address) as here:
        here.open("Settings")
        speed, volume = (
            here.page.get_by_label(f"Voice: {name}").locator("visible=true") for name in ("speed", "volume")
        )
        volume.fill("0.5")
        here.open("Health and log")
        settings.change_all(file, {"voice.speed": "2", "voice.volume": "0.9"})
        here.open("Settings")
        expect(speed).to_have_value("2.0")
        expect(volume).to_have_value("0.5")
        here.page.get_by_role("button", name="Save all settings").click()
        here.hears("The settings are saved.")
    kept = settings.load(file)
    assert (kept.voice.speed, kept.voice.volume) == (2.0, 0.5)


def test_settings_go_out_and_come_in_as_a_text(browser: Browser, address: str, folder: Path, tmp_path: Path) -> None:
    file = folder / "settings.toml"
    settings.save(file, Preferences())
    with visit(browser, address) as here:
        here.open("Settings")
        here.page.get_by_role("button", name="Show the settings as a text").click()
        text = here.page.get_by_label("Settings as a text")
        expect(text).to_have_value(settings.as_toml(Preferences()))
        with here.page.expect_download() as saved:
            here.page.get_by_role("link", name="Save it as a file").click()
        saved.value.save_as(tmp_path / "out.toml")
        assert settings.load(tmp_path / "out.toml") == Preferences()
        box = here.page.get_by_label("Text of a settings file")
        box.fill('[voice]\nspeed = 9\nspeeed = 1\n[answers]\nsentences = "two"\n')
        here.page.get_by_role("button", name="Take over these settings").click()
        here.hears("There are 3 mistakes. Nothing was changed.")
        assert settings.load(file) == Preferences()
        assert here.violations() == []
        box.fill("this is [no toml")
        here.page.get_by_role("button", name="Take over these settings").click()
        here.hears("not valid TOML")
        (tmp_path / "in.toml").write_text("[voice]\nspeed = 2.0\n")
        here.page.get_by_label("Or choose the file").set_input_files(tmp_path / "in.toml")
        here.hears("The text of the file stands in the box above.")
        here.page.get_by_role("button", name="Take over these settings").click()
        here.hears("These settings are in force now.")
        assert settings.load(file).voice.speed == 2.0
        expect(here.page.get_by_label("Voice: speed").locator("visible=true")).to_have_value("2.0")
        (tmp_path / "huge.toml").write_text("#" * 70_000)
        here.page.get_by_label("Or choose the file").set_input_files(tmp_path / "huge.toml")
        here.hears("That file is too large to be one with settings.")
    settings.save(file, Preferences())


def test_every_setting_has_a_control() -> None:
    assert {key.rpartition(".")[0] for key in KEYS} == set(GROUPS)
    assert set(controls(KEYS, Preferences())) == {choice.key for choice in choices(Preferences())}


def test_health_is_told_and_the_log_holds_no_words(browser: Browser, address: str) -> None:
    with visit(browser, address) as here:
        here.page.get_by_label("not at all").check()
        here.page.get_by_label(re.compile("Type your question")).fill("Where is the xylophone?")
        here.page.keyboard.press("Enter")
        here.page.wait_for_function("() => window.heard.length > 0")
        here.open("Health and log")
        here.page.get_by_role("button", name="Look again").click()
        here.hears("The report below is new.")
        expect(here.page.get_by_text("Ready: assistant ask works with the profile embedded.")).to_be_visible()
        here.page.get_by_role("button", name="Show the newest lines").click()
        expect(here.page.get_by_text("assistant.engines.opening: opening the reader")).to_be_visible()
        assert "xylophone" not in here.page.get_by_role("region", name="Log").inner_text()


def test_nothing_of_gradio_is_open_but_what_the_page_needs(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False, headers={"Origin": address}) as client:
        client.get("/setup/").raise_for_status()
        for path in (
            "/setup/gradio_api/file=/etc/passwd",
            "/setup/gradio_api/file/etc/passwd",
            "/setup/file=/etc/passwd",
            "/setup/gradio_api/proxy=http://example.org",
            "/setup/gradio_api/info",
            "/setup/gradio_api/app_id",
            "/setup/static/../../../../etc/passwd",
            "/setup/static/%2e%2e/%2e%2e/etc/passwd",
            "/setup/monitoring",
            "/setup/svelte/x",
            "/setup/openapi.json",
        ):
            assert client.get(path).status_code == 404, path
        found = client.post("/setup/gradio_api/upload", files={"files": ("a.png", b"x")})
        assert found.status_code in (403, 404)
        assert client.post("/setup/gradio_api/run/predict", json={"data": []}).status_code in (403, 404)
        policy = client.get("/setup/").headers["content-security-policy"]
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]


def test_the_first_steps_by_keyboard_alone(
    browser: Browser, store: Store, pulse_server: PulseServer, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    settings.save(file, Preferences())
    settings.change(file, "devices.camera", str(SAMPLES / "parking-sign.jpg"))
    pulse_server.plug("microphone")
    pulse_server.plug("loudspeaker")
    with web(tmp_path, store.root, pulse_server.environment) as address, visit(browser, address) as here:
        _walk_through(here, pulse_server)
    kept = settings.load(file)
    assert (kept.voice.kind, kept.voice.speed) == ("fast", 1.5)
    assert kept.devices.microphone == "TestMicrophone"
    assert kept.listening.sensitivity == "high"
    with web(tmp_path, store.root, pulse_server.environment) as address, visit(browser, address) as here:
        here.open("Settings")
        expect(here.page.get_by_label("Voice: speed").locator("visible=true")).to_have_value("1.5")


def _walk_through(here: Visit, pulse: PulseServer) -> None:
    page = here.page
    here.walk_to(page.get_by_role("tab", name="Ask", exact=True))
    here.walk_to(page.get_by_role("tab", name="First steps"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Step 1 of 8: Language")).to_be_visible()
    _next(here, "Models", 2)
    _next(here, "Voice", 3)
    here.walk_to(page.get_by_label("natural").locator("visible=true"))
    page.keyboard.press("ArrowRight")
    here.walk_to(page.get_by_label("Voice: speed").locator("visible=true"))
    page.keyboard.press("Control+A")
    page.keyboard.type("1.5")
    here.press("Hear it in this browser")
    here.hears("You hear the voice in this browser.")
    with pulse.recording() as recording:
        here.press("Hear it from the device")
        here.hears("I said: Hello.")
        assert recording.first_sound() is not None
    _next(here, "Loudspeaker", 4)
    with pulse.recording() as recording:
        here.press("Play a signal")
        here.hears("I played two rising notes")
        assert recording.first_sound() is not None
    _next(here, "Microphone", 5)
    here.press("List the microphones of this machine")
    here.hears("TestMicrophone")
    here.walk_to(page.get_by_label("Devices: microphone").locator("visible=true"))
    page.keyboard.type("Test")
    here.forget()
    here.press("Test the microphone")
    here.hears("I heard nothing.")
    assert here.violations() == []
    here.walk_to(page.get_by_label("Devices: microphone").locator("visible=true"))
    page.keyboard.press("End")
    page.keyboard.type("Microphone")
    _next(here, "Wake word", 6)
    here.walk_to(page.get_by_label("normal").locator("visible=true"))
    page.keyboard.press("ArrowRight")
    _next(here, "Camera", 7)
    here.press("Show what the camera sees")
    here.hears("The picture is clear.")
    expect(page.get_by_role("img", name="What the camera sees. The picture is clear.")).to_be_visible()
    assert here.violations() == []
    _next(here, "Ready", 8)
    here.press("Is everything ready?")
    here.hears("Ready.")
    assert here.violations() == []


def _next(here: Visit, step: str, number: int) -> None:
    here.press(f"Next: {step}")
    heading = here.page.get_by_role("heading", name=f"Step {number} of 8: {step}")
    expect(heading).to_be_focused(timeout=1000 * PATIENCE)
