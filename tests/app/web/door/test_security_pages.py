"""The plain pages, in a real browser: no violation of accessibility rules, in both themes and every state; and logging in by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from app.web.door.access import Rules
from app.web.door.certificate import certificate
from tests.app.web.door.secured import PASSWORD, Clock, Served, secured, without_engines

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS: dict[str, Any] = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Served]:
    """As with --lan: over HTTPS."""
    made = certificate(tmp_path_factory.mktemp("certificate"), ("kitchen",), (), datetime.now(UTC))
    rules = Rules(login=True, fingerprint=made.fingerprint)
    with secured(without_engines(tmp_path_factory.mktemp("pages")), rules, clock, made) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a browser (Debian: chromium)")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(
        ignore_https_errors=True, color_scheme=request.param, viewport={"width": 320, "height": 640}
    )
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


def violations(page: Page) -> list[str]:
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways on a phone"
    return [each["id"] for each in Axe().run(page, options=OPTIONS).response["violations"]]


def focused(page: Page, name: str) -> None:
    """The control of this name, or with this text, has the focus."""
    now = "document.activeElement.name || document.activeElement.textContent.trim()"
    page.wait_for_function(f"name => ({now}) === name", arg=name)


def test_by_keyboard_alone_one_logs_in_reads_the_api_and_leaves(served: Served, page: Page, clock: Clock) -> None:
    page.goto(served.address)
    assert page.title() == "Log in - Assistant"
    assert violations(page) == []
    focused(page, "secret")
    page.keyboard.type("wrong wrong wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.title() == "Error: log in - Assistant"
    focused(page, "secret")
    described = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    )
    assert described == "The password is wrong. Try again."
    assert violations(page) == []
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.address}/")
    cookies = page.context.cookies()
    assert [(each["name"], each["secure"], each["httpOnly"], each["sameSite"]) for each in cookies] == [
        ("__Host-assistant_session", True, True, "Strict")
    ]
    assert page.evaluate("document.cookie") == ""
    page.goto(f"{served.address}/api/docs")
    assert page.get_by_role("heading", level=2).count() == 8
    assert page.get_by_role("table").count() > 10
    assert violations(page) == []
    page.goto(f"{served.address}/nowhere")
    page.get_by_text("There is no such page.").wait_for()
    assert violations(page) == []
    page.goto(served.address)
    page.get_by_role("link", name="Log out").click()
    page.wait_for_url(f"{served.address}/logout")
    assert violations(page) == []
    page.keyboard.press("Tab")
    focused(page, "Log out")
    page.keyboard.press("Enter")
    page.get_by_text("All was forgotten.").wait_for()
    assert violations(page) == []
    assert page.context.cookies() == []


def test_one_who_tried_too_often_is_told_to_wait(served: Served, page: Page, clock: Clock) -> None:
    page.goto(f"{served.address}/login")
    for _ in range(5):
        page.get_by_label("Password").fill("wrong wrong wrong")
        page.keyboard.press("Enter")
        page.wait_for_load_state()
    page.get_by_text("There were too many wrong tries.").wait_for()
    assert violations(page) == []
    clock.now += 300


def test_without_a_password_there_is_a_code_and_a_button_that_has_it_said(tmp_path: Path, page: Page) -> None:
    with secured(without_engines(tmp_path), Rules(login=True)) as served:
        served.credentials.password_file.unlink()
        page.goto(f"{served.address}/login")
        field = page.get_by_label("Code that the device says")
        assert field.get_attribute("autocomplete") == "one-time-code"
        assert violations(page) == []
        page.get_by_role("button", name="Say the code").click()
        page.get_by_text("The device cannot speak now. The code stands in its terminal.").wait_for()
        assert violations(page) == []
        field.fill(served.access.pairing.code())
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.address}/")


def test_other_pages_cannot_put_ours_in_a_frame_or_send_its_forms(served: Served, page: Page) -> None:
    page.route("http://evil.example/", lambda route: route.fulfill(content_type="text/html", body="<h1>evil</h1>"))
    page.goto("http://evil.example/")
    page.evaluate(
        "address => { const f = document.createElement('iframe'); f.src = address; document.body.append(f); }",
        f"{served.address}/login",
    )
    page.wait_for_timeout(1000)
    assert page.frames[1].locator("form").count() == 0
    told = page.evaluate(
        "address => fetch(address, {method: 'POST', mode: 'no-cors', credentials: 'include'}).then(() => 'sent', () => 'refused')",
        f"{served.address}/api/forget",
    )
    assert told == "refused"
    page.set_content(f'<form method="post" action="{served.address}/login"><button>Win</button></form>')
    page.get_by_role("button").click()
    page.get_by_text("Another page tried to use me.").wait_for()
