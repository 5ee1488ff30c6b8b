"""Shows the work that goes on, above all tabs: what is done, how far it is, the time left; and stops it.

It looks again each second while something runs, and tells other places of the page when something of theirs is new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.web.console.parts.html import QUIET, items, one_line, shown
from app.web.console.parts.work import State, Work

SECONDS = 1.0
_ENDED = {
    "done": "is done",
    "stopped": "was stopped. What is done is kept: start it again to go on",
    "failed": "failed",
}


@dataclass(frozen=True)
class Listener:
    """A place that shows something which the work changes."""

    place: gr.Markdown
    show: Callable[[], str]


class Panel:
    """Make it above the tabs, add the listeners, and then `connect`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._listeners: list[Listener] = []
        with gr.Column(elem_classes="work"):
            self._box = shown()
            self._stop = gr.Button("Stop this work", visible=False, size="sm")
        self._timer = gr.Timer(SECONDS, active=False)
        self._known = gr.State(())

    def listen(self, place: gr.Markdown, show: Callable[[], str]) -> None:
        """Have `place` show what `show` says, whenever a piece of the work is done."""
        self._listeners.append(Listener(place, show))

    def connect(self, page: gr.Blocks) -> None:
        """Show it from the beginning, and each second while it goes on."""
        arguments: dict[str, Any] = {"fn": self._look, "inputs": [self._known], "outputs": self.outputs, **QUIET}
        page.load(**arguments)
        self._timer.tick(**arguments, concurrency_limit=None)
        self._stop.click(self._end, None, None, **QUIET).then(**arguments)

    @property
    def outputs(self) -> list[Any]:
        return [self._box, self._stop, self._timer, self._known, *(listener.place for listener in self._listeners)]

    def after(self, event: Any) -> None:
        """Look at once after `event`, which may have started something."""
        event.then(self._look, [self._known], self.outputs, **QUIET)

    def _look(self, known: tuple[Any, ...]) -> list[Any]:
        state = self._work.state
        running = state.outcome == "running"
        now = (state.number, state.outcome, len(state.blocks))
        if now == tuple(known) and not running:
            return [gr.skip()] * len(self.outputs)
        others = [listener.show() if now != tuple(known) else gr.skip() for listener in self._listeners]
        return [panel(state, news=bool(known)), gr.Button(visible=running), gr.Timer(active=running), now, *others]

    def _end(self) -> None:
        self._work.stop()


def panel(state: State, news: bool = True) -> str:
    """The state as HTML; announced at its beginning, at each tenth of the way, and at its end, if that is `news`."""
    if state.outcome == "none":
        return ""
    if state.outcome != "running":
        text = f"{state.title} {_ENDED[state.outcome]}{f': {state.problem}' if state.problem else '.'}"
        key, tone = f"work-{state.number}-{state.outcome}", "assertive" if state.outcome == "failed" else "polite"
        classes = "said wrong" if state.outcome == "failed" else "said"
        more = items(state.said[-8:]) if state.said and state.outcome == "done" else ""
        mark = f' data-said="{key}" data-tone="{tone}"' if news else ""
        return f'<div class="{classes}"><p{mark}>{one_line(text)}</p>{more}</div>'
    percent = int(100 * state.share)
    left = "" if state.seconds_left is None or state.share >= 1 else f", {about(state.seconds_left)} left"
    text = f"{state.what[:1].upper()}{state.what[1:]}: {percent} percent{left}"
    key = f"work-{state.number}-{state.what.partition(', ')[0]}-{percent // 10}"
    return (
        f'<p data-said="{one_line(key)}" data-tone="polite">{one_line(text)}.</p>'
        f'<progress max="100" value="{percent}" aria-label="{one_line(state.what)}"></progress>'
    )


def about(seconds: float) -> str:
    """For the ear."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    if hours:
        return f"about {hours} hour{'s' if hours > 1 else ''} {rest} minutes"
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"
