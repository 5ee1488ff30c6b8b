"""Slow work in threads, one thread for each lane, so that hearing, looking, thinking and speaking go on side by side.

Nothing here knows what the work is. A thread that hangs in work which nobody wants any more is given up and replaced.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from assistant.ports.events import Event, Finished, Made
from assistant.ports.world import Clock

PATIENCE = 5.0
"""Seconds that new work waits for cancelled work of the same lane to end before it gets a thread of its own."""


@dataclass
class _Task:
    number: int
    work: Callable[[], Iterator[object]]
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Nobody wants it; set from any thread."""
    cancelled_at: float = 0.0


class _Lane:
    """A queue of tasks and the thread that works them off."""

    def __init__(self) -> None:
        self.waiting: deque[_Task] = deque()
        self.now: _Task | None = None
        self.thread: threading.Thread | None = None


class ThreadWorkers:
    """`ports.Workers`; what happens is reported to `report`, from the threads."""

    def __init__(self, report: Callable[[Event], None], clock: Clock) -> None:
        self._report = report
        self._clock = clock
        self._numbers = itertools.count(1)
        self._lanes: dict[str, _Lane] = {}
        self._tasks: dict[int, _Task] = {}
        self._lock = threading.Lock()

    def start(self, lane: str, work: Callable[[], Iterator[object]]) -> int:
        """As `ports.Workers`."""
        task = _Task(next(self._numbers), work)
        with self._lock:
            self._tasks[task.number] = task
            place = self._lanes.setdefault(lane, _Lane())
            place.waiting.append(task)
            if place.thread is None or self._hangs(place):
                place.thread = threading.Thread(target=self._work, args=(place,), name=lane, daemon=True)
                place.thread.start()
        return task.number

    def cancel(self, task: int) -> None:
        """As `ports.Workers`."""
        with self._lock:
            known = self._tasks.pop(task, None)
            if known is not None:
                known.cancelled_at = self._clock()
                known.cancelled.set()

    def _hangs(self, lane: _Lane) -> bool:
        now = lane.now
        return now is not None and now.cancelled.is_set() and self._clock() - now.cancelled_at > PATIENCE

    def _work(self, lane: _Lane) -> None:
        while True:
            with self._lock:
                if lane.thread is not threading.current_thread():
                    return  # given up while it hung
                if not lane.waiting:
                    lane.thread = lane.now = None
                    return
                task = lane.now = lane.waiting.popleft()
            self._do(task)

    def _do(self, task: _Task) -> None:
        error: Exception | None = None
        try:
            if not task.cancelled.is_set():
                for piece in task.work():
                    if task.cancelled.is_set():
                        break
                    self._report(Made(self._clock(), task.number, piece))
        except Exception as raised:  # told to whoever started it
            error = raised
        with self._lock:
            wanted = self._tasks.pop(task.number, None) is not None
        if wanted:
            self._report(Finished(self._clock(), task.number, error))
