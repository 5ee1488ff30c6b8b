"""What another program may ask of the running assistant, one line each: press, release, stop, ask TEXT, quit, status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.devices.triggers.trigger import STOP, Report, Status
from assistant.ports.events import Pressed, Quit, Released, Typed
from assistant.ports.world import Clock

ORDERS = ("press", "release", "stop", "ask", "quit", "status")


@dataclass(frozen=True)
class Desk:
    """Takes orders for the assistant, from any thread."""

    report: Report
    clock: Clock
    status: Status

    def take(self, line: str, source: str) -> Mapping[str, object]:
        """Do what `line` says; the reply, with `ok` and, where that is false, `error`."""
        order, _, rest = line.strip().partition(" ")
        text = rest.strip()
        now = self.clock()
        if text and order in ORDERS and order != "ask":
            return refusal(f"nothing can follow {order}")
        match order:
            case "press":
                self.report(Pressed(now, source))
            case "release":
                self.report(Released(now))
            case "stop":
                self.report(Typed(now, STOP))
            case "quit":
                self.report(Quit(now))
            case "ask" if text:
                self.report(Typed(now, text))
            case "ask":
                return refusal("ask needs a question")
            case "status":
                return {"ok": True, **self.status()}
            case _:
                return refusal(f"no such order; there are: {', '.join(ORDERS)}")
        return {"ok": True}


def refusal(error: str) -> Mapping[str, object]:
    """The reply to what is not done."""
    return {"ok": False, "error": error}
