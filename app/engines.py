"""Opens the engines that the settings choose: for every command, and for whoever else answers questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.store import Store

if TYPE_CHECKING:
    from app.settings import Settings
    from assistant.preferences import Preferences
    from assistant.profiles import Engines


def open_engines(places: Settings, preferences: Preferences, steady: bool = False) -> Engines:
    """The engines that `preferences` choose, from the store of `places`; each is opened when it is first needed.

    `steady` as of `Engines`.
    """
    from assistant.profiles import Engines

    model = Path(preferences.picture_model).expanduser() if preferences.picture_model else None
    return Engines(
        Store(places.store_root), preferences.profile, preferences.voice.kind, picture_model=model, steady=steady
    )


def same_engines(one: Preferences, other: Preferences) -> bool:
    """Whether both choose the same engines, so that those of `one` need not be opened again."""
    return (one.profile, one.picture_model, one.voice.kind) == (other.profile, other.picture_model, other.voice.kind)
