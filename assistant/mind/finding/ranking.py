"""Which of several candidates is the answer, and how likely it is right: a few weights learned on real pictures (`ranking.json`).

Candidates come from the reader of answers and from the finders; what both propose is believed more. The weights are made by
`scripts/make/answer_ranking`; the probability decides whether an answer is given.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from assistant.mind.answer_reader.reader import Opinion
from assistant.mind.finding.spans import Span
from assistant.mind.understanding.question import Question
from assistant.picture.page import Line, Page

WEIGHTS = Path(__file__).with_name("ranking.json")
Says = Literal["words", "yes", "no"]
_WHETHER = re.compile(
    r"^\W*(?:\w+[,.] )?(does|do|did|is|are|am|has|have|can|could|was|were|will|would|should|may|must)\b", re.IGNORECASE
)
_FIGURE = re.compile(
    r"\b(how (much|many|long|old|far|big|high|heavy|fast|late|early|strong|wide)|when|what (time|date|day|year)|number|price|cost|total|"
    r"date|phone|expire\w*|expiry|percent\w*|temperature|weigh\w*|amount|isbn|code|age)\b",
    re.IGNORECASE,
)
_WHO = re.compile(r"\b(who|whose|name|called|author|writer)\b", re.IGNORECASE)


_WHAT = re.compile(
    r"\b(what|which)\b.*\b(this|that|it|here|holding|am i|called|kind|sort|type)\b|\btitle\b", re.IGNORECASE
)
FEW = 12
"""Words of a group that is said as a whole."""


@dataclass(frozen=True)
class Candidate:
    """Words that may answer, or a yes or no with the words that decide it."""

    text: str
    lines: tuple[Line, ...]
    says: Says
    features: Mapping[str, float]

    @property
    def said(self) -> str:
        """As it is said."""
        return self.text if self.says == "words" else f"{self.says.capitalize()}. It says: {self.text}"


def candidates(question: Question, page: Page, opinion: Opinion, found: Sequence[Span]) -> list[Candidate]:
    """What the reader and the finders propose for `question`, with what speaks for each."""
    whether = _WHETHER.match(question.text) is not None and " or " not in question.text
    finders = sorted(found, key=lambda span: -span.belief)[:2]
    there = math.log(max(1e-4, 1 - opinion.absent) / max(1e-4, opinion.absent))
    proposed = [(each.text, each.lines, each.belief) for each in opinion.found]
    common = {
        "there": max(-6.0, min(6.0, there)),
        "words on page": math.log1p(len(page.text.split())),
        "whether": float(whether),
    }
    made: list[Candidate] = []
    for number, (text, lines, belief) in enumerate(proposed):
        others = [other for n, (_, _, other) in enumerate(proposed) if n != number]
        agreeing = max((span for span in finders if _same(span.text, text)), key=lambda span: span.belief, default=None)
        if agreeing is not None and len(agreeing.text) > len(text):  # the finders know where a title or a name ends
            text, lines = agreeing.text, agreeing.lines
        features = {
            **common,
            **_of_words(question, page, text, lines),
            "belief": max(-10.0, belief),
            "first": float(number == 0),
            "margin": min(5.0, belief - max(others, default=-10.0)),
            "agreed": agreeing.belief if agreeing else 0.0,
            "finder differs": max((span.belief for span in finders[:1] if not _same(span.text, text)), default=0.0),
        }
        says: Says = "words"
        if whether and number == 0:
            says = "yes" if opinion.yes >= opinion.no else "no"
            features["sure of yes or no"] = abs(opinion.yes - opinion.no)
        made.append(Candidate(text, lines, says, features))
    for number, span in enumerate(finders if not whether else ()):
        if not any(_same(span.text, text) for text, _, _ in proposed):
            alone = {"finder": span.belief, "finder alone": 1.0, "finder first": float(number == 0)}
            features = {**common, **_of_words(question, page, span.text, span.lines), **alone}
            made.append(Candidate(span.text, span.lines, "words", features))
    return [*made, *_prominent(question, page, common, made)] if _WHAT.search(question.text) else made


def _prominent(
    question: Question, page: Page, common: Mapping[str, float], made: Sequence[Candidate]
) -> Iterator[Candidate]:
    """The groups that are seen first, which say what a thing is."""
    for number, group in enumerate(page.structure.groups[:2]):
        if len(group.text.split()) <= FEW and not any(one.lines == group.lines for one in made):
            seen = {"group": 1.0, "prominent": group.prominence, "second": float(number)}
            yield Candidate(
                group.text,
                group.lines,
                "words",
                {**common, **_of_words(question, page, group.text, group.lines), **seen},
            )


def _of_words(question: Question, page: Page, text: str, lines: Sequence[Line]) -> dict[str, float]:
    digits = any(map(str.isdigit, text))
    asks = _FIGURE.search(question.text) is not None
    body = page.body_height or 1.0
    return {
        "figure asked": float(asks and digits),
        "no figure": float(asks and not digits),
        "figure unasked": float(digits and _WHO.search(question.text) is not None),
        "clarity": min((line.confidence for line in lines), default=0.0),
        "length": math.log1p(len(text.split())),
        "height": math.log(max((line.height for line in lines), default=body) / body),
        "asked itself": float(_squashed(text) in _squashed(question.text)),
    }


def _squashed(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def _same(one: str, other: str) -> bool:
    a, b = _squashed(one), _squashed(other)
    return bool(a) and bool(b) and (a in b or b in a)


def probability(candidate: Candidate, weights: Mapping[str, float]) -> float:
    """That `candidate` is right: logistic regression."""
    total = weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in candidate.features.items())
    return 1 / (1 + math.exp(-total))


@lru_cache
def learned() -> tuple[Mapping[str, float], float]:
    """The weights of `ranking.json` by name of the feature, and the probability from which an answer is given."""
    found = json.loads(WEIGHTS.read_text("utf-8"))
    return found["weights"], found["speak"]
