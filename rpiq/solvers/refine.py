"""Stage 2, method `rpiq`: the paper's closed loop in Hessian form, exact for all calibration data and always on the grid.

Block i of columns sees the residual only through X_iᵀ D_i, and summed over all batches X_iᵀ D_i = H_ii B_iᵀ − G_i with
G = H (B − W)ᵀ, so that no activations are kept. Cyclic descent on the full H from a GPTQ start is QuantEase's (Behdin
et al. 2023), exact coordinate steps on a grid also COMQ's, the cross-layer target GPTAQ's and Qronos'. What the
paper itself does is in `refine_paper`; whether a result helps the whole block, the caller checks on held-out rows.
"""
# ruff: noqa: N803, N806 - matrices have the names that the paper gives them

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rpiq.errors import SolverError
from rpiq.solvers.grid import Grid, group_width, representable
from rpiq.solvers.hessian import factor


@dataclass(frozen=True)
class RefineResult:
    """A weight on its grid, no worse than what was given."""

    codes: Tensor
    """uint8 `[out, in]`."""
    grid: Grid
    """With the same zero points; scales refitted, and representable in the same type."""
    losses: tuple[float, ...]
    """tr((B − W) H (B − W)ᵀ) before the first round and after each."""
    changed: float
    """Share of the codes that differ from those given."""


def objective(quantized: Tensor, weight: Tensor, H: Tensor) -> float:
    """tr((B − W) H (B − W)ᵀ) for B and W `[out, in]`: the squared output error over everything that H has seen.

    Products and sums over rows in the type of H, the rest in float64.
    """
    return _objective((quantized.to(H.dtype) - weight.to(H.dtype)).T.contiguous(), H)


def gradient(quantized: Tensor, weight: Tensor, H: Tensor) -> Tensor:
    """G = H (B − W)ᵀ `[in, out]`: half the gradient of `objective`, and −Xᵀ(Y − Y_q) summed over all batches."""
    return H @ (quantized.to(H.dtype) - weight.to(H.dtype)).T


def target(
    weight: Tensor,
    H: Tensor,
    C: Tensor,
    share: float,
    damping: float = 0.01,
) -> tuple[Tensor, float]:
    """The weight to aim at when the inputs already carry errors, `[out, in]` in the type of `weight`, and the damping it took.

    With H = Σ X̃ᵀX̃ and C = Σ X̃ᵀX, T = W + share · ((H + λI)⁻¹ (C − H) Wᵀ)ᵀ, λ = damping · mean(diag H): for share 1 the
    weight that best makes the full-precision output from the quantized inputs, the least squares solution
    (H + λI)⁻¹ (C + λI) Wᵀ; less of it is safer (GPTAQ takes a quarter). SolverError as `rpiq.solvers.hessian.factor`.
    """
    L, used = factor(H, damping)
    correction = torch.cholesky_solve((C - H) @ weight.T.to(H.dtype), L)
    return (weight.to(H.dtype) + share * correction.T).to(weight.dtype), used


def refine(
    weight: Tensor,
    codes: Tensor,
    grid: Grid,
    H: Tensor,
    sweeps: int = 5,
    refits: int = 2,
    block: int = 128,
    tolerance: float = 1e-4,
    loss: float | None = None,
) -> RefineResult:
    """At most `sweeps` rounds over all columns; in the first `refits` of them each group gets a new scale after its codes.

    `weight` and `codes` are `[out, in]`; `loss` is their objective if it is known. Ends when a round changes nothing, or
    lowers the objective by less than `tolerance` of it. What is returned is never worse than what was given. Works in the
    type of H and keeps one `[in, out]` matrix of it. SolverError when shapes do not match.
    """
    if H.shape != (weight.shape[1], weight.shape[1]) or codes.shape != weight.shape:
        raise SolverError(
            f"H {tuple(H.shape)}, codes {tuple(codes.shape)} and weight {tuple(weight.shape)} do not belong together; "
            "give those of one Linear"
        )
    # [in, out] and [groups, out]: one column of the weight is one contiguous row here.
    turned = (part.T.clone(memory_format=torch.contiguous_format) for part in (codes, grid.scale, grid.zero, weight))
    current, scale, zero, W = turned
    state = _State(current, scale.to(H.dtype), zero.to(H.dtype), W.to(H.dtype).neg_(), grid)
    for group, here in enumerate(_groups(grid, len(H))):
        state.E[here].addcmul_(state.levels(here, group), state.scale[group])
    losses = [_objective(state.E, H) if loss is None else loss]
    for number in range(1, sweeps + 1):
        gain = _sweep(state, H, block, refit=number <= refits)
        losses.append(losses[-1] - gain)
        if gain <= tolerance * losses[-2]:
            break
    if losses[-1] >= losses[0]:  # by a rounding error at most: each step lowers the objective or does nothing
        return RefineResult(codes, grid, tuple(losses), 0.0)
    final = state.codes.T.contiguous()
    changed = int(torch.count_nonzero(final != codes)) / codes.numel()
    return RefineResult(final, replace(grid, scale=state.scale.T.float().contiguous()), tuple(losses), changed)


@dataclass(frozen=True)
class _State:
    """What a sweep changes in place."""

    codes: Tensor
    """uint8 `[in, out]`."""
    scale: Tensor
    """`[groups, out]`."""
    zero: Tensor
    E: Tensor
    """(B − W)ᵀ `[in, out]`."""
    grid: Grid
    """As it was given."""

    def levels(self, here: slice, group: int) -> Tensor:
        """code − zero of the columns `here` of one group, `[columns, out]`."""
        return self.codes[here].to(self.E.dtype).sub_(self.zero[group])


def _sweep(state: _State, H: Tensor, block: int, refit: bool) -> float:
    """One round over all columns, in blocks that lie within one group; returns how much lower the objective is.

    The residual that a block sees is taken from E as it is then, so that earlier blocks hold this round's values (19–22).
    Everything within a block is counted in steps of its group's grid.
    """
    gain, top = 0.0, 2**state.grid.scheme.bits - 1
    for group, columns in enumerate(_groups(state.grid, len(H))):
        scale, zero = state.scale[group], state.zero[group]
        inverse = -1 / scale
        for first in range(columns.start, columns.stop, block):
            i = slice(first, min(first + block, columns.stop))
            H_ii, E_i = H[i, i], state.E[i]
            diagonal = H_ii.diagonal()
            # A dead column has no gradient either, so that it stays where it is.
            curvature = torch.where(diagonal > 0, diagonal, 1.0)[:, None]
            G = H[i] @ state.E
            start = state.levels(i, group)
            minimum = (G / curvature).mul_(inverse).add_(start)
            steps = _descend(minimum, H_ii / curvature, start, -zero, top - zero)
            state.codes[i] = start.add_(steps).add_(zero).to(torch.uint8)
            delta = steps.mul_(scale)
            after = torch.addmm(G, H_ii, delta)
            gain -= _dot(delta, G.add_(after))
            E_i += delta
        if refit:
            G = after if i == columns else H[columns] @ state.E
            gain += _refit(state, group, columns, G, H[columns, columns])
    return gain


def _refit(state: _State, group: int, here: slice, G: Tensor, H_gg: Tensor) -> float:
    """The best scale of each row in one group with its codes fixed; returns how much lower the objective is.

    With V = code − zero, the objective in a change δ of the scale is 2 δ Σ V∘G + δ² Σ V∘(H_gg V): a parabola. The new
    scale is the nearest to its lowest point that can be stored, where that is better than the old one.
    """
    V = state.levels(here, group)
    slope, curve = (V * G).sum(0), (V * (H_gg @ V)).sum(0)
    old = state.scale[group]
    lowest = torch.where(curve > 0, old - slope / curve, old)
    delta = representable(lowest.float(), state.grid.dtype).to(old.dtype) - old
    change = (2 * slope + delta * curve) * delta
    better = (change < 0) & (lowest > 0)
    delta = torch.where(better, delta, 0.0)
    state.scale[group] = old + delta
    state.E[here].addcmul_(V, delta)
    return -float(change[better].sum(dtype=torch.float64))


def _descend(minimum: Tensor, coupling: Tensor, start: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Steps `[block, out]` that the columns of a block take one after the other, each to its exact minimum on the grid.

    `minimum` is where column j would go if all others stayed, `coupling[j, k]` = H_jk / H_jj by how much less for a step of k.
    """
    steps = torch.empty_like(minimum)
    taken = steps.T
    rows = zip(minimum.unbind(), coupling.unbind(), start.unbind(), steps.unbind(), strict=True)
    for j, (best, factors, from_, step) in enumerate(rows):
        torch.addmv(best, taken[:, :j], factors[:j], alpha=-1, out=best)
        best.round_().clamp_(low, high)
        torch.sub(best, from_, out=step)
    return steps


def _groups(grid: Grid, in_features: int) -> list[slice]:
    """The columns of each group."""
    width = group_width(in_features, grid.scheme.group_size)
    return [slice(first, min(first + width, in_features)) for first in range(0, in_features, width)]


def _objective(E: Tensor, H: Tensor, block: int = 128) -> float:
    """tr(Eᵀ H E) for E `[in, out]`, block by block: H is symmetric, so that the part above its diagonal counts twice."""
    total = 0.0
    for first in range(0, len(H), block):
        here, later = slice(first, first + block), slice(first + block, None)
        total += _dot(E[here], torch.addmm(H[here, here] @ E[here], H[here, later], E[later], alpha=2))
    return total


def _dot(a: Tensor, b: Tensor) -> float:
    """Σ a ∘ b: rows in their own type, their sums in float64."""
    return float((a * b).sum(1).sum(dtype=torch.float64))
