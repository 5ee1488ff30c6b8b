"""A conversation in turns, with the real engines: what is said, what is remembered, what is left to the one who plays the sound."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from assistant.conversation.exchange import Exchange, Heard, Reply, Sentence
from assistant.engines.opening import ProfileEngines
from assistant.errors import QuestionError, SoundError
from assistant.picture.looking import Seen
from assistant.picture.photo import Photo, load_photo
from assistant.settings.preferences import Answers
from assistant.sound.samples import Sound, load_sound
from assistant.sound.speaking import phrases
from tests.paths import SAMPLES

NOON = datetime(2026, 11, 26, 12, 5, tzinfo=UTC)


@pytest.fixture
def exchange(engines: ProfileEngines) -> Exchange:
    return Exchange(engines, now=lambda: NOON)


def told(exchange: Exchange, words: str | Sound, **options: object) -> Reply:
    """The reply, which says what its sentences said."""
    pieces = list(exchange.ask(words, **options))  # type: ignore[arg-type]
    assert isinstance(pieces[0], Heard)
    sentences = [piece for piece in pieces if isinstance(piece, Sentence)]
    assert [sentence.number for sentence in sentences] == list(range(len(sentences)))
    reply = pieces[-1]
    assert isinstance(reply, Reply)
    assert reply.text == " ".join(sentence.text for sentence in sentences)
    return reply


def test_a_typed_question_is_answered_from_the_picture(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-sign.jpg"))
    reply = told(exchange, "What does the sign say?")
    assert "parking" in reply.text.lower()
    assert not reply.abstained
    assert reply.evidence


def test_a_spoken_question_is_heard(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-sign.jpg"))
    heard, *_ = exchange.ask(load_sound(SAMPLES / "what-does-the-sign-say.wav"))
    assert isinstance(heard, Heard)
    assert "sign" in heard.question.lower()
    assert heard.confidence is not None
    assert heard.confidence > 0.6


def test_silence_is_no_question(exchange: Exchange) -> None:
    with pytest.raises(SoundError):
        list(exchange.ask(Sound(np.zeros(16_000, np.float32), 16_000)))


@pytest.mark.parametrize("words", ["", "  ", "?!"])
def test_nothing_is_no_question(exchange: Exchange, words: str) -> None:
    with pytest.raises(QuestionError):
        list(exchange.ask(words))


def test_without_a_picture_it_says_so(exchange: Exchange) -> None:
    reply = told(exchange, "What does it say?")
    assert (reply.text, reply.abstained, reply.reason) == (phrases.NO_PICTURE_YET, True, "no picture")


def test_a_dark_picture_is_refused_before_any_model(exchange: Exchange) -> None:
    exchange.show(Photo(np.zeros((480, 640, 3), np.uint8)))
    reply = told(exchange, "What does it say?")
    assert reply.abstained
    seen = exchange.look()
    assert seen is not None
    assert seen.page is None


def test_more_goes_on_and_repeat_says_it_again(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    first = told(exchange, "read everything")
    assert first.kind == "reading"
    assert told(exchange, "repeat").text == first.text
    assert told(exchange, "more").text == phrases.NO_MORE
    assert told(exchange, "repeat").act == "repeat"


def test_a_long_answer_waits_for_more(engines: ProfileEngines) -> None:
    exchange = Exchange(engines, Answers(sentences=1))
    exchange.show(load_photo(SAMPLES / "parking-sign.jpg"))
    told(exchange, "help")
    reply = told(exchange, "What does it say?")
    assert reply.more == reply.text.endswith(phrases.THERE_IS_MORE)
    if reply.more:
        assert told(exchange, "more").text not in ("", phrases.NO_MORE)


def test_spelling_follows_the_answer(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "book-cover.jpg"))
    author = told(exchange, "Who wrote this book?").text
    spelled = told(exchange, "spell that").text
    assert spelled.replace(",", "").replace(".", "").replace(" ", "").lower() in author.replace(" ", "").lower()


def test_where_am_i_counts_sentences_of_a_reading(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    told(exchange, "read everything")
    assert told(exchange, "where am I", at=2).text.startswith("Sentence 3 of ")


def test_speed_changes_in_steps_and_stops_at_its_ends(exchange: Exchange) -> None:
    assert told(exchange, "faster", speed=1.0).speed == 1.25
    last = told(exchange, "faster", speed=3.0)
    assert (last.speed, last.text, last.act) == (3.0, phrases.FASTEST_ALREADY, "")
    assert told(exchange, "slower", speed=1.0, at=0).text == ""  # what is being heard says it


@pytest.mark.parametrize(
    ("words", "act"),
    [("stop", "stop"), ("pause", "pause"), ("next", "next"), ("camera off", "camera_off"), ("guide me", "guide")],
)
def test_what_concerns_the_sound_and_the_camera_is_handed_back(exchange: Exchange, words: str, act: str) -> None:
    told(exchange, "what time is it")
    assert told(exchange, words).act == act


def test_the_time_is_the_time(exchange: Exchange) -> None:
    assert told(exchange, "what time is it").text == "It is 12:05."
    assert told(exchange, "what day is it").text == "Today is Thursday, 26 November 2026."


def test_a_repair_does_what_was_meant(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "book-cover.jpg"))
    told(exchange, "What is the title?")
    assert told(exchange, "No, I said who wrote this book?").text == told(exchange, "Who wrote this book?").text


def test_forget_everything_keeps_nothing(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-sign.jpg"))
    told(exchange, "What does it say?")
    assert told(exchange, "forget everything").act == "forgotten"
    assert told(exchange, "repeat").text == phrases.NOTHING_SAID_YET
    assert told(exchange, "What does it say?").text == phrases.NO_PICTURE_YET
    assert exchange.look() is None


def test_two_pictures_are_compared(exchange: Exchange) -> None:
    exchange.show(load_photo(SAMPLES / "parking-sign.jpg"))
    told(exchange, "What does it say?")
    exchange.show(load_photo(SAMPLES / "parking-receipt.jpg"))
    assert told(exchange, "compare it with the last picture").text not in ("", phrases.NOTHING_TO_COMPARE)


def test_pages_of_a_document_are_kept_and_found(exchange: Exchange) -> None:
    assert told(exchange, "read a document").act == "guide"
    for name in ("book-cover.jpg", "parking-sign.jpg"):
        exchange.show(load_photo(SAMPLES / name))
        exchange.look()
    assert told(exchange, "finish the document").text == phrases.PAGES_KEPT.format("2 pages")


def test_a_steady_frame_with_text_becomes_the_picture(exchange: Exchange) -> None:
    frame = load_photo(SAMPLES / "parking-sign.jpg")
    said = [exchange.aim(frame, at / 2, restart=at == 0) for at in range(12)]
    captured = [direction for direction in said if direction and direction.capture]
    if not captured:  # this picture may be cut: then it says where to move, and never that it has it
        assert any(said)
    else:
        seen = exchange.look()
        assert seen is not None
        assert seen.page is not None


def test_saving_is_refused_where_it_would_not_be_found(exchange: Exchange, engines: ProfileEngines) -> None:
    photo = load_photo(SAMPLES / "parking-sign.jpg")
    exchange.show(photo)
    assert told(exchange, "save this").text == phrases.NOT_SAVED_FROM_HERE
    kept: list[Seen] = []

    def save(seen: Seen, words: str) -> str:
        kept.append(seen)
        return "here"

    other = Exchange(engines, save=save)
    other.show(photo)
    assert told(other, "save this").text == phrases.SAVED.format("here")
    assert len(kept) == 1


def test_what_it_stores_depends_on_where_one_is(exchange: Exchange, engines: ProfileEngines) -> None:
    assert told(exchange, "what do you store").text == phrases.PRIVACY_FROM_AFAR
    here = Exchange(engines, save=lambda seen, words: "")
    assert told(here, "what do you store").text == phrases.PRIVACY
