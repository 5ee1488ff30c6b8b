"""The order of the stages: the gate before every model, a doubtful hearing said aloud, cut text not trusted."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from assistant.engines.opening import ProfileEngines
from assistant.errors import QuestionError, SoundError
from assistant.mind.answering.asking import ask_aloud, ask_in_writing
from assistant.mind.answering.thinking import ground
from assistant.mind.understanding.question import understand
from assistant.picture import gate
from assistant.picture.looking import look
from assistant.picture.page import Page
from assistant.picture.photo import Photo, load_photo
from assistant.sound.samples import Sound, Utterance, load_sound
from models.store import Store
from tests.assistant.picture.pages import RECEIPT, line, page
from tests.paths import SAMPLES

CLEAR = gate.judge(load_photo(SAMPLES / "parking-sign.jpg"))


@pytest.fixture(scope="module")
def engines(store: Store) -> ProfileEngines:
    return ProfileEngines(store)


class NoReader:
    """Stands where the reader must not be asked."""

    def read(self, photo: Photo) -> Page:
        raise AssertionError("a model saw a picture that the gate refuses")


class Mumbling:
    """A recogniser that is not sure of what it heard."""

    def transcribe(self, sound: Sound) -> Utterance:
        return Utterance("What is the total?", 0.4)


def test_no_model_sees_a_picture_that_the_gate_refuses(store: Store) -> None:
    engines = ProfileEngines(store)
    engines._opened["reader"] = NoReader()
    black = Photo(np.zeros((480, 640, 3), np.uint8))
    outcome = ask_in_writing("What does it say?", look(black, engines), engines)
    assert outcome.answer.abstained
    assert outcome.answer.reason == "covered"
    assert outcome.answer.text == "I see only darkness. Uncover the camera or turn on a light."
    assert outcome.seen.page is None


def test_a_doubtful_question_is_said_back(store: Store) -> None:
    engines = ProfileEngines(store)
    engines._opened["recogniser"] = Mumbling()
    outcome = ask_aloud(
        Sound(np.zeros(16_000, np.float32), 16_000), load_photo(SAMPLES / "parking-receipt.jpg"), engines
    )
    assert outcome.answer.text.startswith("You asked: What is the total? The total is")


class German:
    """A recogniser that hears another language."""

    def transcribe(self, sound: Sound) -> Utterance:
        return Utterance("Was steht auf dem Schild?", 0.9)


def test_a_foreign_question_is_refused_before_the_picture_is_read(store: Store) -> None:
    engines = ProfileEngines(store)
    engines._opened.update(recogniser=German(), reader=NoReader())
    with pytest.raises(QuestionError, match="English"):
        ask_aloud(Sound(np.zeros(16_000, np.float32), 16_000), load_photo(SAMPLES / "parking-sign.jpg"), engines)


def test_silence_asks_nothing(engines: ProfileEngines) -> None:
    with pytest.raises(SoundError) as caught:
        ask_aloud(Sound(np.zeros(48_000, np.float32), 16_000), load_photo(SAMPLES / "parking-sign.jpg"), engines)
    assert caught.value.spoken.startswith("I heard nothing.")


def test_the_whole_way_with_times_that_add_up(engines: ProfileEngines) -> None:
    engines.warm()
    outcome = ask_aloud(
        load_sound(SAMPLES / "who-wrote-this-book.wav"), load_photo(SAMPLES / "book-cover.jpg"), engines
    )
    assert outcome.answer.text == "The author is HERMAN MELVILLE."
    times = dict(outcome.timings_ms)
    total = times.pop("first_audible")
    assert sum(times.values()) == pytest.approx(total, rel=0.1)
    assert sum(len(part.samples) for part in outcome.speech) > 10_000


def test_a_picture_without_text_is_said_to_have_none(engines: ProfileEngines) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    blotches = Photo(np.ascontiguousarray(cv2.resize(noise, (640, 480), interpolation=cv2.INTER_NEAREST)))
    outcome = ask_in_writing("What does it say?", look(blotches, engines), engines)
    assert outcome.answer.abstained
    assert outcome.answer.text.startswith("I see no text")


def test_a_mood_is_asked_of_the_language_model(engines: ProfileEngines) -> None:
    seen = look(load_photo(SAMPLES / "parking-sign.jpg"), engines)
    text = "What is the mood of this: I hate this terrible awful place, worst day ever"
    given = ask_in_writing(text, seen, engines).answer
    assert "negative" in given.text
    assert given.abstained == given.text.startswith("I am not sure")


def test_what_stands_in_a_cut_line_is_not_trusted() -> None:
    hint = gate.Finding("cut", "Some text is cut off on the left.", "Move the camera left.", "on the left", False)
    cut = line("otal 18.40", 0, 600)
    read = page(*RECEIPT.lines[:4], cut)
    quality = gate.Quality((hint,), CLEAR.measures, (cut,))
    given = ground(understand("What does it say about otal?"), read, quality)
    assert given.text.endswith("Some text is cut off on the left. Move the camera left.")
    given = ground(understand("How much does this cost?"), read, quality)
    assert (given.abstained, given.reason) == (True, "cut")
    assert given.text.startswith("Some text is cut off on the left. Move the camera left. I can read:")
    elsewhere = ground(understand("What is the phone number?"), read, quality)
    assert elsewhere.text == "The phone number is 03-9130 2672. Some text is cut off on the left."


def test_where_much_is_missing_only_what_was_read_surely_is_an_answer() -> None:
    hint = gate.Finding("glare", "Bright light hides a part.", "Tilt it.", refuse=False, doubt=True)
    quality = gate.Quality((hint,), CLEAR.measures)
    given = ground(understand("What is the phone number?"), RECEIPT, quality)
    assert (given.abstained, given.text) == (
        False,
        "The phone number is 03-9130 2672. Bright light hides a part. Tilt it.",
    )
    faint = page(*(replace(each, confidence=0.8) for each in RECEIPT.lines))
    given = ground(understand("What is the phone number?"), faint, quality)
    assert (given.abstained, given.reason) == (True, "glare")
    assert given.text == "Bright light hides a part. Tilt it. I can read: The phone number is 03-9130 2672."


@pytest.mark.parametrize("kind", ["glare", "cut"])
def test_where_print_is_missing_what_is_left_is_not_taken_for_the_title(kind: gate.Kind) -> None:
    """The largest line that is left may be the author's, or an advertisement's."""
    cover = page(line("THE HARBOUR AT DUSK", 40, 40, 90), line("Ada Okafor", 60, 400, 40))
    hint = gate.Finding(kind, "Something hides a part.", "Turn it.", refuse=False, doubt=kind == "glare")
    given = ground(understand("What is the title?"), cover, gate.Quality((hint,), CLEAR.measures))
    assert given.abstained
    assert "I can read: The title is THE HARBOUR AT DUSK." in given.text
    assert not ground(understand("What is the title?"), cover, CLEAR).abstained
