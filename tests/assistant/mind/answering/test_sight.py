"""When the picture model is asked, and what is said of its answer. Its words are scripted: no small model says them on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.engines.opening import ProfileEngines
from assistant.errors import EngineError
from assistant.mind.answering.asking import ask_in_writing
from assistant.mind.answering.sight import sentences, style
from assistant.mind.answering.thinking import think
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.question import understand
from assistant.picture import gate
from assistant.picture.looking import Seen
from assistant.picture.page import Page
from assistant.picture.photo import Photo, load_photo
from assistant.ports.engines import Style
from models.store import Store
from tests.assistant.picture.pages import COVER, line, page, stacked
from tests.paths import SAMPLES

PHOTO = load_photo(SAMPLES / "book-cover.jpg")
CLEAR = gate.judge(PHOTO)
NOVEL = page(line("MOBY DICK", 200, 300, 90), line("HERMAN MELVILLE", 220, 900, 50), line("1978", 400, 1200, 30))
MEDICINE = stacked("IBUPROFEN 400 mg", "24 tablets", "Take one tablet three times daily")


class Script:
    """An answer stream of given pieces."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.left = list(pieces)
        self.stopped = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)

    def stop(self) -> None:
        self.stopped = True


class ScriptedEye:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.asked: list[tuple[Photo, str, list[tuple[str, str]], Style]] = []
        self.streams: list[Script] = []

    def ask(
        self, photo: Photo, question: str, history: Sequence[tuple[str, str]] = (), style: Style = "chat"
    ) -> Script:
        self.asked.append((photo, question, list(history), style))
        self.streams.append(Script(self.says.split(" ") and [f"{word} " for word in self.says.split(" ")]))
        return self.streams[-1]


def engines_with(eye: ScriptedEye | None) -> ProfileEngines:
    """With nothing in the store: who asks another engine gets an error."""
    engines = ProfileEngines(Store(Path("/nowhere")), picture_model=Path("/nowhere") if eye else None)
    engines._opened["eye"] = eye
    return engines


def asked(text: str, read: Page, eye: ScriptedEye | None, quality: gate.Quality = CLEAR) -> Answer:
    return think(understand(text), Seen(PHOTO, quality, read, {}), engines_with(eye))


@pytest.mark.parametrize(
    "text", ["What is around me?", "What is this?", "What colour is it?", "Describe it.", "What do you see?"]
)
def test_what_print_cannot_answer_is_asked_of_the_picture_model(text: str) -> None:
    eye = ScriptedEye("A blue book.")
    given = asked(text, NOVEL, eye)
    assert given == Answer("As far as I can see: A blue book.", False, "", (), "A blue book.")
    assert eye.asked[0][1] == text.rstrip()
    assert eye.streams[0].stopped


def test_what_the_reader_can_answer_is_not(store: Store) -> None:
    eye = ScriptedEye("Nobody.")
    assert asked("Who wrote this?", COVER, eye).text == "The author is OSCAR WILDE."
    assert asked("What does it say?", COVER, eye).seen == ""
    assert asked("What soup is this?", stacked("TOMATO SOUP"), eye).text == "It says TOMATO SOUP."
    assert eye.asked == []


def test_what_the_reader_does_not_find_is() -> None:
    eye = ScriptedEye("Fiction")
    given = asked("What genre is this book?", NOVEL, eye)
    assert given.text == "As far as I can see: Fiction."
    assert eye.asked[0][3] == "short"
    assert asked("Is there a whale?", NOVEL, ScriptedEye("Yes")).text == "As far as I can see: Yes."


def test_an_answer_that_is_printed_stands_on_its_lines() -> None:
    given = asked("Which year was it made?", NOVEL, ScriptedEye("1978"))
    assert given.text == "1978."
    assert [each.text for each in given.evidence] == ["1978"]


@pytest.mark.parametrize(
    ("text", "says", "said"),
    [
        (
            "Which year is on the cover?",
            "1987",
            "The picture model says 1987, but I read 1978 on the cover. Please check.",
        ),
        (
            "What is this?",
            "A novel by Herman Hesse.",
            "As far as I can see: A novel by Herman Hesse. "
            "The picture model says Herman Hesse, but I read HERMAN MELVILLE. Please check.",
        ),
    ],
)
def test_a_disagreement_is_spoken(text: str, says: str, said: str) -> None:
    given = asked(text, NOVEL, ScriptedEye(says))
    assert given.text == said
    assert (given.abstained, given.reason) == (False, "the readings disagree")
    assert given.evidence
    assert given.seen == says


def test_what_stands_in_a_cut_line_contradicts_nothing() -> None:
    cut = NOVEL.lines[-1]
    quality = replace(CLEAR, cut_lines=(cut,))
    assert "Please check" not in asked("Which year is on the cover?", NOVEL, ScriptedEye("1987"), quality).text


def test_a_medicine_is_read_and_never_described() -> None:
    eye = ScriptedEye("Take ten of them.")
    for text in ("What is this?", "What do you see?", "What colour are the pills?", "How many should I take?"):
        given = asked(text, MEDICINE, eye)
        assert given.text.endswith("Check with a pharmacist.")
    assert eye.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "Is it gluten free?",
        "Has it expired?",
        "When does it expire?",
        "Does it contain nuts?",
        "Is there milk in it?",
        "Is it safe to eat?",
        "Can I drink this?",
    ],
)
def test_no_guess_about_what_can_harm(text: str) -> None:
    eye = ScriptedEye("Yes")
    assert asked(text, stacked("OAT BISCUITS", "with honey"), eye).abstained
    assert eye.asked == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Is it safe to cross?", "I cannot judge distance, traffic, or whether it is safe. Please ask a person."),
        ("Who is this man?", "I do not say who people are, how old they are or whether they look good."),
    ],
)
def test_some_questions_are_asked_of_nobody(text: str, said: str) -> None:
    eye = ScriptedEye("Yes")
    for read in (NOVEL, page()):
        given = asked(text, read, eye)
        assert (given.text, given.abstained) == (said, True)
    assert eye.asked == []


@pytest.mark.parametrize(("kind", "looks"), [("covered", 0), ("blurred", 0), ("glare", 0), ("cut", 1), ("small", 1)])
def test_a_picture_that_shows_nothing_is_not_looked_at(kind: gate.Kind, looks: int) -> None:
    """What is wrong with the writing alone is no reason not to look."""
    eye = ScriptedEye("A street.")
    quality = replace(CLEAR, findings=(gate.Finding(kind, "It is bad.", "Take another."),))
    given = asked("What is around me?", NOVEL, eye, quality)
    assert len(eye.asked) == looks
    assert given.text == ("As far as I can see: A street." if looks else "It is bad. Take another.")


def test_a_picture_without_text_can_be_looked_at() -> None:
    assert asked("What is this?", page(), ScriptedEye("A cat.")).text == "As far as I can see: A cat."
    assert asked("How many cats are there?", page(), ScriptedEye("Two")).text == "As far as I can see: Two."
    assert asked("What does it say?", page(), ScriptedEye("Hello")).reason == "no text"


def test_without_a_picture_model_it_is_said_who_can_help() -> None:
    given = asked("What is around me?", NOVEL, None)
    assert given.abstained
    assert given.text.startswith(
        "I can only read text with this setup. A caregiver can add a picture model with: assistant setup --profile small."
    )
    assert asked("What is around me?", page(), None).text.endswith("--profile small.")


@pytest.mark.parametrize("says", ["", "unanswerable", "I'm not sure what this is.", "I cannot see that."])
def test_a_model_that_does_not_know_gives_no_answer(says: str) -> None:
    given = asked("What colour is it?", NOVEL, ScriptedEye(says))
    assert given.abstained
    assert given.text.startswith("I cannot tell from this picture. I can read: MOBY DICK")


def test_the_model_sees_the_picture_upright_as_it_was_read() -> None:
    eye = ScriptedEye("A book.")
    sideways = Photo(np.ascontiguousarray(np.rot90(PHOTO.pixels)))
    turned = Page(NOVEL.blocks, NOVEL.width, NOVEL.height, 90)
    think(understand("What is this?"), Seen(sideways, CLEAR, turned, {}), engines_with(eye))
    assert np.array_equal(eye.asked[0][0].pixels, PHOTO.pixels)


def test_a_follow_up_knows_what_was_said(store: Store) -> None:
    eye = ScriptedEye("A novel by Herman Hesse.")
    engines = ProfileEngines(store, picture_model=Path("/nowhere"))
    engines._opened["eye"] = eye
    seen = Seen(PHOTO, CLEAR, NOVEL, {"gate": 1.0})
    first = ask_in_writing("What is this?", seen, engines)
    assert first.turn == ("What is this?", "A novel by Herman Hesse.")
    ask_in_writing("What colour is it?", seen, engines, history=[first.turn])
    assert eye.asked[1][2] == [first.turn]


def test_a_stream_that_fails_is_stopped_and_its_error_told() -> None:
    class Failing(Script):
        def __next__(self) -> str:
            raise EngineError("it broke: try again", "It broke.")

    eye = ScriptedEye("")
    eye.ask = lambda *_: eye.streams.append(Failing([])) or eye.streams[-1]  # type: ignore[method-assign,func-returns-value]
    with pytest.raises(EngineError, match="it broke"):
        asked("What is this?", NOVEL, eye)
    assert eye.streams[0].stopped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is around me?", "chat"),
        ("What is this?", "chat"),
        ("Describe the cover.", "chat"),
        ("What does it look like?", "chat"),
        ("What else?", "chat"),
        ("What colour is it?", "short"),
        ("How many people are there?", "short"),
        ("What genre is this book?", "short"),
    ],
)
def test_sentences_for_descriptions_and_words_for_facts(text: str, expected: Style) -> None:
    assert style(understand(text)) == expected


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("A cat. It sleeps. It is grey. It dreams.", "A cat. It sleeps."),
        ("A book by J. K. Rowling. It is red! More", "A book by J. K. Rowling. It is red!"),
        ("It costs 3.50 dollars", "It costs 3.50 dollars"),
        ("Red", "Red"),
        ("A dog. It sits on a", "A dog."),
        ("A dog that sits on a", "A dog that sits on a"),
        ("1987\nQuestion: What else? Answer: no", "1987"),
        ("A list:\n- one\n- two", "A list: - one - two"),
        ("One.\n\nAnother paragraph.", "One."),
        ("", ""),
        ("\n\nLate.", "Late."),
    ],
)
def test_two_sentences_are_enough(written: str, kept: str) -> None:
    assert " ".join(sentences(list(written))) == kept


def test_no_more_is_written_than_is_said() -> None:
    stream = Script([f"{word} " for word in "A cat. It sleeps. It is grey. It dreams of mice.".split()])
    list(sentences(stream))
    assert " ".join(piece.strip() for piece in stream.left) == "is grey. It dreams of mice."
