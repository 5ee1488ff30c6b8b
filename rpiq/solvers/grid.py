"""The grid that weights are rounded to: scale and zero point per row and group of columns.

Fits grids to weights and takes weights to codes and back. Which code each weight gets when the columns are to make good for
each other is decided in `gptq` and `refine`; how codes lie in a file, in `packing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import SolverError

_WIDE, _FINE = (1.3, 1.15, 0.87, 0.75, 0.6), (1.06, 0.94)
_MOVES = (((0.9, 0.8, 0.7), (1, 1)), (_WIDE, (1, 0)), (_WIDE, (0, 1)), (_FINE, (1, 0)), (_FINE, (0, 1)))
"""What the search tries, in order: factors on the best range so far, and whether its low and its high end are moved. On real
weights this errs within 0.5 % of trying 13 × 13 ranges."""
_MOVES_SYMMETRIC = (((0.9, 0.8, 0.7, 0.6, 0.5), (1, 1)), (_FINE, (1, 1)), ((1.03, 0.97), (1, 1)))
_CHUNK = 1 << 17
"""Weights looked at together in the search on a processor: what stays in its cache."""


@dataclass(frozen=True)
class Grid:
    """w = (code − zero) · scale, with codes 0 … 2^bits − 1."""

    scale: Tensor
    """`[out, groups]`, float32, positive."""
    zero: Tensor
    """`[out, groups]`, float32 with whole values 0 … 2^bits − 1."""
    scheme: Scheme
    dtype: torch.dtype = torch.float32
    """What every scale is representable in: the type it is stored as. Scales that a solver changes are rounded to it."""

    def rounded(self, dtype: torch.dtype) -> Grid:
        """The same grid with scales that `dtype` represents exactly; still held as float32.

        SolverError when a scale is too large for `dtype`.
        """
        return Grid(representable(self.scale, dtype), self.zero, self.scheme, dtype)


def group_of(in_features: int, group_size: int) -> Tensor:
    """The group of each input column, `[in]` int64; the last group may be shorter, `WHOLE_ROW` makes one of all.

    SolverError for a group size that is neither positive nor `WHOLE_ROW`.
    """
    return torch.arange(in_features) // group_width(in_features, group_size)


def group_width(in_features: int, group_size: int) -> int:
    """Columns in each group but perhaps the last. SolverError as `group_of`."""
    if group_size != WHOLE_ROW and group_size < 1:
        raise SolverError(
            f"a group of {group_size} columns is not possible; use 32, 64, 128, or {WHOLE_ROW} for a whole row"
        )
    return in_features if group_size == WHOLE_ROW else min(group_size, in_features)


def representable(scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Scales rounded to what `dtype` holds, never to nought: at least its least normal number. SolverError if too large."""
    limits = torch.finfo(dtype)
    rounded = scale.clamp(min=limits.tiny).to(dtype).to(scale.dtype)
    if not bool((rounded <= limits.max).all()):
        raise SolverError(f"a scale of {float(scale.max()):.3g} does not fit {dtype}; store the model as bfloat16")
    return rounded


def fit_grid(weight: Tensor, scheme: Scheme, importance: Tensor | None = None, search: bool = False) -> Grid:
    """The grid over the range of each row and group, nought included; symmetric ones reach as far on both sides.

    `weight` is `[out, in]`. With `search`, ranges that are shrunk at both ends, and then at each end alone, are tried too, and
    each row and group keeps the one with the least Σ importance · (rounded − weight)²: `importance` is `[in]`, usually
    the diagonal of H, and all ones if left out. A few weights are then cut off so that all others lie closer.
    SolverError when the weights are not finite.
    """
    grouped = _grouped(weight.float(), scheme)
    low = grouped.amin(-1).clamp(max=0)
    high = grouped.amax(-1).clamp(min=0)
    if not bool(torch.isfinite(high - low).all()):
        raise SolverError("the weights hold NaN or infinite values; get the checkpoint again, it is damaged")
    if scheme.symmetric:
        high = torch.maximum(high, -low)
        low = -high
    if search:
        ones = weight.new_ones(weight.shape[1], dtype=torch.float32)
        share = _grouped((ones if importance is None else importance.float())[None], scheme)[0]
        rows = max(1, (_CHUNK if weight.device.type == "cpu" else _CHUNK << 8) // weight.shape[1])
        parts = zip(*(torch.split(part, rows) for part in (grouped, low, high)), strict=True)
        found = [_search(weights, bottom, top, share, scheme) for weights, bottom, top in parts]
        low, high = (torch.cat(ends) for ends in zip(*found, strict=True))
    return Grid(*_between(low, high, scheme), scheme)


def quantize(weight: Tensor, grid: Grid) -> Tensor:
    """The nearest code to each weight, uint8 `[out, in]`."""
    scale, zero = columns(grid.scale, weight.shape[1], grid.scheme), columns(grid.zero, weight.shape[1], grid.scheme)
    return (nearest(weight.float(), scale, zero, grid.scheme.bits) + zero).to(torch.uint8)


def dequantize(codes: Tensor, grid: Grid) -> Tensor:
    """The weights that the codes stand for, float32 `[out, in]`."""
    scale, zero = columns(grid.scale, codes.shape[1], grid.scheme), columns(grid.zero, codes.shape[1], grid.scheme)
    return (codes.float() - zero).mul_(scale)


def nearest(weight: Tensor, scale: Tensor, zero: Tensor, bits: int) -> Tensor:
    """code − zero of the grid point nearest to each weight, a whole number in the weights' own type; shapes broadcast."""
    return (weight / scale).round_().clamp_(-zero, (2**bits - 1) - zero)


def columns(values: Tensor, in_features: int, scheme: Scheme) -> Tensor:
    """`[out, groups]` values repeated for every column: `[out, in]`."""
    width = group_width(in_features, scheme.group_size)
    return values.repeat_interleave(width, 1)[:, :in_features]


def _grouped(weight: Tensor, scheme: Scheme) -> Tensor:
    """`[out, in]` as `[out, groups, width]`, with noughts after a shorter last group, which no range or error feels."""
    width = group_width(weight.shape[1], scheme.group_size)
    return pad(weight, (0, -weight.shape[1] % width)).view(len(weight), -1, width)


def _between(low: Tensor, high: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """Scale and zero point of the grid from `low` to `high`; any grid will do for a group of noughts."""
    top = 2**scheme.bits - 1
    extent = high - low
    scale = torch.where(extent > 0, (extent / top).clamp(min=torch.finfo(torch.float32).tiny), 1.0)
    if scheme.symmetric:
        return scale, torch.full_like(scale, 2 ** (scheme.bits - 1))
    return scale, (-low / scale).round_().clamp_(0, top)


def _search(grouped: Tensor, low: Tensor, high: Tensor, share: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """The best of the ranges that are tried, for each row and group."""
    best = _error(grouped, low, high, share, scheme)
    for factors, (lower, upper) in _MOVES_SYMMETRIC if scheme.symmetric else _MOVES:
        start_low, start_high = low, high
        for factor in factors:
            trial_low, trial_high = start_low * factor**lower, start_high * factor**upper
            error = _error(grouped, trial_low, trial_high, share, scheme)
            wins = error < best
            low, high = torch.where(wins, trial_low, low), torch.where(wins, trial_high, high)
            best = torch.where(wins, error, best)
    return low, high


def _error(grouped: Tensor, low: Tensor, high: Tensor, share: Tensor, scheme: Scheme) -> Tensor:
    """Σ share · (rounded − weight)² of each row and group; counted in steps, where the bounds are the same for all."""
    scale, zero = _between(low, high, scheme)
    steps = (grouped / scale[..., None]).add_(zero[..., None])
    off = steps.round().clamp_(0, 2**scheme.bits - 1).sub_(steps)
    return off.square_().mul_(share).sum(-1).mul_(scale.square())
