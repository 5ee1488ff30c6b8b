"""The answer as words of the page: proposed by the reader of answers and by the finders, ranked, and given if it is likely right."""

from __future__ import annotations

from assistant.mind.answer_reader.reader import ask
from assistant.mind.finding.fields import FINDERS
from assistant.mind.finding.patterns import EXPIRES, MADE, is_date
from assistant.mind.finding.ranking import Candidate, candidates, learned, probability
from assistant.mind.finding.spans import fold
from assistant.mind.understanding.question import Question
from assistant.picture.page import Page

_NO_FINDER = ("whether", "read", "scene", "eyes")


def propose(question: Question, page: Page) -> list[Candidate]:
    """What may answer `question`, with what speaks for each."""
    if not page.lines:
        return []
    finder = None if question.kind in _NO_FINDER else FINDERS.get(question.kind, FINDERS["open"])
    proposed = candidates(question, page, ask(question.text, page), finder(question, page) if finder else ())
    return [one for one in proposed if _may_expire(one, page)] if question.kind == "expiry" else proposed


def _may_expire(one: Candidate, page: Page) -> bool:
    """A date, and none that is printed as that of making or packing, or beside one that is called the expiry."""
    said = fold(one.text)
    labels = [
        pair.label.text
        for pair in page.structure.pairs
        if fold(pair.value.text) in said or said in fold(pair.value.text)
    ]
    other = any(EXPIRES.search(pair.label.text) and is_date(pair.value.text) for pair in page.structure.pairs)
    called = any(map(EXPIRES.search, labels))
    return is_date(one.text) and (called or not other) and not (labels and not called and any(map(MADE.search, labels)))


def best(question: Question, page: Page) -> tuple[Candidate, float] | None:
    """The likeliest candidate with the probability that it is right, where that is enough to give it."""
    weights, speak = learned()
    chances = [(one, probability(one, weights)) for one in propose(question, page)]
    first = max(chances, key=lambda each: each[1], default=None)
    return first if first and first[1] >= speak else None
