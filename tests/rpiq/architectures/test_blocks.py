"""Blocks, their Linears and what these share are found by structure; what is not understood is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, MixtralConfig, OPTConfig, PreTrainedConfig

from rpiq.architectures.blocks import TESTED, Skeleton, read_config
from rpiq.errors import ArchitectureError, CheckpointError
from rpiq.formats.weights import Weights
from rpiq.run.recording import differ, input_groups, logits, record
from tests.rpiq.tiny import CONFIGS, GPT2, SIZE, write_model

CPU = torch.device("cpu")
IDS = torch.arange(48).view(2, 24)
OPT_350M = OPTConfig(
    **{**SIZE, "hidden_size": 64},
    ffn_dim=128,
    num_attention_heads=4,
    word_embed_proj_dim=32,
    do_layer_norm_before=False,
    pad_token_id=0,
)
ALL = CONFIGS | {"gpt2": GPT2, "opt-350m": OPT_350M}


def test_the_table_of_tested_architectures_is_tested() -> None:
    assert set(TESTED) == set(CONFIGS)


@pytest.mark.parametrize("name", ALL)
@torch.inference_mode()
def test_blocks_one_by_one_are_the_model(tmp_path: Path, name: str) -> None:
    """Recorded calls, weights that come and go, and the head give the logits of the model as transformers runs it."""
    folder = write_model(tmp_path, ALL[name])
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    wanted = whole(input_ids=IDS, use_cache=False).logits
    with Weights(folder) as weights:
        skeleton = Skeleton(weights, torch.float32, CPU)
        skeleton.fill_outside(IDS)
        hidden, calls = record(skeleton, {"input_ids": IDS})
        skeleton.empty_outside()
        for index, call in enumerate(calls):
            hidden = call(skeleton.fill_block(index), hidden)
            skeleton.empty_block(index)
            assert all(parameter.is_meta for parameter in skeleton.model.parameters()), "one block resident at a time"
        skeleton.fill_outside(IDS)
        assert torch.allclose(logits(skeleton, IDS, hidden), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("llama", [{"q_proj", "k_proj", "v_proj"}, {"o_proj"}, {"gate_proj", "up_proj"}, {"down_proj"}]),
        ("opt", [{"q_proj", "k_proj", "v_proj"}, {"out_proj"}, {"fc1"}, {"fc2"}]),
        # Phi's attention and MLP run side by side on one input.
        ("phi", [{"q_proj", "k_proj", "v_proj", "fc1"}, {"dense"}, {"fc2"}]),
        ("gpt2", [{"c_attn"}, {"c_proj"}, {"c_fc"}, {"c_proj"}]),
    ],
)
@torch.inference_mode()
def test_linears_that_share_an_input(tmp_path: Path, name: str, groups: list[set[str]]) -> None:
    with Weights(write_model(tmp_path, ALL[name])) as weights:
        skeleton = Skeleton(weights, torch.float32, CPU)
        skeleton.fill_outside(IDS)
        hidden, calls = record(skeleton, {"input_ids": IDS})
        found = input_groups(skeleton.fill_block(1), skeleton.linears(1), [(hidden, calls[1])])
    names = [{linear.local.rpartition(".")[2] for linear in group} for group in found]
    assert sorted(map(sorted, names)) == sorted(map(sorted, groups))
    order = [sorted(group)[0] for group in names]
    assert order[0] == sorted(groups[0])[0]


def test_conv1d_has_its_shape_as_a_linear(tmp_path: Path) -> None:
    with Weights(write_model(tmp_path, GPT2)) as weights:
        linear = Skeleton(weights, torch.float32, CPU).linears(0)[0]
    assert (linear.local, linear.out_features, linear.in_features, linear.transposed) == ("attn.c_attn", 192, 64, True)


def test_a_mixture_of_experts_is_refused(tmp_path: Path) -> None:
    MixtralConfig(num_local_experts=4).save_pretrained(tmp_path)
    write_weights_of(tmp_path, CONFIGS["llama"])
    with Weights(tmp_path) as weights, pytest.raises(ArchitectureError, match="mixture of 4 experts"):
        Skeleton(weights, torch.float32, CPU)


def test_unknown_and_quantized_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nosuch", "architectures": ["No"]}), "utf-8")
    with pytest.raises(ArchitectureError, match="not known to transformers"):
        read_config(tmp_path)
    quantized = {"model_type": "llama", "quantization_config": {"quant_method": "compressed-tensors"}}
    (tmp_path / "config.json").write_text(json.dumps(quantized), "utf-8")
    with pytest.raises(ArchitectureError, match="quantized already"):
        read_config(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(CheckpointError, match="holds no config"):
        read_config(tmp_path)


@pytest.mark.makes_models
def test_no_causal_language_model(tmp_path: Path) -> None:
    from transformers import T5Config

    T5Config().save_pretrained(tmp_path)
    write_weights_of(tmp_path, CONFIGS["llama"])
    with Weights(tmp_path) as weights, pytest.raises(ArchitectureError, match="no causal language model of type 't5'"):
        Skeleton(weights, torch.float32, CPU)


def test_matrices_that_are_no_linear_are_named(tmp_path: Path) -> None:
    from transformers import MambaConfig

    config = MambaConfig(vocab_size=96, hidden_size=64, num_hidden_layers=2, state_size=4, pad_token_id=0)
    with Weights(write_model(tmp_path, config)) as weights:
        skeleton = Skeleton(weights, torch.float32, CPU)
        with pytest.raises(ArchitectureError, match=r"backbone\.layers\.0\.mixer.*Conv1d"):
            skeleton.linears(0)


def test_missing_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_model(tmp_path, CONFIGS["llama"])
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({key: value for key, value in tensors.items() if key != name}, folder / "model.safetensors")
    with Weights(folder) as weights, pytest.raises(CheckpointError, match=f"lacks the tensor {name}"):
        Skeleton(weights, torch.float32, CPU)
    save_file({**tensors, name: tensors[name][:, :10].contiguous()}, folder / "model.safetensors")
    with Weights(folder) as weights, pytest.raises(CheckpointError, match=r"up_proj.weight is \[128, 10\] instead of"):
        Skeleton(weights, torch.float32, CPU)


def test_values_are_compared_to_the_last_tensor() -> None:
    values = {"mask": None, "position": (torch.ones(2), torch.zeros(2)), "use_cache": False}
    assert not differ(values, {**values, "position": (torch.ones(2), torch.zeros(2))})
    assert differ(values, {**values, "position": (torch.ones(2), torch.ones(2))})
    assert differ(values, {**values, "use_cache": True})
    assert differ(values, {"mask": None})


def write_weights_of(folder: Path, config: PreTrainedConfig) -> None:
    """The shards of another model, for a config.json that is refused before they are looked at."""
    model = write_model(folder / "other", config)
    (model / "model.safetensors").rename(folder / "model.safetensors")
