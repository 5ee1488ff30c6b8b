"""Tries a device or the voice by the command `assistant try`, and shows what it finds while it goes on. One at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from app.settings import Settings
from app.web.console.parts import html
from app.web.console.parts.child import CommandError, running

_alone = threading.Lock()
"""Two would want the same device."""

Shown = tuple[str, str]
"""A message, and a level or a picture, both HTML."""


def try_it(places: Settings, arguments: Sequence[str], begin: str) -> Iterator[Shown]:
    """Say `begin`, and then what `assistant try ARGUMENTS` finds. What goes wrong is said as well."""
    if not _alone.acquire(blocking=False):
        yield html.wrong("Another test is still going on. Wait until it is over."), ""
        return
    message, view, loudest = html.said(begin), "", 0
    try:
        yield message, view
        with running("app.cli", ["try", *arguments, "--json"], places) as child:
            for line in child.lines():
                if isinstance(line, str):
                    continue
                if "good" in line:
                    message = html.said(line["words"]) if line["good"] else html.wrong(line["words"])
                    if loudest:
                        view = html.meter("Loudest", loudest)
                elif "sound" in line:
                    message, view = html.said("You hear the voice in this browser."), html.sound(line["sound"])
                elif "level" in line:
                    loudest = max(loudest, line["level"])
                    view = html.meter("Loudness", line["level"])
                elif "picture" in line:
                    words = line["words"]
                    view = html.picture(f"What the camera sees. {words}", line["picture"], "jpeg")
                    view += html.paragraph(words)
                yield message, view
    except CommandError as error:
        yield html.wrong(str(error)), ""
    finally:
        _alone.release()
