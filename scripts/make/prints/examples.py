"""Made pages as examples to train on: tokens with where the answer begins and ends."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from assistant.mind.answer_reader.encoding import Token, tokens_of, windows
from scripts.make.prints.kinds import Kind
from scripts.make.prints.pages import Asked, Made, Verdict, make

VERDICTS: tuple[Verdict, ...] = ("span", "yes", "no", "absent")
POOL = 400
"""Examples that are mixed, and sorted by length, before batches are taken from them."""


@dataclass(frozen=True)
class Example:
    """One question with one page, or with the part of it that holds the answer."""

    ids: list[int]
    first: int
    """Where the page begins."""
    spans: tuple[tuple[int, int], ...]
    """First and last token of each right answer; none where there is none."""
    verdict: int
    """Place in `VERDICTS`."""


def examples(chosen: Sequence[Kind], tokenizer: Tokenizer, chance: random.Random) -> Iterator[Example]:
    """Without end, every kind as often as every other."""
    while True:
        made = make(chance.choice(chosen), chance)
        tokens = tokens_of(made.page, tokenizer)
        if len(tokens) > 2:
            for asked in made.asked:
                found = example(made, asked, tokens, tokenizer)
                if found is not None:
                    yield found


def example(made: Made, asked: Asked, tokens: Sequence[Token], tokenizer: Tokenizer) -> Example | None:
    """None where damage took the answer away."""
    spans = [span for mark in asked.marks if (span := _span(made, mark, tokens)) is not None]
    if asked.verdict != "absent" and not spans:
        return None
    for window in windows(asked.words, tokens, tokenizer):
        end = window.offset + len(window.ids) - window.first - 1
        inside = tuple(
            (first - window.offset + window.first, last - window.offset + window.first)
            for first, last in spans
            if first >= window.offset and last < end
        )
        if inside or asked.verdict == "absent":
            return Example(window.ids, window.first, inside, VERDICTS.index(asked.verdict))
    return None


def _span(made: Made, mark: int, tokens: Sequence[Token]) -> tuple[int, int] | None:
    """The first and last token of what is marked; None where it is not there or other words stand between."""
    places = [
        place
        for place, token in enumerate(tokens)
        if token.line is not None and mark in made.marked[token.line][token.start : token.end]
    ]
    if not places:
        return None
    between = [token for token in tokens[places[0] : places[-1] + 1] if token.line is not None]
    return (places[0], places[-1]) if len(between) == len(places) else None


def batches(stream: Iterator[Example], size: int) -> Iterator[list[Example]]:
    """Examples of like length together, so that little is padded."""
    chance = random.Random(0)
    while True:
        pool = sorted((next(stream) for _ in range(POOL)), key=lambda one: len(one.ids))
        parts = [pool[at : at + size] for at in range(0, len(pool), size)]
        chance.shuffle(parts)
        yield from parts
