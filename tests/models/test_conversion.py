"""The copy of a GGUF model for transformers: made once, whole, and made anew when it is not what it was."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
import torch
from safetensors import safe_open

from models.conversion import FOLDER, transformers_folder
from models.errors import Corrupt
from models.store import Store
from tests.models.tiny import write_gguf


@pytest.mark.makes_models
def test_the_copy_holds_what_the_file_holds(store: Store) -> None:
    """The real model, which is converted where it has no copy yet; de-quantized by gguf's own library."""
    source = store.open("smollm2-135m-instruct")
    copy = transformers_folder(source)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(next(source.glob("*.gguf"))).tensors}
    names = {"token_embd": "model.embed_tokens", "blk.0.ffn_down": "model.layers.0.mlp.down_proj"}
    with safe_open(copy / "model.safetensors", framework="pt") as stored:
        for theirs, ours in names.items():
            tensor = tensors[f"{theirs}.weight"]
            expected = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
            assert torch.equal(stored.get_tensor(f"{ours}.weight"), expected.bfloat16())
    assert (copy / "tokenizer.json").is_file()


@pytest.mark.makes_models
def test_a_copy_is_made_once_and_mended_when_damaged(tmp_path: Path) -> None:
    source = tmp_path / "tiny"
    source.mkdir()
    write_gguf(tmp_path / "made").rename(source / "tiny.gguf")
    copy = tmp_path / FOLDER / source.name
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
