"""Opens a model folder for inference: 4-bit folders with QuantLinears that stay packed, others through transformers.

The model is built without memory from its config.json, then every parameter is filled from the shards, one tensor at a time.
Names are translated as transformers itself does it. Writing such folders: `rpiq/formats/writer.py`; parts that stay in the files, with
`low_memory`: `rpiq/runtime/lending.py`.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key
from transformers.pytorch_utils import Conv1D

from rpiq.architectures.blocks import auto_class, open_config
from rpiq.config import Scheme
from rpiq.errors import ArchitectureError, CheckpointError, ConfigError
from rpiq.formats import compressed_tensors
from rpiq.formats.checkpoint import read
from rpiq.formats.compressed_tensors import Schemes
from rpiq.formats.gguf_source import no_progress_bars
from rpiq.formats.weights import Weights
from rpiq.runtime.byte_head import HeadBits, shrink_head
from rpiq.runtime.lending import embeddings, lend, seldom_needed
from rpiq.runtime.linear import QuantLinear

Fallback = Literal["nf4"]
_NAMED = 8
"""Names listed in a message."""


def load(
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    fallback: Fallback | None = None,
    head_bits: HeadBits | None = None,
    low_memory: bool = False,
    host_embeddings: bool = False,
) -> PreTrainedModel:
    """The model in `folder`, in evaluation mode on `device`, ready to generate.

    A folder that `rpiq` wrote keeps its weights in 4 bits. Any other is loaded by transformers as it is, or, with
    `fallback="nf4"`, quantized while loading by bitsandbytes, without calibration. `dtype` is the type of everything that is
    not quantized and of the computation; the one in config.json if left out. CPUs have a 4-bit kernel for bfloat16 alone.
    `head_bits=8` puts a plain output head, and the embedding that it may be tied to, into 8 bits (`rpiq/runtime/byte_head.py`).
    `low_memory` leaves the weights of what the model's class says it seldom needs in the files of `folder`, which must stay where
    they are, and reads them whenever they are needed: the same results, later. `host_embeddings` does so with the table of
    embeddings alone, of which only the rows asked for are read.

    Errors: CheckpointError for a folder that is missing, damaged, or lacks tensors; ArchitectureError for a model that this
    transformers does not know or that would run code of its own, or whose class names nothing that is seldom needed; ConfigError
    when bitsandbytes is wanted and not installed, or together with what stays in the files, or 8 bits for a head that is not
    plain, or host_embeddings for a table that the head shares.
    """
    target = torch.device(device)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no config.json; give the folder of a model")
    try:
        values = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'} cannot be read ({error}); get it again") from error
    schemes = compressed_tensors.read_schemes(folder, values) if isinstance(values, dict) else None
    read(folder)  # refuses pickles, damaged and missing shards in words of our own
    stays = low_memory or host_embeddings
    if stays and fallback is not None and schemes is None:
        raise ConfigError(
            f"{fallback} holds the whole model in memory; quantize it with rpiq first, or leave low_memory and host_embeddings out"
        )
    if schemes is None and not stays:
        model = _plain(folder, target, dtype, fallback)
    else:
        model = _tensor_by_tensor(folder, schemes, target, dtype, low_memory, host_embeddings)
    if head_bits is not None:
        shrink_head(model)
    return model


def _tensor_by_tensor(
    folder: Path,
    schemes: Schemes | None,
    device: torch.device,
    dtype: torch.dtype | None,
    low_memory: bool,
    host_embeddings: bool,
) -> PreTrainedModel:
    from accelerate import init_empty_weights

    config = _config(folder)
    # Everything below would otherwise see a quantized model and ask for compressed-tensors.
    vars(config).pop("quantization_config", None)
    weights = Weights(folder)  # nothing of a folder needs closing, and what is lent reads on
    dtype = dtype or getattr(config, "dtype", None) or (_stored_type(weights) if schemes is None else torch.bfloat16)
    # Parameters get no memory; buffers do, because some (rotary frequencies) are computed and not stored.
    with init_empty_weights(include_buffers=False):
        model: PreTrainedModel = auto_class(config).from_config(config, dtype=dtype)
    model.eval()
    lent = [*(seldom_needed(model) if low_memory else ()), *(embeddings(model) if host_embeddings else ())]
    _fill(model, weights, schemes, device, dtype, [*dict.fromkeys(lent)])
    nn.Module.to(model, device)
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model


def _fill(
    model: PreTrainedModel,
    weights: Weights,
    schemes: Schemes | None,
    device: torch.device,
    dtype: torch.dtype,
    lent: Sequence[str],
) -> None:
    """Put every tensor of the checkpoint into the model, which must need exactly these, but for those of the modules `lent`."""
    state = model.state_dict()
    where = _names_in_model(model, weights.names)
    for pattern in model._keys_to_ignore_on_load_unexpected or ():  # what older versions stored and this one computes
        where = {name: stored for name, stored in where.items() if name in state or not re.search(pattern, name)}
    linears: dict[str, dict[str, str]] = {}
    for name, stored in where.items():
        module = compressed_tensors.module_of(name)
        if module is not None and schemes is not None:
            linears.setdefault(module, {})[stored.rpartition(".")[2]] = stored
    plain = {name: stored for name, stored in where.items() if compressed_tensors.module_of(name) not in linears}
    filled = {*plain, *(f"{module}.weight" for module in linears)}
    pairs = model.all_tied_weights_keys.items()
    tied = {name for pair in pairs if filled & set(pair) for name in pair}
    _compare(weights.folder, missing=set(state) - filled - tied, unexpected=filled - set(state))
    kept = any(f"{module}.weight" in pair for module in linears for pair in pairs)
    for module in lent:
        inside = {name: plain.pop(name) for name in [*plain] if name.startswith(f"{module}.")}
        parts = {name.removeprefix(f"{module}."): stored for name, stored in inside.items()}
        packed = linears.pop(module, {})
        scheme = _scheme(weights.folder, schemes, module, packed) if schemes is not None and packed else None
        lend(model, module, weights, parts | packed, dtype, scheme)
    if schemes is not None:
        for module, parts in linears.items():
            bias = plain.pop(f"{module}.bias", None)
            scheme = _scheme(weights.folder, schemes, module, parts)
            _quantize_module(model, module, _linear(module, weights, parts, bias, scheme, dtype, device))
    for name, stored in plain.items():
        _set(model, name, weights.read(stored), device)
    # A quantized head has a weight of its own, whatever config.json says.
    if not kept:
        model.tie_weights(missing_keys=set(state) - filled)


def _scheme(folder: Path, schemes: Schemes, module: str, parts: Mapping[str, str]) -> Scheme:
    """Of a Linear of the model, whose `parts` have the names of the checkpoint, as have the `schemes`."""
    stored = (
        compressed_tensors.module_of(parts[compressed_tensors.PACKED]) if compressed_tensors.PACKED in parts else None
    )
    try:
        return schemes.of(stored or module)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}: {module}: {error}") from error


def _linear(
    name: str,
    weights: Weights,
    parts: Mapping[str, str],
    bias: str | None,
    scheme: Scheme,
    dtype: torch.dtype,
    device: torch.device,
) -> QuantLinear:
    """The Linear `name`, made of its `parts`, by suffix, and its bias; these are names in the checkpoint."""
    tensors = {suffix: weights.read(stored) for suffix, stored in parts.items()}
    bias_tensor = None if bias is None else weights.read(bias).clone()
    try:
        return QuantLinear.from_tensors(tensors, scheme, bias_tensor, dtype, device)
    except CheckpointError as error:
        raise CheckpointError(f"{weights.folder}: {name}: {error}") from error


def _quantize_module(model: PreTrainedModel, name: str, layer: QuantLinear) -> None:
    """Put `layer` in the place of the Linear, or Conv1D, `name`."""
    before = model.get_submodule(name)
    size: tuple[int, int] | None = None
    if isinstance(before, nn.Linear):
        size = (before.in_features, before.out_features)
    elif isinstance(before, Conv1D):
        size = (before.nx, before.nf)
    if size != (layer.in_features, layer.out_features):
        raise CheckpointError(
            f"{name} is {before} in the model and a Linear of {layer.in_features} to {layer.out_features} in the checkpoint; "
            "config.json and shards are of different models"
        )
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, layer)


def _set(model: PreTrainedModel, name: str, tensor: Tensor, device: torch.device) -> None:
    """Put a tensor in the place of the parameter or buffer `name`, in its type, in memory of its own."""
    parent, _, leaf = name.rpartition(".")
    module = model.get_submodule(parent)
    before = getattr(module, leaf)
    if before.shape != tensor.shape:
        raise CheckpointError(
            f"{name} is {list(before.shape)} in the model and {list(tensor.shape)} in the checkpoint; "
            "config.json and shards are of different models"
        )
    filled = tensor.to(device, before.dtype, copy=True)
    setattr(module, leaf, nn.Parameter(filled, requires_grad=False) if isinstance(before, nn.Parameter) else filled)


def _names_in_model(model: PreTrainedModel, names: tuple[str, ...]) -> dict[str, str]:
    """Stored name by name in the model; parts of a quantized Linear are translated like its weight.

    ArchitectureError when the model joins or splits tensors on loading, as mixtures of experts do.
    """
    transforms = get_model_conversion_mapping(model)
    renamings = [transform for transform in transforms if isinstance(transform, WeightRenaming)]
    converters = [transform for transform in transforms if isinstance(transform, WeightConverter)]
    state = model.state_dict()
    found: dict[str, str] = {}
    for name in names:
        module = compressed_tensors.module_of(name)
        key = name if module is None else f"{module}.weight"
        renamed, converted = rename_source_key(key, renamings, converters, model.base_model_prefix, state)
        if converted is not None:
            raise ArchitectureError(
                f"{type(model).__name__} joins or splits {name} on loading, which is not done in 4 bits"
            )
        found[renamed if module is None else f"{renamed.removesuffix('weight')}{name.rpartition('.')[2]}"] = name
    return found


def _stored_type(weights: Weights) -> torch.dtype:
    """Of the first tensor that holds numbers with a point, as transformers has it."""
    types = (weights.read(name).dtype for name in weights.names)
    return next((dtype for dtype in types if dtype.is_floating_point), torch.bfloat16)


def _compare(folder: Path, missing: set[str], unexpected: set[str]) -> None:
    told = [
        f"{len(names)} {kind} ({', '.join(sorted(names)[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
        for kind, names in (("missing", missing), ("unexpected", unexpected))
        if names
    ]
    if told:
        raise CheckpointError(f"{folder} does not hold the tensors of its config.json: {'; '.join(told)}; get it again")


def _plain(folder: Path, device: torch.device, dtype: torch.dtype | None, fallback: Fallback | None) -> PreTrainedModel:
    config = _config(folder)
    fixed = {"local_files_only": True, "use_safetensors": True}
    arguments: dict[str, Any] = {"config": config, "dtype": dtype or "auto", **fixed}
    if fallback is not None:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise ConfigError("the fallback nf4 needs the package bitsandbytes; run: pip install bitsandbytes")
        arguments["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype or torch.bfloat16
        )
        arguments["device_map"] = {"": device}
    auto = auto_class(config)
    with no_progress_bars():
        model: PreTrainedModel
        model, found = auto.from_pretrained(folder, output_loading_info=True, **arguments)
    # transformers would go on with random values in their place, and say so in its log only.
    _compare(folder, missing=set(found["missing_keys"]), unexpected=set())
    if fallback is None:
        nn.Module.to(model, device)
    model.eval()
    return model


def _config(folder: Path) -> PreTrainedConfig:
    try:
        config = open_config(folder)
    except (ValueError, KeyError, OSError) as error:
        raise ArchitectureError(
            f"{folder / 'config.json'} is not of a model this transformers knows ({error})"
        ) from error
    return config
