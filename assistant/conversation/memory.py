"""What is kept of a conversation: questions with their answers, the pictures they were about, the pages of a document.

What a question about a picture does to these is the same by ear (`turns.py`) and over the web (`exchange.py`), so it stands here.
Nothing of it is written to a disk.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from assistant.mind.answering.reading_aloud import printed_words
from assistant.mind.answering.replies import reply
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent
from assistant.picture.looking import Seen
from assistant.ports.engines import Engines

COMPARED = 3
"""Pictures of earlier answers that are kept, to compare with."""
MOST_TURNS = 20
"""Questions and answers that are kept, for what refers to them."""
SAME_TEXT = 0.95
CANNOT_BE_UNDONE = ("forget",)
"""Asked back when it was not heard well. (Short orders seldom are, so all others are simply done.)"""


@dataclass(frozen=True)
class Given:
    """An answer about a picture, as it was given."""

    intent: Intent
    parts: tuple[Answer, ...]

    @property
    def abstained(self) -> bool:
        return all(part.abstained for part in self.parts)

    @property
    def printed(self) -> str:
        """The words of it that stand in the picture."""
        return printed_words(self.parts[0]) if self.parts else ""


class Memory:
    """Of one conversation with one person."""

    def __init__(self, most_pages: int | None = None) -> None:
        """`most_pages`: of a document, that are kept; None for all."""
        self._most_pages = most_pages
        self.forget()

    def forget(self) -> None:
        """Keep nothing of what was asked, said and seen."""
        self.history: list[tuple[str, str]] = []
        """Questions and answers, for what refers to them."""
        self.album = Album()
        self.pages: list[Seen] = []
        """Of a document, in its order."""
        self.given: Given | None = None
        """The last answer about a picture."""
        self.asked_back: Intent | None = None
        """What the user is asked to confirm."""

    def reply(self, intent: Intent, seen: Seen, engines: Engines) -> Iterator[Answer]:
        """The answer to `intent` about what is seen, part by part, begun when it is asked for; errors as of `replies.reply`."""
        return reply(intent, seen, self.album.earlier(seen), tuple(self.pages), engines, tuple(self.history))

    def forget_pictures(self) -> None:
        """Nothing is compared with what was seen before."""
        self.album = Album()

    def conclude(self, intent: Intent, seen: Seen, parts: Sequence[Answer]) -> Given:
        """An answer is whole: what follows may refer to it."""
        self.given = given = Given(intent, tuple(parts))
        if intent.name == "ask" and not given.abstained:
            said = " ".join(part.seen for part in parts if part.seen) or " ".join(part.text for part in parts)
            self.history = [*self.history, (intent.text, said)][-MOST_TURNS:]
        if seen.quality.usable:
            self.album.add(seen)
        return given

    def take_back(self) -> None:
        """What was understood last was wrong: it was not asked."""
        if self.given is not None and self.history and self.history[-1][0] == self.given.intent.text:
            self.history.pop()

    def ask_back(self, intent: Intent, confidence: float, confirm_below: float) -> bool:
        """Whether the user is to confirm this first; then it is kept for "yes"."""
        doubtful = intent.name in CANNOT_BE_UNDONE and confidence < confirm_below
        if doubtful:
            self.asked_back = intent
        return doubtful

    def confirmed(self) -> Intent | None:
        """What the user was asked about, who has answered it now."""
        asked, self.asked_back = self.asked_back, None
        return asked

    def keep_page(self, seen: Seen) -> None:
        """The next page of a document."""
        if self._most_pages is None or len(self.pages) < self._most_pages:
            self.pages.append(seen)


class Album:
    """The last pictures that answers were given from, to compare with."""

    def __init__(self) -> None:
        self._kept: deque[Seen] = deque(maxlen=COMPARED)

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._kept)

    def add(self, seen: Seen) -> None:
        """One more; another one of the same text takes the place of the last."""
        if self._kept and _same_text(self._kept[-1], seen):
            self._kept.pop()
        self._kept.append(seen)

    def earlier(self, now: Seen) -> Seen | None:
        """What `now` is to be compared with: the last picture of something else, or else of the same."""
        others = [seen for seen in self._kept if seen is not now]
        return next((seen for seen in reversed(others) if not _same_text(seen, now)), others[-1] if others else None)


def _same_text(a: Seen, b: Seen) -> bool:
    """Whether two pictures show the same text, as far as a reader that errs now and then can tell."""
    if a.page is None or b.page is None:
        return False
    numbers = [re.findall(r"\d+", page.text) for page in (a.page, b.page)]
    return numbers[0] == numbers[1] and SequenceMatcher(None, a.page.text, b.page.text).ratio() >= SAME_TEXT
