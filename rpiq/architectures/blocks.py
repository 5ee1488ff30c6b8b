"""A model as a row of blocks: which modules they are, and their weights, filled in from the checkpoint one part at a time.

Blocks are found by structure; `EXCEPTIONS` names the few that are not, and a family with several stacks of them says so itself
(`plugins.py`). What a block computes is transformers' own code. What is done to the weights is decided in `rpiq/run`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
)
from transformers.pytorch_utils import Conv1D

from rpiq.architectures.plugins import WHOLE, Stack, claimed_type
from rpiq.errors import ArchitectureError, CheckpointError, ConfigError
from rpiq.formats.weights import Weights

_log = logging.getLogger(__name__)

TESTED = ("opt", "llama", "qwen3", "gemma", "phi", "mistral")
"""Values of `model_type` that the tests quantize, reload and let generate; SmolLM is a llama."""
EXCEPTIONS: dict[str, str] = {}
"""By `model_type`: the name of the list of blocks, where the structure alone does not tell."""
_PIECE = 1 << 25
"""Values of an embedding or head that are looked at together."""
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True)
class LinearInfo:
    """One Linear inside a block."""

    name: str
    """In the whole model, as in "model.layers.0.mlp.up_proj"."""
    local: str
    """Inside its block."""
    out_features: int
    in_features: int
    transposed: bool = False
    """A Conv1D, whose weight is `[in, out]`."""
    part: str = WHOLE
    """Of the model that it belongs to; see `rpiq.architectures.plugins.Stack`."""
    optional: bool = False
    """It may see a part of the positions only, or none."""


class StreamedHead(nn.Module):
    """An output head whose weight is read anew, piece by piece, whenever it is used: for a large vocabulary 1 GB and more."""

    def __init__(self, pieces: Callable[[], Iterator[Tensor]], bias: Tensor | None) -> None:
        """pieces: starts a pass over the rows of the weight, `[rows, hidden]` each; bias: `[vocabulary]`."""
        super().__init__()
        self.pieces, self._bias = pieces, bias

    def forward(self, hidden: Tensor) -> Tensor:
        """`[..., hidden]` to `[..., vocabulary]`."""
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        x = hidden.to(dtype)
        logits = torch.cat([nn.functional.linear(x, piece.to(x)) for piece in self.pieces()], -1)
        return logits if self._bias is None else logits + self._bias.to(logits)

    @contextmanager
    def resident(self) -> Iterator[None]:
        """Keep the weight in memory while it is used again and again."""
        pieces, kept = self.pieces, list(self.pieces())
        self.pieces = lambda: iter(kept)
        try:
            yield
        finally:
            self.pieces = pieces


class Skeleton:
    """A language model, perhaps one that sees, on the meta device. Weights come and go by `fill` and `empty`; buffers are real."""

    def __init__(self, weights: Weights, dtype: torch.dtype, device: torch.device) -> None:
        """dtype and device: of the computation, whatever the weights are stored as.

        ArchitectureError for a model that transformers does not know, a mixture of experts, or blocks that are not found.
        """
        self.dtype = dtype
        self.device = device
        self._weights = weights
        self.config = read_config(weights.folder)
        _refuse_experts(self.config)
        try:
            with init_empty_weights(include_buffers=False):
                model = auto_class(self.config).from_config(self.config, dtype=dtype)
        except (ValueError, ImportError) as error:
            line = str(error).strip().splitlines()[0]
            kind = self.config.model_type
            raise ArchitectureError(f"{weights.folder}: no causal language model of type {kind!r} ({line})") from error
        self.model: PreTrainedModel = model.eval().requires_grad_(False)
        for module in self.model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = buffer.to(device)
        self.stacks: tuple[Stack, ...] = getattr(self.model, "rpiq_stacks", None) or (_find_stack(self.model),)
        """In the order in which they run."""
        self.names, self.spans = _blocks(self.model, self.stacks)
        """Of all blocks, stack after stack; and which of them belong to each stack."""
        self.answers_tuples: dict[int, bool] = {}
        """By stack, once it is known: whether the model takes the first item of what a block returns."""
        self._inside = tuple(f"{name}." for name in self.names)
        self._stored = {}
        for name, _ in self.model.named_parameters(remove_duplicate=False):
            stored = self._stored_name(name)
            if stored is not None:
                self._stored[name] = stored
        self._check_tensors()
        table = self.model.get_input_embeddings()
        table.padding_idx = None  # matters to training alone, and need not be among the rows that are filled
        self.vocabulary = int(table.get_parameter("weight").shape[0])
        """Tokens that the model knows."""
        self._translation: RemovableHandle | None = None
        self.head, self._head = self._stream_head()
        """Runs without being filled."""
        self.head_name = self._head.name

    def block(self, index: int) -> nn.Module:
        """What stands in the place of block `index`, filled or not."""
        return self.model.get_submodule(self.names[index])

    def put_block(self, index: int, module: nn.Module) -> None:
        """Let `module` stand in the place of block `index`."""
        self.model.set_submodule(self.names[index], module)

    def stack_of(self, index: int) -> int:
        """Which stack block `index` belongs to."""
        return next(number for number, span in enumerate(self.spans) if index in span)

    def linears(self, index: int) -> tuple[LinearInfo, ...]:
        """The Linears of block `index`; ArchitectureError when it holds matrices that are no Linear's."""
        prefix, stack = self.names[index], self.stacks[self.stack_of(index)]
        found, strange = [], []
        for local, module in self.block(index).named_modules():
            part = next((name for name, pattern in stack.parts if re.search(pattern, local)), WHOLE)
            if isinstance(module, nn.Linear):
                size = (module.out_features, module.in_features)
                found.append(LinearInfo(f"{prefix}.{local}", local, *size, part=part, optional=stack.optional))
            elif isinstance(module, Conv1D):
                inside, out = module.weight.shape
                found.append(LinearInfo(f"{prefix}.{local}", local, int(out), int(inside), transposed=True, part=part))
            elif any(p.dim() > 1 for p in module.parameters(recurse=False)):
                strange.append(f"{prefix}.{local} ({type(module).__name__})")
        if strange:
            raise ArchitectureError(f"not understood: {', '.join(strange)}; only Linear and Conv1D can be quantized")
        if not found:
            raise ArchitectureError(f"{prefix} ({type(self.block(index)).__name__}) holds no Linear")
        return tuple(found)

    def head_linear(self) -> LinearInfo:
        """The output head. ConfigError when it shares its weight with the embeddings, which are looked up row by row."""
        if f"{self._head.name}.weight" not in self._stored:
            raise ConfigError(
                f"the output head {self._head.name} is tied to the embeddings and cannot be quantized alone; leave --head out"
            )
        return self._head

    def stored_name(self, name: str) -> str:
        """What the checkpoint calls the parameter `name`. CheckpointError when it has none."""
        if name not in self._stored:
            raise CheckpointError(f"{self._weights.folder} lacks the tensor {name}; get the model again")
        return self._stored[name]

    def block_tensors(self, index: int) -> dict[str, str]:
        """Parameters of block `index` by their local names, with their names in the checkpoint."""
        prefix = self.names[index]
        names = [name for name, _ in self.block(index).named_parameters(remove_duplicate=False)]
        return {name: self.stored_name(f"{prefix}.{name}") for name in names}

    def outside(self) -> tuple[str, ...]:
        """Checkpoint names of all tensors that belong to no block, but for those that the model computes instead."""
        inside = {name for index in range(len(self.names)) for name in self.block_tensors(index).values()}
        computed = getattr(self.model, "_keys_to_ignore_on_load_unexpected", None) or ()
        return tuple(
            name
            for name in self._weights.names
            if name not in inside and not any(re.search(pattern, name) for pattern in computed)
        )

    def read(self, stored: str) -> Tensor:
        """The tensor as stored. CheckpointError when it holds NaN or infinity, naming it."""
        tensor = self._weights.read(stored)
        for piece in torch.split(tensor.view(-1), _PIECE):
            self._check_finite(stored, piece)
        return tensor

    def fill_block(self, index: int, without: Collection[str] = ()) -> nn.Module:
        """Block `index` with its weights, but for those parameters whose local names are in `without`."""
        block = self.block(index)
        for local, stored in self.block_tensors(index).items():
            if local in without:
                continue
            _put(block, local, self.read(stored).to(self.device, self.dtype))
        return block

    def empty_block(self, index: int) -> None:
        """Let the weights of block `index` go."""
        block = self.block(index)
        for name, parameter in list(block.named_parameters()):
            _put(block, name, torch.empty_like(parameter, device="meta"))

    def fill_outside(self, ids: Tensor) -> None:
        """What is outside of the blocks, but for the output head; of the input embeddings only the tokens in `ids`."""
        table = self.model.get_input_embeddings()
        for name, parameter in list(self.model.named_parameters(remove_duplicate=False)):
            if name.startswith(self._inside) or not parameter.is_meta:
                continue
            stored = self.stored_name(name)
            if parameter is table.weight:
                value = self._fill_table(table, self._weights.read(stored), ids)
                self._check_finite(stored, value)
            else:
                value = self.read(stored)
            _put(self.model, name, value.to(self.device, self.dtype))

    def empty_outside(self) -> None:
        """Let everything outside of the blocks go."""
        if self._translation is not None:
            self._translation.remove()
        for name, parameter in list(self.model.named_parameters(remove_duplicate=False)):
            if not name.startswith(self._inside):
                shape = self._weights.info(self.stored_name(name)).shape
                _put(self.model, name, torch.empty(shape, dtype=parameter.dtype, device="meta"))

    def _fill_table(self, table: nn.Module, weight: Tensor, ids: Tensor) -> Tensor:
        """The rows of the tokens in `ids`; the ids that the table is given are translated to these rows."""
        tokens = torch.bincount(ids.flatten().cpu()).nonzero().flatten()
        rows = torch.zeros(self.vocabulary, dtype=torch.int64)
        rows[tokens] = torch.arange(len(tokens))
        rows = rows.to(self.device)
        self._translation = table.register_forward_pre_hook(lambda _, arguments: (rows[arguments[0]], *arguments[1:]))
        return weight[tokens]

    def _stream_head(self) -> tuple[StreamedHead, LinearInfo]:
        """Put a `StreamedHead` in the place of the output head; returns it, and what was there."""
        output = self.model.get_output_embeddings()
        names = [name for name, module in self.model.named_modules() if module is output]
        if not names or not isinstance(output, nn.Linear):
            raise ArchitectureError(f"{self.config.model_type!r}: its output head is no Linear; not understood")
        tables = [name for name, module in self.model.named_modules() if module is self.model.get_input_embeddings()]
        owner = names[0] if f"{names[0]}.weight" in self._stored else tables[0]
        stored = self.stored_name(f"{owner}.weight")
        bias = self._stored.get(f"{names[0]}.bias")
        rows = max(1, _PIECE // output.in_features)
        head = StreamedHead(
            lambda: self._weights.pieces(stored, rows), None if bias is None else self._weights.read(bias).clone()
        )
        self.model.set_output_embeddings(head)
        return head, LinearInfo(names[0], names[0], output.out_features, output.in_features)

    def _check_finite(self, stored: str, values: Tensor) -> None:
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            raise CheckpointError(f"{self._weights.folder}: {stored} holds NaN or infinite values; get the model again")

    def _stored_name(self, name: str) -> str | None:
        """Checkpoints of base models leave out the prefix of the whole, or have one too many."""
        prefix = self.model.base_model_prefix + "."
        candidates = (name, name.removeprefix(prefix), prefix + name)
        return next((candidate for candidate in candidates if candidate in self._weights), None)

    def _check_tensors(self) -> None:
        """All blocks must have all of their tensors, before hours are spent on the first of them."""
        for name, parameter in self.model.named_parameters(remove_duplicate=False):
            if name not in self._stored:
                tied = getattr(self.config.get_text_config(), "tie_word_embeddings", False)
                output = self.model.get_output_embeddings()
                if tied and self.model.get_submodule(name.rpartition(".")[0]) is output:
                    continue
                raise CheckpointError(f"{self._weights.folder} lacks the tensor {name}; get the model again")
            info = self._weights.info(self._stored[name])
            if tuple(info.shape) != tuple(parameter.shape):
                shapes = f"{list(info.shape)} instead of {list(parameter.shape)}"
                raise CheckpointError(
                    f"{self._weights.folder}: {info.name} is {shapes}; config.json is another model's"
                )


def compute_dtype(weights: Weights, device: torch.device) -> torch.dtype:
    """float32 on a processor, where it is exact and mostly faster; on a GPU what most of the weights are stored as."""
    if device.type == "cpu":
        return torch.float32
    stored = weights.checkpoint.totals[0].dtype
    return {"BF16": torch.bfloat16, "F16": torch.float16}.get(stored, torch.float32)


def auto_class(config: PreTrainedConfig) -> Any:
    """The class of transformers that builds the model: with pictures where its configuration says so, or it has no other."""
    # The mappings, unlike their tables of names, know the families that others have registered.
    with_pictures = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING.get(type(config), None)
    named = getattr(with_pictures, "__name__", None) in (config.architectures or [])
    without = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    only = with_pictures is not None and without is None
    return AutoModelForImageTextToText if named or only else AutoModelForCausalLM


def read_config(folder: Path) -> PreTrainedConfig:
    """config.json of `folder`. CheckpointError when it is missing; ArchitectureError for an unknown or custom model."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no config.json; give the folder of a model")
    try:
        config = open_config(folder)
    except (ValueError, KeyError, OSError, ImportError, TypeError, AttributeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArchitectureError(f"{folder}: the model is not known to transformers ({line})") from error
    if not isinstance(config, PreTrainedConfig):
        raise ArchitectureError(f"{folder}: config.json describes no model")
    if getattr(config, "quantization_config", None):
        raise ArchitectureError(f"{folder} is quantized already; give the full-precision model")
    return config


def open_config(folder: Path) -> PreTrainedConfig:
    """config.json of `folder`, also where it names no type but a family knows it as its own. What it raises is transformers'."""
    values = json.loads((folder / "config.json").read_text("utf-8"))
    kind = None if not isinstance(values, dict) or "model_type" in values else claimed_type(values)
    if kind is not None:
        config: PreTrainedConfig = AutoConfig.for_model(kind).from_dict(values)
        return config
    found: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return found


def _refuse_experts(config: PreTrainedConfig) -> None:
    text = config.get_text_config()
    for name in _EXPERTS:
        count = getattr(text, name, None)
        if isinstance(count, int) and count > 1:
            raise ArchitectureError(
                f"{config.model_type!r} is a mixture of {count} experts ({name}), which rpiq does not quantize: "
                "each expert sees only a part of the calibration rows; choose a dense model"
            )


def _blocks(model: PreTrainedModel, stacks: tuple[Stack, ...]) -> tuple[tuple[str, ...], tuple[range, ...]]:
    """Names of all blocks, and the range of each stack."""
    names: list[str] = []
    spans = []
    for stack in stacks:
        module = model.get_submodule(stack.path)
        mine = [stack.path]
        if isinstance(module, nn.ModuleList):
            mine = [f"{stack.path}.{index}" for index in range(len(module))]
        spans.append(range(len(names), len(names) + len(mine)))
        names += mine
    return tuple(names), tuple(spans)


def _find_stack(model: PreTrainedModel) -> Stack:
    """The one list of modules as long as the configuration says there are layers, all of one class, with Linears inside."""
    lists = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    exception = EXCEPTIONS.get(model.config.model_type)
    if exception is not None:
        return Stack(exception)
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    found = {
        name: module
        for name, module in lists.items()
        if len(module) == layers
        and len({type(block) for block in module}) == 1
        and any(isinstance(inner, nn.Linear | Conv1D) for inner in module.modules())
    }
    # A list inside a block of another list is a part of that block.
    outer = {n: m for n, m in found.items() if not any(n.startswith(other + ".") for other in found if other != n)}
    if len(outer) == 1:
        return Stack(next(iter(outer)))
    named = ", ".join(f"{name} ({len(module)} modules)" for name, module in lists.items()) or "none at all"
    what = "more than one list" if outer else "no list"
    kind = model.config.model_type
    raise ArchitectureError(f"{kind!r}: {what} of {layers} equal blocks with Linears; lists of modules: {named}")


def _put(module: nn.Module, name: str, value: Tensor) -> None:
    owner, _, attribute = name.rpartition(".")
    module.get_submodule(owner)._parameters[attribute] = nn.Parameter(value, requires_grad=False)
