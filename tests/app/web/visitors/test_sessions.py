"""Sessions: found by their token alone, bounded, forgotten in time, never put out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.web.visitors import sessions as module
from app.web.visitors.sessions import Sessions
from assistant.conversation.exchange import Exchange
from assistant.engines.opening import ProfileEngines
from assistant.picture.photo import Photo
from models.store import Store


class Clock:
    """A counted clock."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock, tmp_path: Path) -> Sessions:
    engines = ProfileEngines(Store(tmp_path))  # none is opened
    return Sessions(lambda local: Exchange(engines), clock)


class Asked:
    """Stands for an errand."""

    dropped = 0

    def drop(self) -> None:
        self.dropped += 1


def test_a_session_is_found_by_its_token_alone(sessions: Sessions) -> None:
    token = sessions.open(local=True)
    assert sessions.find(token) is not None
    assert sessions.find(token[:-1]) is None
    assert sessions.find("") is None
    assert sessions.find(None) is None


def test_tokens_are_not_kept(sessions: Sessions) -> None:
    token = sessions.open(local=True)
    assert token not in repr(vars(sessions))


def test_two_sessions_share_nothing(sessions: Sessions) -> None:
    one, other = sessions.find(sessions.open(True)), sessions.find(sessions.open(True))
    assert one is not None
    assert other is not None
    assert one.exchange is not other.exchange


def test_the_one_longest_unused_makes_room(sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 2)
    first = sessions.open(True)
    clock.now = 1
    second = sessions.open(True)
    clock.now = 2
    sessions.find(first)
    clock.now = 3
    third = sessions.open(True)
    assert [sessions.find(token) is not None for token in (first, second, third)] == [True, False, True]
    assert len(sessions) == 2


def test_what_was_left_lying_is_forgotten_and_the_session_stays(sessions: Sessions, clock: Clock) -> None:
    token = sessions.open(local=True)
    session = sessions.find(token)
    assert session is not None
    before = session.exchange
    clock.now = module.KEPT_SECONDS - 1
    sessions.tidy()
    assert session.exchange is before
    clock.now = 2 * module.KEPT_SECONDS
    sessions.tidy()
    assert session.exchange is not before
    assert sessions.find(token) is session


def test_pictures_of_all_sessions_are_bounded(
    sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Photo(np.zeros((100, 100, 3), np.uint8))
    monkeypatch.setattr(module, "MOST_PICTURE_BYTES", 2 * picture.pixels.nbytes)
    found = []
    for clock.now in (1.0, 2.0, 3.0):
        session = sessions.find(sessions.open(local=True))
        assert session is not None
        session.exchange.show(picture)
        found.append(session)
    sessions.make_room(found[0])
    assert [session.exchange.picture_bytes > 0 for session in found] == [True, False, True]


def test_closing_ends_what_is_asked(sessions: Sessions) -> None:
    token = sessions.open(local=True)
    session = sessions.find(token)
    assert session is not None
    errand = Asked()
    session.begin(errand)  # type: ignore[arg-type]
    sessions.close(token)
    assert errand.dropped == 1
    assert sessions.find(token) is None
    sessions.close(token)


def test_a_new_question_takes_the_place_of_the_one_before(sessions: Sessions) -> None:
    session = sessions.find(sessions.open(local=True))
    assert session is not None
    first, second = Asked(), Asked()
    session.begin(first)  # type: ignore[arg-type]
    session.begin(second)  # type: ignore[arg-type]
    assert (first.dropped, second.dropped) == (1, 0)
