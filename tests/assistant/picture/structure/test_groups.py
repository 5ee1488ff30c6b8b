"""Groups: one thing among several, the most prominent first."""

from __future__ import annotations

from assistant.picture.page import arrange
from tests.assistant.picture.pages import RECEIPT, line, page, stacked


def test_the_label_in_the_hand_comes_before_the_shelf_behind() -> None:
    read = page(
        line("OAT DRINK", 330, 620, 90),
        line("no added sugar", 360, 730, 45),
        line("RICE", 20, 60, 40),
        line("SPELT", 860, 60, 40),
        line("SOY", 880, 1300, 40),
    )
    groups = read.structure.groups
    assert groups[0].text == "OAT DRINK no added sugar"
    assert {group.text for group in groups[1:]} == {"RICE", "SPELT", "SOY"}
    assert [g.prominence for g in groups] == sorted((g.prominence for g in groups), reverse=True)


def test_a_receipt_is_one_group_though_its_prices_stand_apart() -> None:
    assert len(RECEIPT.structure.groups) == 1


def test_slips_side_by_side_are_groups_of_their_own() -> None:
    slips = [
        ("Green cafe", "Soup", "Bread", "Water", "Total"),
        ("Red cafe", "Cake", "Tea", "Milk", "Total"),
        ("Bar Uno", "Olives", "Toast", "Wine", "Total"),
    ]
    lines = [
        line(f"{text} {n}.50", 40 + 340 * place, 100 + 11 * place + 34 * n, 24)
        for place, texts in enumerate(slips)
        for n, text in enumerate(texts)
    ]
    groups = arrange(lines, 1100, 500).structure.groups
    assert sorted(group.text.split()[0] for group in groups) == ["Bar", "Green", "Red"]


def test_spines_beside_each_other_are_not_one_title() -> None:
    spines = [
        line("THE GREY GANDER", 100, 100, 40, angle=90.0),
        line("A HISTORY OF SALT", 160, 100, 40, angle=90.0),
    ]
    turned = [
        type(each)(each.text, type(each.box)(x, 100, x + 40, 700), 0.99, 40.0, 90.0)
        for x, each in zip((100, 160), spines, strict=True)
    ]
    assert len(page(*turned).structure.groups) == 2


def test_every_line_is_in_one_group() -> None:
    read = stacked("one", "two | 2", "three")
    assert sorted(each.text for group in read.structure.groups for each in group.lines) == ["2", "one", "three", "two"]
