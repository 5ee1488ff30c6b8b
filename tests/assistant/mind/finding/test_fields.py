"""Finders: what stands on the page for each kind of question."""

from __future__ import annotations

import pytest

from assistant.mind.finding import patterns
from assistant.mind.finding.fields import FINDERS
from assistant.mind.understanding.question import understand
from assistant.picture.page import Page
from tests.assistant.picture.pages import COVER, RECEIPT, line, page, stacked

NUTRITION = stacked(
    "Nutrition Facts",
    "Serving Size 8 fl oz (240mL)",
    "Calories 110 | Calories from Fat 0",
    "Sodium 15mg | 1%",
    "Total Carbohydrate 28g | 6%",
    "Sugars 27g",
    "Protein 3g",
    "INGREDIENTS: Cranberry Juice (Water, Concentrate),",
    "Grape Juice, chocolate chips 25%, Pectin",
    "For best quality use within two weeks after opening.",
)


def best(text: str, read: Page) -> str:
    """The likeliest span, or "" when there is none."""
    question = understand(text)
    spans = FINDERS[question.kind](question, read)
    return spans[0].text if spans else ""


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the total?", "10.40"),
        ("How much was the tax?", "0.59"),
        ("How much is the change?", "9.60"),
        ("What is the date?", "21/09/2017"),
        ("What time was it?", "10:20:37 AM"),
        ("Who was the cashier?", "Fatin"),
        ("What is the phone number?", "03-9130 2672"),
        ("Which company is this receipt from?", "HON HWA HARDWARE TRADING"),
    ],
)
def test_a_receipt(question: str, expected: str) -> None:
    assert best(question, RECEIPT) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many calories per serving?", "110"),
        ("How much sugar is in one serving?", "27g"),
        ("How much protein is there?", "3g"),
        ("How many grams of sugar?", "27g"),
        ("What percentage is chocolate chips?", "25%"),
        ("What is the first ingredient?", "Cranberry Juice"),
        ("How long can I keep it after opening?", "within two weeks"),
    ],
)
def test_a_nutrition_label(question: str, expected: str) -> None:
    assert best(question, NUTRITION) == expected


def test_a_total_is_not_the_subtotal_and_prefers_what_was_rounded() -> None:
    read = stacked("Subtotal | 20.00", "Total | 21.18", "Rounding | 0.02", "Total Rounded | 21.20", "Cash | 21.20")
    assert best("What is the total?", read) == "21.20"


def test_a_date_without_a_name_is_never_an_expiry_date() -> None:
    assert best("When does this expire?", stacked("MILK", "20 FEB 2021")) == ""
    assert best("When does this expire?", stacked("MILK", "EXP 20 FEB 2021")) == "20 FEB 2021"


def test_headings_of_columns() -> None:
    left, right = "Extract data quickly", "No code to maintain"
    prose = "this is a line of ordinary prose"
    lines = [line(left, 50, 40, 24), line(right, 560, 40, 24)]
    lines += [line(prose, x, 100 + 34 * n, 24) for x in (50, 560) for n in range(5)]
    read = page(*lines)
    assert best("What is the heading of the left column?", read) == left
    assert best("What is the heading of the right column?", read) == right


def test_an_arrow_has_a_direction() -> None:
    assert best("Which way does the arrow point?", stacked("← Eventdock")) == "left"


def test_a_printed_label_answers_an_open_question() -> None:
    assert best("What is the gate number?", stacked("Flight: BA 117", "Gate number: B42", "Seat: 11A")) == "B42"


def test_lines_are_counted_under_the_heading() -> None:
    read = page(
        line("The Tyger", 50, 40, 80), line("Tyger Tyger, burning bright", 50, 200), line("In the forests", 50, 238)
    )
    assert best("Read the first line.", read) == "Tyger Tyger, burning bright"
    assert best("Read the last line.", read) == "In the forests"


def test_a_cover() -> None:
    assert best("What is the title of this book?", COVER) == "THE PICTURE OF DORIAN GRAY"
    assert best("Who wrote this book?", COVER) == "OSCAR WILDE"


def test_several_authors_are_one_answer_and_the_publisher_is_not_one() -> None:
    read = page(
        line("O'REILLY", 40, 30, 24),
        line("R for Data", 40, 100, 80),
        line("Science", 40, 190, 80),
        line("Import, Tidy, and Model Data", 40, 300, 28),
        line("Hadley Wickham,", 500, 1000, 28),
        line("Mine Rundel", 500, 1036, 28),
        line("& Garrett Grolemund", 500, 1072, 28),
        line("SECOND EDITION", 700, 1300, 20),
    )
    assert best("Who wrote this book?", read) == "Hadley Wickham, Mine Rundel & Garrett Grolemund"
    assert best("What is the subtitle?", read) == "Import, Tidy, and Model Data"
    assert best("Who is the publisher?", read) == "O'REILLY"
    assert best("Which edition is it?", read) == "SECOND EDITION"


def test_every_finder_speaks_only_of_what_stands_on_the_page() -> None:
    for read in (COVER, RECEIPT, NUTRITION):
        words = set(read.text.lower().replace("\n", " ").split())
        for kind in sorted(set(FINDERS) - {"direction"}):
            for span in FINDERS[kind](understand(f"What is the {kind}?"), read):
                said = set(span.text.lower().replace(",", " ").split())
                assert all(any(word in printed for printed in words) for word in said), (kind, span.text)
                assert span.lines
                assert set(span.lines) <= set(read.lines)


def test_every_finder_bears_an_empty_page() -> None:
    empty = page()
    for kind, finder in FINDERS.items():
        assert finder(understand(f"What is the {kind}?"), empty) == []


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (patterns.DATE, "Déjeuner du 11 Avril 1944", "11 Avril 1944"),
        (patterns.DATE, "best before 03/2025", "03/2025"),
        (patterns.DATE, "AUG 19, 2024", "AUG 19, 2024"),
        (patterns.DATE, "at 2021-02-20 08:00", "2021-02-20"),
        (patterns.DATE, "the 3rd of 12 items", None),
        (patterns.MONEY, "TOTAL 174,600", "174,600"),
        (patterns.MONEY, "Total Paid: $15.00 Pmt", "$15.00"),
        (patterns.MONEY, "1,49 €", "1,49 €"),
        (patterns.MONEY, "RM 86.00", "RM 86.00"),
        (patterns.MONEY, "7.000%", None),
        (patterns.MONEY, "01-03-18 5:23", None),
        (patterns.PHONE, "(714) 879-3574", "(714) 879-3574"),
        (patterns.PHONE, "+603-9130 2672", "+603-9130 2672"),
        (patterns.EMAIL, "write to a.b@c-d.org now", "a.b@c-d.org"),
        (patterns.PERCENT, "Chocolate chips 25% (Sugar", "25%"),
        (patterns.NUMBER, "# ITEMS SOLD 26", "26"),
        (patterns.NUMBER, "115mg 5%", None),
    ],
)
def test_patterns(pattern, text: str, found: str | None) -> None:  # type: ignore[no-untyped-def]
    match = pattern.search(text)
    assert (match.group().strip() if match else None) == found
