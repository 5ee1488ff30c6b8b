"""Exports hold the very codes: GPTQ bit for bit, GGUF as its own library reads it back; what a format cannot hold is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import CheckpointError, ConfigError
from rpiq.formats import compressed_tensors
from rpiq.formats.export import export_gguf, export_gptq
from rpiq.formats.packing import unpack
from rpiq.formats.weights import Weights
from rpiq.runtime.loading import load
from rpiq.solvers.grid import dequantize
from tests.rpiq.folders import llama_config, round_to_nearest, save_model
from tests.rpiq.runtime.test_loading import OPT, logits

SYMMETRIC = Scheme(4, 32, symmetric=True)


def quantized(tmp_path: Path, scheme: Scheme, config: Any = None, dtype: torch.dtype = torch.bfloat16) -> Path:
    return round_to_nearest(save_model(tmp_path / "model", config, dtype), tmp_path / "four", scheme)


def add_tokenizer(folder: Path, pre: Any, model: Any = None) -> Path:
    vocabulary = {chr(ord("a") + number): number for number in range(26)} | {"ab": 26, "abc": 27}
    tokenizer = Tokenizer(model or models.BPE(vocabulary, [("a", "b"), ("ab", "c")]))
    tokenizer.pre_tokenizer = pre
    tokenizer.add_special_tokens([AddedToken("<s>"), AddedToken("</s>")])
    tokenizer.add_tokens(["plus"])
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "{{ messages }}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    return folder


SMOLLM = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)])


@pytest.mark.makes_models
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_has_the_same_codes(tmp_path: Path, bits: int) -> None:
    folder = quantized(tmp_path, Scheme(bits, 32, symmetric=True), llama_config(attention_bias=True))
    out = export_gptq(folder, tmp_path / "gptq")
    ours, theirs = load_file(folder / "model.safetensors"), load_file(out / "model.safetensors")
    linears = {module for name in ours if (module := compressed_tensors.module_of(name))}
    assert len(linears) == 14
    for module in linears:
        codes, grid = compressed_tensors.from_tensors(
            {s: ours[f"{module}.{s}"] for s in compressed_tensors.SUFFIXES if f"{module}.{s}" in ours},
            Scheme(bits, 32, True),
        )
        assert torch.equal(theirs[f"{module}.qweight"], ours[f"{module}.weight_packed"].T)
        read_back = unpack(theirs[f"{module}.qweight"].T.contiguous(), bits, codes.shape[1])
        assert torch.equal(read_back, codes)
        zero = unpack(theirs[f"{module}.qzeros"], bits, codes.shape[0]).T + 1  # version 1 stores one less
        weight = (read_back.float() - zero.float().repeat_interleave(32, 1)) * theirs[
            f"{module}.scales"
        ].T.float().repeat_interleave(32, 1)
        assert torch.equal(weight, dequantize(codes, grid))
        assert theirs[f"{module}.g_idx"].tolist() == [column // 32 for column in range(codes.shape[1])]
    plain = {name for name in ours if compressed_tensors.module_of(name) is None}
    assert plain <= set(theirs)
    assert all(torch.equal(theirs[name], ours[name]) for name in plain)
    config = json.loads((out / "config.json").read_text())["quantization_config"]
    assert (config["quant_method"], config["bits"], config["group_size"]) == ("gptq", bits, 32)
    assert (config["sym"], config["desc_act"], config["checkpoint_format"]) == (True, False, "gptq")


def test_gptq_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model")
    with pytest.raises(ConfigError, match="vLLM refuses GPTQ with them; quantize with --symmetric"):
        export_gptq(round_to_nearest(source, tmp_path / "zeros", Scheme(4, 32)), tmp_path / "out")
    with pytest.raises(ConfigError, match="has 5 bits"):
        export_gptq(round_to_nearest(source, tmp_path / "five", Scheme(5, 32, True)), tmp_path / "out")
    with pytest.raises(ConfigError, match="whole words and groups of 48"):
        export_gptq(round_to_nearest(source, tmp_path / "odd", Scheme(4, 48, True)), tmp_path / "out")
    with pytest.raises(ConfigError, match="is not quantized"):
        export_gptq(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scheme", [Scheme(4, 32), Scheme(4, 64), SYMMETRIC])
@pytest.mark.parametrize("tied", [True, False])
def test_gguf_holds_the_same_weights(tmp_path: Path, scheme: Scheme, tied: bool) -> None:
    folder = add_tokenizer(quantized(tmp_path, scheme, llama_config(tie_word_embeddings=tied)), SMOLLM)
    reader = gguf.GGUFReader(export_gguf(folder, tmp_path / "out.gguf"))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == 2 * 9 + (2 if tied else 3)
    up = tensors["blk.1.ffn_up.weight"]
    assert up.tensor_type == gguf.GGMLQuantizationType.Q4_1
    stored = load_file(folder / "model.safetensors")
    module = "model.layers.1.mlp.up_proj"
    parts = {s: stored[f"{module}.{s}"] for s in compressed_tensors.SUFFIXES if f"{module}.{s}" in stored}
    codes, grid = compressed_tensors.from_tensors(parts, scheme)
    blocks = torch.from_numpy(up.data.copy()).view(128, -1, 20)
    low, high = blocks[..., 4:] & 15, blocks[..., 4:] >> 4
    assert torch.equal(torch.cat((low, high), -1).view(128, 64), codes)
    expected = dequantize(codes, grid)
    found = torch.from_numpy(gguf.quants.dequantize(up.data, up.tensor_type))
    assert float((found - expected).norm() / expected.norm()) < 4e-4  # the offset has half precision


def test_gguf_computes_the_same(tmp_path: Path) -> None:
    """Read back by transformers, which un-permutes q and k and de-quantizes with the code of others."""
    folder = add_tokenizer(quantized(tmp_path, Scheme(4, 32), dtype=torch.float32), SMOLLM)
    out = export_gguf(folder, tmp_path / "out.gguf")
    with Weights(out, dtype=torch.float32) as weights:
        found = logits(load(weights.folder))
    expected = logits(load(folder, dtype=torch.float32))
    assert float((found - expected).abs().max()) < 0.01 * float(expected.abs().max())


def test_gguf_metadata_and_vocabulary(tmp_path: Path) -> None:
    folder = add_tokenizer(quantized(tmp_path, Scheme(4, 32)), SMOLLM)
    first = export_gguf(folder, tmp_path / "out.gguf")
    for path in (first, export_gguf(folder, tmp_path / "again.gguf", tokenizer=first)):
        fields = {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items()}
        assert fields["general.architecture"] == "llama"
        sizes = {"block_count": 2, "embedding_length": 64, "feed_forward_length": 128, "vocab_size": 96}
        assert sizes.items() <= {key.removeprefix("llama."): value for key, value in fields.items()}.items()
        assert (fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]) == (4, 2)
        assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "smollm")
        assert fields["tokenizer.ggml.tokens"][24:31] == ["y", "z", "ab", "abc", "<s>", "</s>", "plus"]
        assert fields["tokenizer.ggml.token_type"][26:31] == [1, 1, 3, 3, 4]
        assert fields["tokenizer.ggml.merges"] == ["a b", "ab c"]
        assert (fields["tokenizer.ggml.bos_token_id"], fields["tokenizer.ggml.eos_token_id"]) == (28, 29)
        assert fields["tokenizer.chat_template"] == "{{ messages }}"


def test_gguf_with_a_smaller_table(tmp_path: Path) -> None:
    folder = add_tokenizer(quantized(tmp_path, Scheme(4, 32)), SMOLLM)
    reader = gguf.GGUFReader(export_gguf(folder, tmp_path / "out.gguf", table="q8_0"))
    (table,) = (tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    assert table.tensor_type == gguf.GGMLQuantizationType.Q8_0
    expected = load_file(folder / "model.safetensors")["model.embed_tokens.weight"].float().numpy()
    found = gguf.quants.dequantize(table.data, table.tensor_type)
    assert float(np.linalg.norm(found - expected) / np.linalg.norm(expected)) < 0.01


@pytest.mark.makes_models
def test_gguf_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model")
    out = tmp_path / "out.gguf"
    for scheme, name in ((Scheme(3, 32), "three"), (Scheme(4, WHOLE_ROW), "row"), (Scheme(4, 48), "odd")):
        with pytest.raises(ConfigError, match="Q4_1 holds 4 bits in groups of a multiple of 32"):
            export_gguf(round_to_nearest(source, tmp_path / name, scheme), out)
    with pytest.raises(ConfigError, match="is of the type opt; only llama"):
        export_gguf(round_to_nearest(save_model(tmp_path / "o", OPT), tmp_path / "opt", Scheme(4, 32)), out)
    biased = save_model(tmp_path / "b", llama_config(attention_bias=True))
    with pytest.raises(ConfigError, match="or biases, which are not exported"):
        export_gguf(round_to_nearest(biased, tmp_path / "biased", Scheme(4, 32)), out)
    folder = round_to_nearest(source, tmp_path / "four", Scheme(4, 32))
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be read"):
        export_gguf(folder, out)
    assert not any(tmp_path.glob("*out.gguf*"))
    out.write_bytes(b"")
    with pytest.raises(ConfigError, match="exists already"):
        export_gguf(folder, out)


@pytest.mark.parametrize("kind", ["words", "normalized", "split"])
def test_gguf_does_not_guess_a_tokenizer(tmp_path: Path, kind: str) -> None:
    folder = quantized(tmp_path, Scheme(4, 32))
    pre = pre_tokenizers.Whitespace() if kind == "split" else SMOLLM
    add_tokenizer(folder, pre, models.WordLevel({"a": 0}, "a") if kind == "words" else None)
    if kind == "normalized":
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(ConfigError, match=r"cannot be named to llama\.cpp; give a GGUF file of the same model"):
        export_gguf(folder, tmp_path / "out.gguf")
