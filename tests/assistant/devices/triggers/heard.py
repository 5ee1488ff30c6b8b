"""Collects what triggers report, and waits for it."""

from __future__ import annotations

import queue
import time

from assistant.errors import AssistantError
from assistant.ports.events import Event

PATIENCE = 20.0
"""Seconds until a test gives up on something that takes hundredths of one."""


class Heard:
    """A `report` and a `trouble` in one."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.troubles: queue.Queue[AssistantError] = queue.Queue()

    def next(self) -> Event:
        return self.events.get(timeout=PATIENCE)

    def trouble(self) -> AssistantError:
        return self.troubles.get(timeout=PATIENCE)

    def kinds(self, count: int) -> list[str]:
        return [type(self.next()).__name__ for _ in range(count)]

    def nothing(self, seconds: float = 0.3) -> bool:
        time.sleep(seconds)
        return self.events.empty()
