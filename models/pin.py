"""A model whose bytes the catalogue does not list: the revision and the files that were found at its first download.

From then on they are what the catalogue would say; where they come from is `fetch.py`, what is compared with them `store.py`.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, replace
from pathlib import Path

from models.catalogue import Entry, HubSource, ModelFile

_NAME = ".pin.json"
_SUFFIXES = (".safetensors", ".json", ".txt", ".jinja")
"""Weights without code, and texts: never a pickle, never Python."""

log = logging.getLogger(__name__)


def wanted(path: str) -> bool:
    """Whether a file of a hub repository belongs to the model: those at its top that are neither pickles nor code."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*", path) is not None and path.endswith(_SUFFIXES)


def read(folder: Path, entry: Entry) -> Entry | None:
    """`entry` with the revision and the files noted in `folder`; None when there is no such note that can be used."""
    if not isinstance(entry.source, HubSource):
        return None
    try:
        values = json.loads((folder / _NAME).read_text("utf-8"))
        files = tuple(ModelFile(**file) for file in values["files"])
        source = replace(entry.source, revision=str(values["revision"]))
        sound = files and values["repo_id"] == source.repo_id and all(wanted(file.name) for file in files)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be used (%s); the model will be fetched again", folder / _NAME, error)
        return None
    return replace(entry, source=source, files=files) if sound else None


def write(folder: Path, entry: Entry) -> None:
    """Note the revision and the files of `entry` in `folder`. OSError when it cannot be written."""
    if not isinstance(entry.source, HubSource):
        raise TypeError(f"{entry.name} does not come from a hub")
    values = {
        "repo_id": entry.source.repo_id,
        "revision": entry.source.revision,
        "files": [asdict(file) for file in entry.files],
    }
    part = folder / f"{_NAME}.new"
    part.write_text(json.dumps(values, indent=1), "utf-8")
    part.replace(folder / _NAME)
