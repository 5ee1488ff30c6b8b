"""Sentences, headings and lists: joined across rows, never cut at a row's end."""

from __future__ import annotations

import random

import pytest

from assistant.picture.page import Line, Page, arrange
from tests.assistant.picture.pages import line, page, stacked


def sentences(read: Page) -> list[str]:
    return [sentence.text for sentence in read.structure.sentences]


def test_a_sentence_goes_on_in_the_next_row() -> None:
    read = stacked("Heat for three minutes, then stir. Do", "not reheat. Check that it is hot", "before you eat.")
    assert sentences(read) == [
        "Heat for three minutes, then stir.",
        "Do not reheat.",
        "Check that it is hot before you eat.",
    ]


def test_a_sentence_knows_its_lines_and_its_end() -> None:
    read = stacked("Keep it in a cool and dry", "place. Shake well")
    first, second = read.structure.sentences
    assert [each.text for each in first.lines] == ["Keep it in a cool and dry", "place. Shake well"]
    assert (first.ended, second.ended) == (True, False)
    assert second.box.left > first.box.left  # only the part of the row that is meant


def test_a_word_parted_at_the_end_of_a_row_is_whole_again() -> None:
    read = stacked("She borrowed it from the neigh-", "bour who lives upstairs.")
    assert sentences(read) == ["She borrowed it from the neighbour who lives upstairs."]


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Marsh weighed 2.5 kg of it at 3 p.m. on Friday.",
        "It holds approx. 12 litres.",
        "Tel. 020 7946 0018",
        "Ask Ms. Weaver for the form.",
        "Bring nails, screws, etc. and a hammer.",
    ],
)
def test_abbreviations_and_decimals_are_no_ends(text: str) -> None:
    assert sentences(stacked(text)) == [text]


def test_an_abbreviation_at_the_end_of_a_row_is_no_end() -> None:
    read = stacked("The stairs will be painted by Mr.", "Osgood in the second week of June.")
    assert sentences(read) == ["The stairs will be painted by Mr. Osgood in the second week of June."]


def test_rows_that_stand_for_themselves_are_not_joined() -> None:
    rows = ("One tablet daily", "Swallow whole with water", "Keep out of the reach of children")
    assert sentences(stacked(*rows)) == list(rows)


def test_a_list_in_small_letters_is_not_one_sentence() -> None:
    assert sentences(stacked("eggs", "brown bread", "milk")) == ["eggs", "brown bread", "milk"]


def test_what_is_open_is_gone_on_with() -> None:
    read = stacked("Contains: rye flour (62%), sunflower seeds,", "SESAME, salt.")
    assert sentences(read) == ["Contains: rye flour (62%), sunflower seeds, SESAME, salt."]


def test_items_keep_their_rows_together() -> None:
    read = page(
        line("• Close the gate when you", 60, 100),
        line("leave the yard", 80, 138),
        line("• Leave the key", 60, 190),
        line("• Ring twice", 60, 240),
    )
    (listing,) = read.structure.lists
    assert [item.text for item in listing.items] == [
        "• Close the gate when you leave the yard",
        "• Leave the key",
        "• Ring twice",
    ]
    assert not listing.numbered


def test_headings_stand_over_what_they_name() -> None:
    read = page(
        line("Rubbish", 60, 60, 60),
        *(line(text, 60, 180 + 38 * n) for n, text in enumerate(("The bins are emptied on Tuesday and", "must stand outside by seven."))),
    )  # fmt: skip
    assert [heading.text for heading in read.structure.headings] == ["Rubbish"]
    assert read.structure.headings[0].size > 1.5


COLUMNS = (
    ["Nora rowed over to the isle", "where her aunt kept goats. She", "stayed until the wind turned", "and came back with a cheese."],
    ["In the night a goat swam after", "her. It stood in the yard and", "would not leave until she had", "given it all of her bread."],
    ["That goat lived to be twenty", "years old. It ate two hats and", "the vicar's umbrella, and on", "Sundays it went to church."],
)  # fmt: skip


@pytest.mark.parametrize("gap", [-4, 6, 30])
def test_columns_however_narrow_are_read_one_after_the_other(gap: int) -> None:
    widths = [max(len(row) for row in rows) * 12 for rows in COLUMNS]
    lefts = [50, 50 + widths[0] + gap, 50 + widths[0] + widths[1] + 2 * gap]
    lines = [
        line(row, left, 100 + 32 * n, 24)
        for left, rows in zip(lefts, COLUMNS, strict=True)
        for n, row in enumerate(rows)
    ]
    random.Random(3).shuffle(lines)
    assert arrange(lines, 1300, 400).text.split("\n") == [row for rows in COLUMNS for row in rows]


def test_a_row_read_across_two_columns_is_cut() -> None:
    left, right = COLUMNS[:2]
    lines: list[Line] = []
    for n, (a, b) in enumerate(zip(left, right, strict=True)):
        edge = 50 + 12 * max(map(len, left)) + 12
        if n == 1:
            lines.append(line(f"{a} {b}", 50, 100 + 32 * n, 24))
            continue
        lines += [line(a, 50, 100 + 32 * n, 24), line(b, edge, 100 + 32 * n, 24)]
    assert arrange(lines, 1300, 400).text.split("\n") == [*left, *right]


def test_a_sentence_goes_on_in_the_next_column() -> None:
    left = ["The ferry is not running until", "the end of March because the", "engine has to be taken out and"]
    right = ["sent to the yard. A small boat", "takes people over in fair", "weather and at high water."]
    lines = [line(row, x, 100 + 38 * n) for x, rows in ((50, left), (560, right)) for n, row in enumerate(rows)]
    assert "taken out and sent to the yard." in sentences(arrange(lines, 1100, 400))[0]
