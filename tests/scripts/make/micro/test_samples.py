"""The micro model and the covers that come with the repository: the model opens, and is right about covers it never saw."""

from __future__ import annotations

import pytest

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, ImageSession
from rpiq.calibration.picture_files import open_picture
from rpiq.calibration.questions import Question, read_questions
from rpiq.evaluate.matching import match
from scripts.make.micro import books
from scripts.make.micro.asking import WORDINGS
from scripts.make.micro.scoring import held_out_covers, score
from tests.paths import SAMPLES

MODEL = SAMPLES / "micro-cogvlm2"
CALIBRATION = SAMPLES / "covers" / "calibration.jsonl"
HELD_OUT = SAMPLES / "covers" / "held-out"
COVERS, SEED = 40, 7
"""Another seed than that of the model's card."""
LEAST = 0.9


@pytest.fixture(scope="module")
def model() -> CogVLM2ForConditionalGeneration:
    loaded: CogVLM2ForConditionalGeneration = CogVLM2ForConditionalGeneration.from_pretrained(MODEL)
    return loaded


@pytest.fixture(scope="module")
def processor() -> CogVLM2Processor:
    return CogVLM2Processor.from_pretrained(MODEL)


def test_it_is_small_enough_for_a_repository() -> None:
    assert sum(file.stat().st_size for file in MODEL.iterdir()) < 16e6
    pictures = list((SAMPLES / "covers").rglob("*.png"))
    assert len(pictures) == 66
    assert max(file.stat().st_size for file in pictures) < 10_000


@pytest.mark.makes_models
def test_it_is_right_about_covers_it_never_saw(
    model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor
) -> None:
    scores = score(model, processor, held_out_covers(COVERS, SEED))
    assert scores["overall"].asked == len(WORDINGS) * COVERS
    assert {name: one.share for name, one in scores.items() if one.share < LEAST} == {}


def test_a_session_answers_about_the_sample_covers(
    model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor
) -> None:
    asked = read_questions(HELD_OUT).asked
    right = 0
    for picture in dict.fromkeys(question.picture for question in asked):
        session = ImageSession(model, processor, open_picture(picture, "here"))
        for question in (one for one in asked if one.picture == picture):
            said = "".join(piece.text for piece in session.ask(question.text, template="vqa"))
            right += match(said, question.answers).exact
    assert right >= LEAST * len(asked)


def test_no_cover_for_calibration_is_held_out() -> None:
    titles, authors = (
        words("title", read_questions(CALIBRATION).asked),
        words("author", read_questions(CALIBRATION).asked),
    )
    assert len(titles) == len(authors) == 64
    assert not any(books.title_is_kept_out(title) for title in titles)
    assert not any(books.author_is_kept_out((first, last)) for first, last in authors)
    assert all(books.title_is_kept_out(title) for title in words("title", read_questions(HELD_OUT).asked))


def words(category: str, asked: tuple[Question, ...]) -> list[tuple[str, ...]]:
    return [tuple(question.answers[0].split()) for question in asked if question.category == category]
