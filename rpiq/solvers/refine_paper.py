"""Stage 2, method `rpiq-paper`: equations 1–23 of the paper as they are printed, on a single instance and off the grid.

It is here to reproduce the paper's curves and to show what is left of them once the weights are packed. What is used by
default, and why, is in `refine`.
"""
# ruff: noqa: N803, N806 - matrices have the names that the paper gives them

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rpiq.errors import SolverError
from rpiq.solvers.grid import Grid, columns, dequantize, nearest, quantize
from rpiq.solvers.hessian import damped
from rpiq.solvers.refine import objective


@dataclass(frozen=True)
class PaperResult:
    """What the paper's rounds lead to, before and after packing."""

    off_grid_weight: Tensor
    """The best B of all rounds, float32 `[out, in]`: between grid points, so it takes 16 bits to store."""
    gammas: tuple[float, ...]
    """Γ before the first round and after each that was run (equation 23)."""
    codes: Tensor
    """Its nearest codes, uint8 `[out, in]`: what a 4-bit file can hold."""
    changed: float
    """Share of the codes that differ from those of stage 1."""
    off_grid_loss: float
    """tr((B − W) H̃ (B − W)ᵀ) of the weight off the grid."""


def refine_paper(
    weight: Tensor,
    codes: Tensor,
    grid: Grid,
    H: Tensor,
    X: Tensor,
    rounds: int = 5,
    step: float = 0.01,
    block: int = 128,
    batches: float | None = None,
    damping: float = 0.01,
) -> PaperResult:
    """At most `rounds` rounds over blocks of columns on the last batch X `[rows, in]` (11), with steps α = `step`.

    `weight` and the `codes` of stage 1 are `[out, in]`, `H` is H̃ of all batches `[in, in]` (10). Ends when Γ no longer
    falls and keeps the best (algorithm 3). Equation 14 takes the curvature from H̃, all batches, and the residual from one,
    which do not match in scale, and with which Γ does not fall as in table 5. Without `batches` the blocks H_i are
    therefore those of the instance's own XᵀX, damped by `damping`. With it they are those of H̃ / `batches`: 1 is the
    equation as printed, the number of times that X's rows went into H̃ puts the scale right.
    SolverError when shapes do not match or a block of H cannot be factorised.
    """
    if H.shape != (weight.shape[1], weight.shape[1]) or X.shape[-1] != weight.shape[1]:
        raise SolverError(
            f"H {tuple(H.shape)} and inputs {tuple(X.shape)} do not belong to a weight {tuple(weight.shape)}; "
            "give those of one Linear"
        )
    X = X.reshape(-1, X.shape[-1]).to(H.dtype)
    blocks = [slice(first, first + block) for first in range(0, weight.shape[1], block)]
    curvature = damped(X.T @ X, damping) if batches is None else H / batches
    factors = [_factor(curvature[i, i]) for i in blocks]  # 12, 13
    scale, zero = (columns(values.to(H.dtype), weight.shape[1], grid.scheme) for values in (grid.scale, grid.zero))
    W = weight.to(H.dtype)
    B = dequantize(codes, grid).to(H.dtype)
    Y = X @ W.T
    Y_q = X @ B.T  # 3
    gammas = [_gamma(Y, Y_q)]
    best = B.clone()
    for _ in range(rounds):
        for i, factor in zip(blocks, factors, strict=True):  # 19
            D = Y - Y_q + X[:, i] @ B[:, i].T  # 4, 20
            solution = torch.cholesky_solve(X[:, i].T @ D, factor).T  # 6, 14
            projected = nearest(solution, scale[:, i], zero[:, i], grid.scheme.bits) * scale[:, i]  # 7
            change = step * (projected - B[:, i])  # 8
            B[:, i] += change
            Y_q += X[:, i] @ change.T  # 21, 22
        gammas.append(_gamma(Y, Y_q))  # 23
        if gammas[-1] >= gammas[-2]:
            break
        best = B.clone()
    packed = quantize(best, grid)
    changed = float((packed != codes).double().mean())
    return PaperResult(best.float(), tuple(gammas), packed, changed, objective(best, W, H))


def _factor(H_ii: Tensor) -> Tensor:
    lower: Tensor
    lower, failed = torch.linalg.cholesky_ex(H_ii)
    if int(failed):
        raise SolverError(f"a block of {len(H_ii)} columns of H cannot be factorised; damp H more")
    return lower


def _gamma(Y: Tensor, Y_q: Tensor) -> float:
    """Γ = ‖Y − Y_q‖² (equation 23)."""
    return float((Y - Y_q).square().sum(dtype=torch.float64))
