"""Questions: what they ask for, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import QuestionError
from assistant.mind.finding.fields import FINDERS
from assistant.mind.understanding.question import KINDS, LONGEST_QUESTION, understand


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("What is the title of this book?", "title"),
        ("Speaker: Can you please tell me the title of this book? Thank you.", "title"),
        ("What dvd is this?", "title"),
        ("Who wrote this?", "author"),
        ("What does it say on this card?", "read"),
        ("Can you please read to me what is shown on this display?", "read"),
        ("What does the sign ask people to do?", "read"),
        ("When does this expire?", "expiry"),
        ("Can you tell me the expiration date if you can see it on this milk cap?", "expiry"),
        ("What is the total?", "total"),
        ("How much was paid?", "paid"),
        ("How much is the change?", "change"),
        ("What is the phone number?", "phone"),
        ("What soup is this?", "product"),
        ("Can you tell me what pill this is?", "product"),
        ("What kind of milk is this?", "product"),
        ("Is this milk lactose free?", "whether"),
        ("How many calories per serving?", "count"),
        ("How much sugar is in one serving?", "amount"),
        ("What colour is my bag?", "eyes"),
        ("What does she look like?", "eyes"),
        ("What is around me?", "scene"),
        ("What's in front of me?", "scene"),
        ("What do you see?", "scene"),
        ("What is in this picture?", "scene"),
        ("Please describe this.", "scene"),
        ("What does the sign in front of me say?", "read"),
        ("Is it safe to cross?", "safety"),
        ("Can I cross the road now?", "safety"),
        ("How far is it?", "safety"),
        ("How far is it to London?", "open"),
        ("Is it safe to eat?", "whether"),
        ("Who is this man?", "person"),
        ("How old is she?", "person"),
        ("Who is this book by?", "author"),
        ("Is this review positive?", "sentiment"),
        ("What are the cooking instructions for the lasagna?", "instructions"),
        ("What is the barcode?", "barcode"),
        ("What is the gate number?", "open"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert understand(text).kind == kind


def test_every_kind_is_answered_somewhere() -> None:
    elsewhere = {"read", "whether", "eyes", "scene", "safety", "person", "sentiment", "barcode"}
    assert {kind for kind, _ in KINDS} - elsewhere <= set(FINDERS)


def test_courtesy_is_not_part_of_the_question() -> None:
    assert understand("Hi there, could you please tell me what is the total, thank you!").text == "what is the total"


def test_key_words_come_with_their_synonyms_and_the_phrase_with_its_name() -> None:
    question = understand("What is the model name?")
    assert question.phrase == "model name"
    assert ("sugars", "sugar") in understand("How much sugar is in one serving?").keys


@pytest.mark.parametrize("text", ["", "   ", "?!", "…"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(QuestionError, match="empty"):
        understand(text)


def test_a_long_question_is_refused_and_the_longest_is_not() -> None:
    with pytest.raises(QuestionError, match="10,000"):
        understand("what" * 2500)
    assert understand("what " * (LONGEST_QUESTION // 5)).text


@pytest.mark.parametrize(
    "text",
    [
        "Was steht auf dem Schild?",
        "Qu'est-ce que c'est écrit sur le panneau?",
        "¿Qué dice en el cartel?",
        "Che cosa è scritto sul cartello?",
        "这上面写的是什么",
        "Что здесь написано?",
    ],
)
def test_other_languages_are_refused_in_plain_words(text: str) -> None:
    with pytest.raises(QuestionError) as caught:
        understand(text)
    assert "English" in str(caught.value)
    assert caught.value.spoken == "I understand only English so far. Please ask in English."


def test_foreign_names_in_an_english_question_are_fine() -> None:
    assert understand("What is the price of the Crème brûlée?").kind == "cost"


def test_no_real_question_of_a_blind_person_is_refused(shared: Path) -> None:
    text = (shared / "data/blind_user_questions/questions.txt").read_text(encoding="utf-8")
    refused = []
    for question in text.splitlines():
        try:
            understand(question)
        except QuestionError:
            refused.append(question)
    assert refused == []
