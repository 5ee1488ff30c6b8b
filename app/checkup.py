"""The whole report of `assistant doctor`, for whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import settings
from app.engines import open_connection
from assistant.errors import SettingsError
from assistant.settings.preferences import Preferences
from models.store import Store

if TYPE_CHECKING:
    from assistant.checkup.doctor import Diagnosis
    from assistant.engines.remote.health import Health


def checkup(places: settings.Settings, profile: str | None = None) -> Diagnosis:
    """What the machine has for `profile` (usual: that of the settings). Takes a second; opens no model and no device.

    Asks the other machine for its models, where the settings name one.

    Errors: CatalogueError when there is no such profile.
    """
    from assistant.checkup.advice import advise
    from assistant.checkup.doctor import diagnose, look
    from assistant.checkup.readiness import surroundings
    from models.four_bits import four_bit_folder

    chosen, problem = Preferences(), ""
    try:
        chosen = settings.load(places.file)
    except SettingsError as error:
        problem = str(error)
    elsewhere: Health | None = None
    try:
        connection = open_connection(chosen)
    except SettingsError as error:
        connection, problem = None, str(error)
    if connection is not None:
        from assistant.engines.remote.health import examine

        elsewhere = examine(connection)
    profile = profile or chosen.profile
    store = Store(places.store_root)
    entries = store.catalogue.profile(profile)
    if connection is not None and connection.picture_model:
        entries = tuple(entry for entry in entries if entry.role != "vision-language")
    wanted = {entry.name for entry in entries}
    listing = [row for row in store.listing() if row.entry.name in wanted]
    quantizable = [row for row in listing if row.entry.four_bits == "setup" and not row.problem]
    four_bits = [row.entry.name for row in quantizable if four_bit_folder(row.folder)]
    machine = look(store.root)
    advice = advise(machine.gpus, machine.memory_bytes, store.catalogue)
    return diagnose(machine, listing, profile, four_bits, advice, surroundings(places.file, problem, chosen), elsewhere)
