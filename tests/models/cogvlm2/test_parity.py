"""Every intermediate tensor of the reference, within the tolerances of the fixture's README."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration
from models.cogvlm2.language import rotary_tables
from models.cogvlm2.tokens import position_ids, vision_expert_mask

CASES = ("image_b1", "text_b1", "leftpad_b2", "mixed_b2", "midimage_b1")
TOLERANCES = {
    "vision.patch_embedding": 1e-4,
    "vision.layer": 1e-4,
    "vision.conv": 1e-4,
    "vision.adapter": 5e-6,
    "vision.output": 5e-6,
    "inputs_embeds": 5e-6,
    "decoder": 2e-4,
    "past": 2e-4,
    "final_norm": 5e-4,
    "logits": 5e-4,
}


def read_case(reference: Path, name: str) -> dict[str, Tensor]:
    return load_file(reference / "cases" / f"{name}.safetensors")


def inputs(case: dict[str, Tensor]) -> dict[str, Tensor]:
    names = ("input_ids", "token_type_ids", "attention_mask", "pixel_values")
    return {name: case[f"input.{name}"] for name in names if f"input.{name}" in case}


def watched(model: CogVLM2ForConditionalGeneration) -> dict[str, nn.Module]:
    inner = model.model
    vision = inner.vision
    found: dict[str, nn.Module] = {
        "vision.patch_embedding": vision.patch_embedding,
        "vision.conv": vision.conv,
        "vision.adapter": vision.linear_proj,
        "vision.output": vision,
        "final_norm": inner.norm,
    }
    found |= {f"vision.layer.{at}": layer for at, layer in enumerate(vision.transformer.layers)}
    for at, layer in enumerate(inner.layers):
        assert isinstance(layer.self_attn, nn.Module)
        assert isinstance(layer.mlp, nn.Module)
        found[f"decoder.attn_out.{at}"] = layer.self_attn
        found[f"decoder.mlp_out.{at}"] = layer.mlp
        found[f"decoder.layer_out.{at}"] = layer
    return found


@contextmanager
def recorded(model: CogVLM2ForConditionalGeneration) -> Iterator[dict[str, Tensor]]:
    """Outputs of the modules by the names of the fixture, and what goes into the first layer."""
    seen: dict[str, Tensor] = {}
    handles = []
    for name, module in watched(model).items():

        def note(_: nn.Module, __: Any, output: Tensor, name: str = name) -> None:
            seen[name] = output

        handles.append(module.register_forward_hook(note))
    first = model.model.layers[0]
    handles.append(first.register_forward_pre_hook(lambda _, given: seen.update(inputs_embeds=given[0])))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def run(model: CogVLM2ForConditionalGeneration, case: dict[str, Tensor]) -> dict[str, Tensor]:
    """All tensors that the reference knows, by its names."""
    with torch.no_grad(), recorded(model) as seen:
        output = model(**inputs(case), use_cache=True)
    seen["logits"] = output.logits
    for at, layer in enumerate(output.past_key_values.layers):
        seen[f"past_key.{at}"], seen[f"past_value.{at}"] = layer.keys, layer.values
    return seen


def error(name: str, ours: Tensor, case: dict[str, Tensor]) -> float:
    """Largest difference, where there is a token."""
    theirs = case[f"ref.{name}"]
    assert ours.shape == theirs.shape
    gap = (ours - theirs).abs()
    real = case["input.attention_mask"].bool()
    if name.startswith("past"):
        gap = gap.transpose(1, 2)[real]
    elif not name.startswith("vision"):
        gap = gap[real]
    return float(gap.max())


@pytest.mark.parametrize("name", CASES)
def test_every_tensor_is_the_references(reference: Path, native: CogVLM2ForConditionalGeneration, name: str) -> None:
    case = read_case(reference, name)
    ours = run(native, case)
    apart = ("position_ids", "vision_expert_mask", "generated", "logits_bf16")
    expected = {key[4:] for key in case if key.startswith("ref.") and not key[4:].startswith(apart)}
    assert expected == set(ours)
    for key, value in ours.items():
        tolerance = next(limit for kind, limit in TOLERANCES.items() if key.startswith(kind))
        assert error(key, value, case) <= tolerance, key


@pytest.mark.parametrize("name", CASES)
def test_positions_and_experts_are_the_references(reference: Path, name: str) -> None:
    case = read_case(reference, name)
    types, mask = case["input.token_type_ids"], case["input.attention_mask"]
    assert torch.equal(position_ids(types, mask), case["ref.position_ids"])
    assert torch.equal(vision_expert_mask(types), case["ref.vision_expert_mask"])


@pytest.mark.parametrize("given", [True, False], ids=["positions given", "positions left out"])
@pytest.mark.parametrize("name", CASES)
def test_stock_generate_writes_the_references_ids(
    reference: Path, native: CogVLM2ForConditionalGeneration, name: str, given: bool
) -> None:
    case = read_case(reference, name)
    positions = {"position_ids": case["ref.position_ids"]} if given else {}
    output = native.generate(
        **inputs(case), **positions, max_new_tokens=12, return_dict_in_generate=True, output_logits=True
    )
    assert torch.equal(output.sequences[:, -12:], case["ref.generated_ids"])
    gap = torch.stack(output.logits, 1) - case["ref.generated_logits"]
    assert float(gap.abs().max()) <= TOLERANCES["logits"]


def test_a_row_ends_at_its_stop_id(reference: Path, native: CogVLM2ForConditionalGeneration) -> None:
    case = read_case(reference, "leftpad_b2")
    stop = case["input.stop_ids"].tolist()
    ids = native.generate(**inputs(case), eos_token_id=stop, max_new_tokens=12)
    assert torch.equal(ids[:, -12:], case["ref.generated_ids_with_stop"])


@pytest.mark.parametrize("tables", [True, False], ids=["bfloat16 tables", "float32 tables"])
def test_bfloat16_stays_near_the_reference(reference: Path, tables: bool) -> None:
    """As near as the reference's own run in bfloat16 is to float32: cosine 0.9997, largest difference 0.37."""
    case = read_case(reference, "image_b1")
    model = CogVLM2ForConditionalGeneration.from_pretrained(reference, dtype=torch.bfloat16, rotary_in_bfloat16=tables)
    with torch.no_grad():
        logits = model(**inputs(case)).logits
    theirs = case["ref.logits_bf16_run"]
    assert logits.dtype == torch.float32
    assert float(cosine_similarity(logits.flatten(), theirs.flatten(), dim=0)) > 0.9995
    chosen = theirs.gather(-1, logits.argmax(-1, keepdim=True))[..., 0]
    assert float((theirs.amax(-1) - chosen).max()) < 0.37


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_rotary_tables(reference: Path, kind: str) -> None:
    tables = load_file(reference / "rope_head128.safetensors")
    ours = rotary_tables(tables["positions"], 128, in_bfloat16=kind == "bf16")
    for name, table in zip(("cos", "sin"), ours, strict=True):
        theirs = tables[f"{name}.{kind}"]
        gap = float((table.float() - theirs.float()).abs().max())
        assert gap <= (1e-3 if kind == "fp32" else 0.0)


def test_the_real_model_has_these_names_and_shapes(reference: Path) -> None:
    listed = json.loads((reference / "real19b_tensors.json").read_text())
    counts = {"{i}": listed["layers_i"], "{j}": listed["layers_j"]}
    expected: dict[str, tuple[int, ...]] = {}
    for pattern, shape in listed["patterns"].items():
        mark = next((mark for mark in counts if mark in pattern), None)
        for at in range(counts[mark] if mark else 1):
            expected[pattern.replace(mark, str(at)) if mark else pattern] = tuple(shape)
    assert len(expected) == listed["tensors"]
    config = CogVLM2Config.from_dict(json.loads((reference / "real19b_config.json").read_text()))
    with torch.device("meta"):
        model = CogVLM2ForConditionalGeneration(config)
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    computed = {name for name in expected if name.endswith("rotary_emb.inv_freq")}
    assert ours == {name: shape for name, shape in expected.items() if name not in computed}
    assert len(computed) == config.num_hidden_layers
    assert sum(tensor.numel() for tensor in model.parameters()) == listed["parameters_without_inv_freq"]
