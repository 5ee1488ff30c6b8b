"""The copy of a GGUF model for transformers: made once, whole, and made anew when it is not what it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.conversion import FOLDER, transformers_folder
from models.errors import Corrupt
from models.store import Store


def test_a_copy_is_made_once_and_mended_when_damaged(store: Store, tmp_path: Path) -> None:
    """On copies of the store's own folders, which others may be using."""
    source = tmp_path / "smollm2-135m-instruct"
    ready = transformers_folder(store.open(source.name))
    shutil.copytree(store.open(source.name), source)
    copy = tmp_path / FOLDER / source.name
    shutil.copytree(ready, copy)
    assert transformers_folder(source) == copy
    weights = copy / "model.safetensors"
    made = weights.stat().st_mtime_ns
    assert transformers_folder(source) == copy
    assert weights.stat().st_mtime_ns == made
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert (transformers_folder(source) / "model.safetensors").read_bytes() == content


@pytest.mark.parametrize("names", [[], ["a.gguf", "b.gguf"]])
def test_there_must_be_one_gguf_file(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(Corrupt, match="instead of one"):
        transformers_folder(tmp_path)


def test_a_file_that_is_no_model_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    (source / "a.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(Corrupt, match="assistant models fetch"):
        transformers_folder(source)
    assert list((tmp_path / FOLDER).iterdir()) == []
