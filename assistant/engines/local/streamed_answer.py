"""An answer while it is being written: a queue between the thread that writes and whoever reads, with a stop.

Who writes, a model here or a server elsewhere, is left to `picture_model.py` and `remote/eye.py`.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

_LEAVE_SECONDS = 3.0
"""Most that the end of the program waits for models to leave off; they take a tenth of a second, a busy machine longer."""


class StoppedError(Exception):
    """Nobody wants this answer any more; raised inside the model and caught around it."""


class Answering:
    """An answer while it is being written (Protocol `AnswerStream`)."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[str | Exception | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._over = False
        self._lock = threading.Lock()
        self._interrupt: Callable[[], object] | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = None if self._over else self._pieces.get()
        if piece is None or self.stopped:
            self._over = True
            raise StopIteration
        if isinstance(piece, Exception):
            self._over = True
            raise piece
        return piece

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """As `AnswerStream`."""
        self._stopped.set()
        self._pieces.put(None)
        self._fire()

    def begin(self, name: str, write: Callable[[], None], explain: Callable[[Exception], Exception]) -> None:
        """Have `write` tell the answer in a thread of its own, named `name`; whoever ends the program does not wait for it.

        `write` may raise StoppedError; what `explain` makes of any other exception is raised where the answer is read.
        """
        _unfinished.add(self)

        def work() -> None:
            failure: Exception | None = None
            try:
                write()
            except StoppedError:
                pass
            except Exception as error:  # raised again where the answer is read
                failure = explain(error)
            self.leave(failure)

        threading.Thread(target=work, name=name, daemon=True).start()

    def tell(self, piece: str) -> None:
        """For the thread that writes: one piece more."""
        if self.stopped:
            raise StoppedError
        if piece:
            self._pieces.put(piece)

    def on_stop(self, interrupt: Callable[[], object] | None) -> None:
        """For the thread that writes: what `stop` calls, once, to end a wait of it; None as soon as it does not wait any more."""
        with self._lock:
            self._interrupt = interrupt
        if self.stopped:
            self._fire()

    def leave(self, error: Exception | None = None) -> None:
        """For the thread that writes: there will be no more, and why if it should be more."""
        self._pieces.put(error)
        self._left.set()
        _unfinished.discard(self)

    def _fire(self) -> None:
        with self._lock:
            interrupt, self._interrupt = self._interrupt, None
            if interrupt is not None:
                interrupt()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the model has left off, which after `stop` may be a little later; whether it has."""
        return self._left.wait(seconds)


_unfinished: set[Answering] = set()


def stop_all() -> None:
    """End every answer that is being written."""
    for answering in tuple(_unfinished):
        answering.stop()


def _leave_off() -> None:
    """At the end of the program: a thread that is still computing then would tear the process down with an abort."""
    stop_all()
    for answering in tuple(_unfinished):
        answering.wait(_LEAVE_SECONDS)


atexit.register(_leave_off)
