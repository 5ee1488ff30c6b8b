"""The grid that weights are rounded to: scale and zero point per row and group, and going from weights to codes and back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rpiq.config import Scheme


@dataclass(frozen=True)
class Grid:
    """w = (code − zero) · scale, with codes 0 … 2^bits − 1."""

    scale: Tensor
    """`[out, groups]`, float32, positive."""
    zero: Tensor
    """`[out, groups]`, float32 with whole values 0 … 2^bits − 1."""
    scheme: Scheme
