"""Ways to talk beside the wake word: the terminal's keys, a button or pedal, a socket, HTTP on this machine.

Each is a class of its own which reports events and knows nothing of the others, nor of what follows from an event.
None waits for another: each has threads of its own, which end with the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from assistant.errors import AssistantError
from assistant.ports.events import Event
from assistant.ports.world import Clock

Report: TypeAlias = Callable[[Event], None]
"""Takes an event, from any thread, and returns at once."""
Trouble: TypeAlias = Callable[[AssistantError], None]
"""Takes what keeps a trigger from working while the program runs, to be spoken; from any thread."""
Status: TypeAlias = Callable[[], Mapping[str, object]]
"""What the assistant is doing, for a program to read: plain values, and nothing that was said, read or seen."""

STOP = "stop"
"""What a key or a command that silences the assistant would be as a word."""


class Trigger(Protocol):
    """A way to talk."""

    def start(self, report: Report, clock: Clock) -> None:
        """Begin to report, and return. TriggerError when it can never work as it is."""

    def close(self) -> None:
        """Report nothing more and leave everything as it was found. May be called at any time, and twice."""
