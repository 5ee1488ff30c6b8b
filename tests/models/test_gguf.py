"""The GGUF reader against the format's own package, and on damaged files."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from models.gguf import GgufError, read_gguf

KINDS = (
    gguf.GGMLQuantizationType.F32,
    gguf.GGMLQuantizationType.F16,
    gguf.GGMLQuantizationType.Q4_1,
    gguf.GGMLQuantizationType.Q8_0,
)


def write(path: Path) -> dict[str, np.ndarray]:
    """A file with a tensor of each kind; returns what the package itself reads out of it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_float32("a.float", 0.5)
    writer.add_bool("a.bool", True)
    writer.add_array("an.array", ["one", "zwei", "三"])
    writer.add_array("numbers", [1, 2, 3])
    values = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    expected = {}
    for kind in KINDS:
        packed = gguf.quantize(values, kind)
        writer.add_tensor(kind.name, packed, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(packed, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def test_reads_what_the_package_writes(tmp_path: Path) -> None:
    expected = write(tmp_path / "a.gguf")
    content = read_gguf(tmp_path / "a.gguf", torch.float32)
    assert content.metadata["a.float"] == 0.5
    assert content.metadata["a.bool"] is True
    assert content.metadata["an.array"] == ["one", "zwei", "三"]
    assert content.metadata["numbers"] == [1, 2, 3]
    assert content.weights.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(content.weights[name].numpy(), values)


def test_takes_the_asked_type(tmp_path: Path) -> None:
    expected = write(tmp_path / "a.gguf")
    for name, weight in read_gguf(tmp_path / "a.gguf", torch.bfloat16).weights.items():
        assert weight.dtype == torch.bfloat16
        assert torch.equal(weight, torch.from_numpy(expected[name].astype(np.float32)).bfloat16())


@pytest.mark.parametrize("size", [0, 3, 10, 40, 300, -1])
def test_a_cut_file_is_refused(tmp_path: Path, size: int) -> None:
    write(tmp_path / "a.gguf")
    data = (tmp_path / "a.gguf").read_bytes()
    (tmp_path / "a.gguf").write_bytes(data[: size if size >= 0 else -100])
    with pytest.raises(GgufError, match=r"a\.gguf"):
        read_gguf(tmp_path / "a.gguf", torch.float32)


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(GgufError, match="not a GGUF file"):
        read_gguf(tmp_path / "a.gguf", torch.float32)


def test_another_block_format_is_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    kind = gguf.GGMLQuantizationType.Q5_0
    writer.add_tensor("odd", gguf.quantize(np.ones((1, 32), np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(GgufError, match="odd has block format 6"):
        read_gguf(tmp_path / "a.gguf", torch.float32)
