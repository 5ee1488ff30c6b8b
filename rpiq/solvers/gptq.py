"""Stage 1: round to nearest, and GPTQ (Frantar et al. 2023), which lets each column make good for the errors of those before it.

Works on one weight and the H of its inputs. Fitting the grid beforehand is done in `grid`, refining the result in `refine`.
"""
# ruff: noqa: N803, N806 - matrices have the names that the paper gives them

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rpiq.config import Scheme
from rpiq.errors import SolverError
from rpiq.solvers.grid import Grid, fit_grid, group_of, quantize
from rpiq.solvers.hessian import inverse_factor, raised


@dataclass(frozen=True)
class GptqResult:
    """A weight on its grid."""

    codes: Tensor
    """uint8 `[out, in]`."""
    grid: Grid
    loss: float
    """tr((B − W) H (B − W)ᵀ), without the damping; NaN where no H was given."""
    damping: float
    """As it was used: more than asked for when the factorisation failed at first."""


def rtn(weight: Tensor, grid: Grid | Scheme) -> GptqResult:
    """Every weight `[out, in]` to its nearest grid point. Errors as `fit_grid`."""
    fitted = grid if isinstance(grid, Grid) else fit_grid(weight, grid)
    return GptqResult(quantize(weight, fitted), fitted, float("nan"), 0.0)


def gptq(
    weight: Tensor,
    H: Tensor,
    grid: Grid | Scheme,
    damping: float = 0.01,
    activation_order: bool = True,
    block: int = 128,
) -> GptqResult:
    """Round the columns of `weight` `[out, in]` one after the other, each corrected for the errors of those before it.

    With R Rᵀ = H̃, R upper triangular, the damped loss is Σ_j R_jj² ‖E_j + Σ_k<j E_k R_kj / R_jj‖² for E = B − W: column j is
    rounded at W_j − Σ_k<j E_k R_kj / R_jj. That is GPTQ with U = R⁻¹, less the inversion (Chen et al. 2025 show it to be
    Babai's nearest plane). Corrections from earlier blocks are one matrix product for a whole block.
    `activation_order` takes columns by falling diagonal of H. The groups are fixed beforehand and stay where they are, so
    that nothing is stored about the order. A Scheme instead of a grid stands for the full range of the weights.
    The work is done in the type of H. SolverError when shapes do not match or H cannot be factorised.
    """
    if H.shape != (weight.shape[1], weight.shape[1]):
        raise SolverError(
            f"H {tuple(H.shape)} does not belong to a weight {tuple(weight.shape)}; gather it for this Linear"
        )
    fitted = grid if isinstance(grid, Grid) else fit_grid(weight, grid)
    order = torch.arange(len(H), device=H.device)
    if activation_order:
        order = torch.argsort(H.diagonal(), descending=True, stable=True)
    R, used = inverse_factor(H, damping, order)
    pivots = R.diagonal().clone()
    R /= pivots
    groups = group_of(len(H), fitted.scheme.group_size).to(H.device)[order]
    scale, zero = fitted.scale.T.to(H.dtype), fitted.zero.T.to(H.dtype)
    # [in, out]: one column of the weight is one contiguous row here.
    W = weight.to(H.dtype).index_select(1, order).T.contiguous()
    E = torch.empty_like(W)
    codes = torch.empty(W.shape, dtype=torch.uint8, device=W.device)
    damped_loss = 0.0
    for start in range(0, len(W), block):
        here = slice(start, start + block)
        s, z = scale[groups[here]], zero[groups[here]]
        corrected = torch.addmm(W[here], R[:start, here].T, E[:start], alpha=-1)
        coupling, top = R[here, here].T.contiguous(), 2**fitted.scheme.bits - 1
        levels = _round(corrected, W[here], coupling, s, -z, top - z, E[here])
        codes[order[here]] = (levels + z).to(torch.uint8)
        missed = corrected.sub_(levels.mul_(s)).square_().sum(1)
        damped_loss += float(missed.double() @ pivots[here].double().square())
    # H̃ − H is diagonal: what the damping adds to the loss is a weighted sum of squares.
    diagonal = H.diagonal()[order]
    added = (raised(diagonal, used) - diagonal).double() @ E.square_().sum(1).double()
    return GptqResult(codes.T.contiguous(), fitted, max(0.0, damped_loss - float(added)), used)


def _round(
    corrected: Tensor, W: Tensor, coupling: Tensor, scale: Tensor, low: Tensor, high: Tensor, E: Tensor
) -> Tensor:
    """code − zero of the columns of a block, all `[block, out]`; completes `corrected` and fills `E` = B − W.

    `coupling[j, k]` = R_kj / R_jj: what an error of column k does to column j.
    """
    levels = torch.empty_like(W)
    seen = E.T
    parts = (corrected, W.neg(), coupling, scale, low, high, levels, E)
    columns = zip(*(part.unbind() for part in parts), strict=True)
    for j, (w, minus_w, factors, s, least, most, level, error) in enumerate(columns):
        torch.addmv(w, seen[:, :j], factors[:j], alpha=-1, out=w)
        torch.div(w, s, out=level)
        level.round_().clamp_(least, most)
        torch.addcmul(minus_w, level, s, out=error)
    return levels
