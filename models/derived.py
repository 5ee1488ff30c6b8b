"""Folders made from a model of the store and kept beside it: what each was made from, and whether it still is what was made.

Who makes them: `conversion.py` and `four_bits.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from models.errors import Corrupt

RECORD = "made-from.json"


def only_gguf(source: Path) -> Path:
    """The one GGUF file in `source`, a folder of the store. Corrupt when there is none, or more than one."""
    found = sorted(source.glob("*.gguf"))
    if len(found) != 1:
        raise Corrupt(
            f"{source} holds {len(found)} GGUF files instead of one; run: assistant models fetch {source.name}"
        )
    return found[0]


def seal(folder: Path, origin: object) -> None:
    """Note in `folder` that its files as they are now were made from `origin`, any JSON value. OSError when it cannot."""
    files = sorted(path for path in folder.iterdir() if path.name != RECORD)  # one may be left of what it was made from
    record = {
        "origin": origin,
        "files": {path.name: sha256(path) for path in files},
        "as_hashed": {path.name: _fingerprint(path) for path in files},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1), "utf-8")


def is_whole(folder: Path, origin: object) -> bool:
    """Whether `folder` was made from `origin` and every file is as it was made; hashed, unless it is the very one that was sealed."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        record = json.loads((folder / RECORD).read_text("utf-8"))
        names = {path.name for path in folder.iterdir()} - {RECORD}
        if record["origin"] == json.loads(json.dumps(origin)) and names == record["files"].keys():
            sealed = record.get("as_hashed", {})
            return all(
                sealed.get(name) == _fingerprint(folder / name) or sha256(folder / name) == digest
                for name, digest in record["files"].items()
            )
    return False


def _fingerprint(path: Path) -> list[int]:
    """What the file system says of a file; its ctime cannot be set by hand."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def sha256(path: Path) -> str:
    """Of the file's bytes. OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
