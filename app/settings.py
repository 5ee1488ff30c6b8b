"""The settings of this machine and user, read once at the edge; everything behind gets them as values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

STORE_VARIABLE = "RPIQ_ASSISTANT_MODELS"


@dataclass(frozen=True)
class Settings:
    """What the commands need to know of their surroundings."""

    store_root: Path
    """The folder of the model store."""


def read() -> Settings:
    """The settings of this process: `RPIQ_ASSISTANT_MODELS` moves the store out of the user's data folder."""
    chosen = os.environ.get(STORE_VARIABLE)
    root = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("rpiq-assistant", False) / "models"
    return Settings(store_root=root.absolute())
