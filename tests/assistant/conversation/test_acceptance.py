"""The acceptance list, point by point, on virtual sound devices: real recogniser, voice, reader and camera, as a user would hear it.

Points 1 to 12 (13 is the web page's, 14 is in `tests/app/test_listen.py`). Bounds on time are wide, because other programs may
run beside the tests; how long things take is measured by `scripts/bench/latency`.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
import pytest

from assistant.checkup.privacy import open_sockets
from assistant.conversation.running import Conversation, Outside
from assistant.devices.camera import WatchedCamera, open_camera
from assistant.devices.soundcard import SoundCard
from assistant.engines.opening import ProfileEngines
from assistant.picture.page import Page, arrange
from assistant.picture.photo import Photo, load_photo
from assistant.ports.events import Event, Quit, Typed
from assistant.settings.preferences import Preferences
from assistant.sound.hearing.listener import Listener
from assistant.sound.hearing.wakeword import WakeWord
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking import phrases
from assistant.sound.speaking.voice import EspeakSpeaker
from models.store import Store
from scripts.judging import degraded
from scripts.stress.faulty import Faulty
from tests.assistant.conversation.scenes import SAMPLES
from tests.assistant.devices.ip_camera import IpCamera
from tests.assistant.devices.pulse import PulseServer

pytestmark = pytest.mark.realtime

SOON = 25.0
"""Seconds in which everything here happens, also on a busy machine."""
SAID: dict[str, Sound] = {}
"""What the user said, in a voice that says the same words the same way: made once."""


@pytest.fixture(scope="module")
def engines(store: Store) -> ProfileEngines:
    opened = ProfileEngines(store, steady=True)
    opened.warm()
    return opened


class Talk:
    """A running assistant, somebody who talks to it, and what is heard of it."""

    def __init__(self, engines: ProfileEngines, pulse: PulseServer, preferences: Preferences) -> None:
        self.engines = Faulty(engines)
        self.user = engines.speaker
        self.pulse = pulse
        self.notes: list[tuple[float, str, str]] = []
        self.ip_camera = IpCamera(shrunk(load_photo(SAMPLES / "parking-sign.jpg")))
        events: SimpleQueue[Event] = SimpleQueue()
        self._events = events
        wake = WakeWord() if preferences.listening.mode == "wake" else None
        self._card = SoundCard(Listener(wake), events.put, "TestMicrophone", "TestSpeaker")
        self.camera: WatchedCamera = open_camera(self.ip_camera.url, events.put, time.monotonic)
        outside = Outside(
            events, self._card.loudspeaker, self.camera, self._card.forget, lambda *_: "x", lambda _: None, lambda: None
        )
        given: Any = self.engines
        self.conversation = Conversation(given, preferences, outside, self._note)
        self.dialogue = self.conversation.dialogue
        self._thread = threading.Thread(target=self.conversation.run)

    def _note(self, kind: str, text: str) -> None:
        self.notes.append((time.monotonic(), kind, text))

    def start(self) -> None:
        self._card.start()
        self._thread.start()
        self.wait(lambda: "Ready." in self.said() and self.dialogue.mouth.saying is None)
        time.sleep(0.5)
        self.notes.clear()

    def end(self) -> None:
        self._events.put(Quit(0.0))
        self._thread.join(SOON)
        self._card.close()
        self.camera.close()
        self.ip_camera.close()

    def wait(self, holds: Callable[[], Any], seconds: float = SOON) -> float:
        """Until this holds; how long that took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, f"{self.dialogue.state}: {self.notes}"
            time.sleep(0.01)
        return time.monotonic() - began

    def say(self, text: str) -> float:
        """Say it aloud; when it was over."""
        if text not in SAID:
            SAID[text] = spoken(self.user, text)
        self.pulse.say(SAID[text])
        return time.monotonic()

    def type(self, text: str) -> None:
        self._events.put(Typed(time.monotonic(), text))

    def ask(self, text: str) -> str:
        """Say it aloud and wait for the answer."""
        self.notes.clear()
        self.say(text)
        self.wait(lambda: self.said() != "")
        self.quiet()
        return self.said()

    def order(self, text: str, answer: str) -> None:
        """Say it, and once or twice more if it was not understood, as everybody would, until this is answered."""
        for _ in range(3):
            self.notes.clear()
            self.say(text)
            with contextlib.suppress(AssertionError):
                self.wait(lambda: answer in self.said(), 12)
            self.quiet()
            if answer in self.said():
                return
        raise AssertionError(f"{text!r} is not understood: {self.notes}")

    def quiet(self) -> None:
        """Until the assistant has said everything."""
        self.wait(lambda: self.dialogue.mouth.saying is None and self.dialogue.state in ("asleep", "attending"), 90)

    def said(self) -> str:
        return " ".join(text for _, kind, text in self.notes if kind == "says")

    def count(self, kind: str, text: str = "") -> int:
        return sum(each == kind and text in what for _, each, what in self.notes)

    def show(self, photo: Photo) -> None:
        self.ip_camera.show(shrunk(photo))
        time.sleep(2.0)  # so that no frame of what was shown before is kept


def shrunk(photo: Photo) -> Any:
    """Blue green red, of the size that cameras usually have."""
    pixels = photo.pixels
    scale = min(1.0, 1280 / max(pixels.shape))
    return np.ascontiguousarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1])


def spoken(voice: Any, text: str) -> Sound:
    parts = list(voice.speak(text, 1.0))
    silence = np.zeros(parts[0].rate // 10, np.float32)
    return Sound(np.concatenate([part for each in parts for part in (each.samples, silence)]), parts[0].rate)


@pytest.fixture
def make(store: Store, engines: ProfileEngines, pulse: PulseServer) -> Iterator[Callable[..., Talk]]:
    """Starts an assistant with preferences for listening and answers."""
    started: list[Talk] = []

    def begin(picture_model: Path | None = None, **listening: Any) -> Talk:
        usual = Preferences()
        chosen = {"mode": "always", **listening}
        used = engines if picture_model is None else ProfileEngines(store, picture_model=picture_model)
        talk = Talk(used, pulse, replace(usual, listening=replace(usual.listening, **chosen)))
        started.append(talk)
        talk.start()
        return talk

    yield begin
    for talk in started:
        talk.end()


def test_1_a_bad_picture_gives_a_reason_and_one_action_and_no_model_is_asked(make: Callable[..., Talk]) -> None:
    talk = make()
    clear = load_photo(SAMPLES / "book-cover.jpg")
    for pixels, said, read in (
        (degraded.black(clear.pixels), "I see only darkness. Uncover the camera or turn on a light.", 0),
        (
            cv2.GaussianBlur(clear.pixels, (0, 0), 25),
            "The picture is blurred. Hold the camera still, a little further away.",
            1,  # what is blurred may hold large print, and is refused only when nothing could be read
        ),
    ):
        talk.show(Photo(np.ascontiguousarray(pixels)))
        reads = talk.engines.reads
        talk.notes.clear()
        over = talk.say("What does it say?")
        talk.wait(lambda: talk.said() != "")
        assert next(at for at, kind, _ in talk.notes if kind == "says") - over < 4
        talk.quiet()
        assert talk.said().startswith(said)
        assert talk.engines.reads == reads + read
        talk.type("stop")


def test_2_a_picture_without_text_is_no_text(make: Callable[..., Talk]) -> None:
    talk = make()
    talk.show(Photo(np.full((600, 800, 3), 190, np.uint8)))
    assert talk.ask("What does it say?").startswith("I see no text in this picture.")


def test_3_where_the_picture_model_contradicts_the_print_both_are_said(make: Callable[..., Talk]) -> None:
    """A real picture model (samples/micro-cogvlm2); the reader is made to read the year's digits in another order."""
    covers = SAMPLES / "covers/held-out"
    rows = map(json.loads, (covers / "questions.jsonl").read_text("utf-8").splitlines())
    row = next(row for row in rows if row["category"] == "year" and row["answers"][0][2] != row["answers"][0][3])
    year = row["answers"][0]
    other = year[:2] + year[3] + year[2]
    talk = make(picture_model=SAMPLES / "micro-cogvlm2")
    read = talk.engines.read

    def misread(photo: Photo) -> Page:
        page = read(photo)
        lines = [replace(line, text=line.text.replace(year, other)) for line in page.lines]
        return arrange(lines, page.width, page.height)

    talk.engines.read = misread  # type: ignore[method-assign]
    talk.show(load_photo(covers / row["image"]))
    said = talk.ask("In what year was this book published?")
    assert said.endswith(f"The picture model says {year}, but I read {other}. Please check.")


def test_4_a_medicine_is_read_as_it_is_printed_and_spelled_on_request(make: Callable[..., Talk]) -> None:
    talk = make()
    talk.show(medicine())
    said = talk.ask("How much should I take?")
    assert said.startswith("The label says:")
    assert "Take 1 tablet 3 times daily after meals. Check with a pharmacist." in said
    assert "400" in talk.ask("More.")
    assert ", " in talk.ask("Spell that.")


def medicine() -> Photo:
    page = np.full((500, 900, 3), 245, np.uint8)
    for line, text in enumerate(("IBUPROFEN 400 mg", "24 tablets", "Take 1 tablet 3 times daily", "after meals")):
        cv2.putText(page, text, (40, 100 + 100 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (20, 20, 20), 3, cv2.LINE_AA)
    return Photo(page)


def test_5_what_was_heard_badly_is_said_first_and_repaired(make: Callable[..., Talk]) -> None:
    talk = make()
    talk.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    talk.engines.heard = Utterance("How much was paid?", 0.4)
    said = talk.ask("How much was paid?")
    assert said.startswith("You asked: How much was paid?")
    talk.engines.heard = None
    assert "11:59" in talk.ask("No, I said when does it expire?")


def test_6_words_of_command_at_any_time(make: Callable[..., Talk]) -> None:
    talk = make()
    first = talk.ask("What does the sign say?")
    assert "PARKING" in first
    talk.order("Repeat that.", first)
    talk.order("Spell that.", "N, O, T, I, C, E.")
    talk.type("read everything")
    talk.wait(lambda: talk.dialogue.mouth.saying is not None)
    speed = talk.dialogue.mouth.speed
    talk.type("faster")
    talk.wait(lambda: talk.dialogue.mouth.speed > speed)
    talk.type("slower")
    talk.wait(lambda: talk.dialogue.mouth.speed == speed)
    for _ in range(3):
        talk.say("Stop. Stop it, please.")
        time.sleep(2.0)
        if talk.dialogue.mouth.saying is None:
            break
    assert talk.dialogue.mouth.saying is None
    talk.order("What can I say?", "Say stop, repeat, more")
    talk.order("Turn the camera off.", phrases.CAMERA_NOW_OFF)
    talk.order("Forget everything.", phrases.FORGOTTEN)
    assert talk.dialogue.lookout.seen is None


def test_7_the_users_voice_stops_it_and_its_own_voice_never_does(make: Callable[..., Talk]) -> None:
    """What the loudspeaker plays is heard by the microphone, a little later and more softly."""
    talk = make()
    talk.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    with talk.pulse.echoing(0.1), talk.pulse.recording() as recording:
        talk.notes.clear()
        talk.type("read everything")
        talk.wait(lambda: talk.dialogue.mouth.saying is not None)
        talk.wait(lambda: talk.dialogue.mouth.saying is not None and talk.dialogue.mouth.saying.at >= 4, 60)
        assert talk.count("state", "hearing") == 0
        voice = spoken(EspeakSpeaker(), "Stop! Stop it, please!")
        for _ in range(3):  # said over its own voice not every word is understood, and everybody says it again
            with talk.pulse.saying(voice) as began:
                talk.wait(lambda: talk.dialogue.mouth.paused or talk.dialogue.mouth.saying is None, 5.0)
                # docs/results/latency-cpu.md says how long it takes where nothing else runs
                assert time.monotonic() - began < 2.5
                with contextlib.suppress(AssertionError):
                    talk.wait(lambda: talk.dialogue.mouth.saying is None, 12)
            if talk.dialogue.mouth.saying is None:
                break
        assert talk.dialogue.mouth.saying is None, talk.notes
        assert recording.first_sound() is not None


def test_8_lost_devices_are_said_and_come_back_by_themselves(make: Callable[..., Talk]) -> None:
    talk = make()
    talk.pulse.unplug("microphone")
    assert talk.wait(lambda: "microphone" in talk.said()) < 4
    talk.pulse.plug("microphone")
    talk.wait(lambda: phrases.BACK["microphone"] in talk.said())
    talk.quiet()
    assert "PARKING" in talk.ask("What does the sign say?")
    talk.ip_camera.mode = "hang"
    talk.notes.clear()
    assert talk.wait(lambda: "camera" in talk.said()) < 5
    talk.ip_camera.mode = "run"
    talk.wait(lambda: phrases.BACK["camera"] in talk.said())
    talk.quiet()
    assert "PARKING" in talk.ask("What does the sign say?")


def test_9_silence_and_noise_are_no_question(make: Callable[..., Talk]) -> None:
    talk = make()
    rng = np.random.default_rng(0)
    talk.pulse.say(Sound((rng.standard_normal(48_000) * 0.05).astype(np.float32), 16_000))
    time.sleep(1.5)
    assert talk.count("heard") == 0 or talk.said() == ""
    assert talk.said() == ""


def test_10_signal_and_first_word_come_soon_and_long_work_gives_a_sign_of_life(make: Callable[..., Talk]) -> None:
    talk = make()
    with talk.pulse.recording() as recording:
        over = talk.say("What does the sign say?")
        talk.wait(lambda: talk.count("state", "speaking"))
        talk.quiet()
        signal = next(at for at, kind, text in talk.notes if (kind, text) == ("signal", "thinking"))
        heard = recording.first_sound(after=over - 0.3)
        assert heard is not None
        assert heard - signal < 0.5
        said = next(at for at, kind, _ in talk.notes if kind == "says")
        assert said - over < 4
    slow = threading.Event()
    real = talk.engines.read

    def read(photo: Photo) -> Any:
        slow.wait(8.0)
        return real(photo)

    talk.engines.read = read  # type: ignore[method-assign]
    talk.show(load_photo(SAMPLES / "book-cover.jpg"))
    talk.notes.clear()
    over = talk.say("Who wrote this book?")
    talk.wait(lambda: phrases.STILL_WORKING in talk.said())
    assert time.monotonic() - over < 8
    slow.set()
    talk.wait(lambda: "MELVILLE" in talk.said().upper())


def test_11_answers_are_two_sentences_and_the_voice_may_be_quick_or_slow(
    make: Callable[..., Talk], store: Store
) -> None:
    talk = make()
    talk.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    said = talk.ask("What does it say?")
    assert said.endswith(phrases.THERE_IS_MORE)
    assert len(said.removesuffix(phrases.THERE_IS_MORE).strip().rstrip(".").split(". ")) <= 2
    for voice in (talk.user, EspeakSpeaker()):
        seconds = [
            sum(part.seconds for part in voice.speak("The total is fifteen dollars.", speed)) for speed in (0.5, 1, 3)
        ]
        assert 1.5 < seconds[0] / seconds[1] < 2.5
        assert 2.2 < seconds[1] / seconds[2] < 4.0


def test_12_no_socket_leaves_this_machine(make: Callable[..., Talk]) -> None:
    talk = make()
    talk.ask("What does the sign say?")
    assert [each for each in open_sockets() if each.leaves] == []
