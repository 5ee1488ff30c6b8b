"""`assistant doctor`: what this machine has, what will be used and why, and what to do about each gap."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app import settings
from app.engines import open_connection
from app.terminal import say, say_json
from assistant.errors import SettingsError
from assistant.preferences import Preferences
from models.store import Store

if TYPE_CHECKING:
    from app.commands import Subparsers
    from assistant.remote.health import Health


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
    from assistant.advice import advise
    from assistant.doctor import as_text, diagnose, look
    from assistant.readiness import surroundings
    from models.four_bits import four_bit_folder

    here = settings.read(arguments.settings)
    chosen, problem = Preferences(), ""
    try:
        chosen = settings.load(here.file)
    except SettingsError as error:
        problem = str(error)
    elsewhere: Health | None = None
    try:
        connection = open_connection(chosen)
    except SettingsError as error:
        connection, problem = None, str(error)
    if connection is not None:
        from assistant.remote.health import examine

        elsewhere = examine(connection)
    profile = arguments.profile or chosen.profile
    store = Store(here.store_root)
    entries = store.catalogue.profile(profile)
    if connection is not None and connection.picture_model:
        entries = tuple(entry for entry in entries if entry.role != "vision-language")
    wanted = {entry.name for entry in entries}
    listing = [row for row in store.listing() if row.entry.name in wanted]
    quantizable = [row for row in listing if row.entry.four_bits == "setup" and not row.problem]
    four_bits = [row.entry.name for row in quantizable if four_bit_folder(row.folder)]
    machine = look(store.root)
    advice = advise(machine.gpus, machine.memory_bytes, store.catalogue)
    diagnosis = diagnose(
        machine, listing, profile, four_bits, advice, surroundings(here.file, problem, chosen), elsewhere
    )
    if arguments.json:
        say_json(diagnosis)
    else:
        say(as_text(diagnosis))
    return 0 if diagnosis.ready else 1
