"""Made pages: every kind of print can be made, and what is said to be the answer stands there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from scripts.make.prints.kinds import Kind, kinds, read
from scripts.make.prints.pages import Made, make
from scripts.make.prints.values import MAKERS, Habits

KINDS = kinds()


def words(made: Made, mark: int) -> str:
    """What is printed under one number, in reading order."""
    return " ".join(
        "".join(sign for sign, each in zip(line.text, made.marked[line], strict=True) if each == mark).strip()
        for line in made.page.lines
        if mark in made.marked[line]
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_makes_pages_with_answers(kind: Kind) -> None:
    made = [make(kind, random.Random(seed)) for seed in range(6)]
    asked = [each for one in made for each in one.asked]
    assert {"span", "absent"} <= {each.verdict for each in asked}
    assert all("{" not in each.words for each in asked)
    assert all(each.words.strip() for each in asked)
    assert all((each.verdict == "absent") == (not each.marks) for each in asked)


def test_an_answer_is_the_value_that_is_printed() -> None:
    kind = next(kind for kind in KINDS if kind.name == "till receipt")
    found = 0
    for seed in range(40):
        made = make(kind, random.Random(seed))
        for asked in made.asked:
            if asked.slot == "price":
                prices = {words(made, mark) for mark in asked.marks} - {""}
                rows = [row.text for row in made.page.rows]
                assert all(any(price.split()[0] in row for row in rows) for price in prices)
                found += bool(prices)
    assert found > 10


@pytest.mark.parametrize("name", MAKERS)
def test_every_maker_makes_something_printable(name: str) -> None:
    for seed in range(30):
        said = MAKERS[name](Habits.drawn(random.Random(seed)))
        assert said.strip() == said
        assert said.isprintable()
        assert said


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('name = "a"\ncategory = "b"\nwhat = []\nline = []\n[values]\n', "no category: b"),
        ('name = "a"\ncategory = "sign"\nwhat = []\n[values]\n[[line]]\ntext = ["{x}"]\n', "a slot without values: x"),
        ('name = "a"\ncategory = "sign"\nwhat = []\n[values]\nx = "y"\n[[line]]\ntext = ["{x}"]\n', "x: no maker y"),
        (
            'name = "a"\ncategory = "sign"\nwhat = []\n[values]\nx = "date"\n[[line]]\ntext = ["b"]\n[[ask]]\nslot = "x"\nwords = ["c"]\n',
            "asked and never printed: x",
        ),
        ("name = ", "TOMLDecodeError"),
    ],
)
def test_a_faulty_kind_is_named_with_its_fault(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=f"odd.toml: .*{fault}"):
        read(path)
