"""`assistant talk`: presses, stops or asks the assistant that is running, from a shortcut of the desktop or a script."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app import settings
from app.terminal import say, say_json

if TYPE_CHECKING:
    from app.commands import Subparsers

ACTIONS = {
    "press": "as if the button to talk were pressed",
    "release": "as if it were let go",
    "stop": "be silent",
    "ask": "ask a question in writing",
    "status": "say what the assistant is doing",
    "quit": "end the assistant",
}


def register(subparsers: Subparsers) -> None:
    """Add `talk` to the command line."""
    parser = subparsers.add_parser(
        "talk",
        help="press, stop or ask the running assistant",
        description="Tell the running assistant to do something. Bind `assistant talk press` to a key of your desktop to talk by it.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.set_defaults(run=run, order=name, text=[], json=False)
        if name == "ask":
            action.add_argument("text", nargs="+", metavar="TEXT", help="the question")
        if name == "status":
            action.add_argument("--json", action="store_true", help="write the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Errors: TriggerError when no assistant runs or it refuses."""
    from assistant.devices.triggers.talk_socket import tell

    reply = dict(tell(settings.read().socket, " ".join([arguments.order, *arguments.text])))
    if arguments.json:
        say_json(reply)
    elif arguments.order == "status":
        for name, value in reply.items():
            if name != "ok":
                say(f"{name.replace('_', ' ')}: {value}")
    return 0
