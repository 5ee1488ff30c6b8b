"""The output head, and the embedding it may be tied to, in 8 bits.

In a small model these are a quarter of all weights, and the head is read whole for every token. One byte per weight and one scale per
token cost next to nothing in quality, 4 bits cost much (docs/results/decoding-cpu.md). Used by `rpiq/runtime/loading.py`; the quantized
Linears of the blocks: `rpiq/runtime/linear.py`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rpiq.errors import ConfigError

HeadBits = Literal[8]
_MOST = 127
_PIECE = 1 << 20
"""Weights that are looked at, or made dense, at a time."""


class ByteRows(nn.Module):
    """A matrix `[rows, columns]` of int8 with one scale per row, in the type of the computation."""

    codes: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor) -> None:
        """Each row rounded to nearest over its own range."""
        super().__init__()
        codes = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
        scale = weight.new_empty(len(weight))
        for part in self.parts(weight):
            rows = weight[part].float()
            scale[part] = (rows.abs().amax(1) / _MOST).clamp(min=torch.finfo(weight.dtype).tiny)
            codes[part] = (rows / scale[part, None].float()).round_().clamp_(-_MOST, _MOST)
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)

    @staticmethod
    def parts(matrix: Tensor) -> list[slice]:
        """Rows that make pieces of bounded size."""
        step = max(1, _PIECE // matrix.shape[1])
        return [slice(first, first + step) for first in range(0, len(matrix), step)]


class ByteEmbedding(nn.Module):
    """`nn.Embedding` over `ByteRows`."""

    def __init__(self, rows: ByteRows) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, ids: Tensor) -> Tensor:
        """`[...]` to `[..., hidden]`."""
        return self.rows.codes[ids].to(self.rows.scale.dtype) * self.rows.scale[ids][..., None]


class ByteHead(nn.Module):
    """`nn.Linear` over `ByteRows` `[tokens, hidden]`."""

    def __init__(self, rows: ByteRows) -> None:
        super().__init__()
        self.rows = rows
        self.out_features, self.in_features = rows.codes.shape

    def forward(self, inputs: Tensor) -> Tensor:
        """`[..., hidden]` to `[..., tokens]`, in the type of the inputs."""
        codes, scale = self.rows.codes, self.rows.scale
        rows = inputs.reshape(-1, self.in_features).to(scale.dtype)
        if len(rows) == 1 and rows.device.type == "cpu":
            logits: Tensor = torch.ops.aten._weight_int8pack_mm(rows.contiguous(), codes, scale)
        else:
            logits = rows.new_empty(len(rows), self.out_features)
            for part in ByteRows.parts(codes):
                logits[:, part] = rows @ codes[part].to(rows.dtype).T * scale[part]
        return logits.view(*inputs.shape[:-1], self.out_features).to(inputs.dtype)


def shrink_head(model: PreTrainedModel) -> None:
    """Put the head of `model`, and its embedding where the two share their weights, into 8 bits.

    ConfigError where head or embedding are no plain Linear and Embedding.
    """
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if type(head) is not nn.Linear or head.bias is not None:
        raise ConfigError(f"the head of {type(model).__name__} is {head}, not a plain Linear; leave head_bits out")
    tied = getattr(embedding, "weight", None) is head.weight
    if tied and type(embedding) is not nn.Embedding:
        raise ConfigError(f"the head shares the weights of {embedding}, not a plain Embedding; leave head_bits out")
    rows = ByteRows(head.weight.detach())
    model.set_output_embeddings(ByteHead(rows))
    if tied:
        model.set_input_embeddings(ByteEmbedding(rows))
