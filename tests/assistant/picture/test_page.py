"""Reading order: rows, columns of prose, tables, asides, tilted pictures."""

from __future__ import annotations

import math
import random

import pytest

from assistant.picture.page import Box, Line, arrange
from tests.assistant.picture.pages import COVER, RECEIPT, line, page, stacked

LEFT = ["Textract makes it easy", "to quickly and accurately", "extract data from forms", "and from documents too"]
RIGHT = [
    "The pre-trained models",
    "eliminate the need to write",
    "code for data extraction",
    "because they are trained",
]


def columns(top: int = 200) -> list[Line]:
    return [
        line(text, left, top + 40 * number, 26)
        for left, texts in ((50, LEFT), (560, RIGHT))
        for number, text in enumerate(texts)
    ]


def test_an_empty_page_has_nothing() -> None:
    empty = arrange([], 100, 100)
    assert (empty.lines, empty.text, empty.body_height) == ((), "", 0.0)


def test_every_line_appears_exactly_once_whatever_the_order() -> None:
    lines = [*columns(), line("A HEADING OVER BOTH", 50, 60, 60), line("aside", 900, 10, 20, angle=60.0)]
    for seed in range(20):
        random.Random(seed).shuffle(lines)
        assert sorted(each.text for each in arrange(lines, 1000, 600).lines) == sorted(each.text for each in lines)


def test_the_order_does_not_depend_on_the_order_found() -> None:
    lines = columns()
    expected = arrange(lines, 1000, 600).text
    for seed in range(10):
        random.Random(seed).shuffle(lines)
        assert arrange(lines, 1000, 600).text == expected


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    read = arrange([line("Two ways to read forms", 50, 60, 60), *columns()], 1000, 600)
    assert [row.text for row in read.rows] == ["Two ways to read forms", *LEFT, *RIGHT]
    assert [block.column for block in read.blocks] == [0, 1, 2]


def test_a_table_is_read_row_by_row() -> None:
    assert "Total 10.40" in [row.text for row in RECEIPT.rows]
    assert "PVC WALLPLUG 5.00" in [row.text for row in RECEIPT.rows]


def test_a_heading_is_a_block_of_its_own() -> None:
    read = page(line("Heading", 50, 50, 60), line("first line of body", 50, 130), line("second line of body", 50, 168))
    assert [block.text for block in read.blocks] == ["Heading", "first line of body second line of body"]


def test_a_wider_step_parts_paragraphs() -> None:
    tops = [50, 88, 126, 190, 228, 266]
    read = page(*(line(f"line number {number}", 50, top) for number, top in enumerate(tops)))
    assert [len(block.rows) for block in read.blocks] == [3, 3]


@pytest.mark.parametrize("degrees", [-8.0, -3.0, 3.0, 8.0])
def test_a_tilted_receipt_keeps_its_rows(degrees: float) -> None:
    turn = math.radians(degrees)
    tilted = []
    for each in RECEIPT.lines:
        x, y = each.box.middle
        u, v = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        half, rise = each.box.width / 2 * math.cos(turn), each.box.width / 2 * abs(math.sin(turn)) + 15
        box = Box(round(u - half), round(v - rise), round(u + half), round(v + rise))
        tilted.append(Line(each.text, box, each.confidence, each.height, degrees))
    assert arrange(tilted, 1200, 1400).text == RECEIPT.text


def test_a_slanted_ribbon_stands_last_and_alone() -> None:
    read = page(*COVER.lines, line("Second Edition", 700, 20, 30, angle=-45.0))
    assert read.blocks[-1].text == "Second Edition"


def test_body_height_is_that_of_most_letters() -> None:
    read = page(
        line("TITLE", 50, 50, 90), *(line("ordinary writing in the body", 50, 200 + 40 * n, 24) for n in range(5))
    )
    assert read.body_height == 24


def test_boxes_know_their_middle_and_surround() -> None:
    assert Box(0, 0, 10, 20).middle == (5.0, 10.0)
    assert Box.around([Box(0, 5, 10, 20), Box(3, 1, 30, 9)]) == Box(0, 1, 30, 20)


def test_stacked_rows_stay_in_order() -> None:
    assert [row.text for row in stacked("one", "two", "three").rows] == ["one", "two", "three"]
