"""How every worker of the bench measures: the same clock around the same events. Standard library alone."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any


def measure(stream: Iterator[int], tokens: int) -> dict[str, Any]:
    """Take `tokens` tokens; the first one includes reading the prompt.

    first_seconds: until the first token. seconds: of the others, wall clock. processor_ms: median of one of them, on all cores.
    """
    wall, processor = [time.perf_counter()], [time.process_time()]
    for _ in range(tokens):
        next(stream)
        wall.append(time.perf_counter())
        processor.append(time.process_time())
    steps = [later - before for before, later in pairwise(processor[1:])]
    return {
        "first_seconds": wall[1] - wall[0],
        "tokens_per_second": (tokens - 1) / (wall[-1] - wall[1]),
        "processor_ms": 1000 * statistics.median(steps),
    }


def resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def report(facts: dict[str, Any]) -> None:
    """What the bench reads: the last line on standard output."""
    sys.stdout.write(f"\n{json.dumps(facts)}\n")
