"""A picture is looked at once: judged by the gate and, if it is worth it, read. Any number of questions follow.

The gate stands before every model that sees the picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from assistant.picture import gate
from assistant.picture.measures import Measures
from assistant.picture.page import Page, arrange
from assistant.picture.photo import Photo, brighten
from assistant.picture.readers import Readers

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Seen:
    """A picture that was looked at once; any number of questions may be asked about it."""

    photo: Photo
    quality: gate.Quality
    page: Page | None
    """None when the gate let no model see the picture."""
    timings_ms: dict[str, float]


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.timings_ms: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], _Result]) -> _Result:
        """Run `work` and note how long it took."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.timings_ms[stage] = 1000 * (time.perf_counter() - start)

    def total(self) -> float:
        return 1000 * (time.perf_counter() - self.started)


def look(photo: Photo, engines: Readers) -> Seen:
    """Judge the picture and, unless it shows nothing at all, read it: also a blurred one has large letters."""
    watch = Stopwatch()
    quality = watch.time("gate", lambda: gate.judge(photo))
    if any(finding.kind in gate.NOTHING_TO_SEE for finding in quality.findings):
        return Seen(photo, quality, None, watch.timings_ms)
    page = watch.time("read", lambda: _read(photo, engines))
    if page.mirrored:
        photo = photo.mirrored()
    again = watch.time("gate_text", lambda: _judge_read(photo, page, quality.measures, engines))
    return Seen(photo, again, page, watch.timings_ms)


def _read(photo: Photo, engines: Readers) -> Page:
    if photo.lines:
        return arrange(photo.lines, photo.width, photo.height)
    return engines.reader.read(brighten(photo))


def _judge_read(photo: Photo, page: Page, seen: Measures, engines: Readers) -> gate.Quality:
    """The gate's second look. Stripes look like smeared writing, but a code that can be read proves a sharp picture."""
    quality = gate.judge_lines(photo, page.lines, page.turned, seen)
    if any(finding.kind == "blurred" for finding in quality.findings) and engines.barcodes.codes(photo):
        return replace(quality, findings=tuple(each for each in quality.findings if each.kind != "blurred"))
    return quality
