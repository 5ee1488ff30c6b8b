"""One block of the Llama family in few operations of plain torch, and how it is recognised in a model of transformers.

The same function fills the cache with a prompt, makes one token, and is what `rpiq/runtime/compiled.py` compiles. It has fewer and larger
products than transformers' modules: query, key and value are one, gate and up are one. Who calls it: `rpiq/runtime/fast.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu
from transformers import (
    LlamaForCausalLM,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

from rpiq.runtime import kernels
from rpiq.runtime.linear import QuantLinear, join

FAMILY: tuple[type[PreTrainedModel], ...] = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
"""Classes whose blocks are computed here; what derives from them is not, since it may compute something else."""
STEADY_ROTATIONS = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary embedding whose angles depend on nothing but the position."""

LinearT = TypeVar("LinearT")


@dataclass(frozen=True)
class Shape:
    """What all blocks of a model have in common."""

    hidden: int
    heads: int
    key_heads: int
    head_size: int
    between: int
    """Width between up and down."""
    epsilon: float
    group_size: int


class Packed(NamedTuple):
    """What the 4-bit kernel takes of one Linear; see `rpiq/runtime/kernels.py`."""

    codes: Tensor
    pairs: Tensor
    bias: Tensor | None


class Block(NamedTuple, Generic[LinearT]):
    """The weights of one block; its Linears in whatever form `multiply` takes."""

    before: Tensor
    """Gain of the norm before attention, `[hidden]`."""
    joined: LinearT
    """Query, key and value."""
    out: LinearT
    after: Tensor
    """Gain of the norm after attention."""
    gate_up: LinearT
    down: LinearT
    head_gain: Tensor | None
    """Gains of the norms of each query and key head, `[heads + key_heads, head_size]`, where there are such norms."""


Norm = Callable[[Tensor, Tensor], Tensor]


def compute(
    shape: Shape,
    block: Block[LinearT],
    multiply: Callable[[Tensor, LinearT], Tensor],
    norm: Norm,
    rows: Tensor,
    turns: tuple[Tensor, Tensor],
    past: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """One block on `rows` `[n, hidden]`, the last n positions of `past`.

    `past` `[positions, 2 · key_heads, head_size]` holds keys and values of the positions before; those of the rows are written
    into its end. `turns`: see `turns_of`. `mask`, bool `[n, positions]`: what each row may look at; None for one row, which looks
    at everything, and for a prompt from the beginning, each row of which looks at what is before it.
    """
    count, size, half = len(rows), shape.head_size, shape.head_size // 2
    turning = shape.heads + shape.key_heads
    states = multiply(norm(rows, block.before), block.joined).view(count, -1, size)
    if block.head_gain is not None:
        turned = rms_norm(states[:, :turning], (size,), None, shape.epsilon) * block.head_gain
        states = torch.cat((turned, states[:, turning:]), 1)
    states = torch.addcmul(states * turns[0], torch.roll(states, half, -1), turns[1])
    past[-count:].copy_(states[:, shape.heads :])
    key, value = past.transpose(0, 1)[None].chunk(2, 1)
    if count == 1:  # the heads that share a key are rows of one small attention
        query = states[:, : shape.heads].reshape(1, shape.key_heads, -1, size)
        seen = scaled_dot_product_attention(query, key, value)
    else:
        query = states[:, : shape.heads].transpose(0, 1)[None]
        seen = scaled_dot_product_attention(query, key, value, mask, is_causal=mask is None, enable_gqa=True)
        seen = seen.transpose(1, 2)
    rows = rows + multiply(seen.reshape(count, -1), block.out)
    wide = multiply(norm(rows, block.after), block.gate_up)
    return rows + multiply(silu(wide[:, : shape.between]) * wide[:, shape.between :], block.down)


def norm_of(epsilon: float) -> Norm:
    """The root mean square norm, as torch computes it."""
    return lambda rows, gain: rms_norm(rows, gain.shape, gain, epsilon)


def quick_norm_of(epsilon: float) -> Norm:
    """The same for a single row: two operations instead of a dozen, which is what counts when nothing is compiled."""

    def norm(row: Tensor, gain: Tensor) -> Tensor:
        length = float(torch.linalg.vector_norm(row, dtype=torch.float32))
        return torch.addcmul(nothing, row, gain, value=1 / math.sqrt(length * length / row.shape[-1] + epsilon))

    nothing = torch.zeros((), dtype=torch.bfloat16)
    return norm


def multiply_packed(group_size: int) -> Callable[[Tensor, Packed], Tensor]:
    """The 4-bit kernel, without the choices that `QuantLinear` makes first."""

    def multiply(rows: Tensor, weight: Packed) -> Tensor:
        product = kernels.multiply(rows, weight.codes, group_size, weight.pairs)
        return product if weight.bias is None else product + weight.bias

    return multiply


def turns_of(shape: Shape, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of each head and of its halves exchanged, `[n, heads + 2 · key_heads, head_size]`, from `[n, head_size]` each.

    Values are not turned: their factors are one and nought, so that all heads go through the same two operations.
    """
    half = shape.head_size // 2
    signed = torch.cat((-sine[:, :half], sine[:, half:]), 1)
    size = (len(cosine), shape.key_heads, shape.head_size)
    turning = (-1, shape.heads + shape.key_heads, -1)
    return (
        torch.cat((cosine[:, None].expand(turning), cosine.new_ones(size)), 1),
        torch.cat((signed[:, None].expand(turning), cosine.new_zeros(size)), 1),
    )


def shape_of(model: PreTrainedModel) -> Shape | str:
    """The shape of a model whose blocks are understood, or in words what is not.

    Looked at: the class, everything in the configuration that changes what a block computes, and that every Linear is quantized,
    for the CPU kernel, in groups of one size.
    """
    if type(model) not in FAMILY:
        return f"the blocks of {type(model).__name__} are not known"
    config = model.config
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act}, not silu"
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or (type(model) is MistralForCausalLM and config.sliding_window is not None):
        return "its attention looks through a sliding window"
    rotation = config.rope_parameters.get("rope_type", "default")
    if rotation not in STEADY_ROTATIONS:
        return f"its rotary embedding ({rotation}) changes with the length of the text"
    linears = [module for module in model.model.layers.modules() if isinstance(module, nn.Linear | QuantLinear)]
    kernel = [module for module in linears if isinstance(module, QuantLinear) and module.uses_kernel]
    if len(kernel) < len(linears) or any(module.codes.device.type != "cpu" for module in kernel):
        return "not all Linears of its blocks go through the 4-bit kernel for CPUs"
    if len({module.scheme.group_size for module in kernel}) > 1:
        return "its Linears have groups of different sizes"
    attention = model.model.layers[0].self_attn
    return Shape(
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        attention.head_dim,
        config.intermediate_size,
        config.rms_norm_eps,
        kernel[0].scheme.group_size,
    )


def blocks_of(model: PreTrainedModel, shape: Shape) -> list[Block[QuantLinear]] | None:
    """The blocks of a model of this shape, in memory that the model shares; None when Linears cannot be joined."""
    blocks = []
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        joined = join((attention.q_proj, attention.k_proj, attention.v_proj))
        gate_up = join((mlp.gate_proj, mlp.up_proj))
        if joined is None or gate_up is None:
            return None
        gains = None
        if hasattr(attention, "q_norm"):
            size = (-1, shape.head_size)
            query, key = (
                attention.q_norm.weight.expand(shape.heads, -1),
                attention.k_norm.weight.expand(shape.key_heads, -1),
            )
            gains = torch.cat((query, key)).view(size).detach()
        before, after = layer.input_layernorm.weight.detach(), layer.post_attention_layernorm.weight.detach()
        blocks.append(Block(before, joined, attention.o_proj, after, gate_up, mlp.down_proj, gains))
    return blocks


def packed(block: Block[QuantLinear]) -> Block[Packed]:
    """The same weights, as the kernel takes them."""
    linears = (block.joined, block.out, block.gate_up, block.down)
    joined, out, gate_up, down = (Packed(one.codes, one.pairs, one.bias) for one in linears if one.pairs is not None)
    return Block(block.before, joined, out, block.after, gate_up, down, block.head_gain)
