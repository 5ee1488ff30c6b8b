"""The page for those who cannot see, see little, or use no mouse: names and roles, order and focus, contrast, size, reflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.app.web.browser import DESK, PHONE, STATES, BusyService, Visit, in_state, visiting

LOOKS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "light": ({"color_scheme": "light"}, STATES),
    "dark": ({"color_scheme": "dark"}, STATES),
    "more contrast": ({"contrast": "more"}, ("answered", "error", "dialog")),
    "more contrast, dark": ({"contrast": "more", "color_scheme": "dark"}, ("answered", "error", "dialog")),
    "forced colours": ({"forced_colors": "active"}, ("answered", "error", "dialog")),
}
"""What the device asks for, and the states that are looked at."""
USUAL: dict[str, Any] = {"color_scheme": "light", "contrast": "no-preference", "forced_colors": "none"}
CHOSEN = ("light", "dark", "contrast-dark", "contrast-light")
"""What is chosen on the page."""
ZOOMED: dict[str, Any] = {"viewport": ViewportSize(width=320, height=225), "device_scale_factor": 4}
"""1280 × 900 at 400 %."""

CONTROLS = "a[href], button, input:not([type=file]), select, summary"
ORDER = [
    "Skip to the question", "Set up", "Start the camera", "Choose a picture", "question", "Ask", "Ask by voice",
    "Stop", "Pause", "Repeat", "Previous sentence", "Next sentence", "More", "Slower", "Faster", "Spell it", "Copy", "Forget everything",
    "What I read for this", "speaking", "speed", "size", "look", "keys",
]  # fmt: skip
"""Every control of the page with one answer: the picture, the question, the answer, then what is seldom needed."""

_NAME = "each => each.matches('select, input') ? each.id : each.textContent.trim()"
_SHOWN = "each => each.checkVisibility({ visibilityProperty: true }) && !each.closest('dialog:not([open])')"


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    with visiting(chromium, site) as opened:
        yield opened


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_in_any_look(chromium: Browser, site: str, busy_service: BusyService, state: str) -> None:
    with visiting(chromium, site) as visit, in_state(state, visit, busy_service):
        for look, (options, states) in LOOKS.items():
            if state in states:
                visit.page.emulate_media(**{**USUAL, **options})
                assert visit.violations() == [], look


@pytest.mark.parametrize("state", ["answered", "error", "dialog"])
def test_axe_finds_nothing_in_the_colours_that_can_be_chosen(
    chromium: Browser, site: str, busy_service: BusyService, state: str
) -> None:
    with visiting(chromium, site, viewport=PHONE) as visit, in_state(state, visit, busy_service):
        for look in CHOSEN:
            choose(visit, "look", look)
            assert visit.violations() == [], look


def choose(visit: Visit, setting: str, value: str) -> None:
    """In the settings of the page, also while a dialog stands before them."""
    chosen = visit.page.evaluate(
        """([setting, value]) => {
            const select = document.getElementById(setting);
            select.value = value;
            select.dispatchEvent(new Event("change", { bubbles: true }));
            return select.value;
        }""",
        [setting, value],
    )
    assert chosen == value


def test_the_keyboard_reaches_every_control_in_order_with_a_focus_that_is_seen(
    visit: Visit, busy_service: BusyService
) -> None:
    with in_state("answered", visit, busy_service):
        page = visit.page
        page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
        page.reload()  # focus at the very beginning; the answer is asked for again
    with in_state("answered", visit, busy_service):
        page.get_by_role("link", name="Skip to the question").focus()
        walked, outlines = [], []
        while page.evaluate("document.activeElement !== document.body"):
            walked.append(page.evaluate(f"({_NAME})(document.activeElement)"))
            outlines.append(
                page.evaluate(
                    """() => {
                        const style = getComputedStyle(document.activeElement);
                        const box = document.activeElement.getBoundingClientRect();
                        const seen = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
                        return [style.outlineStyle, parseFloat(style.outlineWidth), seen];
                    }"""
                )
            )
            page.keyboard.press("Tab")
            assert len(walked) <= 2 * len(ORDER)
        assert walked == ORDER
        assert all(style == "solid" and width >= 2 and seen for style, width, seen in outlines), outlines
        everything = page.evaluate(f"[...document.querySelectorAll('{CONTROLS}')].filter({_SHOWN}).map({_NAME})")
        assert everything == ORDER


def test_the_walk_back_is_the_same_and_nothing_holds_the_focus(visit: Visit) -> None:
    visit.page.locator("#keys").focus()
    seen = []
    while visit.page.evaluate("document.activeElement !== document.body"):
        seen.append(visit.page.evaluate(f"({_NAME})(document.activeElement)"))
        visit.page.keyboard.press("Shift+Tab")
        assert len(seen) <= 2 * len(ORDER)
    assert seen == [name for name in reversed(ORDER) if name != "What I read for this"]


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_targets_are_large(chromium: Browser, site: str, busy_service: BusyService, viewport: ViewportSize) -> None:
    for state in ("answered", "camera", "dialog"):
        with visiting(chromium, site, viewport) as visit, in_state(state, visit, busy_service):
            boxes = visit.page.evaluate(
                f"""() => [...document.querySelectorAll('{CONTROLS}')].filter({_SHOWN}).map((each) => {{
                    const box = each.getBoundingClientRect();
                    return [({_NAME})(each), each.matches('[type=checkbox]'), box.width, box.height];
                }})"""
            )
            assert boxes
            assert [each for each in boxes if min(each[2:]) < (24 if each[1] else 44)] == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("screen", [{"viewport": PHONE}, ZOOMED], ids=["320 px", "400 %"])
def test_nothing_has_to_be_scrolled_sideways(
    chromium: Browser, site: str, busy_service: BusyService, screen: dict[str, Any], state: str
) -> None:
    with visiting(chromium, site, **screen) as visit, in_state(state, visit, busy_service):
        for size in ("100", "300"):
            choose(visit, "size", size)
            wide = visit.page.evaluate(
                """() => [...document.querySelectorAll("body, body *")]
                    .filter((each) => !each.closest(".skip, .unseen") && each.checkVisibility())
                    .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5
                        || each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0 && !each.matches("input, select, #view"))
                    .map((each) => each.outerHTML.slice(0, 80))"""
            )
            assert wide == [], size
            assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_buttons_keep_their_place(visit: Visit, busy_service: BusyService) -> None:
    """While a picture comes, an answer, an error, the camera."""
    places = """() => [...document.querySelectorAll("main button")].map((each) => {
        const box = each.getBoundingClientRect();
        return [each.id, box.left, box.top + scrollY];
    })"""
    before = visit.page.evaluate(places)
    for state in ("answered", "error", "camera"):
        with in_state(state, visit, busy_service):
            assert visit.page.evaluate(places) == before, state


def test_nothing_moves(chromium: Browser, site: str, busy_service: BusyService) -> None:
    for motion in ("reduce", "no-preference"):
        with visiting(chromium, site, reduced_motion=motion) as visit, in_state("answered", visit, busy_service):
            assert visit.page.evaluate("document.getAnimations().length") == 0
            moving = visit.page.evaluate(
                """() => [...document.querySelectorAll("*")].map((each) => getComputedStyle(each))
                    .filter((style) => style.transitionDuration !== "0s" || style.scrollBehavior !== "auto").length"""
            )
            assert moving == 0


def test_landmarks_and_headings_can_be_jumped_through(visit: Visit, busy_service: BusyService) -> None:
    with in_state("answered", visit, busy_service):
        tree = visit.page.locator("body").aria_snapshot()
        for landmark in ("banner", 'navigation "Pages"', "main", "contentinfo"):
            assert re.search(rf"^ *- {landmark}:", tree, re.MULTILINE), tree
        headings = visit.page.evaluate(
            f"[...document.querySelectorAll('h1, h2, h3')].filter({_SHOWN}).map((each) => [each.localName, each.textContent])"
        )
        assert headings == [
            ["h1", "Ask about a picture"],
            ["h2", "Picture"],
            ["h2", "Question"],
            ["h2", "Answers"],
            ["h3", "What does it say?"],
            ["h2", "Settings of this page"],
            ["h2", "Keys and words"],
        ]
        assert visit.page.evaluate("document.documentElement.lang") == "en"
        assert visit.page.locator("[role=status], [role=alert], [aria-live], [role=log]").count() == 2


@pytest.mark.parametrize("state", STATES)
def test_every_control_has_a_name_a_role_and_its_state(visit: Visit, busy_service: BusyService, state: str) -> None:
    """In Chromium's own tree, which is what a screen reader gets."""
    with in_state(state, visit, busy_service):
        client = visit.context.new_cdp_session(visit.page)
        nodes = [each for each in client.send("Accessibility.getFullAXTree")["nodes"] if not each["ignored"]]
    roles = {"button", "link", "textbox", "combobox", "checkbox", "DisclosureTriangle"}
    controls = []
    for node in nodes:
        about = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        role = node["role"]["value"]
        if about.get("focusable") and role not in ("RootWebArea", "dialog", "MenuListPopup", "option"):
            assert role in roles, node
            controls.append((role, node["name"]["value"], node.get("value", {}).get("value"), about))
    assert all(name.strip() for _, name, _, _ in controls)
    named = {name: (role, value, about) for role, name, value, about in controls}
    if state == "dialog":
        assert set(named) == {"Keep them", "Forget everything"}
        return
    assert len(named) == len(controls), "two controls have one name"
    assert named["Answers are spoken"][:2] == ("combobox", "Aloud when I ask by voice")
    assert named["Speed of the voice"][:2] == ("combobox", "Normal")
    assert named["Use the keys F2, F4 and F8"][2]["checked"] == "true"
    assert named["Ask by voice"][2]["pressed"] == "false"
    assert named["Your question, or a word such as “help”"][0] == "textbox"
    if state == "answered":
        assert named["What I read for this"][2]["expanded"] is False
    if state == "camera":
        assert {"Stop the camera", "Take it now"} <= set(named)
