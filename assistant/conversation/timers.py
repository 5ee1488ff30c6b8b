"""Alarms by name: each wait of the conversation has one, so that none is endless."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.ports.world import Clock


class Timers:
    """Set, cleared, and asked for what is due; nothing rings by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[str, float] = {}

    def set(self, name: str, seconds: float) -> None:
        """Due in `seconds` from now, in place of when it was due before."""
        self._at[name] = self._clock() + seconds

    def clear(self, *names: str) -> float:
        """Not due any more; returns how many seconds the last of `names` had left, 0 if it was not set."""
        left = 0.0
        for name in names:
            left = max(0.0, self._at.pop(name, 0.0) - self._clock())
        return left

    def clear_all(self) -> None:
        self._at.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._at

    @property
    def next(self) -> float | None:
        """When the next one is due."""
        return min(self._at.values(), default=None)

    def due(self) -> Iterator[str]:
        """Those that are due, each once, as they are at the moment of being asked for."""
        now = self._clock()
        for name in [name for name, at in self._at.items() if at <= now]:
            if self._at.pop(name, None) is not None:
                yield name
