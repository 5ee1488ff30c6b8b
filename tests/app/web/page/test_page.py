"""The page in a real browser, as somebody uses it who cannot see: by keyboard, by voice, with what is announced and what is heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from tests.app.web.browser import QUESTION_MS, SIGN, BusyService, Visit, visiting, wait_for
from tests.assistant.picture.test_phone_files import document

ANSWER = "NOTICE DOUBLE PARKING PROHIBITED AT ALL TIMES."
FOCUSED = "document.activeElement.id || document.activeElement.textContent.trim()"


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    with visiting(chromium, site) as opened:
        yield opened
        assert opened.mistakes == []
        assert opened.requests
        assert [address for address in opened.requests if not address.startswith((f"{site}/", f"blob:{site}/"))] == []


def tab_to(visit: Visit, name: str, key: str = "Tab") -> None:
    for _ in range(60):
        visit.page.keyboard.press(key)
        if visit.page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"{name} is not reached")


def test_the_whole_journey_by_keyboard_alone(visit: Visit) -> None:
    """Choose a picture, ask in writing, ask aloud, ask on, stop, and find the settings again after a reload."""
    page, keys = visit.page, visit.page.keyboard
    with page.expect_file_chooser() as chooser:
        tab_to(visit, "choose")
        keys.press("Enter")
    chooser.value.set_files(SIGN)
    tab_to(visit, "question")
    keys.type("What does it say?")
    keys.press("Enter")
    visit.settled(1)
    assert visit.answers() == [("What does it say?", ANSWER)]
    assert page.evaluate(FOCUSED) == "question"  # nothing has taken the focus away

    tab_to(visit, "talk")
    visit.speak()
    visit.settled(2)
    (question, answer), _ = visit.answers()
    assert "sign" in question.lower()
    assert answer == ANSWER

    tab_to(visit, "question", "Shift+Tab")
    keys.type("spell that")
    keys.press("Enter")
    visit.settled(3)
    assert visit.answers()[0][1].startswith("N, O, T, I, C, E")

    tab_to(visit, "repeat")
    keys.press("Enter")
    visit.until("[...players].some((player) => !player.paused)")
    keys.press("Escape")
    assert not visit.sounds
    assert page.locator("#state").inner_text() == "Stopped."

    tab_to(visit, "speaking")
    keys.press("ArrowDown")
    tab_to(visit, "size")
    keys.press("ArrowDown")
    tab_to(visit, "look")
    keys.press("ArrowDown")
    page.reload()
    chosen = {name: page.locator(f"#{name}").input_value() for name in ("speaking", "size", "look")}
    assert chosen == {"speaking": "browser", "size": "125", "look": "light"}
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "20px"


def test_a_typed_question_is_answered_by_one_announcement_and_no_sound(visit: Visit) -> None:
    visit.choose(SIGN)
    assert visit.announced == [("status", "Picture ready, 5 lines of text.")]
    visit.forget_announced()
    visit.ask("What does it say?")
    visit.settled(1)
    assert visit.announced == [("status", ANSWER)]
    assert visit.heard == 0


def test_a_document_is_read_page_by_page(visit: Visit, tmp_path: Path) -> None:
    path = document(tmp_path / "letter.pdf", "The meeting is on Monday.|Bring your own cup.", "Parking costs 4 pounds.")
    visit.choose(path)
    before, after = (visit.page.get_by_role("button", name=name) for name in ("Page before", "Next page"))
    assert visit.announced == [("status", "Page 1 of 2, 2 lines of text.")]
    assert (before.is_disabled(), after.is_disabled()) == (True, False)
    after.click()
    wait_for(lambda: visit.announced[1:] == [("status", "Page 2 of 2, one line of text.")])
    assert (before.is_disabled(), after.is_disabled()) == (False, True)
    visit.ask("What does it say?")
    visit.settled(1)
    assert visit.announced[2:] == [("status", "Parking costs 4 pounds.")]
    visit.choose(SIGN)
    assert not before.is_visible()


def test_a_spoken_question_is_answered_aloud_and_announced_in_a_word(visit: Visit) -> None:
    visit.choose(SIGN)
    visit.forget_announced()
    visit.speak()
    visit.settled(1)
    assert visit.announced == [("status", "Answer:")]
    visit.until("heard.length === 1")


@pytest.mark.parametrize(
    ("speaking", "announced", "heard"), [("browser", "Answer:", 1), ("reader", ANSWER, 0), ("asked", ANSWER, 0)]
)
def test_how_answers_are_spoken_is_a_choice(visit: Visit, speaking: str, announced: str, heard: int) -> None:
    visit.page.get_by_label("Answers are spoken").select_option(speaking)
    visit.choose(SIGN)
    visit.until(f"heard.length === {heard}")  # "Picture ready", spoken where answers are
    visit.forget_announced()
    visit.page.evaluate("heard.length = 0")
    visit.ask("What does it say?")
    visit.settled(1)
    visit.until(f"heard.length >= {heard}")
    assert visit.announced == [("status", announced)]
    assert visit.heard == heard


def test_where_the_screen_reader_alone_speaks_even_a_spoken_question_makes_no_sound(visit: Visit) -> None:
    visit.page.get_by_label("Answers are spoken").select_option("reader")
    visit.choose(SIGN)
    visit.forget_announced()
    visit.speak()
    visit.settled(1)
    visit.page.get_by_role("button", name="Repeat").press("Enter")
    visit.quiet()
    assert visit.announced == [("status", ANSWER)] * 2
    assert visit.heard == 0


def test_the_button_can_be_pressed_twice_instead_of_held_and_by_a_screen_reader(visit: Visit) -> None:
    visit.choose(SIGN)
    talk = visit.page.get_by_role("button", name="Ask by voice")
    talk.evaluate("button => button.click()")
    visit.until("document.getElementById('state').textContent.startsWith('Listening')")
    assert talk.get_attribute("aria-pressed") == "true"
    visit.page.wait_for_timeout(QUESTION_MS)
    talk.press("Enter")
    visit.settled(1)
    assert talk.get_attribute("aria-pressed") == "false"
    assert "sign" in visit.answers()[0][0].lower()


def test_f2_asks_from_anywhere_and_escape_throws_the_recording_away(visit: Visit) -> None:
    visit.page.get_by_label("Size of the text").focus()
    visit.page.get_by_role("textbox").focus()
    visit.page.keyboard.press("F2")
    visit.until("document.getElementById('state').textContent.startsWith('Listening')")
    visit.page.keyboard.press("Escape")
    assert visit.page.locator("#state").inner_text() == "Stopped."
    visit.page.get_by_label("Use the keys F2, F4 and F8").uncheck()
    visit.page.keyboard.press("F2")
    visit.quiet()
    assert visit.page.get_by_role("button", name="Ask by voice").get_attribute("aria-pressed") == "false"
    assert not [address for address in visit.requests if address.endswith("/api/ask")]


def test_what_plays_is_paused_goes_on_and_can_be_walked_through(visit: Visit) -> None:
    page = visit.page
    visit.page.get_by_label("Answers are spoken").select_option("browser")
    visit.ask("help")
    visit.settled(1)
    visit.until("heard.length > 0")
    page.get_by_role("button", name="Pause").press("Enter")
    assert not visit.sounds
    page.get_by_role("button", name="Go on").press("Enter")
    visit.until("[...players].some((player) => !player.paused)")
    first = page.locator(".heard").inner_text()
    page.get_by_role("button", name="Next sentence").press("Enter")
    visit.until(f"document.querySelector('.heard')?.textContent !== {first!r}")
    page.get_by_role("button", name="Previous sentence").press("Enter")
    visit.until(f"document.querySelector('.heard')?.textContent === {first!r}")
    page.keyboard.press("F8")
    assert not visit.sounds


def test_a_word_of_command_changes_the_speed_of_what_plays_and_leaves_it(visit: Visit) -> None:
    visit.page.get_by_label("Answers are spoken").select_option("browser")
    visit.ask("help")
    visit.settled(1)
    visit.until("heard.length > 0")
    visit.ask("faster")
    visit.until("document.getElementById('speed').value === '1.25'")
    visit.until("[...players].some((player) => !player.paused && player.playbackRate === 1.25)")
    assert [question for question, _ in visit.answers()] == ["help"]
    visit.ask("stop")
    visit.until("[...players].every((player) => player.paused)")


def test_the_next_sentence_is_fetched_while_one_plays(visit: Visit) -> None:
    visit.page.get_by_label("Answers are spoken").select_option("browser")
    visit.ask("help")
    visit.until("heard.length === 1")
    wait_for(lambda: (visit.heard, sum(address.endswith("/api/speech") for address in visit.requests)) == (1, 2))


def test_an_error_is_announced_once_and_says_what_to_do(visit: Visit) -> None:
    visit.ask("")
    visit.quiet()
    assert visit.announced == [("alert", "Type a question first, or ask by voice.")]
    assert visit.page.evaluate(FOCUSED) == "question"
    visit.forget_announced()
    visit.ask("What does it say?")
    visit.settled(1)
    assert [role for role, _ in visit.announced] == ["status"]
    assert visit.page.get_by_role("alert").inner_text() == ""


def test_a_file_that_is_no_picture_is_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    false = tmp_path / "holiday.png"
    false.write_bytes(b"<html>no picture</html>")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose a picture").press("Enter")
    chooser.value.set_files(false)
    visit.until("document.getElementById('alert').textContent !== ''")
    visit.quiet()
    assert [role for role, _ in visit.announced] == ["alert"]
    assert visit.page.locator("#preview").is_hidden()
    visit.mistakes.clear()  # the browser notes every answer of 4xx


def test_a_server_that_is_gone_is_an_error_in_words_and_the_page_goes_on(visit: Visit) -> None:
    visit.page.route("**/api/ask", lambda route: route.abort())
    visit.ask("What does it say?")
    visit.until("document.getElementById('alert').textContent !== ''")
    visit.quiet()
    assert [role for role, _ in visit.announced] == ["alert"]
    assert "cannot reach the assistant" in visit.announced[0][1]
    visit.page.unroute("**/api/ask")
    visit.ask("help")
    visit.settled(1)
    visit.mistakes.clear()


def test_a_stream_that_is_cut_off_is_an_error(visit: Visit) -> None:
    def cut(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body='event: line\ndata: {"place": 0}\n\n')

    visit.page.route("**/api/ask", cut)
    visit.ask("What does it say?")
    visit.until("document.getElementById('alert').textContent !== ''")
    visit.quiet()
    assert [role for role, _ in visit.announced] == ["alert"]


def test_who_waits_in_line_hears_the_place_and_can_leave(visit: Visit, busy_service: BusyService) -> None:
    with busy_service.busy():
        visit.ask("What does it say?")
        visit.until("document.getElementById('state').textContent === 'You are next in line.'")
        visit.quiet()
        assert visit.announced == [("status", "You are next in line.")]
        visit.page.keyboard.press("Escape")
        visit.quiet()
        assert visit.page.locator("#state").inner_text() == "Stopped."
    assert visit.answers() == []


def test_the_camera_leads_takes_the_picture_by_itself_and_is_switched_off(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Start the camera").press("Enter")
    visit.until("document.getElementById('picture-note').textContent.includes('of text')")
    visit.quiet()
    said = [text for _, text in visit.announced]
    assert said[0] == "The camera is on."
    assert "Got it." in said
    assert visit.page.evaluate("document.getElementById('video').srcObject") is None
    assert visit.page.evaluate("document.getElementById('preview').naturalWidth") > 640  # the moment, in full size
    visit.ask("What does it say?")
    visit.settled(1)
    assert "PARKING" in visit.answers()[0][1]


def test_a_picture_is_taken_at_once_on_request_and_the_focus_goes_on_to_the_question(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Start the camera").press("Enter")
    visit.until("document.getElementById('video').videoWidth > 0")
    visit.page.get_by_role("button", name="Take it now").press("Enter")
    visit.until("document.getElementById('picture-note').textContent.includes('of text')")
    assert visit.page.evaluate(FOCUSED) == "question"
    assert visit.page.get_by_role("button", name="Take it now").count() == 0


def test_words_switch_the_camera_on_and_off(visit: Visit) -> None:
    visit.ask("camera on")
    visit.until("document.getElementById('video').videoWidth > 0")
    visit.ask("camera off")
    visit.until("document.getElementById('video').srcObject === null")
    assert visit.answers() == []


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped(visit: Visit, way: str) -> None:
    visit.page.evaluate(
        """async ([way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "sign.jpg", { type: "image/jpeg" }));
            const event = way === "paste"
                ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [way, list(SIGN.read_bytes())],
    )
    visit.until("document.getElementById('picture-note').textContent.includes('of text')")
    assert visit.page.get_by_role("img", name="Your picture: sign.jpg").is_visible()


def test_everything_is_forgotten_after_asking_back_and_the_focus_comes_back(visit: Visit) -> None:
    visit.choose(SIGN)
    visit.ask("What does it say?")
    visit.settled(1)
    forget = visit.page.get_by_role("button", name="Forget everything")
    forget.press("Enter")
    assert visit.page.evaluate(FOCUSED) == "Keep them"
    visit.page.keyboard.press("Escape")
    assert len(visit.answers()) == 1
    forget.press("Enter")
    visit.page.keyboard.press("Tab")
    visit.forget_announced()
    visit.page.keyboard.press("Enter")
    visit.quiet()
    assert visit.announced == [("status", "Everything is forgotten.")]
    assert visit.answers() == []
    assert visit.page.evaluate(FOCUSED) == "forget"
    visit.ask("What does it say?")
    visit.settled(1)
    assert "PARKING" not in visit.answers()[0][1]


def test_the_last_answer_is_copied(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.choose(SIGN)
    visit.ask("What does it say?")
    visit.settled(1)
    visit.page.get_by_role("button", name="Copy").press("Enter")
    visit.until("document.getElementById('state').textContent === 'Copied.'")
    assert visit.page.evaluate("navigator.clipboard.readText()") == ANSWER


def test_the_page_can_be_installed(visit: Visit, site: str) -> None:
    client = visit.context.new_cdp_session(visit.page)
    assert client.send("Page.getAppManifest")["errors"] == []
    problems = [each["errorId"] for each in client.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert set(problems) <= {"in-incognito"}  # every context of Playwright is one
