"""The two rules, on rows that can be counted by hand."""

from __future__ import annotations

import torch

from models.cogvlm2.tokens import position_ids, vision_expert_mask


def test_patches_share_a_position() -> None:
    types = torch.tensor([[0, 1, 1, 1, 1, 1, 0, 0]])
    assert position_ids(types).tolist() == [[0, 1, 2, 2, 2, 3, 4, 5]]


def test_padding_adds_nothing_and_the_first_token_is_one() -> None:
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 0]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 1]])
    assert position_ids(types, mask).tolist() == [[0, 0, 1, 2, 3, 3, 4, 5]]


def test_an_image_at_both_edges() -> None:
    assert position_ids(torch.tensor([[1, 1, 1, 1]])).tolist() == [[0, 1, 1, 2]]


def test_the_end_of_an_image_and_of_a_row_use_the_language_experts() -> None:
    types = torch.tensor([[0, 1, 1, 1, 0], [0, 0, 1, 1, 1]])
    assert vision_expert_mask(types).int().tolist() == [[0, 1, 1, 0, 0], [0, 0, 1, 1, 0]]
