"""A model arrives whole or not at all from a hub (on loopback)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalogue import Entry, HubSource, ModelFile
from models.errors import Corrupt, Unavailable
from models.fetch import fetch
from models.progress import Progress
from models.store import Store
from tests.models.conftest import CONTENT, nothing_half, sha256, store_of

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Enough of a model hub for the real client: what a repository holds, HEAD and GET of one revision's files, with ranges."""

    files: dict[str, bytes]
    break_once_after: int | None = None
    """Close the connection after so many bytes of a file, once."""
    ranges: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    endpoint: str = ""

    def listing(self) -> bytes:
        """What the hub states of the repository: sha256 of large files, git's hash of the others."""
        siblings = []
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
            row = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith((".safetensors", ".bin")):
                row["lfs"] = {"size": len(content), "sha256": sha256(content), "pointerSize": 134}
            siblings.append(row)
        return json.dumps({"id": "somebody/toy", "sha": REVISION, "siblings": siblings}).encode()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                hub.paths.append(self.path)
                if self.path.startswith("/api/models/somebody/toy?"):
                    listing = hub.listing()
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(listing)))
                    self.end_headers()
                    self.wfile.write(listing)
                    return
                name = self.path.rpartition(f"/resolve/{REVISION}/")[2]
                content = hub.files.get(name)
                if content is None:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("X-Repo-Commit", REVISION)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = 0
                if wanted := self.headers.get("Range"):
                    hub.ranges.append(wanted)
                    start = int(wanted.removeprefix("bytes=").partition("-")[0])
                self.send_response(206 if start else 200)
                self.send_header("ETag", f'"{sha256(content)}"')
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("Content-Length", str(len(content) - start))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                if body:
                    self.wfile.write(content[start:][: hub.break_once_after])
                    hub.break_once_after = None
                    self.close_connection = True

            def log_message(self, *arguments: object) -> None:
                """Silence: pytest's output is for failures."""

        return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    served = Hub(files={f"sub/{name}": content for name, content in CONTENT.items()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), served.handler())
    served.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hub_toys(toy: Entry, tmp_path: Path) -> Store:
    files = tuple(replace(file, origin=f"sub/{file.name}") for file in toy.files)
    return store_of(replace(toy, source=HubSource("somebody/toy", REVISION), files=files), tmp_path)


def test_hub_fetch_asks_for_the_pinned_revision_only(hub: Hub, hub_toys: Store) -> None:
    assert fetch(hub_toys, "toy", hub_endpoint=hub.endpoint) == "fetched"
    assert (hub_toys.open("toy") / "weights.bin").read_bytes() == CONTENT["weights.bin"]
    assert hub.paths
    assert all(path.startswith(f"/somebody/toy/resolve/{REVISION}/sub/") for path in hub.paths)
    asked = len(hub.paths)
    assert fetch(hub_toys, "toy", hub_endpoint=hub.endpoint) == "already here"
    assert len(hub.paths) == asked


def test_hub_with_other_bytes_is_refused_and_not_kept(hub: Hub, hub_toys: Store) -> None:
    right = hub.files["sub/weights.bin"]
    hub.files["sub/weights.bin"] = right[::-1]
    with pytest.raises(Corrupt, match=r"weights\.bin is damaged"):
        fetch(hub_toys, "toy", hub_endpoint=hub.endpoint)
    assert nothing_half(hub_toys)
    hub.files["sub/weights.bin"] = right
    assert fetch(hub_toys, "toy", hub_endpoint=hub.endpoint) == "fetched"


def test_hub_file_that_is_not_there(hub: Hub, hub_toys: Store) -> None:
    del hub.files["sub/config.json"]
    with pytest.raises(Unavailable, match=r"sub/config\.json of somebody/toy could not be downloaded \(.*404"):
        fetch(hub_toys, "toy", hub_endpoint=hub.endpoint)


def test_hub_that_does_not_answer(hub_toys: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits long between its five attempts
    with pytest.raises(Unavailable, match=r"could not be downloaded .*check the network"):
        fetch(hub_toys, "toy", hub_endpoint="http://127.0.0.1:9")


def test_hub_connection_that_breaks_is_taken_up_in_the_middle_of_the_file(
    hub: Hub, toy: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    content = bytes(12 << 20)  # the hub's client writes 10 MiB at a time
    hub.files = {"weights.bin": content}
    hub.break_once_after = 11 << 20
    files = (ModelFile("weights.bin", "weights.bin", len(content), sha256(content)),)
    store = store_of(replace(toy, source=HubSource("somebody/toy", REVISION), files=files), tmp_path)
    assert fetch(store, "toy", hub_endpoint=hub.endpoint) == "fetched"
    assert hub.ranges == [f"bytes={10 << 20}-"]


def test_files_that_came_whole_are_not_fetched_again(hub: Hub, hub_toys: Store) -> None:
    config = hub.files.pop("sub/config.json")
    with pytest.raises(Unavailable, match="files that came whole are kept"):
        fetch(hub_toys, "toy", hub_endpoint=hub.endpoint)
    assert not hub_toys.folder("toy").exists()
    hub.files["sub/config.json"] = config
    hub.paths.clear()
    assert fetch(hub_toys, "toy", hub_endpoint=hub.endpoint) == "fetched"
    assert {path.rpartition("/")[2] for path in hub.paths} == {"config.json"}


@pytest.mark.programs
def test_offline_process_fetches_nothing(hub: Hub, hub_toys: Store) -> None:
    """In a process of its own: switching the hub off is for good."""
    script = (
        "import sys; from huggingface_hub import hf_hub_download; from models.fetch import hub_offline; hub_offline()\n"
        "from huggingface_hub.errors import LocalEntryNotFoundError\n"
        "try: hf_hub_download('somebody/toy', 'sub/config.json', revision=sys.argv[1], endpoint=sys.argv[2],"
        " local_dir=sys.argv[3])\n"
        "except LocalEntryNotFoundError as error: print(type(error.__cause__).__name__)"
    )
    command = [sys.executable, "-c", script, REVISION, hub.endpoint, str(hub_toys.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "OfflineModeIsEnabled"
    assert hub.paths == []


REPOSITORY = {
    "config.json": b'{"model_type": "toy"}',
    "model.safetensors": bytes(range(256)) * 800,
    "chat_template.jinja": b"{{ messages }}",
    "pytorch_model.bin": b"a pickle",
    "modeling_toy.py": b"import os",
    "onnx/config.json": b"{}",
    ".gitattributes": b"*",
    "README.md": b"# Toy",
}
TAKEN = ["chat_template.jinja", "config.json", "model.safetensors"]


@pytest.fixture
def unseen(toy: Entry, hub: Hub, tmp_path: Path) -> Store:
    """A store whose catalogue knows of the model nothing but where it is."""
    hub.files = dict(REPOSITORY)
    return store_of(replace(toy, source=HubSource("somebody/toy", None, 205_000), files=()), tmp_path)


def test_a_model_nobody_saw_is_pinned_at_its_first_download(hub: Hub, unseen: Store) -> None:
    assert unseen.listing()[0].state == "not fetched"
    seen: list[Progress] = []
    assert fetch(unseen, "toy", seen.append, hub_endpoint=hub.endpoint) == "fetched"
    folder = unseen.open("toy")
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == TAKEN
    entry = unseen.entry("toy")
    assert entry.source == HubSource("somebody/toy", REVISION, 205_000)
    assert {file.name: file.sha256 for file in entry.files} == {name: sha256(REPOSITORY[name]) for name in TAKEN}
    assert seen[-1].total_bytes == entry.size_bytes == sum(len(REPOSITORY[name]) for name in TAKEN)
    assert not [path for path in hub.paths if path.endswith((".bin", ".py"))]
    hub.paths.clear()
    assert fetch(unseen, "toy", hub_endpoint=hub.endpoint) == "already here"
    assert hub.paths == []


def test_a_pinned_model_is_checked_like_any_other_and_mended_from_the_same_revision(hub: Hub, unseen: Store) -> None:
    fetch(unseen, "toy", hub_endpoint=hub.endpoint)
    weights = unseen.folder("toy") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(Corrupt, match="damaged"):
        unseen.open("toy")
    hub.paths.clear()
    assert fetch(unseen, "toy", hub_endpoint=hub.endpoint) == "fetched"
    assert not [path for path in hub.paths if path.startswith("/api/")]
    assert weights.read_bytes() == REPOSITORY["model.safetensors"]
    (unseen.folder("toy") / ".pin.json").write_text("{")
    assert unseen.listing()[0].state == "not fetched"


def test_a_first_download_that_was_cut_off_goes_on_with_what_it_had_found(hub: Hub, unseen: Store) -> None:
    listing = hub.listing
    found = listing()
    hub.listing = lambda: found  # type: ignore[method-assign]
    weights = hub.files.pop("model.safetensors")
    with pytest.raises(Unavailable, match="files that came whole are kept"):
        fetch(unseen, "toy", hub_endpoint=hub.endpoint)
    assert not unseen.folder("toy").exists()
    hub.files["model.safetensors"] = weights
    hub.paths.clear()
    assert fetch(unseen, "toy", hub_endpoint=hub.endpoint) == "fetched"
    assert {path.rpartition("/")[2] for path in hub.paths} == {"model.safetensors"}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_bytes_than_the_hub_states_are_refused(hub: Hub, unseen: Store, name: str) -> None:
    found = hub.listing()
    hub.listing = lambda: found  # type: ignore[method-assign]
    right = hub.files[name]
    hub.files[name] = right[::-1]
    with pytest.raises(Corrupt, match=name):
        fetch(unseen, "toy", hub_endpoint=hub.endpoint)
    assert not unseen.folder("toy").exists()
    hub.files[name] = right
    assert fetch(unseen, "toy", hub_endpoint=hub.endpoint) == "fetched"


def test_a_repository_without_safetensors_is_refused(hub: Hub, unseen: Store) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(Corrupt, match=r"holds no config\.json with safetensors"):
        fetch(unseen, "toy", hub_endpoint=hub.endpoint)


def test_a_hub_that_cannot_be_asked(unseen: Store, hub: Hub) -> None:
    with pytest.raises(Unavailable, match=r"could not be asked about somebody/toy .*check the network"):
        fetch(unseen, "toy", hub_endpoint="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="could not be asked"):
        fetch(unseen, "toy", hub_endpoint=f"{hub.endpoint}/elsewhere")
