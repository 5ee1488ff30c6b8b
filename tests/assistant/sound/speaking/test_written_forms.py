"""What is printed sounds as a person would say it: 300 written forms, compared by the phonemes of the voice itself.

Half of the forms ("before") were written before the rules that say them, the others ("after") before anybody looked at
what the rules make of them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from piper.phonemize_espeak import EspeakPhonemizer

from assistant.sound.speaking.pronounce import as_spoken

LEAST = 0.97
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
