"""Opens the engines that the settings choose: for every command, and for whoever else answers questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.store import Store

if TYPE_CHECKING:
    from app.settings import Settings
    from assistant.engines.opening import ProfileEngines
    from assistant.engines.remote.client import Connection
    from assistant.settings.preferences import Preferences


def open_engines(places: Settings, preferences: Preferences, steady: bool = False) -> ProfileEngines:
    """The engines that `preferences` choose, from the store of `places`; each is opened when it is first needed.

    `steady` as of `Engines`. Errors: SettingsError where another machine is to be asked and something for it is missing or unsafe.
    """
    from assistant.engines.opening import ProfileEngines

    model = Path(preferences.picture_model).expanduser() if preferences.picture_model else None
    return ProfileEngines(
        Store(places.store_root),
        preferences.profile,
        preferences.voice.kind,
        picture_model=model,
        steady=steady,
        elsewhere=open_connection(preferences),
    )


def open_connection(preferences: Preferences) -> Connection | None:
    """The server that `preferences` name; None, and no network library loaded, where everything is of this machine.

    Errors: as `open_engines`.
    """
    if preferences.server.engine == "local":
        return None
    from assistant.engines.remote.client import chosen

    return chosen(preferences.server)


def same_engines(one: Preferences, other: Preferences) -> bool:
    """Whether both choose the same engines, so that those of `one` need not be opened again."""

    def engines(chosen: Preferences) -> tuple[object, ...]:
        return chosen.profile, chosen.picture_model, chosen.voice.kind, chosen.server

    return engines(one) == engines(other)
