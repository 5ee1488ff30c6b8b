"""The store: a folder with one sub-folder for each model, whose files are exactly those of the catalogue.

Nothing unverified is opened: a file is hashed in full unless it still matches the receipt of an earlier hash
(`receipt.py`), so that opening a model of many gigabytes costs nothing. Bringing models here is `fetch.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models import pin, receipt
from models.catalogue import Catalogue, Entry, load
from models.errors import Corrupt, ModelError, NotFetched, Unavailable
from models.progress import Progress, Report, no_report

State = Literal["ready", "unchecked", "not fetched", "damaged"]
"""`ready`: as it was when last hashed; `unchecked`: of the right size, and hashed before it is opened."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """One model and how it stands in the store."""

    entry: Entry
    state: State
    folder: Path
    problem: str = ""
    """What is wrong and what to do, unless it is ready or unchecked."""


class Store:
    """The models on this machine."""

    def __init__(self, root: Path, catalogue: Catalogue | None = None) -> None:
        """`root` need not exist yet; `catalogue` is the shipped one unless given."""
        self.root = root
        self.catalogue = load() if catalogue is None else catalogue

    def folder(self, name: str) -> Path:
        """Where the model called `name` lies, or would lie; CatalogueError if there is no such model."""
        return self.root / self.catalogue.entry(name).name

    def entry(self, name: str) -> Entry:
        """The model called `name` with all of its files: from the catalogue, or as it was pinned when it was brought here.

        NotFetched when it is not pinned yet; CatalogueError if there is no such model; OSError when the pin cannot be read.
        """
        entry = self.catalogue.entry(name)
        known = entry if entry.files else pin.read(self.folder(name), entry)
        if known is None:
            raise NotFetched(f"{name} is not in the store ({self.root}); run: assistant models fetch {name}")
        return known

    def open(self, name: str) -> Path:
        """The model's folder, every file of it verified.

        Raises NotFetched, Corrupt, Unavailable (cannot be read) or CatalogueError (no such model).
        """
        with _readable(name):
            entry = self.entry(name)
            self._check_sizes(entry)
            if receipt.holds(self.folder(name), entry):
                return self.folder(name)
        return self.verify(name)

    def verify(self, name: str, report: Report = no_report) -> Path:
        """Like `open`, but every file is hashed whatever the receipt says, and a new receipt is left."""
        with _readable(name):
            entry = self.entry(name)
        folder = self.folder(name)
        done = 0

        def seen(count: int) -> None:
            nonlocal done
            done += count
            report(Progress(done, entry.size_bytes, f"checking {name}"))

        with _readable(name):
            self._check_sizes(entry)
            for file in entry.files:
                receipt.check_hash(folder / file.name, file, name, seen)
        try:
            receipt.write(folder, entry)
        except OSError as error:
            log.warning("%s is verified but will be hashed again next time: no receipt could be left (%s)", name, error)
        return folder

    def listing(self) -> tuple[Listing, ...]:
        """How every model of the catalogue stands, without hashing anything."""
        return tuple(self._look(entry) for entry in self.catalogue.entries)

    def _look(self, entry: Entry) -> Listing:
        folder = self.folder(entry.name)
        try:
            with _readable(entry.name):
                entry = self.entry(entry.name)
                self._check_sizes(entry)
                return Listing(entry, "ready" if receipt.holds(folder, entry) else "unchecked", folder)
        except NotFetched as error:
            return Listing(entry, "not fetched", folder, str(error))
        except ModelError as error:
            return Listing(entry, "damaged", folder, str(error))

    def _check_sizes(self, entry: Entry) -> None:
        """The cheap half of the verification: all files are there, of the right size, and no others."""
        name, folder = entry.name, self.folder(entry.name)
        if not folder.is_dir():
            raise NotFetched(f"{name} is not in the store ({self.root}); run: assistant models fetch {name}")
        known = {file.name for file in entry.files}
        # A library opening the folder would pick up such a file by its name. Hidden files are our receipt and the
        # droppings of file managers.
        strangers = sorted(path for path in folder.iterdir() if path.name not in known and path.name[0] != ".")
        if strangers:
            raise Corrupt(f"{name}: {strangers[0]} is not part of the model; move it out of the folder")
        for file in entry.files:
            receipt.check_size(folder / file.name, file, name)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or "the store"
        raise Unavailable(f"{name}: {where} cannot be read ({error.strerror}); give yourself access to it") from error
