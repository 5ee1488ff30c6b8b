"""Medicine: what was asked for first, in whole sentences as printed; the rest is kept for who asks for more."""

from __future__ import annotations

import pytest

from assistant.mind.finding.grounding import answer
from assistant.mind.finding.medicine import verbatim
from assistant.mind.understanding.question import understand
from assistant.picture.page import Page
from assistant.sound.speaking.phrases import MEDICINE_END
from tests.assistant.picture.pages import line, page

BOX = page(
    line("Corvadin 20 mg", 100, 100, 70),
    line("56 film-coated tablets", 100, 200, 36),
    line("Adults: take 1 tablet every 12 hours with a", 100, 300),
    line("glass of water. Do not take more than", 100, 338),
    line("2 tablets in 24 hours.", 100, 376),
    line("Do not take it if you are allergic to", 100, 440),
    line("corvadine.", 100, 478),
    line("Keep out of the reach of children.", 100, 550),
    line("LOT 88F301 EXP 11/2028", 100, 640),
    line("Manufacturer: Halden Laboratories Ltd, Bergen", 100, 720),
)


DOSE = "Adults: take 1 tablet every 12 hours with a glass of water. Do not take more than 2 tablets in 24 hours."


def said(question: str, label: Page = BOX) -> tuple[str, tuple[str, ...]]:
    found = verbatim(understand(question), label)
    return found.said.removeprefix("The label says: ").removesuffix(f" {MEDICINE_END}"), found.rest


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("When does it expire?", "EXP 11/2028."),
        ("Is it out of date?", "EXP 11/2028."),
        ("What is the lot number?", "LOT 88F301 EXP 11/2028."),
        ("How many should I take?", DOSE),
        ("What is the dose?", DOSE),
        ("How many tablets are in the box?", "56 film-coated tablets."),
        ("Who makes it?", "Manufacturer: Halden Laboratories Ltd, Bergen."),
        ("What is this?", "Corvadin 20 mg."),
    ],
)  # fmt: skip
def test_what_was_asked_for_comes_first(question: str, first: str) -> None:
    assert said(question)[0] == first


def test_what_nobody_foresaw_is_looked_up_by_its_words() -> None:
    assert (
        said("Is it a problem that I am allergic to corvadine?")[0]
        == "Do not take it if you are allergic to corvadine."
    )


def test_the_rest_is_kept_in_its_order_and_nothing_is_lost() -> None:
    first, rest = said("How many tablets are in the box?")
    assert rest[0] == "Corvadin 20 mg."
    assert rest[-1] == "Manufacturer: Halden Laboratories Ltd, Bergen."
    spoken = " ".join([first, *rest])
    assert all(word.strip(".") in spoken for each in BOX.lines for word in each.text.split())


def test_the_end_of_a_sentence_is_never_said_without_its_beginning() -> None:
    apart = page(
        line("Corvadin 20 mg tablets", 100, 100, 40),
        line("Do not take more than", 100, 300, 30),
        line("2 tablets every 24 hours", 100, 390, 30),  # so far below that it stands for itself
    )
    assert said("What is the dose?", apart)[0] == "Do not take more than. 2 tablets every 24 hours."


def test_reading_all_leaves_no_rest() -> None:
    first, rest = said("Read it.")
    assert rest == ()
    assert first.index("Corvadin") < first.index("every 12 hours") < first.index("EXP") < first.index("Halden")


def test_the_answer_carries_the_rest() -> None:
    given = answer(understand("When does it expire?"), BOX)
    assert given.text == f"The label says: EXP 11/2028. {MEDICINE_END}"
    assert "Corvadin 20 mg." in given.rest
    assert [each.text for each in given.evidence] == ["LOT 88F301 EXP 11/2028"]
