"""What has changed between two looks at things with print: one packet and another, one price tag then and now.

Compares what was read, line by line, and says which numbers or lines differ; colour and light only where the text does
not. Reading is others' work, and where it failed nothing is compared.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from assistant.mind.finding.figures import Figure, figures
from assistant.picture.colours import colour
from assistant.picture.gate import SURE
from assistant.picture.page import Line, Page
from assistant.picture.photo import Photo
from assistant.sound.speaking.phrases import plain

SAME_LINE = 0.85
"""Least likeness of two readings of one line: the reader errs in a letter now and then."""
CHANGED_LINE = 0.5
"""Least likeness of two lines of which one may have come out of the other."""
SAME_TEXT = 0.4
"""Share of the letters, in lines that are found in both, below which these are two texts and no list of changes helps."""
BRIGHTER = 30.0
"""Difference in the mean grey level that is worth a word."""
GUESSED = 0.6
"""Confidence of a word below which it may as well be another: two such readings of one line do not differ."""
LONGEST = 60
"""Characters of a line that are said."""

_NOUNS = {"money": "price", "date": "date", "time": "time", "phone": "phone number", "year": "year", "number": "number"}
_IMPORTANT = ("money", "date", "time", "year")


class Look(Protocol):
    """What `compare` needs of `ask.Seen`."""

    @property
    def photo(self) -> Photo: ...

    @property
    def page(self) -> Page | None: ...


@dataclass(frozen=True)
class _Change:
    """Two lines of which one stands in the place of the other; None where there is none."""

    then: Line | None
    now: Line | None

    @property
    def numbers(self) -> tuple[Figure, Figure] | None:
        """The first number that differs, if numbers are what differs."""
        if self.then is None or self.now is None:
            return None
        first, second = figures(self.then.text), figures(self.now.text)
        if len(first) != len(second) or [each.kind for each in first] != [each.kind for each in second]:
            return None
        return next(((a, b) for a, b in zip(first, second, strict=True) if not a.same(b)), None)

    @property
    def rank(self) -> int:
        """Smaller is told earlier: prices, dates, other numbers, then words."""
        numbers = self.numbers
        if numbers is None:
            return len(_IMPORTANT) + 1
        return _IMPORTANT.index(numbers[0].kind) if numbers[0].kind in _IMPORTANT else len(_IMPORTANT)

    @property
    def doubtful(self) -> bool:
        return any(line.confidence < SURE for line in (self.then, self.now) if line) or any(
            _unsure(self.then, self.now)
        )


def compare(before: Look, now: Look) -> str:
    """At most two sentences on what differs between two pictures that were looked at."""
    if before.page is None or now.page is None:
        which = "either picture" if before.page is now.page else "the first" if before.page is None else "the second"
        return f"I could not read {which}, so I cannot compare them."
    then, current = before.page.lines, now.page.lines
    if not then or not current:
        if not then and not current:
            return f"I see no text in either. {_look(before.photo, now.photo)}"
        shown = _short((then or current)[0].text)
        return (
            f"There was text, beginning with {shown}; now I see none." if then else f"Only now is there text: {shown}."
        )
    changes, same = _changes(then, current)
    if not changes:
        return f"The text is the same. {_look(before.photo, now.photo)}"
    total = sum(len(_key(line.text)) for line in (*then, *current))
    if same < SAME_TEXT * total and all(change.numbers is None for change in changes):
        return f"This is another text. It begins with {_short(current[0].text)}; before it was {_short(then[0].text)}."
    changes.sort(key=lambda change: change.rank)
    return f"{_told(changes[0], before.page, len(changes))} {_rest(changes)}".strip()


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _words(text: str) -> str:
    return " " + re.sub(r"[\W_]+", " ", text.casefold()).strip() + " "


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, _key(a), _key(b), autojunk=False).ratio()


def _same(a: Line, b: Line) -> bool:
    """Whether both are readings of one line: alike, and no number differs."""
    if _key(a.text) == _key(b.text):
        return True
    first, second = figures(a.text), figures(b.text)
    alike = len(first) == len(second) and all(x.same(y) for x, y in zip(first, second, strict=True))
    return (alike or all(_unsure(a, b))) and _likeness(a.text, b.text) >= SAME_LINE


def _unsure(then: Line | None, now: Line | None) -> tuple[bool, bool]:
    """Whether in each line a word that the other has not holds a letter that is as good as guessed."""
    said = [{word.text for word in line.words} if line else set() for line in (then, now)]
    return (
        any(word.confidence < GUESSED for word in (then.words if then else ()) if word.text not in said[1]),
        any(word.confidence < GUESSED for word in (now.words if now else ()) if word.text not in said[0]),
    )


def _changes(then: Sequence[Line], now: Sequence[Line]) -> tuple[list[_Change], int]:
    """What differs, in reading order, and the number of letters in lines that do not."""
    left, right = list(then), list(now)
    for line in then:
        twin = next((other for other in right if _same(line, other)), None)
        if twin is not None:
            left.remove(line)
            right.remove(twin)
    # The reader parts a line now here, now there: what stands whole among the rest of the other text is no change.
    whole = [_words(" ".join(line.text for line in rest)) for rest in (left, right)]
    left = [line for line in left if len(_key(line.text)) > 2 and _words(line.text) not in whole[1]]
    right = [line for line in right if len(_key(line.text)) > 2 and _words(line.text) not in whole[0]]
    same = sum(
        len(_key(line.text)) for lines, rest in ((then, left), (now, right)) for line in lines if line not in rest
    )
    changes: list[_Change] = []
    for line in left:
        best = max(right, key=lambda other: _kinship(line, other), default=None)
        if best is not None and _kinship(line, best) >= CHANGED_LINE:
            right.remove(best)
            changes.append(_Change(line, best))
        else:
            changes.append(_Change(line, None))
    return changes + [_Change(None, line) for line in right], same


def _kinship(a: Line, b: Line) -> float:
    """Likeness of two lines; where both are numbers of one kind and little else, they are related whatever the digits."""
    first, second = figures(a.text), figures(b.text)
    kinds = [each.kind for each in first]
    if kinds and kinds == [each.kind for each in second]:
        words = [re.sub(r"\d", "", _key(line.text)) for line in (a, b)]
        return max(_likeness(a.text, b.text), 0.5 + 0.5 * _likeness(*words))
    return _likeness(a.text, b.text)


def _told(change: _Change, page: Page, changes: int) -> str:
    numbers = change.numbers
    if numbers is not None and change.then is not None:
        first, second = numbers
        noun = _NOUNS.get(
            first.kind, "amount" if first.kind in ("%", "g", "kg", "mg", "mcg", "ml", "l", "oz") else "number"
        )
        label = _label(change.then, page) if changes > 1 else ""
        return f"The {noun}{f' at {label}' if label else ''} differs: {first.text} then, {second.text} now."
    if change.then is None:
        return f"Only now it says: {_short(change.now.text if change.now else '')}."
    if change.now is None:
        return f"It no longer says: {_short(change.then.text)}."
    return f"A line differs: {_short(change.then.text)} then, {_short(change.now.text)} now."


def _label(line: Line, page: Page) -> str:
    """The words that stand beside a number, which tell what it belongs to."""
    row = next(row for row in page.rows if line in row.lines)
    return _short(" ".join(re.findall(r"[^\W\d_]{2,}", row.text)))


def _rest(changes: Sequence[_Change]) -> str:
    """The second sentence: how much more differs, or that the first is in doubt."""
    if changes[0].doubtful:
        return "I did not read it clearly, so please check."
    more = len(changes) - 1
    if more == 0:
        return "All else is the same."
    return "One more line differs." if more == 1 else f"{more} more lines differ."


def _short(text: str) -> str:
    said = plain(text)
    return said if len(said) <= LONGEST else said[:LONGEST].rsplit(" ", 1)[0]


def _look(then: Photo, now: Photo) -> str:
    """What differs in colour or light."""
    first, second = colour(then), colour(now)
    if first.main != second.main and not (first.doubt or second.doubt):
        return f"The colour was {first.main} and is now {second.main}."
    change = float(np.mean(now.pixels[::4, ::4])) - float(np.mean(then.pixels[::4, ::4]))
    if abs(change) >= BRIGHTER:
        return f"It is {'brighter' if change > 0 else 'darker'} now."
    return "I see no difference in colour or light."
