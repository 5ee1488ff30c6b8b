"""Decoding of Llama-like 4-bit models on CPUs: a cache of keys and values in place, blocks of few operations, compiled or not.

`FastEngine` follows one text: it takes tokens, keeps what later ones look at, and says which come next. What a block computes:
`rpiq/runtime/llama.py`; the compiled block: `rpiq/runtime/compiled.py`; choosing tokens, and every other model: `rpiq/runtime/decoding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rpiq.runtime import llama
from rpiq.runtime.compiled import CompiledBlock, flat
from rpiq.runtime.linear import QuantLinear
from rpiq.runtime.llama import Block, Shape

_FIRST_CAPACITY = 256
"""Positions that there is room for at first; doubled when needed."""
_PROMPT_ROWS = 512
"""Tokens of a prompt that go through the model together: bounds what is in memory between two products."""


class FastEngine:
    """One text in one model (Protocol `Engine` of `rpiq/runtime/decoding.py`). Not for several threads at once."""

    def __init__(
        self, model: PreTrainedModel, shape: Shape, blocks: Sequence[Block[QuantLinear]], compiled: CompiledBlock | None
    ) -> None:
        """`shape` and `blocks` of `model`, as `llama.shape_of` and `llama.blocks_of` give them."""
        self.context: int = model.config.max_position_embeddings
        self.length = 0
        self._shape, self._blocks, self._compiled = shape, blocks, compiled
        self._packed = [llama.packed(block) for block in blocks]
        self._flat = [flat(block) for block in self._packed]
        self._embedding = model.get_input_embeddings()
        self._head = model.get_output_embeddings()
        self._rotation = model.model.rotary_emb
        self._gain: Tensor = model.model.norm.weight.detach()
        self._norm, self._quick_norm = llama.norm_of(shape.epsilon), llama.quick_norm_of(shape.epsilon)
        self._multiply = llama.multiply_packed(shape.group_size)
        self._past: list[Tensor] = []
        self._turns: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))

    def crop(self, length: int) -> int:
        """Forget all but the first `length` tokens."""
        self.length = min(length, self.length)
        return self.length

    @torch.inference_mode()
    def extend(self, tokens: Sequence[int]) -> Tensor:
        """Take more tokens, at least one; the logits of what may come next, `[tokens]`."""
        self._reserve(self.length + len(tokens))
        rows = torch.empty(0)
        for first in range(0, len(tokens), _PROMPT_ROWS):
            part = tokens[first : first + _PROMPT_ROWS]
            embedded = self._embedding(torch.tensor(part))
            rows = self._one(embedded) if len(part) == 1 else self._several(embedded)
            self.length += len(part)
        row = self._quick_norm(rows[-1:], self._gain)
        if isinstance(self._head, nn.Linear) and self._head.bias is None:
            return torch.mv(self._head.weight, row[0])  # half again as fast as the Linear
        logits: Tensor = self._head(row)[0]
        return logits

    def _one(self, row: Tensor) -> Tensor:
        here = slice(self.length, self.length + 1)
        turns = llama.turns_of(self._shape, self._turns[0][here], self._turns[1][here])
        pasts = [past[: here.stop] for past in self._past]
        if self._compiled is not None and self.length > 0:  # the compiled code knows no text of one token
            for weights, past in zip(self._flat, pasts, strict=True):
                row = self._compiled(row, turns, past, weights)
            return row
        for block, past in zip(self._packed, pasts, strict=True):
            row = llama.compute(self._shape, block, self._multiply, self._quick_norm, row, turns, past)
        return row

    def _several(self, rows: Tensor) -> Tensor:
        end = self.length + len(rows)
        turns = llama.turns_of(self._shape, self._turns[0][self.length : end], self._turns[1][self.length : end])
        mask = torch.ones(len(rows), end, dtype=torch.bool).tril(self.length) if self.length else None
        for block, past in zip(self._blocks, self._past, strict=True):
            rows = llama.compute(self._shape, block, _call, self._norm, rows, turns, past[:end], mask)
        return rows

    def _reserve(self, positions: int) -> None:
        """Make room for this many, keeping what is there."""
        capacity = len(self._turns[0])
        if positions <= capacity:
            return
        capacity = max(_FIRST_CAPACITY, 2 * capacity, positions)
        size = (capacity, 2 * self._shape.key_heads, self._shape.head_size)
        for index in range(len(self._blocks)):  # one after the other, so that only one is there twice
            larger = torch.empty(size, dtype=self._gain.dtype)
            if index < len(self._past):
                larger[: self.length] = self._past[index][: self.length]
                self._past[index] = larger
            else:
                self._past.append(larger)
        cosine, sine = self._rotation(self._gain, torch.arange(capacity)[None])
        self._turns = (cosine[0], sine[0])


def _call(rows: Tensor, linear: QuantLinear) -> Tensor:
    product: Tensor = linear(rows)
    return product
