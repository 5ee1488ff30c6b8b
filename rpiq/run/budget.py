"""What a run will take before it starts: the Linears and their scheme, memory, and disk. Estimates, on the safe side.

Reads headers only. What a run really took is in its Report (`rpiq/run/pipeline.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from rpiq.architectures.blocks import LinearInfo, Skeleton
from rpiq.calibration.text import BATCH_TOKENS, Calibration, CalibrationRows
from rpiq.config import WHOLE_ROW, QuantizationConfig, Scheme
from rpiq.errors import ConfigError, ResourceError
from rpiq.formats.packing import words
from rpiq.formats.weights import Weights
from rpiq.run.distill import PIECE_LOGITS, PIECE_TOKENS
from rpiq.run.head import PIECE
from rpiq.run.verify import MOST_TOKENS

_PROGRAM = 600_000_000
"""Interpreter, torch and transformers themselves."""
_ACTIVATIONS = 5
"""Matrices of a batch that a block's MLP holds at once."""
_WEIGHTS = 4
"""Matrices of a weight's size, in float32, that GPTQ and the objective hold at once."""
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
    """Of every part that has no other."""
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


def plan(skeleton: Skeleton, weights: Weights, config: QuantizationConfig, calibration: CalibrationRows) -> Plan:
    """The Plan of a run. ConfigError when the group size does not divide a Linear's input, or settings are for no part."""
    linears = tuple(linear for index in range(len(skeleton.names)) for linear in skeleton.linears(index))
    _check_parts(config, linears)
    if config.head:
        linears += (skeleton.head_linear(),)
    for linear in linears:
        _check_groups(linear, config.of(linear.part).scheme.group_size)
    packed = {skeleton.stored_name(f"{linear.name}.weight"): linear for linear in linears}
    kept = [name for name in skeleton.outside() if len(weights.info(name).shape) > 1 and name not in packed]
    output = sum(weights.info(name).size_bytes for name in skeleton.outside() if name not in packed)
    output += sum(packed_bytes(linear, config.of(linear.part).scheme) for linear in linears)
    for index in range(len(skeleton.names)):
        stored = skeleton.block_tensors(index).values()
        output += sum(weights.info(name).size_bytes for name in stored if name not in packed)
    stacks = tuple(_stack(skeleton, number, calibration) for number in range(len(skeleton.stacks)))
    # Two stages of hidden states at once, of each stream that runs through the blocks; the ends of the stacks before stay.
    streams = 2 if config.cross_layer or config.distills else 1
    ends = sum(stack.stage_bytes for stack in stacks[:-1])
    activations = streams * (2 * max(stack.stage_bytes for stack in stacks) + ends)
    if config.distills:
        activations += stacks[-1].stage_bytes  # stage 3 begins at the first block again
    memory = max(_solving(skeleton, weights, config, linears, stacks), _checking(skeleton, weights, output))
    if config.distills:
        memory = max(memory, _distilling(skeleton, config, stacks[-1]))
    if skeleton.device.type == "cuda":
        available = torch.cuda.mem_get_info(skeleton.device)[0]
    else:
        available = int(psutil.virtual_memory().available)
        memory += _PROGRAM
    sizes = (weights.checkpoint.size_bytes, output, activations, memory, available)
    return Plan(linears, tuple(kept), config.scheme, *sizes)


@dataclass(frozen=True)
class _Stack:
    """What runs through one stack of blocks."""

    linears: tuple[LinearInfo, ...]
    tokens: int
    """That are computed at once."""
    row_bytes: int
    """Of the hidden states of one row."""
    stage_bytes: int
    """Of all rows."""

    @property
    def inner(self) -> int:
        """The widest input of a Linear."""
        return max(linear.in_features for linear in self.linears)


def _stack(skeleton: Skeleton, number: int, calibration: CalibrationRows) -> _Stack:
    linears = tuple(linear for index in skeleton.spans[number] for linear in skeleton.linears(index))
    positions = skeleton.stacks[number].tokens or calibration.longest
    at_once = max(BATCH_TOKENS, positions) if isinstance(calibration, Calibration) else positions
    row = positions * linears[0].in_features * skeleton.dtype.itemsize
    return _Stack(linears, at_once, row, calibration.rows * row)


def _solving(
    skeleton: Skeleton,
    weights: Weights,
    config: QuantizationConfig,
    linears: tuple[LinearInfo, ...],
    stacks: tuple[_Stack, ...],
) -> int:
    """Bytes while the largest Linear is solved, its block around it."""
    compute = skeleton.dtype.itemsize
    sizes = [
        sum(weights.info(name).parameters for name in skeleton.block_tensors(index).values())
        for index in range(len(skeleton.names))
    ]
    block = max(sizes) * compute * (2 if config.cross_layer else 1)
    # Every H of a block is gathered at once, for the cross-layer target with two more matrices. Linears that share one are
    # counted as if each had its own, since which do is only known when the block runs.
    moments = 3 if config.cross_layer else 1
    gathered = max(
        4 * moments * sum(linear.in_features**2 for linear in skeleton.linears(index))
        for index in range(len(skeleton.names))
    )
    solver = 0
    for linear in linears:
        rows = linear.out_features
        if linear.name == skeleton.head_name:
            rows = min(rows, max(1, PIECE // linear.in_features))
        factors = 2 if config.cross_layer else 1
        solver = max(solver, 4 * linear.in_features * (factors * linear.in_features + _WEIGHTS * rows))
    batch = max(_ACTIVATIONS * stack.tokens * stack.inner * compute for stack in stacks)
    return block + gathered + solver + batch + config.held_out_rows * max(stack.row_bytes for stack in stacks)


def _distilling(skeleton: Skeleton, config: QuantizationConfig, stack: _Stack) -> int:
    """Bytes in stage 3: levels, scales with what Adam knows of them, the head, what the way back needs, and logits."""
    total = 0
    for linear in stack.linears:
        scheme, weights = config.of(linear.part).scheme, linear.out_features * linear.in_features
        width = linear.in_features if scheme.group_size == WHOLE_ROW else scheme.group_size
        total += weights * (1 if scheme.bits < 8 else 2) + 20 * weights // width
    hidden = stack.linears[0].in_features
    activations = len(skeleton.spans[-1]) * stack.tokens * (_SAVED_HIDDEN * hidden + _SAVED_INNER * stack.inner)
    logits = _LOGITS * min(PIECE_TOKENS * skeleton.vocabulary, PIECE_LOGITS) * 4
    return total + 2 * skeleton.vocabulary * hidden + activations + logits


def _checking(skeleton: Skeleton, weights: Weights, output: int) -> int:
    """Bytes while the finished folder is loaded, a tensor at a time, and its logits are compared."""
    largest = max(weights.info(name).size_bytes for name in skeleton.outside())
    return output + largest + _LOGITS * MOST_TOKENS * skeleton.vocabulary * 4


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
    groups = 1 if scheme.group_size == WHOLE_ROW else linear.in_features // scheme.group_size
    codes = linear.out_features * words(linear.in_features, scheme.bits)
    zeros = 0 if scheme.symmetric else words(linear.out_features, scheme.bits) * groups
    return 4 * (codes + zeros) + 2 * linear.out_features * groups + 16


def _check_parts(config: QuantizationConfig, linears: tuple[LinearInfo, ...]) -> None:
    there = dict.fromkeys(linear.part for linear in linears)
    for one in config.parts:
        if one.part not in there:
            raise ConfigError(f"this model has no part {one.part!r}; its parts are {', '.join(there)}")


def _check_groups(linear: LinearInfo, group_size: int) -> None:
    if group_size == WHOLE_ROW or linear.in_features % group_size == 0:
        return
    fitting = [str(size) for size in (128, 64, 32) if linear.in_features % size == 0]
    choices = " or ".join([*fitting, f"{WHOLE_ROW} (one group for the whole row)"])
    raise ConfigError(
        f"{linear.name} has {linear.in_features} input columns, which groups of {group_size} do not divide; use --group-size {choices}"
    )
