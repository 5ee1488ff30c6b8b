"""Who is there: one session for each browser, with its own conversation. Nothing of it is on the disk.

A session is found by a random token in a cookie, of which only the hash is kept. Who may get one is decided in `access.py`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.web.visitors.line import Errand
from assistant.conversation.exchange import Exchange

MOST_SESSIONS = 64
"""The one that was longest unused makes room."""
MOST_NEW = 16
"""Of those to which nobody came back yet; so whoever only opens the page, again and again, puts out nobody who uses it."""
MOST_PICTURE_BYTES = 1_000_000_000
"""Of all sessions together; those that were longest unused forget theirs first."""
KEPT_SECONDS = 3600.0
"""After this time without a request, pictures and answers are forgotten; the session itself stays, so that nobody is put out."""


@dataclass
class Session:
    """One browser, or one program."""

    exchange: Exchange
    local: bool
    """Whether it is on this very machine."""
    used: float
    errand: Errand[Any] | None = None
    """What is being asked."""
    picture: Errand[Any] | None = None
    """What is being looked at ahead of a question."""
    returned: bool = False
    """Whether anybody came back with its token."""

    def begin(self, errand: Errand[Any]) -> None:
        """A new question takes the place of one that is not answered yet."""
        self.stop()
        self.errand = errand

    def begin_look(self, errand: Errand[Any]) -> None:
        """A new picture takes the place of one that is not looked at yet, so that nobody fills the line with them."""
        if self.picture is not None:
            self.picture.drop()
        self.picture = errand

    def stop(self) -> None:
        """Nobody wants an answer any more."""
        if self.errand is not None:
            self.errand.drop()
            self.errand = None


class Sessions:
    """All of them."""

    def __init__(self, make: Callable[[bool], Exchange], clock: Callable[[], float] = time.monotonic) -> None:
        """`make`: a new conversation, for somebody on this machine or not."""
        self._make = make
        self._clock = clock
        self._known: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._known)

    def open(self, local: bool) -> str:
        """A new session; returns its token."""
        token = secrets.token_urlsafe(32)
        self.adopt(token, local)
        return token

    def adopt(self, token: str, local: bool) -> Session:
        """A new session for a token that somebody has already."""
        new = [key for key, known in self._known.items() if not known.returned]
        crowd = new if len(new) >= MOST_NEW else list(self._known) if len(self._known) >= MOST_SESSIONS else []
        if crowd:
            self._known.pop(min(crowd, key=lambda key: self._known[key].used)).stop()
        session = Session(self._make(local), local, self._clock())
        self._known[_digest(token)] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The session of `token`; None when there is none."""
        session = self._known.get(_digest(token)) if token else None
        if session is not None:
            session.used = self._clock()
            session.returned = True
        return session

    def close(self, token: str | None) -> None:
        """End it, with all that it holds."""
        session = self._known.pop(_digest(token), None) if token else None
        if session is not None:
            session.stop()

    def forget(self, session: Session) -> None:
        """Keep nothing of what was shown, asked and said in it; what is still being worked on ends in the old conversation."""
        session.stop()
        session.exchange = self._make(session.local)

    def make_room(self, keep: Session) -> None:
        """Forget pictures of others than `keep` until all take no more than `MOST_PICTURE_BYTES`."""
        others = sorted((each for each in self._known.values() if each is not keep), key=lambda each: each.used)
        total = keep.exchange.picture_bytes + sum(each.exchange.picture_bytes for each in others)
        for session in others:
            if total <= MOST_PICTURE_BYTES:
                return
            if (held := session.exchange.picture_bytes) > 0:
                total -= held
                self.forget(session)

    def change(self, how: Callable[[Exchange], None]) -> None:
        """Change every conversation."""
        for session in self._known.values():
            how(session.exchange)

    def tidy(self) -> None:
        """Forget what was left lying. Call it now and then."""
        for session in self._known.values():
            if self._clock() - session.used > KEPT_SECONDS:
                self.forget(session)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
