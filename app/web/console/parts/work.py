"""The long work of this server: one command at a time, which goes on whoever looks at it, and can be stopped and gone on with.

What it shows is `panel.py`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.settings import Settings
from app.web.console.parts.child import Child, CommandError
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from rpiq.run.result import BlockReport

Outcome = Literal["none", "running", "done", "stopped", "failed"]

log = logging.getLogger(__name__)


class BusyError(AssistantError):
    """Something else runs."""


@dataclass(frozen=True)
class State:
    """How the work stands at a moment."""

    number: int = 0
    """Of the work since the server began."""
    title: str = ""
    outcome: Outcome = "none"
    what: str = ""
    """What is being done now."""
    share: float = 0.0
    """Of that which is done, 0 to 1."""
    seconds_left: float | None = None
    """Until that is done; None while nobody knows."""
    said: tuple[str, ...] = ()
    """What the command said of its results."""
    problem: str = ""
    """Why it failed."""
    blocks: tuple[BlockReport, ...] = ()
    """What became of the blocks of a quantization, so far."""
    out: Path | None = None
    """The folder that a quantization makes."""
    method: str = ""
    """How it quantizes."""


class Work:
    """One at a time. Safe to use from any thread."""

    def __init__(self, places: Settings, done: Callable[[], None] = lambda: None) -> None:
        """`done` is called, from a thread, when a command has ended well: there may be other models now."""
        self._places, self._done = places, done
        self._lock = threading.Lock()
        self._state = State()
        self._child: Child | None = None
        self._began: tuple[str, float, float] = ("", 0.0, 0.0)
        self._thread: threading.Thread | None = None
        atexit.register(self.stop)

    @property
    def state(self) -> State:
        return self._state

    @property
    def running(self) -> bool:
        return self._state.outcome == "running"

    def start(
        self, title: str, module: str, arguments: Sequence[str], out: Path | None = None, method: str = ""
    ) -> None:
        """Run a command, which is called `title`. Errors: BusyError."""
        with self._lock:
            if self.running:
                raise BusyError(
                    f"{self._state.title} is still going on: wait for it, or stop it first",
                    "Something else is still going on. Wait for it, or stop it first.",
                )
            self._state = State(self._state.number + 1, title, "running", what=title, out=out, method=method)
            self._began = ("", 0.0, 0.0)
            child = self._child = Child(module, arguments, self._places)
        self._thread = threading.Thread(target=self._follow, args=(child,), name="work", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is done is kept, as far as the command keeps it. Returns when it is over."""
        child, thread = self._child, self._thread
        if child is not None and self.running:
            child.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _follow(self, child: Child) -> None:
        outcome: Outcome = "done"
        problem = ""
        try:
            for line in child.lines():
                self._state = self._heard(line)
            if child.stopped:
                outcome = "stopped"
        except CommandError as error:
            outcome, problem = "failed", str(error)
            log.warning("%s failed", self._state.title)
        finally:
            child.close()
        self._state = replace(self._state, outcome=outcome, problem=problem, seconds_left=None)
        if outcome == "done":
            self._done()

    def _heard(self, line: dict[str, Any] | str) -> State:
        state = self._state
        if isinstance(line, str):
            return replace(state, said=(*state.said, line)) if line.strip() else state
        if "stage" in line:
            return _quantizing(state, line)
        if "share" not in line:
            return state
        left = line["seconds_left"]
        return replace(
            state,
            what=line["what"],
            share=line["share"],
            seconds_left=self._estimate(line["what"], line["share"]) if left is None else left,
        )

    def _estimate(self, what: str, share: float) -> float | None:
        """Seconds that the rest of `what` takes, if it goes on as since its beginning."""
        now = time.monotonic()
        if what != self._began[0]:
            self._began = (what, share, now)
        _, first, began = self._began
        won = share - first
        return (now - began) / won * (1 - share) if won > 0 else None


def _quantizing(state: State, step: dict[str, Any]) -> State:
    """A step of rpiq (`rpiq.run.result.Progress`)."""
    if step["finished"] is not None:
        from rpiq.run.result import read_block  # brings torch, which nothing else here needs

        state = replace(state, blocks=(*state.blocks, read_block(step["finished"])))
    if step["stage"] == "block":
        what = f"block {step['block'] + 1} of {step['blocks']}"
    elif step["stage"] == "finished":
        what = f"block {step['block']} of {step['blocks']}"
    else:
        what = step["stage"]
    return replace(state, what=f"{state.title}, {what}", share=step["share"], seconds_left=step["seconds_left"])
