"""What is printed sounds as a person would say it: 300 written forms, compared by the phonemes of the voice itself.

Half of the forms ("before") were written before the rules that say them, the others ("after") before anybody looked at
what the rules make of them.
"""

from __future__ import annotations

import csv
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from piper.phonemize_espeak import EspeakPhonemizer

from assistant.sound.speaking.pronounce import as_spoken

LEAST = 0.97
PROSE = """
Call me Ishmael. Some years ago - never mind how long precisely - having little or no money in my purse, and nothing
particular to interest me on shore, I thought I would sail about a little and see the watery part of the world. It is a
way I have of driving off the spleen, and regulating the circulation.

Whenever I find myself growing grim about the mouth; whenever it is a damp, drizzly November in my soul, then, I account
it high time to get to sea as soon as I can. In May they may march; on Sunday the sun sat on the sea. "Mark my words,"
said Jan, "a pound of tea is no pt. of ale." No, I do not. Was it 12 men or 15? I think so: a minute, in an act of faith.
"""
FIGURES_STAY = {"range", "money", "number", "phone", "reference", "code", "unit", "sign", "per", "dimension", "ratio"}
"""Kinds of which every figure is said; months and halves are said in words."""
FORMS = Path(__file__).with_name("written_forms.tsv")


@dataclass(frozen=True)
class Form:
    """One row: as printed, as it may be said, what kind of thing it is, and when it was written."""

    printed: str
    said: tuple[str, ...]
    kind: str
    part: str


def forms() -> list[Form]:
    with FORMS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Form(row["printed"], tuple(row["said"].split(" | ")), row["kind"], row["part"]) for row in rows]


@pytest.fixture(scope="module")
def phonemizer() -> EspeakPhonemizer:
    return EspeakPhonemizer()


def sounds(phonemizer: EspeakPhonemizer, text: str) -> str:
    """The phonemes of `text`: a stroke between sentences; no stress, no pauses, nor what only links two words."""
    sentences = ["".join(sentence) for sentence in phonemizer.phonemize("en-us", text)]
    bare = [re.sub(r"[\s.,:;!?ˈˌːʲ]+", "", sentence).replace("ᵻ", "ɪ") for sentence in sentences]
    bare = [re.sub(r"(?<=[ɚɹ])ɹ", "", sentence) for sentence in bare]
    return "|".join(sentence for sentence in bare if sentence)


def wrong(phonemizer: EspeakPhonemizer, some: list[Form]) -> list[str]:
    """A line for each form that is said in none of the ways it may be said."""
    return [
        f"[{form.part} {form.kind}] {form.printed!r} is said {as_spoken(form.printed)!r}, not {form.said[0]!r}"
        for form in some
        if sounds(phonemizer, as_spoken(form.printed)) not in {sounds(phonemizer, said) for said in form.said}
    ]


def test_written_forms_are_said_right(phonemizer: EspeakPhonemizer) -> None:
    failures = wrong(phonemizer, forms())
    right = 1 - len(failures) / len(forms())
    assert right >= LEAST, f"{right:.1%} are said right; the others:\n" + "\n".join(failures)


@pytest.mark.parametrize("paragraph", PROSE.strip().split("\n\n"))
def test_prose_stays_as_it_is(paragraph: str) -> None:
    assert as_spoken(paragraph) == paragraph


def test_what_is_said_is_not_said_anew() -> None:
    """A text may pass twice, whole and in pieces."""
    twice = [form.printed for form in forms() if as_spoken(as_spoken(form.printed)) != as_spoken(form.printed)]
    assert twice == []


def test_no_figure_is_lost_or_made_up() -> None:
    def figures(text: str) -> str:
        return re.sub(r"\D|0", "", text)  # £12.05 is said "5 pence"

    kept = [form.printed for form in forms() if form.kind in FIGURES_STAY and not re.search("[½¼¾]", form.printed)]
    assert len(kept) > 150
    assert [printed for printed in kept if figures(as_spoken(printed)) != figures(printed)] == []


def test_no_text_breaks_a_rule() -> None:
    """Whatever a reader makes of a picture: it is said, without an error, and not with other figures."""
    chosen = random.Random(16)
    parts = [
        *"0123456789.,:/-–'\"()$€£#&@%°xXILVA ½",
        " ",
        " ",
        "Mar",
        "Mon",
        "kg",
        "St.",
        "No.",
        "Ref",
        "p.m.",
        "00",
        "EUR",
    ]
    as_spoken(f"${'9' * 5000}, {'9' * 5000}-{'9' * 5000} kg, 1/{'9' * 5000} cup")  # Python itself refuses such numbers
    for _ in range(3000):
        text = "".join(chosen.choices(parts, k=chosen.randint(1, 14)))
        said = as_spoken(text)
        assert sum(map(str.isdigit, said)) <= sum(map(str.isdigit, text)) + 8 * len(re.findall("[½IVXL]+|/|-", text)), (
            text
        )


@pytest.mark.parametrize("page", ["forms", "prose", "1 2/3-", "A1-", "123 ", "1,", "Mon-", "a.b@"])
def test_a_page_takes_no_time(page: str) -> None:
    """3,000 characters of prose in 20 ms of the processor; twice that where every word is a written form, and no
    more than 0.2 s for those that rules could stumble over."""
    text = {"forms": ". ".join(form.printed for form in forms()), "prose": PROSE}.get(page, page) * 3000
    spent = []
    for _ in range(3):
        begun = time.process_time()
        as_spoken(text[:3000])
        spent.append(time.process_time() - begun)
    assert min(spent) <= {"prose": 0.02, "forms": 0.04}.get(page, 0.2)
