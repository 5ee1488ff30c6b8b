"""Tables and pairs: a cell knows its heads, a label finds its value."""

from __future__ import annotations

import math

import pytest

from assistant.picture.page import Box, Line, Page, arrange
from assistant.picture.structure.marks import is_value, labelled, value_kind
from tests.assistant.picture.pages import line, page, stacked


def rows(*texts: str, edges: tuple[int, ...] = (50, 420, 640, 820), height: int = 26, step: int = 40) -> list[Line]:
    return [
        line(cell.strip(), left, 60 + step * n, height)
        for n, text in enumerate(texts)
        for left, cell in zip(edges, text.split("|"), strict=False)
        if cell.strip()
    ]


NUTRITION = rows(
    "Typical values|per 100 g|per 40 g bowl",
    "Energy|1544 kJ|618 kJ",
    "|366 kcal|146 kcal",
    "Fat|6.2 g|2.5 g",
    "of which saturates|1.1 g|0.4 g",
    "Salt|0.03 g|0.01 g",
)


def cells(read: Page) -> dict[tuple[str, str], str]:
    return {(cell.row_head, cell.column_head): cell.text for table in read.structure.tables for cell in table.cells}


def pairs(read: Page) -> dict[str, str]:
    return {pair.label.text: pair.value.text for pair in read.structure.pairs}


def test_a_cell_knows_the_heads_of_its_row_and_of_its_column() -> None:
    read = page(*NUTRITION)
    (table,) = read.structure.tables
    assert table.column_heads == ("Typical values", "per 100 g", "per 40 g bowl")
    assert cells(read)["of which saturates", "per 40 g bowl"] == "0.4 g"
    assert [c.spoken for c in table.cells if c.row_head == "Fat"] == [
        "Fat, per 100 g: 6.2 g",
        "Fat, per 40 g bowl: 2.5 g",
    ]
    assert [c.text for c in table.cells if c.row_head == "Energy"] == ["1544 kJ", "618 kJ", "366 kcal", "146 kcal"]


@pytest.mark.parametrize("degrees", [-4.0, 2.5])
def test_a_tilted_table_keeps_its_cells(degrees: float) -> None:
    turn = math.radians(degrees)
    tilted = []
    for each in NUTRITION:
        x, y = each.box.middle
        u, v = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        half, rise = each.box.width / 2 * math.cos(turn), each.box.width / 2 * abs(math.sin(turn)) + 13
        box = Box(round(u - half), round(v - rise), round(u + half), round(v + rise))
        tilted.append(Line(each.text, box, each.confidence, each.height, degrees))
    assert cells(arrange(tilted, 1200, 600)) == cells(page(*NUTRITION))


def test_a_unit_may_stand_in_the_head() -> None:
    read = page(*rows("Parcel|Weight (kg)|Price (€)", "Small|2|4.90", "Large|20|11.50"))
    assert [cell.spoken for cell in read.structure.tables[0].cells][:2] == [
        "Small, Weight (kg): 2 kg",
        "Small, Price (€): 4.90 €",
    ]


def test_a_timetable_may_have_times_for_its_rows() -> None:
    read = page(*rows("Time|Mon|Tue|Wed", "9:00|Music|Sport|Art", "10:00|Art|Maths|Music", "11:00|Maths|Art|Sport"))
    assert cells(read)["10:00", "Tue"] == "Maths"


def test_two_cells_read_as_one_line_are_parted() -> None:
    lines = rows("Line|Day|Night|Sunday", "No. 4|07:15|21:15|09:00", "No. 6|07:20|21:40|09:30")
    lines.append(line("No. 8", 50, 180, 26))
    lines.append(Line("07:35 21:55 09:45", Box(420, 180, 890, 206), 0.99, 26.0))  # the reader ran three cells together
    assert {c.column_head: c.text for c in page(*lines).structure.tables[0].cells if c.row_head == "No. 8"} == {
        "Day": "07:35", "Night": "21:55", "Sunday": "09:45",
    }  # fmt: skip


def test_columns_of_prose_are_no_table() -> None:
    left = [
        "The mill was sold to a man from",
        "the town who wanted to turn it",
        "into a place for painters to",
        "live in during the summer.",
    ]
    right = [
        "Nobody had asked the miller, who",
        "went on grinding at night and",
        "slept through the day with a",
        "sack over his head.",
    ]
    lines = [line(row, x, 100 + 38 * n) for x, rows in ((50, left), (600, right)) for n, row in enumerate(rows)]
    assert arrange(lines, 1200, 400).structure.tables == ()


def test_several_pairs_in_one_row() -> None:
    assert pairs(stacked("MFG 03/2026 EXP 03/2028")) == {"MFG": "03/2026", "EXP": "03/2028"}
    assert pairs(stacked("MFG: 12 MAY 2026 EXP: 12 MAY 2028")) == {"MFG": "12 MAY 2026", "EXP": "12 MAY 2028"}


def test_a_value_across_a_gap() -> None:
    assert pairs(stacked("Sub total | 9.80", "Total | 12.40", "Change | 7.60"))["Total"] == "12.40"
    assert pairs(stacked("Name: | Edda Falk"))["Name"] == "Edda Falk"
    assert pairs(stacked("Lentil soup ........ 6.50")) == {"Lentil soup": "6.50"}


def test_a_value_below_its_label() -> None:
    read = page(
        line("Member number", 50, 50, 20),
        line("20394817", 50, 78, 30),
        line("Group", 500, 50, 20),
        line("771", 500, 78, 30),
    )
    assert pairs(read) == {"Member number": "20394817", "Group": "771"}


def test_a_value_above_its_label() -> None:
    """A column that begins with a value and ends with a label; where it begins with a label each stands over its value."""
    pump = [
        line("31.40", 300, 50, 60),
        line("PAY £", 310, 125, 36),
        line("18.722", 296, 180, 60),
        line("LITRES", 305, 255, 36),
    ]
    assert pairs(page(*pump)) == {"PAY £": "31.40", "LITRES": "18.722"}
    titled = [
        line("SALE", 310, 10, 30),
        *(line(each.text, int(each.box.left), int(each.box.top), 36) for each in pump[:-1]),
    ]
    assert pairs(page(*titled))["PAY £"] == "18.722"


def test_figures_in_a_sentence_are_no_pairs() -> None:
    assert pairs(stacked("The buses with the numbers 3 and 41 will", "stop in Park Road until the end of May.")) == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [("07:12", "time"), ("9 am - 5 pm", "time"), ("12/05/2027", "date"), ("£3.50", "money"), ("17 g", "amount"), ("42", "number"),
     ("15%", "percent"), ("closed", "text"), ("Mill Lane", "text"), ("-", "none")],
)  # fmt: skip
def test_what_a_cell_holds(text: str, kind: str) -> None:
    assert value_kind(text) == kind
    assert is_value(text) == (kind != "text")


def test_a_time_has_no_label_in_it() -> None:
    assert labelled("09:30") == []
    assert labelled("https://example.org") == []
