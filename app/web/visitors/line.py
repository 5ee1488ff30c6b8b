"""The line: one errand computes at a time; the others wait in the order in which they came, and know how many are before them.

Two cores answer eight people sooner one after the other than all at once. What an errand computes is others' business.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from assistant.errors import AssistantError
from assistant.sound.speaking.phrases import TOOK_TOO_LONG

MOST_WAITING = 24
"""Errands in a line; at one or two seconds each, nobody who comes after would still wait."""
LIMIT_SECONDS = 90.0
"""The longest that an errand may compute; a picture model on a slow machine takes its time."""
PATIENCE_SECONDS = 5.0
"""How long the line waits for an errand that nobody wants any more; then it is given up, and the next one begins."""

_T = TypeVar("_T")


class LineFullError(AssistantError):
    """Too many wait already."""


class TookTooLongError(AssistantError):
    """An errand was given up."""


class DroppedError(AssistantError):
    """Nobody wants this errand any more."""


@dataclass(frozen=True)
class Place:
    """Where an errand stands."""

    before: int
    """Errands before it; 0: it is being worked on."""


@dataclass(frozen=True)
class _End:
    error: Exception | None


class Errand(Generic[_T]):
    """Work that waits in a line and is then done in a thread: iterate over it for its places and its pieces, once.

    Whoever leaves the iteration early drops it. The iteration raises what the work raises, DroppedError after `drop`, and
    TookTooLongError.
    """

    def __init__(
        self, line: Line, work: Callable[[], Iterator[_T]], leave_off: Callable[[], None], head_start: float
    ) -> None:
        self._line = line
        self._work = work
        self._leave_off = leave_off
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Queue[_T | _End | None] = asyncio.Queue()
        """Pieces, the end, and None for "look around"."""
        self._unwanted = threading.Event()
        self._done = threading.Event()
        """Its thread computes no more."""
        self.begun = False
        self.entered = self._loop.time() - head_start
        """When it came, by the loop's clock; earlier by its head start."""

    def drop(self) -> None:
        """Nobody wants it any more. Call it from the event loop."""
        if not self._unwanted.is_set():
            self._unwanted.set()
            self.wake()
            if self._done.is_set():
                return  # by now another one may be computing, whom to leave off would concern
            if self.begun:
                self._leave_off()
                # Its thread may take a moment to notice; it keeps its place until then, but not for ever.
                self._loop.call_later(PATIENCE_SECONDS, self._line.leave, self)
            else:
                self._line.leave(self)

    def wake(self) -> None:
        """The line has moved."""
        self._news.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Place | _T]:
        try:
            known = -1
            while (before := self._line.before(self)) > 0:
                if before != known:
                    known = before
                    yield Place(before)
                await self._news.get()
                self._check()
            self._check()
            self.begun = True
            threading.Thread(target=self._run, name="errand", daemon=True).start()
            yield Place(0)
            deadline = self._loop.time() + LIMIT_SECONDS
            while True:
                piece = await self._next(deadline)
                if isinstance(piece, _End):
                    if piece.error is not None:
                        raise piece.error
                    return
                if piece is not None:
                    yield piece
        finally:
            self.drop()

    async def _next(self, deadline: float) -> _T | _End | None:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await self._news.get()
        except TimeoutError:
            raise TookTooLongError(
                f"an answer took more than {LIMIT_SECONDS:.0f} s and was given up", TOOK_TOO_LONG
            ) from None
        self._check()
        return piece

    def _check(self) -> None:
        if self._unwanted.is_set():
            raise DroppedError("the question was stopped before it was answered", "Stopped.")

    def _run(self) -> None:
        error: Exception | None = None
        try:
            for piece in self._work():
                if self._unwanted.is_set():
                    break
                self._tell(piece)
        except Exception as raised:  # raised again where the pieces are read
            error = raised
        self._done.set()
        self._tell(_End(error))
        try:
            self._loop.call_soon_threadsafe(self._line.leave, self)
        except RuntimeError:  # the server has ended
            return

    def _tell(self, piece: _T | _End) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.put_nowait, piece)
        except RuntimeError:  # the server has ended
            return


class Line:
    """Errands in the order in which they came. Use it from the event loop alone."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._errands: list[Errand[object]] = []

    def __len__(self) -> int:
        """Errands that wait or are being worked on."""
        return len(self._errands)

    def enter(
        self, work: Callable[[], Iterator[_T]], leave_off: Callable[[], None] = lambda: None, head_start: float = 0.0
    ) -> Errand[_T]:
        """Queue `work`, which will be called in a thread; `leave_off` makes it end early, from any thread.

        `head_start`: seconds by which it counts as having come earlier, because somebody waits for it.
        Errors: LineFullError.
        """
        if len(self._errands) >= self._most:
            raise LineFullError(
                f"{len(self._errands)} questions are waiting already: ask again in a minute",
                "Too many people are asking at once. Ask again in a minute.",
            )
        errand = Errand(self, work, leave_off, head_start)
        later = (
            place for place, other in enumerate(self._errands) if not other.begun and other.entered > errand.entered
        )
        self._errands.insert(next(later, len(self._errands)), errand)  # type: ignore[arg-type]
        return errand

    def before(self, errand: Errand[_T]) -> int:
        """How many are before `errand`; 0 also when it has left."""
        return next((place for place, other in enumerate(self._errands) if other is errand), 0)

    def leave(self, errand: Errand[_T]) -> None:
        """`errand` is done, or given up."""
        kept = [other for other in self._errands if other is not errand]
        if len(kept) < len(self._errands):
            self._errands = kept
            for other in kept:
                other.wake()
