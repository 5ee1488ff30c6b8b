"""What a model folder must hold before anything is loaded: a configuration of CogVLM2, and all of its tensors, whole.

Reads headers only. Loading the tensors is left to transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from models.cogvlm2.configuration import CogVLM2Config
from models.errors import Corrupt, Unsuitable
from rpiq.errors import CheckpointError
from rpiq.formats.checkpoint import read

COMPUTED = r"self_attn\.rotary_emb\.inv_freq$"
"""Tensors of the published checkpoint that are computed here instead of read."""
_NAMED = 4
"""Tensors listed in a message."""


def is_cogvlm2(folder: Path) -> bool:
    """Whether config.json, published or ours, quantized or not, says so; False also when there is none that can be read."""
    try:
        values = read_json(folder / "config.json")
    except Corrupt:
        return False
    kind, named = values.get("model_type"), values.get("architectures") or ()
    return kind == CogVLM2Config.model_type or (kind is None and "CogVLMForCausalLM" in named)


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`. Corrupt when it is missing or no such thing."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Corrupt(f"{path} cannot be read ({error}); get the model again") from error
    if not isinstance(values, dict):
        raise Corrupt(f"{path} holds no JSON object; get the model again")
    return values


def read_config(folder: Path, quantized: bool = False, **changes: Any) -> tuple[CogVLM2Config, dict[str, Any]]:
    """The configuration with the `changes` that are values of it, and those that are not.

    Corrupt when config.json is missing or damaged; Unsuitable for another model, or for one that is quantized, unless `quantized`
    ones are wanted too.
    """
    if not folder.is_dir():
        raise Corrupt(f"{folder} is no folder; give one with a config.json and safetensors")
    values = read_json(folder / "config.json")
    if values.pop("quantization_config", None) and not quantized:
        raise Unsuitable(f"{folder} is quantized; open it with rpiq.load")
    config, others = CogVLM2Config.from_dict(values, return_unused_kwargs=True, **changes)
    return config, others


def check_tensors(folder: Path, expected: Mapping[str, Tensor]) -> None:
    """Corrupt unless the safetensors of `folder` are whole, and hold the tensors of `expected` in their shapes, and no others."""
    try:
        stored = {t.name: t.shape for t in read(folder).tensors if not re.search(COMPUTED, t.name)}
    except CheckpointError as error:
        raise Corrupt(str(error)) from error
    both = stored.keys() & expected.keys()
    problems = {
        "missing": sorted(expected.keys() - stored.keys()),
        "unexpected": sorted(stored.keys() - expected.keys()),
        "of another shape": sorted(name for name in both if stored[name] != tuple(expected[name].shape)),
    }
    told = [
        f"{len(names)} {kind} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
        for kind, names in problems.items()
        if names
    ]
    if told:
        raise Corrupt(f"{folder} does not hold the tensors of its config.json: {'; '.join(told)}; get it again")
