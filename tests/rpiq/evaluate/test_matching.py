"""Which answers count as right, in each of the three ways."""

from __future__ import annotations

import pytest

from rpiq.evaluate.matching import Match, match, normalize


@pytest.mark.parametrize(
    ("answer", "accepted", "found"),
    [
        ("Emma", ["Emma"], Match(exact=True, caseless=True, normalized=True)),
        (" Emma\n", ["Emma"], Match(exact=True, caseless=True, normalized=True)),
        ("emma", ["Emma"], Match(exact=False, caseless=True, normalized=True)),
        ("Emma.", ["Emma"], Match(exact=False, caseless=False, normalized=True)),
        ("Odyssey", ["The Odyssey"], Match(exact=False, caseless=False, normalized=True)),
        ("Emma by Jane Austen", ["Emma"], Match(exact=False, caseless=False, normalized=False)),
        ("2nd", ["Second Edition", "2nd"], Match(exact=True, caseless=True, normalized=True)),
        ("", ["Emma"], Match(exact=False, caseless=False, normalized=False)),
    ],
)
def test_an_answer_is_looked_at_in_three_ways(answer: str, accepted: list[str], found: Match) -> None:
    assert match(answer, accepted) == found


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Cat in the Hat", "cat in hat"),
        ("An  apple,\ta day\n", "apple day"),
        ("None of the Ten", "0 of 10"),
        ("tendency", "tendency"),
        ("dont Couldnt've ITLL", "don't couldn't've it'll"),
        ("Devil's", "devil's"),
        ("well ill shell", "well ill shell"),
        # A mark beside a blank anywhere vanishes everywhere, otherwise it becomes a blank.
        ("part-time", "part time"),
        ("part-time - work", "parttime work"),
        ("yes/no", "yes no"),
        # In a text with a comma between digits all marks vanish.
        ("1,000 part-time", "1000 parttime"),
        ("1,2,3", "123"),
        ("3.5 stars.", "3.5 stars"),
        ("v. 2.", "v 2"),
        ("Title: sub", "title: sub"),
        ("?", ""),
    ],
)
def test_normalization(text: str, normal: str) -> None:
    assert normalize(text) == normal
    assert normalize(normal) == normal
