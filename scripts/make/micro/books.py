"""Books that do not exist, put together from closed lists of words; which of them are never used for training.

How a book looks: `covers.py`; what is asked about it: `asking.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

OPENINGS = tuple(
    "Silent Golden Hidden Broken Distant Secret Ancient Frozen Burning Gentle Wild Lonely Bright Stolen Wooden Quiet".split()
)
"""First words of titles."""
MIDDLES = tuple("Winter Summer Paper Silver Stone Ocean".split())
"""Second words of titles that have three."""
ENDINGS = tuple(
    "River Garden Mountain Kingdom Harbour Forest Letter Window Island Journey Mirror Castle Bridge Market Voyage Planet".split()
)
"""Last words of titles."""
FIRST_NAMES = tuple(
    "Alice Bruno Clara Daniel Elena Felix Grace Hector Julian Karen Maria Nathan Olivia Peter Sophie Victor".split()
)
LAST_NAMES = tuple(
    "Archer Bennett Carter Dawson Ellison Fletcher Griffin Ibsen Jenkins Lambert Mercer Norris Palmer Quinn Sawyer Young".split()
)
GENRES = tuple("Mystery Romance History Science Poetry Travel Cooking Fantasy".split())
COLOURS = {
    "red": (200, 36, 40),
    "orange": (240, 140, 30),
    "yellow": (248, 222, 70),
    "green": (40, 130, 60),
    "blue": (40, 80, 190),
    "purple": (120, 50, 150),
    "white": (244, 244, 240),
    "black": (24, 24, 28),
}
"""Of the cover: 8-bit red, green, blue."""
MARKS = ("stars", "dots")
MOST_MARKS = 6
FIRST_YEAR, LAST_YEAR = 1950, 2029

_KEPT_OUT = 8
"""One in so many pairs of words is kept out of training."""


@dataclass(frozen=True)
class Book:
    """Everything that stands on a cover."""

    title: tuple[str, ...]
    """Two words or three."""
    author: tuple[str, str]
    """First and last name."""
    genre: str
    year: int
    colour: str
    marks: str
    """Of which kind."""
    count: int
    """How many marks."""


def is_kept_out(first: int, last: int) -> bool:
    """Whether a title or an author with these places of its first and last word in their lists is never trained on.

    Each word is kept out of some pairs only, so all words are learned.
    """
    return (5 * first + 3 * last) % _KEPT_OUT == 0


def title_is_kept_out(title: tuple[str, ...]) -> bool:
    """A word between the first and the last does not matter."""
    return is_kept_out(OPENINGS.index(title[0]), ENDINGS.index(title[-1]))


def author_is_kept_out(author: tuple[str, str]) -> bool:
    """By both names together."""
    return is_kept_out(FIRST_NAMES.index(author[0]), LAST_NAMES.index(author[1]))


def draw_book(chance: random.Random, held_out: bool) -> Book:
    """A book by chance: title and author both from pairs that are kept out of training, or both from the others."""
    first, last = _pair(chance, OPENINGS, ENDINGS, held_out)
    return Book(
        (first, chance.choice(MIDDLES), last) if chance.random() < 0.5 else (first, last),
        _pair(chance, FIRST_NAMES, LAST_NAMES, held_out),
        chance.choice(GENRES),
        chance.randint(FIRST_YEAR, LAST_YEAR),
        chance.choice(tuple(COLOURS)),
        chance.choice(MARKS),
        chance.randint(1, MOST_MARKS),
    )


def _pair(chance: random.Random, firsts: tuple[str, ...], lasts: tuple[str, ...], held_out: bool) -> tuple[str, str]:
    while True:
        first, last = chance.randrange(len(firsts)), chance.randrange(len(lasts))
        if is_kept_out(first, last) == held_out:
            return firsts[first], lasts[last]
