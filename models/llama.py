"""A Llama decoder in plain PyTorch, filled from a GGUF file: tokens in, hidden states and log-probabilities out.

Not `transformers`, because importing it costs 2.7 s of processor time and 120 MB before the first weight is read; the
tests compare the two. It keeps no state: whoever calls holds the cache. Text and tokens are the caller's work.
Source: Touvron et al., arXiv 2302.13971 (the block); Ainslie et al., arXiv 2305.13245 (grouped queries).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor

Cache = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values of each layer, `[batch, key heads, tokens, head size]`, keys already rotated."""


@dataclass(frozen=True)
class _Layer:
    """One block's weights, `[out, in]`; norms `[hidden]`."""

    attn_norm: Tensor
    attn_q: Tensor
    attn_k: Tensor
    attn_v: Tensor
    attn_output: Tensor
    ffn_norm: Tensor
    ffn_gate: Tensor
    ffn_up: Tensor
    ffn_down: Tensor


class Llama:
    """The decoder. Query and key rows stay in GGUF's order, in which rotated pairs are neighbours."""

    def __init__(self, metadata: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Take a GGUF file's content (`models.gguf.read_gguf`).

        Errors: ValueError when it is of another architecture; KeyError when a weight or a number is missing.
        """
        if metadata["general.architecture"] != "llama":
            raise ValueError(f"the model is a {metadata['general.architecture']}, not a llama")
        names = _Layer.__dataclass_fields__
        self._layers = tuple(
            _Layer(**{name: weights[f"blk.{index}.{name}.weight"] for name in names})
            for index in range(metadata["llama.block_count"])
        )
        self._embedding = weights["token_embd.weight"]
        self._norm = weights["output_norm.weight"]
        self._head = weights.get("output.weight", self._embedding)
        self._epsilon: float = metadata["llama.attention.layer_norm_rms_epsilon"]
        self._heads: int = metadata["llama.attention.head_count"]
        self._key_heads: int = metadata["llama.attention.head_count_kv"]
        self.context: int = metadata["llama.context_length"]
        """Most tokens it was trained to attend to."""
        head_size = self._embedding.shape[1] // self._heads
        self._frequencies = metadata["llama.rope.freq_base"] ** -(torch.arange(0, head_size, 2) / head_size)

    def hidden(self, tokens: Tensor, past: Cache = ()) -> tuple[Tensor, Cache]:
        """Hidden states `[batch, n, hidden]` of `tokens` `[batch, n]` that follow `past`, and the cache of all of them.

        A `past` of batch 1 is shared by every row of `tokens`.
        """
        start = past[0][0].shape[2] if past else 0
        turns = torch.outer(torch.arange(start, start + tokens.shape[1]), self._frequencies)
        rotation = turns.cos(), turns.sin()
        mask = torch.ones(tokens.shape[1], start + tokens.shape[1], dtype=torch.bool).tril(start)
        x = self._embedding[tokens]
        cache = []
        for index, layer in enumerate(self._layers):
            mixed, pair = self._attend(
                layer, self._normed(x, layer.attn_norm), rotation, mask, past[index] if past else None
            )
            cache.append(pair)
            x = x + mixed
            y = self._normed(x, layer.ffn_norm)
            x = x + nn.linear(nn.silu(nn.linear(y, layer.ffn_gate)) * nn.linear(y, layer.ffn_up), layer.ffn_down)
        return self._normed(x, self._norm), tuple(cache)

    def log_probabilities(self, hidden: Tensor) -> Tensor:
        """Log-probability (nats, float32) of each token of the vocabulary after each of `hidden` `[..., hidden]`."""
        return nn.linear(hidden, self._head).float().log_softmax(dim=-1)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return nn.rms_norm(x, weight.shape, weight, self._epsilon)

    def _attend(
        self,
        layer: _Layer,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        query = _rotated(_heads(nn.linear(x, layer.attn_q), self._heads), rotation)
        key = _rotated(_heads(nn.linear(x, layer.attn_k), self._key_heads), rotation)
        value = _heads(nn.linear(x, layer.attn_v), self._key_heads)
        if past is not None:
            key, value = (
                torch.cat([old.expand(len(x), -1, -1, -1), new], 2) for old, new in zip(past, (key, value), strict=True)
            )
        mixed = nn.scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
        return nn.linear(mixed.transpose(1, 2).flatten(2), layer.attn_output), (key, value)


def _heads(x: Tensor, count: int) -> Tensor:
    """`[batch, n, heads · size]` → `[batch, heads, n, size]`."""
    return x.view(*x.shape[:2], count, -1).transpose(1, 2)


def _rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding of neighbouring pairs (Su et al., arXiv 2104.09864, equation 34)."""
    cosine, sine = rotation
    first, second = x.float().view(*x.shape[:-1], -1, 2).unbind(-1)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], -1)
    return turned.flatten(-2).to(x.dtype)


def first_tokens(cache: Cache, count: int) -> Cache:
    """The part of `cache` that belongs to its first `count` tokens."""
    return tuple((key[:, :, :count], value[:, :, :count]) for key, value in cache) if count else ()


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """`rows` as one tensor `[rows, longest]`, filled up at the right, where nothing before attends to, with token 0."""
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
