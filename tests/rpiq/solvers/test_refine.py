"""Stage 2 never does harm, stays on its grid and is the paper's loop; the paper's own steps change nothing once packed."""
# ruff: noqa: N803, N806 - matrices have the names that the paper gives them

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import SolverError
from rpiq.solvers.gptq import gptq, rtn
from rpiq.solvers.grid import Grid, columns, dequantize, fit_grid, quantize
from rpiq.solvers.hessian import damped
from rpiq.solvers.refine import gradient, objective, refine, target
from rpiq.solvers.refine_paper import refine_paper

SCHEMES = [Scheme(4, 32), Scheme(3, 40), Scheme(2, 64), Scheme(4, WHOLE_ROW), Scheme(3, 32, symmetric=True)]


def inputs(rows: int = 512, width: int = 96, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Inputs that share directions and differ in size from column to column."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 8, generator=generator, dtype=dtype) @ torch.randn(8, width, generator=generator, dtype=dtype)
    x += torch.randn(rows, width, generator=generator, dtype=dtype)
    return x * (torch.rand(width, generator=generator, dtype=dtype) + 0.5)


def weights(out_features: int = 24, width: int = 96, seed: int = 1) -> Tensor:
    return torch.randn(out_features, width, generator=torch.Generator().manual_seed(seed)) * 0.05


def loss_of(codes: Tensor, grid: Grid, weight: Tensor, H: Tensor) -> float:
    return objective(dequantize(codes, grid), weight, H)


def test_objective_is_the_squared_output_error() -> None:
    X, W = inputs(width=300), weights(width=300)
    B = dequantize(quantize(W, fit_grid(W, Scheme(3, 32))), fit_grid(W, Scheme(3, 32)))
    error = X @ (B - W).double().T
    assert objective(B, W, X.T @ X) == pytest.approx(float(error.square().sum()), rel=1e-9)


def test_objective_loses_nothing_over_many_rows() -> None:
    ones = torch.ones(5000, 5000 // 8)
    H = torch.eye(5000 // 8) * 1.0001
    exact = float(H[0, 0].double()) * ones.numel()
    assert objective(ones, torch.zeros_like(ones), H) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_refinement_never_raises_the_objective(scheme: Scheme, seed: int, dtype: torch.dtype) -> None:
    weight = weights(seed=seed)
    H = inputs(seed=seed).to(dtype)
    H = H.T @ H
    for start in (rtn(weight, scheme), gptq(weight, H, fit_grid(weight, scheme).rounded(torch.bfloat16))):
        result = refine(weight, start.codes, start.grid, H)
        before, after = (loss_of(r.codes, r.grid, weight, H) for r in (start, result))
        assert after < before
        assert all(later <= earlier for earlier, later in itertools.pairwise(result.losses))
        assert result.losses[0] == pytest.approx(before, rel=1e-4)
        assert result.losses[-1] == pytest.approx(after, rel=1e-4)
        assert result.changed == pytest.approx(float((start.codes != result.codes).double().mean()))
        assert result.changed > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_result_is_on_a_grid_that_can_be_stored(scheme: Scheme, dtype: torch.dtype) -> None:
    weight, X = weights(), inputs()
    grid = fit_grid(weight, scheme).rounded(dtype)
    result = refine(weight, gptq(weight, X.T @ X, grid).codes, grid, X.T @ X)
    assert result.codes.dtype == torch.uint8
    assert int(result.codes.max()) < 2**scheme.bits
    assert torch.equal(result.grid.zero, grid.zero)
    assert not torch.equal(result.grid.scale, grid.scale)
    assert torch.equal(result.grid.scale.to(dtype).float(), result.grid.scale)
    assert bool((result.grid.scale > 0).all())
    assert torch.equal(quantize(dequantize(result.codes, result.grid), result.grid), result.codes)


@pytest.mark.parametrize("scheme", [Scheme(4, WHOLE_ROW), Scheme(3, 40)], ids=str)
@pytest.mark.parametrize("block", [1, 7, 32, 1000])
def test_blocks_change_nothing(scheme: Scheme, block: int) -> None:
    weight, X = weights(), inputs()
    start = gptq(weight, X.T @ X, scheme)
    whole = refine(weight, start.codes, start.grid, X.T @ X, block=96)
    parts = refine(weight, start.codes, start.grid, X.T @ X, block=block)
    assert torch.equal(whole.codes, parts.codes)
    assert torch.equal(whole.grid.scale, parts.grid.scale)
    assert parts.losses == pytest.approx(whole.losses)


def test_hessian_form_is_equation_14_summed_over_batches() -> None:
    X, W = inputs(dtype=torch.float32), weights()
    grid = fit_grid(W, Scheme(4, 32))
    B = dequantize(quantize(W, grid), grid)
    H, i = X.T @ X, slice(32, 64)
    Y, Y_q = X @ W.T, X @ B.T
    G = gradient(B, W, H)
    D = [y - y_q + x[:, i] @ B[:, i].T for x, y, y_q in zip(X.split(100), Y.split(100), Y_q.split(100), strict=True)]
    explicit = sum((x[:, i].T @ d for x, d in zip(X.split(100), D, strict=True)), torch.zeros(32, len(W)))
    ours = H[i, i] @ B[:, i].T - G[i]
    assert float((ours - explicit).norm() / explicit.norm()) < 1e-4
    local = torch.linalg.solve(damped(H, 0.01)[i, i].double(), explicit.double()).T
    ours_local = torch.linalg.solve(damped(H, 0.01)[i, i].double(), ours.double()).T
    assert float((ours_local - local).norm() / local.norm()) < 1e-4


def test_a_round_is_the_loop_on_explicit_residuals() -> None:
    X, W, scheme = inputs(), weights(), Scheme(4, 32)
    start = gptq(W, X.T @ X, scheme)
    scale, zero = (columns(v, 96, scheme).double() for v in (start.grid.scale, start.grid.zero))
    B = dequantize(start.codes, start.grid).double()
    for j in range(96):  # the paper's loop with blocks of one column: directed residual, least squares, projection
        D = X @ (W.double() - B).T + torch.outer(X[:, j], B[:, j])
        best = (X[:, j] @ D) / X[:, j].square().sum()
        B[:, j] = ((best / scale[:, j]).round() + zero[:, j]).clamp(0, 15).sub(zero[:, j]) * scale[:, j]
    result = refine(W, start.codes, start.grid, X.T @ X, sweeps=1, refits=0)
    assert torch.equal(result.codes, quantize(B.float(), start.grid))
    assert result.losses[1] == pytest.approx(float((X @ (W.double() - B).T).square().sum()), rel=1e-5)


def test_no_single_code_can_be_bettered_at_the_end() -> None:
    weight, X = weights(6), inputs()
    H = X.T @ X
    start = gptq(weight, H, Scheme(3, 32))
    result = refine(weight, start.codes, start.grid, H, sweeps=100, refits=0, tolerance=0.0)
    scale = columns(result.grid.scale, 96, result.grid.scheme).double()
    slope = gradient(dequantize(result.codes, result.grid), weight, H).T * scale
    curve = H.diagonal() * scale.square()
    up, down = 2 * slope + curve, -2 * slope + curve  # what one step to either side adds
    assert float(torch.where(result.codes < 7, up, 1.0).min()) > -1e-6
    assert float(torch.where(result.codes > 0, down, 1.0).min()) > -1e-6


def test_refitted_scales_are_the_best_for_their_codes() -> None:
    weight, X = weights(), inputs()
    H = X.T @ X
    grid = fit_grid(weight, Scheme(3, WHOLE_ROW)).rounded(torch.bfloat16)
    start = gptq(weight, H, grid)
    result = refine(weight, start.codes, grid, H, sweeps=1, refits=1)
    stored = result.grid.scale.bfloat16().view(torch.int16)
    for neighbour in (stored + 1, stored - 1):  # the next numbers of bfloat16
        other = replace(result.grid, scale=neighbour.view(torch.bfloat16).float())
        mine, theirs = (dequantize(result.codes, grid).double() - weight for grid in (result.grid, other))
        assert bool((((mine @ H) * mine).sum(1) <= ((theirs @ H) * theirs).sum(1)).all())


def test_refits_lower_the_objective_further() -> None:
    weight, X = weights(), inputs()
    start = gptq(weight, X.T @ X, Scheme(3, 32))
    plain, refitted = (refine(weight, start.codes, start.grid, X.T @ X, refits=n).losses[-1] for n in (0, 2))
    assert refitted < 0.99 * plain


def test_dead_columns_stay_as_they_are() -> None:
    weight, X = weights(), inputs()
    X[:, [3, 50]] = 0
    H = X.T @ X
    start = gptq(weight, H, Scheme(4, 32))
    result = refine(weight, start.codes, start.grid, H)
    assert torch.equal(result.codes[:, [3, 50]], start.codes[:, [3, 50]])
    assert loss_of(result.codes, result.grid, weight, H) < start.loss
    nothing = refine(weight, start.codes, start.grid, torch.zeros_like(H))
    assert torch.equal(nothing.codes, start.codes)
    assert nothing.losses[-1] == 0


@pytest.mark.parametrize("out_features", [1, 3])
def test_what_is_given_is_not_changed(out_features: int) -> None:
    weight, H = weights(out_features), (inputs().T @ inputs()).float()
    grid = fit_grid(weight, Scheme(3, WHOLE_ROW))
    start = gptq(weight, H, grid)
    given = (weight, H, grid.scale, grid.zero, start.codes)
    copies = [tensor.clone() for tensor in given]
    refine(weight, start.codes, grid, H)
    refine_paper(weight, start.codes, grid, damped(H, 0.01), inputs().float())
    gptq(weight, H, grid)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given, copies, strict=True))


def test_what_cannot_be_bettered_comes_back_untouched() -> None:
    weight, X = weights(), inputs()
    start = rtn(weight, fit_grid(weight, Scheme(4, 32)).rounded(torch.bfloat16))
    exact = dequantize(start.codes, start.grid)
    for result in (
        refine(exact, start.codes, start.grid, X.T @ X),
        refine(weight, start.codes, start.grid, X.T @ X, sweeps=0),
    ):
        assert torch.equal(result.codes, start.codes)
        assert torch.equal(result.grid.scale, start.grid.scale)
        assert result.changed == 0
    assert refine(exact, start.codes, start.grid, X.T @ X).losses == (0.0, 0.0)


def test_rounds_end_when_they_gain_too_little() -> None:
    weight, X = weights(), inputs()
    start = gptq(weight, X.T @ X, Scheme(4, 32))
    patient = refine(weight, start.codes, start.grid, X.T @ X, sweeps=50, tolerance=1e-4)
    hasty = refine(weight, start.codes, start.grid, X.T @ X, sweeps=50, tolerance=0.05)
    assert len(hasty.losses) < len(patient.losses) < 50
    assert (patient.losses[-2] - patient.losses[-1]) <= 1e-4 * patient.losses[-2]


def test_cross_layer_target_is_the_damped_least_squares_solution() -> None:
    X, W = inputs(), weights().double()
    off = X + 0.3 * inputs(seed=5)  # what quantized layers before make of X
    H, C = off.T @ off, off.T @ X
    assert torch.equal(target(W, H, C, 0.0)[0], W)
    ridge = 0.01 * H.diagonal().mean() * torch.eye(96, dtype=H.dtype)
    full, used = target(W, H, C, 1.0)
    assert used == 0.01
    torch.testing.assert_close(full, torch.linalg.solve(H + ridge, (C + ridge) @ W.T).T)
    quarter, _ = target(W, H, C, 0.25)
    torch.testing.assert_close(quarter, W + 0.25 * (full - W))
    errors = [float((off @ aim.T - X @ W.T).square().sum()) for aim in (W, quarter, full)]
    assert errors[2] < errors[1] < errors[0]


def test_matrices_of_another_linear_are_refused() -> None:
    weight, X = weights(), inputs()
    start = rtn(weight, Scheme(4, 32))
    with pytest.raises(SolverError, match="do not belong together"):
        refine(weight, start.codes, start.grid, (X.T @ X)[:64, :64])
    with pytest.raises(SolverError, match="do not belong together"):
        refine(weight, start.codes[1:], start.grid, X.T @ X)
    with pytest.raises(SolverError, match="do not belong to a weight"):
        refine_paper(weight, start.codes, start.grid, X.T @ X, X[:, :64])


def paper_case() -> tuple[Tensor, Tensor, Tensor, Tensor, Grid]:
    """Weight, H̃ of sixteen batches, the last of them, and stage 1."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(4096, 48, generator=generator) @ torch.randn(48, 128, generator=generator) / 48**0.5
    X += torch.randn(4096, 128, generator=generator)
    weight = weights(64, 128)
    grid = fit_grid(weight, Scheme(4, 64)).rounded(torch.bfloat16)
    H = X.T @ X
    return weight, damped(H, 0.01), X[-256:], gptq(weight, H, grid).codes, grid


def test_papers_error_falls_and_next_to_no_code_changes() -> None:
    weight, H, X, codes, grid = paper_case()
    result = refine_paper(weight, codes, grid, H, X)
    assert len(result.gammas) == 6
    assert all(later < earlier for earlier, later in itertools.pairwise(result.gammas))
    assert result.gammas[-1] < 0.95 * result.gammas[0]
    assert result.off_grid_loss < loss_of(codes, grid, weight, H)
    assert not torch.equal(result.off_grid_weight, dequantize(codes, grid))
    assert result.changed < 1e-3
    assert result.changed == float((result.codes != codes).double().mean())


def test_papers_rounds_end_when_the_error_rises_and_the_best_is_kept() -> None:
    weight, H, X, codes, grid = paper_case()
    for step, batches in ((1.0, None), (0.2, None), (0.01, 16.0), (0.01, 1.0)):
        result = refine_paper(weight, codes, grid, H, X, step=step, batches=batches, rounds=20)
        assert 2 <= len(result.gammas) < 21
        assert result.gammas[-1] >= result.gammas[-2]
        gamma = float((X @ (weight - result.off_grid_weight).T).square().sum())
        assert gamma == pytest.approx(min(result.gammas), rel=1e-4)


def test_equation_14_as_printed_does_not_match_the_scale_of_its_residual() -> None:
    weight, H, X, codes, grid = paper_case()
    printed, scaled, own = (refine_paper(weight, codes, grid, H, X, batches=batches) for batches in (1.0, 16.0, None))
    assert printed.gammas[1] > printed.gammas[0]
    assert min(own.gammas) < min(scaled.gammas) < scaled.gammas[0]
    rescaled = refine_paper(weight, codes, grid, H / 16, X, batches=1.0)
    torch.testing.assert_close(rescaled.off_grid_weight, scaled.off_grid_weight)


def test_a_full_step_of_the_paper_stays_on_the_grid() -> None:
    weight, _, X, _, grid = paper_case()
    coarse = quantize(weight + 0.02, grid)  # a start that a full step can better
    result = refine_paper(weight, coarse, grid, damped(X.T @ X, 0.01), X, rounds=1, step=1.0)
    assert result.gammas[1] < result.gammas[0]
    torch.testing.assert_close(result.off_grid_weight, dequantize(result.codes, grid))
    assert result.changed > 0.05


def test_first_block_of_the_paper_is_a_step_to_its_rounded_least_squares() -> None:
    weight, _, X, codes, grid = paper_case()
    H = damped(X.T @ X, 0.01)
    result = refine_paper(weight, codes, grid, H, X, rounds=1, block=64)
    B, i = dequantize(codes, grid), slice(0, 64)
    D = X @ (weight - B).T + X[:, i] @ B[:, i].T
    solution = torch.linalg.solve(H[i, i], X[:, i].T @ D).T
    projected = dequantize(quantize(torch.cat([solution, B[:, 64:]], 1), grid), grid)[:, i]
    torch.testing.assert_close(result.off_grid_weight[:, i], B[:, i] + 0.01 * (projected - B[:, i]))
