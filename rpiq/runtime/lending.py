"""Modules whose weights stay in the files of a model folder and are read for every call: for parts that are seldom needed.

What is read is let go when the call ends, however it ends, so a module holds nothing between two calls. accelerate's hooks, which
do the like, can neither make the 4-bit kernel's layout of the codes nor let go after an error. Which modules of a model these are
says its class (`rpiq_seldom_needed`); who puts them there: `rpiq/runtime/loading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel

from rpiq.config import Scheme
from rpiq.errors import ArchitectureError, CheckpointError, ConfigError
from rpiq.formats import compressed_tensors
from rpiq.formats.weights import Weights
from rpiq.runtime.linear import QuantLinear


class Lent(nn.Module):
    """Stands in for a module; computes what it would, where and in the type that this one was moved to."""

    like: Tensor
    """Without elements: tells device and type."""

    def __init__(self, weights: Weights, stored: Mapping[str, str], dtype: torch.dtype) -> None:
        """`stored`: names in the checkpoint by the names in the module."""
        super().__init__()
        self.weights = weights
        self.stored = dict(stored)
        self.register_buffer("like", torch.empty(0, dtype=dtype), persistent=False)

    def extra_repr(self) -> str:
        """For `print(model)`."""
        return f"weights in {self.weights.folder}"

    def _read(self, name: str) -> Tensor:
        """In memory of its own: what is mapped from a file may lie at any address, and sums depend on that."""
        return self.weights.read(self.stored[name]).to(self.like, copy=True)

    def _save_to_state_dict(self, *arguments: Any, **options: Any) -> None:
        raise CheckpointError(
            f"{next(iter(self.stored.values()))} and others are in {self.weights.folder} and not in memory; "
            "load the model without low_memory to save it"
        )


class LentModule(Lent):
    """For a module of one input whose tensors are stored as they are."""

    def __init__(self, module: nn.Module, weights: Weights, stored: Mapping[str, str], dtype: torch.dtype) -> None:
        """`module` needs no memory. CheckpointError when what is stored has other shapes."""
        super().__init__(weights, stored, dtype)
        for name, tensor in module.state_dict().items():
            shape = weights.info(stored[name]).shape
            if shape != tuple(tensor.shape):
                raise CheckpointError(f"{stored[name]} is {list(shape)}, the model has {list(tensor.shape)}")
        self._call = partial(functional_call, module)  # not as a module of this one, which would have its tensors

    def forward(self, inputs: Tensor) -> Tensor:
        """What the module makes of `inputs`."""
        output: Tensor = self._call({name: self._read(name) for name in self.stored}, (inputs,))
        return output


class LentLinear(Lent):
    """For a quantized Linear."""

    def __init__(self, weights: Weights, stored: Mapping[str, str], dtype: torch.dtype, scheme: Scheme) -> None:
        """`stored`: by suffix (`rpiq/formats/compressed_tensors.py`), and the bias. CheckpointError when a part is missing."""
        super().__init__(weights, stored, dtype)
        self.scheme = scheme
        needed = {*compressed_tensors.SUFFIXES} - ({compressed_tensors.ZERO} if scheme.symmetric else set())
        if missing := sorted(needed - stored.keys()):
            raise CheckpointError(f"there is no {', '.join(missing)}; get the quantized checkpoint again")
        self.out_features, self.in_features = (
            int(size) for size in weights.read(stored[compressed_tensors.SHAPE]).tolist()
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`."""
        parts = {suffix: self.weights.read(name) for suffix, name in self.stored.items() if suffix != "bias"}
        bias = self._read("bias") if "bias" in self.stored else None
        layer = QuantLinear.from_tensors(parts, self.scheme, bias, self.like.dtype, self.like.device)
        del parts
        output: Tensor = layer(inputs)
        return output


class LentEmbedding(Lent):
    """For an Embedding: only the rows that are asked for are ever read."""

    def forward(self, ids: Tensor) -> Tensor:
        """`[...]` to `[..., width]`."""
        rows = self.weights.read(self.stored["weight"])[ids.cpu()]
        return rows.to(self.like)


def seldom_needed(model: PreTrainedModel) -> tuple[str, ...]:
    """Names of the modules that the class of `model` calls seldom needed, by patterns for whole names.

    ArchitectureError when it names none.
    """
    patterns: tuple[str, ...] = getattr(model, "rpiq_seldom_needed", ())
    found = tuple(name for name, _ in model.named_modules() if any(re.fullmatch(pattern, name) for pattern in patterns))
    if not found:
        raise ArchitectureError(f"{type(model).__name__} does not say what it seldom needs; load it without low_memory")
    return found


def embeddings(model: PreTrainedModel) -> tuple[str, ...]:
    """The name of the table of embeddings. ConfigError when the head has the same weights, which are then needed whole."""
    table = model.get_input_embeddings()
    found = tuple(name for name, module in model.named_modules() if module is table)
    tied = {name for pair in model.all_tied_weights_keys.items() for name in pair}
    if any(f"{name}.weight" in tied for name in found):
        raise ConfigError(
            f"the head of {type(model).__name__} shares the table of embeddings; leave host_embeddings out"
        )
    return found


def lend(
    model: PreTrainedModel,
    name: str,
    weights: Weights,
    stored: Mapping[str, str],
    dtype: torch.dtype,
    scheme: Scheme | None,
) -> None:
    """Put what reads from `weights` in the place of the module `name`, which takes one input.

    stored: names in the checkpoint by names in the module. scheme: of a quantized Linear; None for what is stored as it is.
    CheckpointError when what is stored is not of this module.
    """
    module = model.get_submodule(name)
    layer: Lent
    try:
        if scheme is not None:
            layer = LentLinear(weights, stored, dtype, scheme)
            if (getattr(module, "in_features", 0), getattr(module, "out_features", 0)) != (
                layer.in_features,
                layer.out_features,
            ):
                raise CheckpointError(f"it is {module} in the model, config.json and shards are of different models")
        else:
            layer = LentModule(module, weights, stored, dtype)
            if isinstance(module, nn.Embedding):
                layer = LentEmbedding(weights, stored, dtype)
    except CheckpointError as error:
        raise CheckpointError(f"{weights.folder}: {name}: {error}") from error
    model.set_submodule(name, layer)
