"""Takes a model out of the store, with the copies that were made of it. Bringing it back is `fetch.py`."""

from __future__ import annotations

import shutil
from pathlib import Path

from models import conversion, four_bits
from models.errors import NotFetched, Unavailable
from models.lock import alone
from models.store import Store

_WORKSHOP = ".partial"


def remove(store: Store, name: str) -> int:
    """Delete the model called `name`, its copies, and what an interrupted fetch left of it; returns the bytes that became free.

    Waits while another process fetches it. NotFetched when there is nothing of it; Unavailable when it cannot be deleted;
    CatalogueError when no model is called so.
    """
    found = [path for path in _places(store, name) if path.exists()]
    if not found:
        raise NotFetched(f"{name} is not in the store ({store.root}), so there is nothing to remove")
    freed = sum(file.lstat().st_size for path in found for file in (path, *path.rglob("*")) if file.is_file())
    try:
        (store.root / _WORKSHOP).mkdir(exist_ok=True)
        with alone(store.root / _WORKSHOP / f"{name}.lock"):
            for path in found:
                # Out of sight in one step, so that nobody opens a half of it.
                aside = store.root / _WORKSHOP / f"{name}.removed"
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
                shutil.rmtree(aside)
    except OSError as error:
        raise Unavailable(
            f"{name}: {error.filename or store.root} cannot be removed ({error.strerror or error}); "
            "give yourself access to it"
        ) from error
    return freed


def _places(store: Store, name: str) -> list[Path]:
    """Every folder that is about the model; the copies may be finished, or not."""
    place = store.folder(name)
    made = [
        store.root / kind / made
        for kind in (conversion.FOLDER, four_bits.FOLDER)
        for made in (name, f"{name}.part", f"{name}.ready", f".{name}.ready.partial")
    ]
    return [place, *made, store.root / _WORKSHOP / name]
