"""The second moments of a Linear's inputs: gathered, damped and factorised (equations 9 and 10 of the paper).

H = Σ XᵀX is all that the solvers ever see of the calibration data. What runs through the model, and which rows count, is
decided in `calibration`.
"""
# ruff: noqa: N803 - matrices have the names that the paper gives them

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from rpiq.errors import SolverError

_MOST_DAMPING = 10.0
"""Beyond ten times the mean diagonal H says nothing any more."""
_LEAST_DAMPING = 1e-6
"""Where to go on from nought."""
_SIDE = 256
"""Columns of H that are summed at once, and only from the diagonal downwards: a quarter of the time less, for large H nearly half."""
_PIECE_ROWS = 256
"""Rows of H that are copied at once: of 14,336 columns a whole copy takes 0.8 GB."""


class Hessian:
    """Gathers H = Σ XᵀX `[in, in]` (equation 9) and, if asked, the cross moments C = Σ X̃ᵀX, batch by batch."""

    def __init__(
        self,
        in_features: int,
        dtype: torch.dtype = torch.float32,
        cross: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """`dtype` is what sums are kept in; `cross` needs the full-precision inputs with every batch."""
        self._below = torch.zeros(in_features, in_features, dtype=dtype, device=device)
        self._whole = True
        self.rows = 0
        """Input rows seen so far."""
        self._cross = torch.zeros_like(self._below) if cross else None

    @property
    def matrix(self) -> Tensor:
        """Σ XᵀX, or Σ X̃ᵀX̃ when the inputs come from quantized layers; no copy."""
        if not self._whole:
            for here, below in self._columns():
                # Not all BLAS libraries make a product of a matrix with itself symmetric to the last bit.
                square = self._below[here, here]
                square.copy_(square.tril() + square.tril(-1).T)
                self._below[here, below.start + _SIDE :] = self._below[below.start + _SIDE :, here].T
            self._whole = True
        return self._below

    @property
    def cross(self) -> Tensor:
        """C = Σ X̃ᵀX `[in, in]`: the inputs as they are against the full-precision ones. SolverError if it was not asked for."""
        if self._cross is None:
            raise SolverError("the cross moments were not gathered; make the Hessian with cross=True")
        return self._cross

    def add(self, x: Tensor, full: Tensor | None = None) -> None:
        """Add a batch `[..., in]`, and with `cross` the same rows as the full-precision model has them.

        SolverError when the widths do not match, or `full` is missing or in excess.
        """
        x = self._rows(x)
        if (full is None) != (self._cross is None):
            raise SolverError("full-precision inputs belong to cross moments; give both or neither")
        for here, below in self._columns():
            self._below[below, here].addmm_(x[:, below].T, x[:, here])
        self._whole = False
        self.rows += len(x)
        if full is not None and self._cross is not None:
            full = self._rows(full)
            if len(full) != len(x):
                raise SolverError(
                    f"{len(x)} rows of inputs do not pair with {len(full)} of full precision; give the same rows"
                )
            self._cross.addmm_(x.T, full)

    def _columns(self) -> Iterator[tuple[slice, slice]]:
        """Columns that belong together, and the rows from their first on."""
        for first in range(0, len(self._below), _SIDE):
            yield slice(first, first + _SIDE), slice(first, None)

    def _rows(self, x: Tensor) -> Tensor:
        if x.shape[-1] != len(self._below):
            raise SolverError(
                f"inputs of width {x.shape[-1]} do not belong to a Linear of {len(self._below)} input columns"
            )
        return x.reshape(-1, x.shape[-1]).to(self._below)


def damped(H: Tensor, damping: float) -> Tensor:
    """H̃ = H + damping · mean(diag H) · I (equation 10), `[in, in]`.

    A dead column, whose input was always nought, has nothing else on its diagonal; where that is nought as well it becomes
    the mean or 1, so that H̃ can be inverted. SolverError when H is not finite.
    """
    result = H.clone()
    result.diagonal().copy_(raised(H.diagonal(), damping))
    return result


def factor(H: Tensor, damping: float, order: Tensor | None = None) -> tuple[Tensor, float]:
    """L lower triangular with L Lᵀ = H̃ `[in, in]`, and the damping that it took; `order` `[in]` takes the columns so.

    Takes the memory of one more H, no more. The damping is raised tenfold until the factorisation succeeds; SolverError when
    even the largest does not help.
    """
    used = damping
    failed = torch.empty(0, dtype=torch.int32, device=H.device)
    while used <= max(damping, _MOST_DAMPING):
        matrix = _ordered(H, order)
        matrix.diagonal().copy_(raised(matrix.diagonal(), used))
        # It is its own transpose, which is how LAPACK counts its entries: so the factor takes its place.
        lower = matrix.mT
        torch.linalg.cholesky_ex(lower, out=(lower, failed))
        if not int(failed) and bool(torch.isfinite(lower.diagonal()).all()):
            return lower, used
        del matrix, lower
        used = max(used * 10, _LEAST_DAMPING)
    raise SolverError(
        f"H of {len(H)} columns cannot be factorised, not even with damping {used / 10:g}; "
        "it is no sum of XᵀX: check the calibration inputs, or gather it in float64"
    )


def inverse_factor(H: Tensor, damping: float, order: Tensor | None = None) -> tuple[Tensor, float]:
    """R = U⁻¹ `[in, in]` for U the upper Cholesky factor of H̃⁻¹ = Uᵀ U, and the damping that it took.

    R is upper triangular with R Rᵀ = H̃, which is a Cholesky factorisation with the columns counted from the end: H̃ is
    never inverted. `order`, memory and errors as `factor`.
    """
    columns = torch.arange(len(H), device=H.device) if order is None else order
    lower, used = factor(H, damping, columns.flip(0))
    _turn(lower.mT.view(-1))
    return lower, used


def _ordered(H: Tensor, order: Tensor | None) -> Tensor:
    """A copy of H with rows and columns in that order."""
    if order is None:
        return H.clone(memory_format=torch.contiguous_format)
    result = torch.empty(H.shape, dtype=H.dtype, device=H.device)
    for rows, piece in zip(torch.split(result, _PIECE_ROWS), torch.split(order, _PIECE_ROWS), strict=True):
        torch.index_select(H.index_select(0, piece), 1, order, out=rows)
    return result


def _turn(values: Tensor) -> None:
    """Reverse a row of values in place. For a matrix, row after row, that counts rows and columns from their ends."""
    step = _PIECE_ROWS * math.isqrt(len(values))
    for first in range(0, len(values) // 2, step):
        last = min(first + step, len(values) // 2)
        head, tail = values[first:last], values[len(values) - last : len(values) - first]
        kept = head.flip(0)
        head.copy_(tail.flip(0))
        tail.copy_(kept)


def raised(diagonal: Tensor, damping: float) -> Tensor:
    """The diagonal of H̃, for that of H."""
    if not bool(torch.isfinite(diagonal).all()):
        raise SolverError(
            "the inputs of this Linear hold NaN or infinite values; check the model in full precision first"
        )
    mean = float(diagonal.mean())
    result = diagonal + damping * mean
    return torch.where(result == 0, mean if mean > 0 else 1.0, result)
