"""Where the picture model and the reader disagree on a number or a name it is told; nowhere else."""

from __future__ import annotations

import pytest

from assistant.mind.finding.agreement import disagreement, evidence
from assistant.mind.understanding.question import understand
from assistant.picture.page import Page
from tests.assistant.picture.pages import COVER, RECEIPT, line, page, stacked

NOVEL = page(
    line("MOBY DICK", 200, 300, 90),
    line("or, the Whale", 250, 420, 40),
    line("HERMAN MELVILLE", 220, 900, 50),
    line("1978", 400, 1200, 30),
)
SIGN = stacked("DOUBLE PARKING", "PROHIBITED AT", "ALL TIMES")
LABEL = stacked("TOMATO SOUP", "Net weight 400 g", "Best before 12 March 1987", "12 servings", "Sodium 480 mg  20%")
SLIPPED = stacked("OSCAR WlLDE", "THE PlCTURE OF D0RIAN GRAY", "l89O edition", "Ticket 4O71", "Harrner & Sons")


def found(said: str, read: Page, question: str = "What is this?") -> tuple[str, str] | None:
    differs = disagreement(said, read, understand(question))
    return (differs.said, differs.read) if differs else None


@pytest.mark.parametrize(
    ("said", "read", "pair"),
    [
        ("1987", NOVEL, ("1987", "1978")),
        ("It was published in 1987.", NOVEL, ("1987", "1978")),
        ("A book from 2003.", NOVEL, ("2003", "1978")),
        ("A can of soup, 440 g.", LABEL, ("440 g", "400 g")),
        ("It weighs 440 grams.", LABEL, ("440 grams", "400 g")),
        ("It has 480 grams of sodium in 400 g.", LABEL, None),  # both numbers are printed: units alone are no rivals
        ("Best before March 12, 1978.", LABEL, ("March 12, 1978", "12 March 1987")),
        ("It has ten servings.", LABEL, ("ten servings", "12 servings")),
        ("25% of your day's sodium.", LABEL, ("25%", "20%")),
        ("The total is $10.90.", RECEIPT, ("$10.90", "10.40")),
        ("Call 03-9130 2627.", RECEIPT, ("03-9130 2627", "03-9130 2672")),
        ("At 10:26:37 AM.", RECEIPT, ("10:26:37 AM", "10:20:37 AM")),
    ],
)
def test_numbers(said: str, read: Page, pair: tuple[str, str] | None) -> None:
    assert found(said, read) == pair


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("1978.", NOVEL),
        ("Three people and 2 dogs on a beach.", NOVEL),
        ("There are 12 letters.", NOVEL),
        ("A novel in the style of the 1920s.", NOVEL),
        ("One of the best books of all times.", NOVEL),
        ("Net weight: 400 grams, 0.4 kg.", LABEL),
        ("Best before 03/12/1987.", LABEL),
        ("Best before 12.3.87", LABEL),
        ("It is from 1987.", LABEL),
        ("Twelve servings with 20 percent.", LABEL),
        ("Twenty-one tomatoes; 3 of them are cut.", LABEL),
        ("RM 10.40 was to be paid, 20 in cash.", RECEIPT),
        ("On September 21, 2017, at 10:20 in the morning", RECEIPT),
        ("The phone number is +60 3 9130 2672.", RECEIPT),
        ("An edition of 1890.", SLIPPED),
        ("Ticket 4071", SLIPPED),
        ("Two cars on a road, one red.", SIGN),
    ],
)
def test_the_same_number_in_another_form_and_numbers_of_other_things(said: str, read: Page) -> None:
    assert found(said, read) is None


@pytest.mark.parametrize(
    ("said", "read", "question", "pair"),
    [
        ("Herman Hesse", NOVEL, "Who wrote this?", ("Herman Hesse", "HERMAN MELVILLE")),
        ("A novel by Herman Hesse.", NOVEL, "What is this?", ("Herman Hesse", "HERMAN MELVILLE")),
        ("Stephen King", NOVEL, "Who is the author?", ("Stephen King", "HERMAN MELVILLE")),
        ("This book was written by Jane Austen.", NOVEL, "What is this?", ("Jane Austen", "HERMAN MELVILLE")),
        ("The cover of a book titled Emma.", NOVEL, "What is this?", ("Emma", "MOBY DICK")),
        ('A sign that reads "NO ENTRY".', SIGN, "What is this?", ("NO ENTRY", "DOUBLE PARKING PROHIBITED AT ALL TIMES")),
        ("The author is Oscar Wells.", COVER, "What is this?", ("Oscar Wells", "OSCAR WILDE")),
    ],
)  # fmt: skip
def test_names(said: str, read: Page, question: str, pair: tuple[str, str]) -> None:
    assert found(said, read, question) == pair


@pytest.mark.parametrize(
    ("said", "read", "question"),
    [
        ("Herman Melville", NOVEL, "Who wrote this?"),
        ("H. Melville", NOVEL, "Who wrote this?"),
        ("Melville", NOVEL, "Who wrote this?"),
        ("It is Moby-Dick; or, The Whale by Herman Melville.", NOVEL, "What is this?"),
        ("MobyDick", NOVEL, "What is the title?"),
        ("Herman Melvile", NOVEL, "Who wrote this?"),  # one letter of a long word
        ("Oscar Wilde", SLIPPED, "Who wrote this?"),
        ("The Picture of Dorian Gray", SLIPPED, "What is the title?"),
        ("Zoe Bronte", stacked("ZOË BRONTË"), "Who wrote this?"),
        ("Emile Zola", stacked("ÉMILE ZOLA"), "Who wrote this?"),
        ("Harmer and Sons", SLIPPED, "Who is the publisher?"),
        ("A Whale and a Ship in a Storm. Under them stands a name.", NOVEL, "What is this?"),
        ("A red car in front of the Eiffel Tower in Paris.", SIGN, "What is around me?"),
        ("A Street Sign with White Letters.", SIGN, "What is this?"),
        ("This is a sign about parking. It hangs on a wall.", SIGN, "Describe it."),
        ("A blue book with a white whale on it.", NOVEL, "What is on the cover?"),
        ("Red", NOVEL, "What colour is it?"),
        ("Fiction", NOVEL, "What genre is this book?"),
        ("A person standing by the Thames.", SIGN, "What is around me?"),
    ],
)
def test_slips_and_ordinary_words_raise_no_alarm(said: str, read: Page, question: str) -> None:
    assert found(said, read, question) is None


def test_where_nothing_was_read_nothing_is_contradicted() -> None:
    assert found("A book of 1987 by Herman Hesse.", page()) is None


def test_the_lines_are_named() -> None:
    differs = disagreement("1987", NOVEL, understand("Which year?"))
    assert differs is not None
    assert [each.text for each in differs.lines] == ["1978"]


def test_what_is_printed_is_found() -> None:
    assert [each.text for each in evidence("Oscar Wilde.", COVER)] == ["OSCAR WILDE"]
    assert [each.text for each in evidence("The Picture of Dorian Gray", COVER)] == ["THE PICTURE", "OF DORIAN GRAY"]
    assert evidence("Red", COVER) == ()
    assert evidence("a", COVER) == ()
