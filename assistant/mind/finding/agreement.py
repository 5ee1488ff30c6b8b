"""Does what the picture model says agree with what was read? Numbers and names are compared, other words are not.

A pure function. It speaks up only where the page holds a rival: something of the same kind that says otherwise. What nobody
printed (how many people, which colour) cannot be contradicted by print.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.mind.finding import cover
from assistant.mind.finding.figures import Figure, doubtful, figures
from assistant.mind.finding.spans import SURE, Span, fold
from assistant.mind.understanding.question import Question
from assistant.picture.page import Line, Page, Row

NAMED = ("author", "publisher", "brand", "company", "title", "series", "place", "city", "cashier")
"""Kinds of question of which a short answer is nothing but a name."""
_COMMON = frozenset(
    """a an the this that these those it its he she they there here in on at of by and or with for from to as is are was book
    cover title author label sign picture image photo photograph receipt bottle box page text yes no his her my your i""".split()
)
_WORD = re.compile(r"[^\W\d_][\w.'’-]*")
_CLAIM = re.compile(
    r"\b(?P<by>(?:written |published )?by|authors? (?:is|are|was)|author:)\s"
    r"|\b(?P<called>(?:en)?titled|called|named|(?:title|name|brand) is|reads|says)[,:]?\s",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“]([^\"”]{3,80})[\"”]")
_LEAST_NAME = 4
"""Letters of a word by which a name is looked for."""


@dataclass(frozen=True)
class Disagreement:
    """Two readings of one thing."""

    said: str
    """By the picture model."""
    read: str
    """As printed, by the reader."""
    lines: tuple[Line, ...]
    """Where it was read."""


def disagreement(said: str, page: Page, question: Question) -> Disagreement | None:
    """Where the answer `said` to `question` contradicts `page` about a number or a name; None where it does not."""
    return _about_numbers(said, page) or _about_names(said, page, question)


def evidence(said: str, page: Page) -> tuple[Line, ...]:
    """The lines in which the whole answer `said` is printed; none when it is not, or is but a letter or two."""
    wanted = _squashed(said)
    if len(wanted) < 3:
        return ()
    rows = page.rows
    for length in (1, 2, 3):
        for first in range(len(rows) - length + 1):
            part = rows[first : first + length]
            if wanted in _squashed(" ".join(row.text for row in part)):
                return tuple(line for row in part for line in row.lines)
    return ()


def _about_numbers(said: str, page: Page) -> Disagreement | None:
    read = [(figure, row) for row in page.rows for figure in figures(row.text)]
    perhaps = [figure for row in page.rows for figure in doubtful(row.text)]
    printed = {part for row in page.rows for part in re.findall(r"\d+", row.text)}
    for figure in figures(said):
        if any(figure.same(other) for other in [*(other for other, _ in read), *perhaps]) or figure.digits in printed:
            continue
        rivals = [(other, row) for other, row in read if _rivals(figure, other)]
        near = [(other, row) for other, row in rivals if _misread(figure.digits, other.digits)]
        alone = len({other.values for other, _ in rivals}) == 1 and rivals[0][0].kind == figure.kind
        for other, row in near or (rivals if alone else []):
            return Disagreement(figure.text, other.text, row.lines)
    return None


def _rivals(figure: Figure, other: Figure) -> bool:
    """Whether these can be two readings of one number: of one kind, or both so long that likeness is no chance."""
    if figure.kind == other.kind and figure.kind != "number":
        return True
    long = min(len(figure.digits), len(other.digits)) >= 3
    return long and {figure.kind, other.kind} <= {"number", "year", "money"} and _misread(figure.digits, other.digits)


def _misread(digits: str, other: str) -> bool:
    """Whether one digit differs, or the same digits stand in another order."""
    if len(digits) != len(other):
        return False
    return sum(a != b for a, b in zip(digits, other, strict=True)) <= 1 or sorted(digits) == sorted(other)


@dataclass(frozen=True)
class _Name:
    words: tuple[str, ...]
    role: str
    """author or title where the answer says so; empty where a name is merely mentioned."""

    @property
    def text(self) -> str:
        return " ".join(self.words).rstrip(".")


def _about_names(said: str, page: Page, question: Question) -> Disagreement | None:
    whole = _squashed(page.text)
    printed = [_squashed(word) for word in _WORD.findall(page.text)]
    for name in _names(said, question):
        if _squashed(name.text) in whole:
            continue
        words = [word for word in name.words if len(_squashed(word)) >= 2 and word.lower() not in _COMMON]
        if not words or all(any(_slip(_squashed(word), other) for other in printed) for word in words):
            continue
        rival = _other_name(words, page) or _other_claim(name, words, page, printed)
        if rival is not None:
            return Disagreement(name.text, rival.text, rival.lines)
    return None


def _names(said: str, question: Question) -> Iterator[_Name]:
    """Names in the answer: the whole of a short one to a question for a name, what it says is one, capitalised words."""
    words = _WORD.findall(said)
    if question.kind in NAMED and len(words) <= 6:
        yield _Name(tuple(words), "author" if question.kind == "author" else "title")
        return
    for quoted in _QUOTED.finditer(said):
        yield _Name(tuple(_WORD.findall(quoted.group(1))), "title")
    for claim in _CLAIM.finditer(said):
        words_after = _run(said[claim.end() :])
        if words_after:
            yield _Name(words_after, "author" if claim.group("by") else "title")
    place = 0
    while start := _WORD.search(said, place):
        run = _run(said[start.start() :])
        while run and run[0].lower() in _COMMON:
            run = run[1:]
        if len(run) >= 2:
            yield _Name(run, "")
        place = start.end() if not run else max(start.end(), said.index(run[-1], start.start()) + len(run[-1]))


def _run(text: str) -> tuple[str, ...]:
    """The capitalised words with which `text` begins, as long as nothing but spaces stands between them."""
    found: list[str] = []
    place = 0
    while match := _WORD.match(text, place):
        word = match.group()
        if not word[0].isupper():
            break
        found.append(word)
        # A dot ends the sentence, unless it stands after an initial.
        if word.endswith(".") and len(word) > 2:
            break
        place = match.end() + (text[match.end() : match.end() + 1] == " ")
        if place == match.end():
            break
    return tuple(found)


def _other_name(words: Sequence[str], page: Page) -> Span | None:
    """A printed name of as many words, of which all but one are the same."""
    said = [_squashed(word) for word in words]
    if len(said) < 2:
        return None
    for row in page.rows:
        printed = [
            word for word in _WORD.findall(row.text) if len(_squashed(word)) >= 2 and word.lower() not in _COMMON
        ]
        if len(printed) > len(said) + 1:
            continue  # a sentence, in which a word of a name is no name
        for first in range(len(printed) - len(said) + 1):
            part = printed[first : first + len(said)]
            differ = [not _slip(a, _squashed(b)) for a, b in zip(said, part, strict=True)]
            if sum(differ) == 1 and min(len(part[differ.index(True)]), len(said[differ.index(True)])) >= 3:
                return _span(row, " ".join(part))
    return None


def _other_claim(name: _Name, words: Sequence[str], page: Page, printed: Sequence[str]) -> Span | None:
    """What is printed where the answer claims a title or an author of whom no word is printed."""
    long = [_squashed(word) for word in words if len(_squashed(word)) >= _LEAST_NAME]
    if not name.role or not long or any(_slip(word, other) for word in long for other in printed):
        return None
    if name.role == "author":
        spans = [span for span in cover.authors(page) if span.belief >= cover.ENOUGH_FOR_A_NAME]
    else:
        spans = [span for span in cover.titles(page) if span.belief >= SURE]
    return spans[0] if spans else None


def _span(row: Row, text: str) -> Span:
    return Span(text, row.lines, SURE)


def _squashed(text: str) -> str:
    """Without spaces, marks and accents, and with letters that are taken for each other made one."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    folded = fold(bare).replace(" ", "").replace("rn", "m").replace("vv", "w")
    return folded.translate(str.maketrans("0o1i5s8bqg", "oollssbbgg"))


def _slip(word: str, other: str) -> bool:
    """Whether two squashed words are one, but for a letter or two that were misread in a long word."""
    if word == other:
        return True
    shorter = min(len(word), len(other))
    allowed = 0 if shorter < 5 else 1 if shorter < 9 else 2
    return abs(len(word) - len(other)) <= allowed and _distance(word, other) <= allowed


def _distance(word: str, other: str) -> int:
    """Letters to change, add or leave out."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        now = [row]
        for column, seen in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != seen)))
        before = now
    return before[-1]
