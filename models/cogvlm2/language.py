"""The decoder's layers: Llama's, but with two sets of Linears, one for the positions of an image and one for text.

Each set computes the rows that belong to it and no others. Names as in the published checkpoint. Which rows these are:
`tokens.py`; what goes into the first layer and comes out of the last: `modeling.py`.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from models.cogvlm2.configuration import CogVLM2Config

ROTARY_BASE = 500_000.0
"""Fixed in the published code, not a value of its config.json."""


class Routing(NamedTuple):
    """Which rows of the hidden states, all texts of the batch in a row, go to which experts; int64.

    A tuple and not a dataclass, so that what moves arguments between devices finds the tensors.
    """

    vision: Tensor
    language: Tensor

    @classmethod
    def of(cls, vision_expert_mask: Tensor) -> Routing | None:
        """From a mask `[rows, length]`; None when the language experts compute everything."""
        chosen = vision_expert_mask.flatten()
        vision = chosen.nonzero().flatten()
        return cls(vision, (~chosen).nonzero().flatten()) if len(vision) else None


def by_expert(states: Tensor, routing: Routing | None, vision: nn.Module, language: nn.Module) -> Tensor:
    """`[rows, length, in]` to `[rows, length, out]`, each position by its expert, which sees its rows only."""
    if routing is None:
        return cast(Tensor, language(states))
    flat = states.flatten(0, 1)
    of_vision, of_language = vision(flat[routing.vision]), language(flat[routing.language])
    out = of_language.new_empty(len(flat), of_language.shape[-1])
    out = out.index_copy(0, routing.vision, of_vision).index_copy(0, routing.language, of_language)
    return cast(Tensor, out.unflatten(0, states.shape[:2]))


def rotary_tables(positions: Tensor, head_size: int, in_bfloat16: bool = False) -> tuple[Tensor, Tensor]:
    """Cosine and sine `[..., head_size / 2]` of int64 positions `[...]`.

    In float32, or with positions, frequencies and phases each rounded to bfloat16, as the published code has it in a model
    of that type.
    """
    dtype = torch.bfloat16 if in_bfloat16 else torch.float32
    steps = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device) / head_size
    phases = positions[..., None].to(dtype) * (1.0 / ROTARY_BASE**steps).to(dtype)
    return phases.cos(), phases.sin()


def rotate(states: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """`[rows, heads, length, head size]` turned by tables `[rows, length, head size / 2]`; dimension d pairs with d + half."""
    cos, sin = (table[:, None].float() for table in tables)
    first, second = states.float().chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(states.dtype)


class RMSNorm(nn.Module):
    """In float32, gain included."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[..., width]` to the same."""
        exact = hidden_states.float()
        exact = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return (exact * self.weight.float()).to(hidden_states.dtype)


class Attention(nn.Module):
    """Causal attention with grouped key/value heads; both experts' keys and values lie in one cache."""

    def __init__(self, config: CogVLM2Config, layer_index: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.layer_index = layer_index
        self.head_size = width // config.num_attention_heads
        self.num_key_value_groups = config.num_attention_heads // config.num_multi_query_heads
        self.sizes = [width, *2 * [config.num_multi_query_heads * self.head_size]]
        self.vision_expert_query_key_value = nn.Linear(width, sum(self.sizes), bias=True)
        self.vision_expert_dense = nn.Linear(width, width, bias=False)
        self.language_expert_query_key_value = nn.Linear(width, sum(self.sizes), bias=False)
        self.language_expert_dense = nn.Linear(width, width, bias=False)

    def forward(
        self,
        hidden_states: Tensor,
        routing: Routing | None,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None,
        past_key_values: Cache | None,
    ) -> Tensor:
        """`[rows, length, width]` to the same; arguments as of the layer."""
        joined = by_expert(
            hidden_states, routing, self.vision_expert_query_key_value, self.language_expert_query_key_value
        )
        parts = torch.split(joined, self.sizes, -1)
        query, key, value = (part.view(*part.shape[:2], -1, self.head_size).transpose(1, 2) for part in parts)
        query, key = rotate(query, position_embeddings), rotate(key, position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_index)
        attended, _ = sdpa_attention_forward(self, query, key, value, attention_mask)
        return by_expert(attended.flatten(2), routing, self.vision_expert_dense, self.language_expert_dense)


class MLP(nn.Module):
    """The gated MLP of one expert."""

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """`[..., width]` to the same."""
        return cast(Tensor, self.down_proj(functional.silu(self.gate_proj(states)) * self.up_proj(states)))


class RoutedMLP(nn.Module):
    """One MLP for each expert."""

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__()
        self.language_mlp = MLP(config)
        self.vision_mlp = MLP(config)

    def forward(self, hidden_states: Tensor, routing: Routing | None) -> Tensor:
        """`[rows, length, width]` to the same."""
        return by_expert(hidden_states, routing, self.vision_mlp, self.language_mlp)


class CogVLM2DecoderLayer(nn.Module):
    """One block of the decoder; its two norms serve both experts."""

    def __init__(self, config: CogVLM2Config, layer_index: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer_index)
        self.mlp = RoutedMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        hidden_states: Tensor,
        routing: Routing | None,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
    ) -> Tensor:
        """`[rows, length, width]` to the same.

        routing: None when all positions are text. position_embeddings: of `rotary_tables`, for `[rows, length]` positions.
        attention_mask: `[rows, 1, length, cached + length]`, True where a key is seen; None: plainly causal.
        past_key_values: grows by these positions.
        """
        attended = self.self_attn(
            self.input_layernorm(hidden_states), routing, position_embeddings, attention_mask, past_key_values
        )
        hidden_states = hidden_states + attended
        return cast(Tensor, hidden_states + self.mlp(self.post_attention_layernorm(hidden_states), routing))
