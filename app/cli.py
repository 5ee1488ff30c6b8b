"""The command `assistant`: parses the arguments, runs one subcommand, turns errors into one line and an exit status.

Exit status: 0 done, 2 something the user can mend, 130 interrupted. The work is in `commands/`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from app.commands import ask, doctor, listen, service, settings, setup, talk, trial, web
from app.commands import models as models_command
from app.terminal import complain
from assistant.checkup.privacy import DiscreetFormatter
from assistant.errors import AssistantError
from models.errors import ModelError
from models.fetch import hub_offline

COMMANDS = (ask, listen, web, talk, setup, settings, trial, service, doctor, models_command)
"""In the order of `--help`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    handler = logging.StreamHandler()
    handler.setFormatter(DiscreetFormatter("assistant: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING - 10 * min(arguments.verbose, 2))
    if not arguments.online:
        hub_offline()
    try:
        status: int = arguments.run(arguments)
    except (AssistantError, ModelError) as error:
        complain(f"assistant: error: {error}")
        return 2
    except KeyboardInterrupt:
        complain("assistant: interrupted")
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="assistant", description="Ask aloud about a picture and hear the answer; everything runs on this machine."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('rpiq-assistant')}")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more of what goes on; twice for all")
    # Only a command that says so may use the network.
    parser.set_defaults(online=False)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(subparsers)
    return parser


def run() -> NoReturn:
    """The program `assistant`: ends at once where a thread still computes, or hangs in a driver; an interpreter that is
    taken down under such a thread aborts."""
    status = main()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    run()
