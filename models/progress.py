"""Progress of long work, as one value and one callback, so that command line, web page and tests share the driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a piece of work has come."""

    done_bytes: int
    total_bytes: int
    what: str
    """What is being done, for a person: "fetching piper-joe"."""


Report = Callable[[Progress], None]
"""Where progress goes. It may be called from another thread than the one that waits for the work."""


def no_report(progress: Progress) -> None:
    """A Report for those who do not want to know."""
