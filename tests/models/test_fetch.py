"""A model arrives whole or not at all, from a wheel (real pip, a folder for an index) and from the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from models import fetch as fetching
from models.catalogue import Entry, ProjectSource
from models.errors import CatalogueError, Corrupt, Unavailable
from models.fetch import fetch
from models.progress import Progress
from models.store import Store
from tests.models.conftest import CONTENT, Shelf, nothing_half, store_of, with_source


@pytest.mark.programs
def test_fetch_then_already_here(toys: Store) -> None:
    seen: list[Progress] = []
    assert fetch(toys, "toy", seen.append) == "fetched"
    assert toys.listing()[0].state == "ready"
    assert seen[-1].done_bytes == seen[-1].total_bytes == toys.catalogue.entry("toy").download_bytes
    assert sorted(path.name for path in toys.root.iterdir()) == [".partial", "toy"]
    seen.clear()
    assert fetch(toys, "toy", seen.append) == "already here"
    assert seen == []


@pytest.mark.programs
def test_damaged_model_is_replaced(toys: Store) -> None:
    fetch(toys, "toy")
    (toys.folder("toy") / "weights.bin").write_bytes(b"rubbish")
    (toys.folder("toy") / "stranger.bin").write_bytes(b"")
    assert fetch(toys, "toy") == "fetched"
    assert (toys.open("toy") / "weights.bin").read_bytes() == CONTENT["weights.bin"]
    assert not (toys.folder("toy") / "stranger.bin").exists()


@pytest.mark.programs
def test_unknown_package_names_it_and_the_mend(toys: Store, shelf: Shelf) -> None:
    shelf.add(CONTENT, package="something-else")
    with pytest.raises(Unavailable, match=r"toy: the package toy-model-files==1\.0 .*No matching.*models fetch toy"):
        fetch(toys, "toy")
    assert nothing_half(toys)


@pytest.mark.programs
def test_wheel_with_other_bytes_is_refused(toys: Store, shelf: Shelf) -> None:
    shelf.add(CONTENT | {"config.json": b'{"layers": 9}'})
    with pytest.raises(Corrupt, match=r"toy_model_files-1\.0-py3-none-any\.whl is"):
        fetch(toys, "toy")
    assert nothing_half(toys)


@pytest.mark.programs
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT["weights.bin"][:-1], "weights.bin is truncated"),
        (b"\x01" + CONTENT["weights.bin"][1:], "weights.bin is damaged"),
        (bytes(50_000_000), r"weights.bin is too long \(204,801 bytes instead of 204,800\)"),
    ],
)
def test_wrong_member_of_a_right_wheel(toy: Entry, shelf: Shelf, tmp_path: Path, content: bytes, said: str) -> None:
    """The third is a zip bomb: 50 MB of zeros in 50 kB, of which 204,801 bytes are unpacked."""
    store = store_of(with_source(toy, shelf.add(CONTENT | {"weights.bin": content})), tmp_path)
    with pytest.raises(Corrupt, match=said):
        fetch(store, "toy")
    assert nothing_half(store)


@pytest.mark.programs
def test_member_that_is_not_in_the_wheel(toy: Entry, shelf: Shelf, tmp_path: Path) -> None:
    store = store_of(with_source(toy, shelf.add({"config.json": b""})), tmp_path)
    with pytest.raises(Corrupt, match=r"holds no toy_model_files/weights\.bin"):
        fetch(store, "toy")


def test_full_disk_is_noticed_before_anything_is_fetched(toys: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = fetching.shutil.disk_usage(toys.root.parent)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    monkeypatch.setattr(fetching.subprocess, "run", None)  # would fail if it were reached
    with pytest.raises(Unavailable, match=r"MB are needed in .* and 1 MB are free; make room"):
        fetch(toys, "toy")


def test_store_that_cannot_be_written(toy: Entry, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match=r"store.* cannot be .*Not a directory"):
        fetch(store_of(toy, tmp_path), "toy")


@pytest.mark.programs
def test_interruption_leaves_nothing_half(toys: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*anything: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "_extract", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(toys, "toy")
    assert nothing_half(toys)


@pytest.mark.programs
def test_two_at_once_make_one(toys: Store) -> None:
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda: outcomes.append(fetch(toys, "toy"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already here", "fetched"]


def test_unknown_model(toys: Store) -> None:
    with pytest.raises(CatalogueError, match="'nobody'"):
        fetch(toys, "nobody")
    assert not toys.root.exists()


def test_counting_bears_folders_that_come_and_go(tmp_path: Path) -> None:
    """pip makes and removes temporary folders while its progress is watched."""
    over = threading.Event()

    def churn() -> None:
        number = 0
        while not over.is_set():
            number += 1
            folder = tmp_path / f"pip-{number % 20}"
            folder.mkdir()
            (folder / "part").write_bytes(bytes(10))
            shutil.rmtree(folder)

    (tmp_path / "kept").write_bytes(bytes(1000))
    worker = threading.Thread(target=churn)
    worker.start()
    try:
        counts = [fetching._bytes_in(tmp_path) for _ in range(3000)]
    finally:
        over.set()
        worker.join()
    assert min(counts) >= 1000


def test_a_model_that_comes_with_the_project(toy: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PROJECT", tmp_path / "clone")
    samples = tmp_path / "clone" / "samples" / "toy"
    samples.mkdir(parents=True)
    files = tuple(replace(file, origin=file.name) for file in toy.files)
    store = store_of(replace(toy, source=ProjectSource("samples/toy"), files=files), tmp_path)
    with pytest.raises(Unavailable, match=r"weights\.bin is missing; this model comes with a clone"):
        fetch(store, "toy")
    for name, content in CONTENT.items():
        (samples / name).write_bytes(content)
    assert fetch(store, "toy") == "fetched"
    assert (store.open("toy") / "weights.bin").read_bytes() == CONTENT["weights.bin"]
    shutil.rmtree(store.root)
    (samples / "config.json").write_bytes(CONTENT["config.json"][::-1])
    with pytest.raises(Corrupt, match=r"config\.json is damaged"):
        fetch(store, "toy")
    assert nothing_half(store)


@pytest.mark.parametrize("chosen", [None, "1", "0"])
def test_a_process_that_fetches_gets_the_environment_as_the_user_made_it(chosen: str | None) -> None:
    code = (
        "import os; from models.fetch import environment, hub_offline; hub_offline(); hub_offline(); "
        "print(os.environ['HF_HUB_OFFLINE'], environment().get('HF_HUB_OFFLINE'))"
    )
    kept = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | ({} if chosen is None else {"HF_HUB_OFFLINE": chosen}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", str(chosen)]
