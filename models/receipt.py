"""Is a file what the catalogue says? The full hash, and the receipt it leaves so that it need not be repeated.

A receipt holds, for each file, what it was found to be and what the file system said of it then. It guards against
damage and mix-ups, not against somebody who may write to the store: they could write a receipt as well.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from models.catalogue import Entry, ModelFile
from models.errors import Corrupt

_NAME = ".receipt.json"
_BLOCK = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Fingerprint:
    """A file that has been hashed; ctime cannot be set by hand, so a file changed since then shows."""

    sha256: str
    """What it was found to be: a new catalogue makes old receipts void."""
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def check_size(path: Path, file: ModelFile, model: str) -> None:
    """Corrupt unless `path` is a file of the right size; OSError if it cannot be looked at."""
    if not path.is_file():
        raise _corrupt(model, f"{path} is missing")
    size = path.stat().st_size
    if size < file.size_bytes:
        raise _corrupt(model, f"{path} is truncated ({size:,} of {file.size_bytes:,} bytes)")
    if size > file.size_bytes:
        raise _corrupt(model, f"{path} is too long ({size:,} bytes instead of {file.size_bytes:,})")


def check_hash(path: Path, file: ModelFile, model: str, seen: Callable[[int], None]) -> None:
    """Corrupt unless the bytes of `path` have the sha256 of the catalogue; `seen` hears of each block's length."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            seen(len(block))
    if digest.hexdigest() != file.sha256:
        raise _corrupt(model, f"{path} is damaged (sha256 {digest.hexdigest()}, the catalogue says {file.sha256})")


def _corrupt(model: str, fault: str) -> Corrupt:
    return Corrupt(f"{model}: {fault}; fetch it again: assistant models fetch {model}")


def holds(folder: Path, entry: Entry) -> bool:
    """Whether every file of `entry` in `folder` is the very one that was hashed when the receipt was written."""
    try:
        return _read(folder / _NAME) == _fingerprints(folder, entry)
    except FileNotFoundError:
        return False


def digests(folder: Path) -> dict[str, str] | None:
    """The sha256 of each file as of the receipt in `folder`, which must have been opened by the store just now; None without."""
    try:
        return {name: fingerprint.sha256 for name, fingerprint in (_read(folder / _NAME) or {}).items()} or None
    except FileNotFoundError:
        return None


def write(folder: Path, entry: Entry) -> None:
    """Note that the files of `entry` in `folder` have just been hashed. OSError if the folder cannot be written."""
    values = {name: asdict(fingerprint) for name, fingerprint in _fingerprints(folder, entry).items()}
    temporary = folder / f"{_NAME}.new"
    temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
    temporary.replace(folder / _NAME)


def _fingerprints(folder: Path, entry: Entry) -> dict[str, _Fingerprint]:
    found = {}
    for file in entry.files:
        stat = (folder / file.name).stat()
        found[file.name] = _Fingerprint(file.sha256, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    return found


def _read(path: Path) -> dict[str, _Fingerprint] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: _Fingerprint(**value) for name, value in values.items()}
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("%s is not a receipt (%s); the files will be hashed again", path, error)
        return None
