"""GPTQ is the published algorithm, whatever the blocks; it beats rounding where inputs are correlated, and says its loss."""
# ruff: noqa: N803, N806 - matrices have the names that the paper gives them

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import SolverError
from rpiq.solvers.gptq import gptq, rtn
from rpiq.solvers.grid import Grid, columns, dequantize, fit_grid, quantize
from rpiq.solvers.hessian import damped
from rpiq.solvers.refine import objective


def linear(
    out_features: int = 24, in_features: int = 96, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """A weight, and the H of inputs that share directions and differ in size from column to column."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(512, 8, generator=generator, dtype=dtype)
    x = common @ torch.randn(8, in_features, generator=generator, dtype=dtype)
    x += torch.randn(512, in_features, generator=generator, dtype=dtype)
    x *= torch.rand(in_features, generator=generator, dtype=dtype) * 2 + 0.1
    weight = torch.randn(out_features, in_features, generator=generator) * 0.05
    return weight, x.T @ x


def textbook(weight: Tensor, H: Tensor, grid: Grid, order: Tensor) -> Tensor:
    """Codes of GPTQ as its paper has it: column by column, with the inverse written out."""
    W = weight.to(H.dtype).clone()[:, order]
    U = torch.linalg.cholesky(torch.linalg.inv(damped(H, 0.01)[order][:, order]), upper=True)
    scale = columns(grid.scale, len(H), grid.scheme)[:, order].to(H.dtype)
    zero = columns(grid.zero, len(H), grid.scheme)[:, order].to(H.dtype)
    codes = torch.empty_like(W)
    for j in range(len(H)):
        codes[:, j] = (W[:, j] / scale[:, j] + zero[:, j]).round().clamp(0, 2**grid.scheme.bits - 1)
        error = (W[:, j] - (codes[:, j] - zero[:, j]) * scale[:, j]) / U[j, j]
        W[:, j:] -= error[:, None] * U[j, j:]
    result = torch.empty_like(codes)
    result[:, order] = codes
    return result.to(torch.uint8)


@pytest.mark.parametrize("scheme", [Scheme(4, 32), Scheme(3, 40), Scheme(2, WHOLE_ROW), Scheme(4, 32, symmetric=True)])
@pytest.mark.parametrize("activation_order", [False, True])
def test_it_is_the_published_algorithm(scheme: Scheme, activation_order: bool) -> None:
    weight, H = linear()
    grid = fit_grid(weight, scheme).rounded(torch.bfloat16)
    order = torch.argsort(H.diagonal(), descending=True) if activation_order else torch.arange(len(H))
    result = gptq(weight, H, grid, activation_order=activation_order, block=32)
    assert torch.equal(result.codes, textbook(weight, H, grid, order))
    assert result.grid is grid
    assert result.damping == 0.01


@pytest.mark.parametrize("block", [1, 7, 32, 1000])
def test_blocks_change_nothing(block: int) -> None:
    weight, H = linear()
    whole = gptq(weight, H, Scheme(4, 32), block=96)
    parts = gptq(weight, H, Scheme(4, 32), block=block)
    assert torch.equal(whole.codes, parts.codes)
    assert parts.loss == pytest.approx(whole.loss)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_it_beats_rounding_on_correlated_inputs(bits: int) -> None:
    weight, H = linear()
    scheme = Scheme(bits, 32)
    rounded = rtn(weight, scheme)
    solved = gptq(weight, H, scheme)
    assert solved.loss < 0.7 * objective(dequantize(rounded.codes, rounded.grid), weight, H)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_loss_is_the_objective_of_what_is_stored(dtype: torch.dtype) -> None:
    weight, H = linear()
    H = H.to(dtype)
    for activation_order in (False, True):
        result = gptq(weight, H, Scheme(3, 32), damping=0.05, activation_order=activation_order)
        assert result.loss == pytest.approx(objective(dequantize(result.codes, result.grid), weight, H), rel=1e-4)


def test_float32_hardly_differs_from_float64() -> None:
    weight, H = linear()
    exact, rough = gptq(weight, H, Scheme(4, 32)), gptq(weight, H.float(), Scheme(4, 32))
    assert float((exact.codes != rough.codes).double().mean()) < 0.01
    assert rough.loss == pytest.approx(exact.loss, rel=0.02)


def test_activation_order_does_not_depend_on_where_columns_stand() -> None:
    weight, H = linear()
    shuffled = torch.randperm(96, generator=torch.Generator().manual_seed(4))
    scheme = Scheme(4, WHOLE_ROW)
    moved = gptq(weight[:, shuffled], H[shuffled][:, shuffled], scheme)
    assert torch.equal(moved.codes, gptq(weight, H, scheme).codes[:, shuffled])
    unordered = gptq(weight[:, shuffled], H[shuffled][:, shuffled], scheme, activation_order=False)
    assert not torch.equal(unordered.codes, moved.codes)


def test_activation_order_helps_where_strong_columns_come_last() -> None:
    weight, H = linear()
    strength = torch.linspace(0.1, 3.0, 96, dtype=H.dtype)
    H = H * strength[:, None] * strength
    assert gptq(weight, H, Scheme(3, 32)).loss < gptq(weight, H, Scheme(3, 32), activation_order=False).loss


def test_uncorrelated_inputs_leave_nothing_but_rounding() -> None:
    weight, _ = linear()
    assert torch.equal(gptq(weight, torch.eye(96), Scheme(4, 32)).codes, rtn(weight, Scheme(4, 32)).codes)


def test_dead_columns_are_rounded_and_disturb_nobody() -> None:
    weight, H = linear()
    H[[3, 50], :] = 0
    H[:, [3, 50]] = 0
    grid = fit_grid(weight, Scheme(4, 32))
    for damping in (0.0, 0.01):
        result = gptq(weight, H, grid, damping=damping)
        assert torch.equal(result.codes[:, [3, 50]], quantize(weight, grid)[:, [3, 50]])
        assert result.loss == pytest.approx(objective(dequantize(result.codes, grid), weight, H), rel=1e-4)


def test_damping_that_was_raised_is_reported() -> None:
    weight, _ = linear()
    result = gptq(weight, torch.ones(96, 96), Scheme(4, 32), damping=0.0)
    assert 0 < result.damping < 0.01


def test_matrices_of_another_linear_are_refused() -> None:
    weight, H = linear()
    with pytest.raises(SolverError, match="does not belong to a weight"):
        gptq(weight[:, :64], H, Scheme(4, 32))


def test_with_few_rows_the_growing_damping_is_better_on_other_rows() -> None:
    """H of half as many rows as columns knows nothing of half of all directions."""
    generator = torch.Generator().manual_seed(5)
    mixing = torch.randn(96, 96, generator=generator) * torch.linspace(1, 0.05, 96)[:, None]
    seen, others = (torch.randn(rows, 96, generator=generator) @ mixing for rows in (48, 4096))
    weight = torch.randn(64, 96, generator=generator)
    H, unseen = seen.T @ seen, others.T @ others
    grid = fit_grid(weight, Scheme(3, 32))
    loss = [objective(dequantize(gptq(weight, H, grid, d).codes, grid), weight, unseen) for d in (0.01, 0.6)]
    rounded = objective(dequantize(rtn(weight, grid).codes, grid), weight, unseen)
    assert loss[1] < 0.9 * min(loss[0], rounded)
