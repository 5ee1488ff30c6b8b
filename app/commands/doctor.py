"""`assistant doctor`: what this machine has, what will be used and why, and what to do about each gap."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app import settings
from app.checkup import checkup
from app.terminal import say, say_json

if TYPE_CHECKING:
    from app.commands import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add `doctor` to the command line."""
    parser = subparsers.add_parser("doctor", help="say what this machine has and lacks", description=__doc__)
    parser.add_argument(
        "--profile", help="which models to look for (see `assistant models list`); usual: what the settings say"
    )
    settings.add_option(parser)
    parser.add_argument("--json", action="store_true", help="write the result as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when `ask` can work, 1 when something it needs is missing."""
    from assistant.checkup.doctor import as_text

    diagnosis = checkup(settings.read(arguments.settings), arguments.profile)
    if arguments.json:
        say_json(diagnosis)
    else:
        say(as_text(diagnosis))
    return 0 if diagnosis.ready else 1
