"""What each token of an image should know by itself: which words, digits and marks are printed at its height, and the colour.

A help in training, so that the tower learns to read before, and while, questions are asked. It is no part of the finished model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from scripts.make.micro.books import (
    COLOURS,
    ENDINGS,
    FIRST_NAMES,
    GENRES,
    LAST_NAMES,
    MARKS,
    MIDDLES,
    MOST_MARKS,
    OPENINGS,
)
from scripts.make.micro.covers import Printed

_BESIDE = 0.03
"""How far beyond a token's edge the middle of what is printed may lie; 1 is the height of the cover."""
_RARE = -4.0
"""Where the logits begin: little of all is printed at one height."""


def _labels() -> dict[str, int]:
    words = [*OPENINGS, *MIDDLES, *ENDINGS, *FIRST_NAMES, *LAST_NAMES, *GENRES]
    marks = [f"{count} {kind}" for kind in MARKS for count in range(1, MOST_MARKS + 1)]
    digits = [f"digit {place} is {digit}" for place in range(4) for digit in range(10)]
    return {label: number for number, label in enumerate(dict.fromkeys([*words, *marks, *digits, *COLOURS]))}


LABELS = _labels()
"""All that can be seen, a year digit by digit, with numbers from 0."""


def printed_at(covers: Sequence[Sequence[Printed]], rows: int) -> Tensor:
    """float32 `[covers, rows, labels]`: 1 where it is printed at the height of that row of image tokens, else 0."""
    found = torch.zeros(len(covers), rows, len(LABELS))
    for index, several in enumerate(covers):
        for one in several:
            year = one.what.isdigit()
            names = [f"digit {at} is {digit}" for at, digit in enumerate(one.what)] if year else [one.what]
            for row in range(rows):
                if one.height is None or abs((row + 0.5) / rows - one.height) <= 0.5 / rows + _BESIDE:
                    found[index, row, [LABELS[name] for name in names]] = 1
    return found


class Reader(nn.Module):
    """One Linear from an image token to the labels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(LABELS))
        nn.init.constant_(self.linear.bias, _RARE)

    def loss(self, features: Tensor, printed: Tensor) -> Tensor:
        """Of image features `[images, tokens + 2, width]`, as the tower makes them, against `printed_at`: nats a token."""
        rows = printed.shape[1]
        logits = self.linear(features[:, 1:-1]).float().unflatten(1, (rows, -1))
        expected = printed[:, :, None].expand_as(logits)
        summed: Tensor = binary_cross_entropy_with_logits(logits, expected, reduction="sum")
        return torch.div(summed, logits.shape[:-1].numel())
