"""Several questions about one picture in one row: the picture stands there once, and no question sees another.

Each question gets the numbers that it would get in a row of its own, at a fraction of the work. For training only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, Conversation
from models.cogvlm2.processing import NOT_LEARNED
from models.cogvlm2.tokens import IMAGE, TEXT


@dataclass(frozen=True)
class Packed:
    """One row per picture; int64 `[pictures, length]` but for the last."""

    input_ids: Tensor
    token_type_ids: Tensor
    position_ids: Tensor
    labels: Tensor
    """At each position the token that is to follow, NOT_LEARNED outside of answers."""
    mask: Tensor
    """bool `[pictures, 1, length, length]`: which positions (last axis) each position sees."""

    def to(self, device: torch.device) -> Packed:
        """The same on another device."""
        return Packed(*(getattr(self, field.name).to(device) for field in fields(self)))


def pack(processor: CogVLM2Processor, conversations: Sequence[Sequence[Conversation]]) -> Packed:
    """`conversations[i]` are all about picture i, which each of them holds, and end with an answer."""
    start = 1 + processor.image_tokens
    rows = [[processor.row(conversation) for conversation in several] for several in conversations]
    length = max(start + sum(len(row.input_ids) - start for row in several) for several in rows)
    ids = torch.full((len(rows), length), processor.pad_token_id)
    types = torch.full_like(ids, TEXT)
    types[:, 1:start] = IMAGE
    positions, labels = torch.zeros_like(ids), torch.full_like(ids, NOT_LEARNED)
    # Which question a position belongs to: 0 is the common beginning, which all see; -1 padding at the end.
    owner = torch.full_like(ids, -1)
    owner[:, :start] = 0
    for index, several in enumerate(rows):
        ids[index, :start] = torch.tensor(several[0].input_ids[:start])
        positions[index, :start] = torch.tensor(several[0].positions[:start])
        at = start
        for number, row in enumerate(several, 1):
            end = at + len(row.input_ids) - start
            ids[index, at:end] = torch.tensor(row.input_ids[start:])
            positions[index, at:end] = torch.tensor(row.positions[start:])
            labels[index, at : end - 1] = torch.tensor(row.labels[start + 1 :])
            owner[index, at:end] = number
            at = end
    seen = (owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None])
    mask = (seen & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
    return Packed(ids, types, positions, labels, mask)


def answer_logits(
    model: CogVLM2ForConditionalGeneration, packed: Packed, pixel_values: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits, float32 `[answer tokens, vocabulary]`, and the right tokens, int64 `[answer tokens]`."""
    hidden = model.model(packed.input_ids, packed.token_type_ids, packed.position_ids, packed.mask, pixel_values, None)
    learned = packed.labels != NOT_LEARNED
    return model.lm_head(hidden[learned]).float(), packed.labels[learned]
