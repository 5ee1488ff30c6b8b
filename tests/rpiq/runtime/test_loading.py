"""A 4-bit folder computes what its weights made dense compute, stays in 4 bits, and is loaded whole or refused in words."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import ArchitectureError, CheckpointError, ConfigError
from rpiq.runtime.linear import QuantLinear
from rpiq.runtime.loading import load
from tests.rpiq.folders import dense_copy, llama_config, round_to_nearest, save_model

TOKENS = torch.randint(0, 96, (2, 11), generator=torch.Generator().manual_seed(1))
QWEN3 = Qwen3Config(
    vocab_size=96,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    eos_token_id=None,
    pad_token_id=None,
)
OPT = OPTConfig(
    vocab_size=96,
    hidden_size=64,
    ffn_dim=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    word_embed_proj_dim=64,
    max_position_embeddings=64,
    eos_token_id=None,
    pad_token_id=1,
)


def logits(model: PreTrainedModel, tokens: Tensor = TOKENS) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(input_ids=tokens).logits
    return found.float()


def generated(model: PreTrainedModel) -> list[int]:
    ids: list[int] = model.generate(TOKENS[:1], max_new_tokens=8, do_sample=False, pad_token_id=0)[0].tolist()
    return ids


@pytest.fixture
def quantized(tmp_path: Path) -> Path:
    return round_to_nearest(save_model(tmp_path / "model"), tmp_path / "four", Scheme(4, 32))


@pytest.mark.makes_models
@pytest.mark.parametrize(
    ("scheme", "config", "dtype", "tolerance"),
    [
        (Scheme(4, 32), llama_config(), torch.bfloat16, 0.03),
        (Scheme(4, 64, True), llama_config(tie_word_embeddings=False), torch.bfloat16, 0.03),
        (Scheme(4, 48), llama_config(), torch.bfloat16, 0.03),  # the last group of a row is shorter
        (Scheme(3, WHOLE_ROW), llama_config(attention_bias=True), torch.float32, 1e-5),
        (Scheme(8, 32), llama_config(), torch.float32, 1e-5),
        (Scheme(4, 32), QWEN3, torch.float32, 1e-5),
        (Scheme(4, 32), OPT, torch.float32, 1e-5),
        (Scheme(4, 32), OPT, torch.bfloat16, 0.03),
    ],
)
def test_computes_what_dense_weights_compute(
    tmp_path: Path, scheme: Scheme, config: PreTrainedConfig, dtype: torch.dtype, tolerance: float
) -> None:
    source = save_model(tmp_path / "model", config, dtype)
    four = load(round_to_nearest(source, tmp_path / "four", scheme))
    dense = load(dense_copy(source, tmp_path / "dense", scheme))
    assert four.dtype == dense.dtype == dtype
    expected = logits(dense)
    assert float((logits(four) - expected).abs().max()) <= tolerance * float(expected.abs().max())
    if dtype == torch.float32:
        assert generated(four) == generated(dense)
    assert len(generated(four)) == TOKENS.shape[1] + 8


def test_every_parameter_is_filled_and_nothing_is_dense(quantized: Path) -> None:
    model = load(quantized)
    layers = [module for module in model.modules() if isinstance(module, QuantLinear)]
    assert len(layers) == 14
    assert all(layer.uses_kernel for layer in layers)
    tensors = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_meta for tensor in tensors)
    assert model.lm_head.weight is model.model.embed_tokens.weight  # tied
    stored = load_file(quantized / "model.safetensors")
    expected = sum(tensor.nbytes for tensor in stored.values())
    held = sum(tensor.nbytes for tensor in {tensor.data_ptr(): tensor for tensor in tensors}.values())
    assert held <= 1.1 * expected


def test_other_types_and_back(quantized: Path) -> None:
    """In another type the kernel cannot be used; the codes are the same, and come back to it."""
    model = load(quantized, dtype=torch.float32)
    assert model.dtype == torch.float32
    expected = logits(model)
    assert not any(module.uses_kernel for module in model.modules() if isinstance(module, QuantLinear))
    model.to(torch.bfloat16)
    assert all(module.uses_kernel for module in model.modules() if isinstance(module, QuantLinear))
    assert float((logits(model) - expected).abs().max()) <= 0.03 * float(expected.abs().max())
    for name, layer in load(quantized).named_modules():
        if isinstance(layer, QuantLinear):
            again = model.get_submodule(name)
            assert torch.equal(again.codes, layer.codes)
            assert torch.equal(again.pairs, layer.pairs)


def test_untouched_folders_go_through_transformers(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model")
    expected = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    assert torch.equal(logits(load(source)), logits(expected))
    assert load(source, dtype=torch.float32).dtype == torch.float32


def test_an_untouched_folder_that_lacks_a_tensor(tmp_path: Path) -> None:
    shard = save_model(tmp_path) / "model.safetensors"
    tensors = load_file(shard)
    del tensors["model.layers.0.mlp.up_proj.weight"]
    save_file(tensors, shard, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 missing \(model\.layers\.0\.mlp\.up_proj\.weight\).*get it again"):
        load(tmp_path)


def test_tied_head_stored_under_its_own_name(quantized: Path) -> None:
    stored = load_file(quantized / "model.safetensors")
    expected = logits(load(quantized))
    stored["lm_head.weight"] = stored.pop("model.embed_tokens.weight")
    save_file(stored, quantized / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(logits(load(quantized)), expected)


def test_model_with_pictures(tmp_path: Path) -> None:
    """The towers that were not quantized are filled too, under the names that transformers itself writes."""
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "image_size": 28, "patch_size": 14, "projection_dim": 32}
        | vision,
        text_config=llama_config(tie_word_embeddings=False).to_dict(),
        image_token_index=95,
    )
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).to(torch.float32).save_pretrained(tmp_path / "model")
    source = tmp_path / "model"
    model = load(round_to_nearest(source, tmp_path / "four", Scheme(8, 32)), dtype=torch.float32)
    assert isinstance(model, LlavaForConditionalGeneration)
    assert not isinstance(model, Gemma3ForConditionalGeneration)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    expected = LlavaForConditionalGeneration.from_pretrained(source)
    tokens = TOKENS.clamp(max=90)
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    tokens[:, :4] = 95  # where the four patches of a picture go
    with torch.no_grad():
        found, wanted = (m(input_ids=tokens, pixel_values=pixels).logits for m in (model, expected))
    assert float((found - wanted).abs().max()) <= 0.05 * float(wanted.abs().max())


@pytest.mark.parametrize("kind", ["missing", "unexpected"])
def test_names_that_do_not_match(quantized: Path, kind: str) -> None:
    stored = load_file(quantized / "model.safetensors")
    if kind == "missing":
        del stored["model.norm.weight"]
    else:
        stored["model.norm.other"] = torch.ones(2)
    save_file(stored, quantized / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"1 {kind} \(model\.norm\.\w+\); get it again"):
        load(quantized)


def test_shapes_that_do_not_match(quantized: Path) -> None:
    config = json.loads((quantized / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    with pytest.raises(CheckpointError, match=r"mlp\.\w+_proj is Linear.*different models"):
        load(quantized)
    (quantized / "config.json").write_text(json.dumps(config | {"vocab_size": 97}))
    with pytest.raises(CheckpointError, match=r"embed_tokens\.weight is \[97, 64\] in the model and \[96, 64\]"):
        load(quantized)


def test_damaged_linear(quantized: Path) -> None:
    stored = load_file(quantized / "model.safetensors")
    del stored["model.layers.0.mlp.up_proj.weight_scale"]
    save_file(stored, quantized / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"model\.layers\.0\.mlp\.up_proj: there is no weight_scale"):
        load(quantized)


def test_folders_that_cannot_be_loaded(tmp_path: Path, quantized: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no config\.json"):
        load(tmp_path)
    config = json.loads((quantized / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps(config | {"model_type": "nosuch"}))
    with pytest.raises(ArchitectureError, match="is not of a model this transformers knows"):
        load(quantized)
    (quantized / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        load(quantized)
    (quantized / "config.json").write_text(json.dumps(config))
    (quantized / "model.safetensors").write_bytes((quantized / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load(quantized)


def test_fallback_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save_model(tmp_path / "model")
    found = importlib.util.find_spec

    def without(name: str, *arguments: Any) -> Any:
        return None if name == "bitsandbytes" else found(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(ConfigError, match="needs the package bitsandbytes; run: pip install bitsandbytes"):
        load(source, fallback="nf4")


@pytest.mark.makes_models
def test_fallback(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")
    source = save_model(tmp_path / "model")
    found, expected = logits(load(source, fallback="nf4")), logits(load(source))
    assert 0 < float((found - expected).norm() / expected.norm()) < 0.5


@pytest.mark.makes_models
@pytest.mark.filterwarnings(
    "ignore:You passed `quantization_config`"
)  # transformers says that it does what it was told
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("group", [32, WHOLE_ROW])
@pytest.mark.parametrize("bits", [4, 8, 3])
def test_transformers_reads_what_we_write(tmp_path: Path, bits: int, group: int, symmetric: bool) -> None:
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors (pip install compressed-tensors)")
    version = tuple(int(part) for part in importlib.metadata.version("compressed-tensors").split(".")[:2])
    if bits == 3 and version < (0, 18):
        pytest.skip("before 0.18 compressed-tensors padded each word of 3-bit codes")
    from transformers import CompressedTensorsConfig

    folder = round_to_nearest(save_model(tmp_path / "model"), tmp_path / "four", Scheme(bits, group, symmetric))
    options = CompressedTensorsConfig(dequantize=True)
    theirs = AutoModelForCausalLM.from_pretrained(folder, quantization_config=options, dtype=torch.bfloat16)
    expected = logits(theirs)
    difference = (logits(load(folder)) - expected).abs()
    assert float(difference.max()) <= 0.03 * float(expected.abs().max())
    assert float(difference.mean()) <= 0.004 * float(expected.abs().max())
