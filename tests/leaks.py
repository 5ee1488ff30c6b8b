"""For tests of anything that hears, reads or sees: all that it would log, and whether given words are in it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from assistant.checkup.privacy import DiscreetFormatter


@contextmanager
def everything_logged() -> Iterator[Callable[[], str]]:
    """Logs all, as `assistant -vv` does, into memory; gives a function that returns what was logged until then."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(DiscreetFormatter("%(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream.getvalue
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def leaked(text: str, words: Iterable[str]) -> list[str]:
    """Those of `words` that are in `text`, however they are written."""
    folded = text.casefold()
    return [word for word in words if word.casefold() in folded]
