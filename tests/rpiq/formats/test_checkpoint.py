"""Headers are read as they were written, and what is missing, damaged, cut short or a pickle is refused in words."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rpiq.errors import CheckpointError
from rpiq.formats.checkpoint import read

WEIGHTS = {
    "model.embed_tokens.weight": np.zeros((50, 8), np.float16),
    "model.layers.0.mlp.up_proj.weight": np.zeros((24, 8), np.float16),
    "model.layers.0.mlp.up_proj.bias": np.zeros((24,), np.float16),
    "model.layers.0.patch.weight": np.zeros((4, 3, 2, 2), np.float32),
    "lm_head.weight": np.zeros((50, 8), np.float16),
}


def write_model(folder: Path, weights: dict[str, np.ndarray] = WEIGHTS) -> Path:
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text('{"architectures": ["ToyForCausalLM"], "model_type": "toy"}')
    return folder


def write_shards(folder: Path) -> Path:
    names = sorted(WEIGHTS)
    where = {}
    for number, part in enumerate((names[:2], names[2:]), start=1):
        shard = f"model-0000{number}-of-00002.safetensors"
        save_file({name: WEIGHTS[name] for name in part}, folder / shard)
        where |= dict.fromkeys(part, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


def write_gguf(path: Path) -> Path:
    from gguf import GGMLQuantizationType, GGUFWriter

    writer = GGUFWriter(path, "toy")
    writer.add_tensor("token_embd.weight", np.zeros((50, 32), np.float32))
    writer.add_tensor("blk.0.ffn_up.weight", np.zeros((64, 32), np.float16))
    packed = np.zeros((64, 20), np.uint8)  # 32 weights in 20 bytes
    writer.add_tensor("blk.0.ffn_down.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_folder_with_one_file(tmp_path: Path) -> None:
    checkpoint = read(write_model(tmp_path))
    assert (checkpoint.format, checkpoint.architecture) == ("safetensors", "ToyForCausalLM")
    assert checkpoint.parameters == sum(weight.size for weight in WEIGHTS.values())
    assert checkpoint.size_bytes == sum(weight.nbytes for weight in WEIGHTS.values())
    assert {t.name: t.shape for t in checkpoint.tensors} == {name: weight.shape for name, weight in WEIGHTS.items()}
    assert [t.name for t in checkpoint.linears] == ["lm_head.weight", "model.layers.0.mlp.up_proj.weight"]


def test_totals_add_up(tmp_path: Path) -> None:
    checkpoint = read(write_model(tmp_path))
    assert [(total.dtype, total.tensors) for total in checkpoint.totals] == [("F16", 4), ("F32", 1)]
    assert sum(total.parameters for total in checkpoint.totals) == checkpoint.parameters
    assert sum(total.size_bytes for total in checkpoint.totals) == checkpoint.size_bytes


def test_shards_hold_what_one_file_holds(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    one, many = read(write_model(tmp_path / "one")), read(write_shards(tmp_path / "many"))
    assert {(t.name, t.shape, t.dtype) for t in many.tensors} == {(t.name, t.shape, t.dtype) for t in one.tensors}
    assert many.architecture == "unknown"  # no config.json


def test_gguf(tmp_path: Path) -> None:
    checkpoint = read(write_gguf(tmp_path / "toy.gguf"))
    assert (checkpoint.format, checkpoint.architecture) == ("gguf", "toy")
    assert [(t.name, t.shape, t.dtype, t.size_bytes) for t in checkpoint.linears] == [
        ("blk.0.ffn_up.weight", (64, 32), "F16", 64 * 32 * 2),
        ("blk.0.ffn_down.weight", (64, 32), "Q4_1", 64 * 20),
    ]
    assert checkpoint.parameters == 50 * 32 + 2 * 64 * 32


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("kind", ["model.safetensors", "toy.gguf"])
def test_cut_short_anywhere(tmp_path: Path, kind: str, kept: float) -> None:
    write_model(tmp_path)
    write_gguf(tmp_path / "toy.gguf")
    path = tmp_path / kind
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CheckpointError, match=f"{kind} is not a .*download it again"):
        read(path)


def test_header_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read(path)
    path = tmp_path / "toy.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60))
    with pytest.raises(CheckpointError, match="not a whole GGUF file"):
        read(path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickles_are_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    for source in (tmp_path, tmp_path / name):
        with pytest.raises(CheckpointError, match=f"{name} is not read: .*pickles"):
            read(source)


def test_missing_shard(tmp_path: Path) -> None:
    write_shards(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing"):
        read(tmp_path)


def test_shard_that_lacks_a_listed_tensor(tmp_path: Path) -> None:
    write_shards(tmp_path)
    save_file({"lm_head.weight": WEIGHTS["lm_head.weight"]}, tmp_path / "model-00001-of-00002.safetensors")
    with pytest.raises(CheckpointError, match=r"disagree about the tensor model\.embed_tokens\.weight"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "has no weight_map"),
        ('{"weight_map": {"a": 1}}', "has no weight_map"),
        ('{"weight_map": {"a": "../../secret.safetensors"}}', "is not a plain file name"),
    ],
)
def test_bad_index(tmp_path: Path, index: str, said: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=said):
        read(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere does not exist"):
        read(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="holds no safetensors file"):
        read(tmp_path)
    save_file(WEIGHTS, tmp_path / "a.safetensors")
    save_file(WEIGHTS, tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match="holds 2 safetensors files"):
        read(tmp_path)


def test_tiny_cogvlm2(shared: Path) -> None:
    checkpoint = read(shared / "fixtures/cogvlm2-tiny")
    assert checkpoint.architecture == "CogVLMForCausalLM"
    assert (len(checkpoint.tensors), checkpoint.parameters) == (109, 524_480)
