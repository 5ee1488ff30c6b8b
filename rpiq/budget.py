"""What a run will take before it starts: the Linears and their scheme, memory, and disk. Estimates, on the safe side.

Reads headers only. What a run really took is in its Report (`rpiq/pipeline.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from rpiq.blocks import LinearInfo, Skeleton
from rpiq.config import WHOLE_ROW, QuantizationConfig, Scheme
from rpiq.distill import PIECE_TOKENS
from rpiq.errors import ConfigError, ResourceError
from rpiq.head import PIECE
from rpiq.verify import MOST_TOKENS
from rpiq.weights import Weights

_PROGRAM = 600_000_000
"""Interpreter, torch and transformers themselves."""
BATCH_TOKENS = 1024
"""Tokens that run through a block at once."""
_ACTIVATIONS = 5
"""Matrices of a batch that a block's MLP holds at once."""
_SAVED_HIDDEN, _SAVED_INNER = 40, 16
"""Bytes for each token and width that a block keeps for the way back."""
_LOGITS = 4
"""Copies of the compared logits."""


@dataclass(frozen=True)
class Plan:
    """What is going to happen."""

    linears: tuple[LinearInfo, ...]
    kept: tuple[str, ...]
    """Matrices outside of the blocks, stored as they are: embeddings and head."""
    scheme: Scheme
    source_bytes: int
    output_bytes: int
    activation_bytes: int
    """On disk while it runs, beside the output."""
    memory_bytes: int
    """Most that is resident at once, in the memory of the device that computes. Files that are being copied or joined are
    not counted: their pages can be dropped at any time."""
    memory_available: int
    """There, now."""

    @property
    def disk_bytes(self) -> int:
        """Most that is written at once."""
        return self.output_bytes + self.activation_bytes


def plan(skeleton: Skeleton, weights: Weights, config: QuantizationConfig) -> Plan:
    """The Plan of a run. ConfigError when the group size does not divide a Linear's input."""
    blocks = [skeleton.linears(index) for index in range(len(skeleton.blocks))]
    linears = tuple(linear for block in blocks for linear in block)
    inner = max(max(linear.in_features, linear.out_features) for linear in linears)
    rows = {linear.name: linear.out_features for linear in linears}  # that are solved at once
    if config.head:
        head = skeleton.head_linear()
        linears += (head,)
        rows[head.name] = min(head.out_features, max(1, PIECE // head.in_features))
    for linear in linears:
        _check_groups(linear, config.scheme.group_size)
    packed = {skeleton.stored_name(f"{linear.name}.weight"): linear for linear in linears}
    output = 0
    for name in weights.names:
        info = weights.info(name)
        output += packed_bytes(packed[name], config.scheme) if name in packed else info.size_bytes
    outside = skeleton.outside()  # the head among it
    compute = skeleton.dtype.itemsize
    hidden = int(getattr(skeleton.config.get_text_config(), "hidden_size", 0))
    tokens = config.samples * config.sequence_length
    streams = 2 if config.cross_layer or config.distills else 1
    stages = 2 * streams + (1 if config.distills else 0)
    activations = stages * tokens * hidden * compute
    block = max(
        sum(weights.info(name).parameters for name in skeleton.block_tensors(i).values()) for i in range(len(blocks))
    )
    copies, moments = (2, 3) if config.cross_layer else (1, 1)
    # Every H of a block at once; Linears that share one are counted as if each had its own.
    gathered = max(4 * moments * sum(linear.in_features**2 for linear in block) for block in blocks)
    # The factor of one, and what GPTQ and the objective keep of a weight.
    solver = gathered + max(
        4 * (linear.in_features**2 + 4 * linear.in_features * rows[linear.name]) for linear in linears
    )
    batch = _ACTIVATIONS * max(BATCH_TOKENS, config.sequence_length) * inner * compute
    largest = max(weights.info(name).size_bytes for name in outside)
    checking = output + largest + _LOGITS * MOST_TOKENS * skeleton.vocabulary * 4
    memory = max(block * compute * copies + solver + batch, checking)
    if config.distills:
        memory = max(memory, _distillation(linears, len(blocks), hidden, inner, skeleton.vocabulary, config))
    kept = tuple(name for name in outside if len(weights.info(name).shape) > 1 and name not in packed)
    if skeleton.device.type == "cuda":
        available = torch.cuda.mem_get_info(skeleton.device)[0]
    else:
        available = int(psutil.virtual_memory().available)
        memory += _PROGRAM
    sizes = (weights.checkpoint.size_bytes, output, activations, memory, available)
    return Plan(linears, kept, config.scheme, *sizes)


def _distillation(
    linears: Sequence[LinearInfo], blocks: int, hidden: int, inner: int, vocabulary: int, config: QuantizationConfig
) -> int:
    """Bytes that stage 3 keeps: levels, scales with what Adam knows of them, the head, activations, and logits."""
    weights = sum(linear.out_features * linear.in_features for linear in linears)
    level = 1 if config.scheme.bits < 8 else 2
    width = hidden if config.scheme.group_size == WHOLE_ROW else config.scheme.group_size
    tokens = max(BATCH_TOKENS, config.sequence_length)
    activations = blocks * tokens * (_SAVED_HIDDEN * hidden + _SAVED_INNER * inner)
    logits = _LOGITS * PIECE_TOKENS * vocabulary * 4
    return weights * level + 20 * weights // width + 2 * vocabulary * hidden + activations + logits


def check_memory(made: Plan) -> None:
    """ResourceError when the plan needs more memory than is available."""
    if made.memory_bytes > made.memory_available:
        need, have = made.memory_bytes / 1e9, made.memory_available / 1e9
        raise ResourceError(
            f"about {need:.1f} GB of memory are needed and {have:.1f} GB are available; "
            "close other programs, choose a smaller --sequence-length, or leave stage 3 out with --set distill_steps=0"
        )


def packed_bytes(linear: LinearInfo, scheme: Scheme) -> int:
    """Of one Linear in the written folder, its bias left out."""
    per_word = 32 // scheme.bits
    groups = 1 if scheme.group_size == WHOLE_ROW else linear.in_features // scheme.group_size
    words = linear.out_features * math.ceil(linear.in_features / per_word)
    zeros = 0 if scheme.symmetric else math.ceil(linear.out_features / per_word) * groups
    return 4 * (words + zeros) + 2 * linear.out_features * groups + 16


def _check_groups(linear: LinearInfo, group_size: int) -> None:
    if group_size == WHOLE_ROW or linear.in_features % group_size == 0:
        return
    fitting = [str(size) for size in (128, 64, 32) if linear.in_features % size == 0]
    choices = " or ".join([*fitting, f"{WHOLE_ROW} (one group for the whole row)"])
    raise ConfigError(
        f"{linear.name} has {linear.in_features} input columns, which groups of {group_size} do not divide; use --group-size {choices}"
    )
