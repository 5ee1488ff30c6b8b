"""Nothing unverified is opened, and what was verified is not hashed again until it changes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models import receipt
from models.catalogue import Catalogue, Entry
from models.errors import Corrupt, NotFetched, Unavailable
from models.progress import Progress
from models.store import Store
from tests.models.conftest import CONTENT


@pytest.fixture
def filled(toys: Store, fetched: Path) -> Store:
    """With the model in it, and a receipt of its own."""
    shutil.copytree(fetched, toys.root)
    toys.open("toy")
    return toys


def state(store: Store) -> str:
    return store.listing()[0].state


def test_open_gives_a_folder_with_exactly_the_files(filled: Store) -> None:
    folder = filled.open("toy")
    assert folder == filled.root / "toy"
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name[0] != "."} == CONTENT


def test_what_is_not_there_names_the_command(toys: Store) -> None:
    with pytest.raises(NotFetched, match="assistant models fetch toy"):
        toys.open("toy")
    assert state(toys) == "not fetched"


def test_truncated(filled: Store) -> None:
    path = filled.folder("toy") / "weights.bin"
    path.write_bytes(CONTENT["weights.bin"][:100])
    with pytest.raises(Corrupt, match=r"weights.bin is truncated \(100 of 204,800 bytes\); fetch it again"):
        filled.open("toy")
    assert state(filled) == "damaged"


def test_too_long(filled: Store) -> None:
    with (filled.folder("toy") / "config.json").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(Corrupt, match=r"config\.json is too long"):
        filled.open("toy")


def test_missing_file(filled: Store) -> None:
    (filled.folder("toy") / "config.json").unlink()
    with pytest.raises(Corrupt, match=r"config\.json is missing"):
        filled.open("toy")


def test_altered_with_size_and_time_kept(filled: Store) -> None:
    path = filled.folder("toy") / "weights.bin"
    before = path.stat()
    path.write_bytes(b"\x01" + CONTENT["weights.bin"][1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert state(filled) == "unchecked"
    with pytest.raises(Corrupt, match=r"weights\.bin is damaged .*fetch it again: assistant models fetch toy"):
        filled.open("toy")


def test_stranger_in_the_folder(filled: Store) -> None:
    (filled.folder("toy") / "model.safetensors").write_bytes(b"")
    with pytest.raises(Corrupt, match=r"model\.safetensors is not part of the model"):
        filled.open("toy")


def test_catalogue_with_other_hash_voids_the_receipt(filled: Store, toy: Entry) -> None:
    other = replace(toy, files=(replace(toy.files[0], sha256="0" * 64), *toy.files[1:]))
    with pytest.raises(Corrupt, match=r"weights\.bin is damaged"):
        Store(filled.root, Catalogue((other,))).open("toy")


def test_unchanged_files_are_not_read_again(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(receipt, "check_hash", lambda path, *rest: hashed.append(path))
    filled.open("toy")
    assert hashed == []
    (filled.folder("toy") / "config.json").touch()
    filled.open("toy")
    assert len(hashed) == 2
    filled.open("toy")
    assert len(hashed) == 2  # the second look left a new receipt


@pytest.mark.parametrize("content", ["", "{", "[]", '{"weights.bin": {"size": 1}}', '{"weights.bin": 3}'])
def test_nonsense_for_a_receipt_means_hashing_again(filled: Store, content: str) -> None:
    path = filled.folder("toy") / ".receipt.json"
    path.write_text(content)
    assert filled.open("toy") == filled.folder("toy")
    assert set(json.loads(path.read_text())) == set(CONTENT)


def test_copied_model_without_receipt_is_hashed_then_ready(filled: Store) -> None:
    (filled.folder("toy") / ".receipt.json").unlink()
    assert state(filled) == "unchecked"
    filled.open("toy")
    assert state(filled) == "ready"


def test_verify_reports_every_byte_once(filled: Store) -> None:
    seen: list[Progress] = []
    filled.verify("toy", seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes == sum(map(len, CONTENT.values()))
    assert [p.done_bytes for p in seen] == sorted(p.done_bytes for p in seen)


def test_read_only_store_opens_and_says_that_it_hashes_each_time(
    filled: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (filled.folder("toy") / ".receipt.json").unlink()

    def refuse(folder: Path, entry: Entry) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(receipt, "write", refuse)
    assert filled.open("toy") == filled.folder("toy")
    assert "hashed again next time" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder(filled: Store) -> None:
    filled.folder("toy").chmod(0)
    try:
        with pytest.raises(Unavailable, match="cannot be read"):
            filled.open("toy")
    finally:
        filled.folder("toy").chmod(0o700)


def test_unreadable_file(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *rest: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(receipt, "check_hash", refuse)
    with pytest.raises(Unavailable, match=r"weights.bin cannot be read \(Permission denied\)"):
        filled.verify("toy")
