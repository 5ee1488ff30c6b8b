"""Moments add up whatever the batches; damping is equation 10; a factorisation that fails says what it took."""
# ruff: noqa: N806 - matrices have the names that the paper gives them

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rpiq.config import Scheme
from rpiq.errors import SolverError
from rpiq.solvers.gptq import gptq
from rpiq.solvers.grid import dequantize, fit_grid
from rpiq.solvers.hessian import Hessian, damped, factor, inverse_factor
from rpiq.solvers.refine import objective, refine


def inputs(rows: int = 96, width: int = 24, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator, dtype=dtype) @ torch.randn(
        width, width, generator=generator, dtype=dtype
    )


def test_batches_add_up_to_the_whole() -> None:
    x = inputs()
    hessian = Hessian(24, torch.float64)
    for batch in (x[:10], x[10:64].view(2, 27, 24), x[64:]):
        hessian.add(batch)
    assert hessian.rows == 96
    torch.testing.assert_close(hessian.matrix, x.T @ x)


@pytest.mark.parametrize("width", [255, 256, 257, 600])
def test_wide_inputs_are_summed_below_the_diagonal_and_mirrored(width: int) -> None:
    x = inputs(width=width)
    hessian = Hessian(width, torch.float64)
    hessian.add(x[:40])
    torch.testing.assert_close(hessian.matrix, x[:40].T @ x[:40])
    hessian.add(x[40:])
    torch.testing.assert_close(hessian.matrix, x.T @ x)
    assert torch.equal(hessian.matrix, hessian.matrix.T)


def test_sums_in_float64_keep_what_float32_loses() -> None:
    x = inputs(64, dtype=torch.float32) + 1000.0  # a large mean hides small differences
    exact = 200 * (x.double().T @ x.double())
    errors = {}
    for dtype in (torch.float32, torch.float64):
        hessian = Hessian(24, dtype)
        for _ in range(200):
            hessian.add(x)
        errors[dtype] = float((hessian.matrix.double() - exact).norm() / exact.norm())
    assert errors[torch.float64] < 1e-13
    assert 1e-9 < errors[torch.float32] < 1e-4


def test_what_float32_loses_does_not_matter_to_the_solvers() -> None:
    """Many batches, with a few channels a hundred times louder than the rest, as in real models."""
    generator = torch.Generator().manual_seed(5)
    loudness = torch.ones(128)
    loudness[[3, 70]] = 100.0
    mix = torch.randn(128, 128, generator=generator) * loudness
    weight = torch.randn(48, 128, generator=generator)
    moments = {dtype: Hessian(128, dtype) for dtype in (torch.float32, torch.float64)}
    for _ in range(100):
        x = torch.randn(256, 128, generator=generator) @ mix
        for hessian in moments.values():
            hessian.add(x)
    exact = moments[torch.float64].matrix
    results = {}
    for dtype, hessian in moments.items():
        grid = fit_grid(weight, Scheme(4, 32), hessian.matrix.diagonal(), search=True)
        first = gptq(weight, hessian.matrix, grid)
        results[dtype] = refine(weight, first.codes, first.grid, hessian.matrix)
    losses = [objective(dequantize(one.codes, one.grid), weight, exact) for one in results.values()]
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)
    same = results[torch.float32].codes == results[torch.float64].codes
    assert float(same.double().mean()) > 0.99


def test_cross_moments_pair_the_rows() -> None:
    x, full = inputs(), inputs(seed=1)
    hessian = Hessian(24, torch.float64, cross=True)
    hessian.add(x[:50], full[:50])
    hessian.add(x[50:], full[50:])
    torch.testing.assert_close(hessian.cross, x.T @ full)
    torch.testing.assert_close(hessian.matrix, x.T @ x)


def test_inputs_that_do_not_belong_are_refused() -> None:
    x = inputs()
    with pytest.raises(SolverError, match="width 24 do not belong to a Linear of 16"):
        Hessian(16).add(x)
    with pytest.raises(SolverError, match="both or neither"):
        Hessian(24).add(x, x)
    with pytest.raises(SolverError, match="both or neither"):
        Hessian(24, cross=True).add(x)
    with pytest.raises(SolverError, match=r"96 rows .* 95"):
        Hessian(24, cross=True).add(x, x[1:])
    with pytest.raises(SolverError, match="cross=True"):
        _ = Hessian(24).cross


def test_damping_is_equation_10() -> None:
    H = inputs().T @ inputs()
    torch.testing.assert_close(damped(H, 0.03), H + 0.03 * H.diagonal().mean() * torch.eye(24, dtype=H.dtype))


@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_dead_columns_can_be_factorised(damping: float) -> None:
    x = inputs()
    x[:, [2, 20]] = 0
    H = x.T @ x
    assert bool((damped(H, damping).diagonal() > 0).all())
    lower, used = factor(H, damping)
    assert used == damping
    torch.testing.assert_close(lower @ lower.T, damped(H, damping))
    nothing, _ = factor(torch.zeros(4, 4), damping)
    assert torch.equal(nothing, torch.eye(4))


def test_inverse_factor_belongs_to_the_inverse() -> None:
    H = inputs().T @ inputs()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(3))
    R, used = inverse_factor(H, 0.01, order)
    ordered = damped(H, 0.01)[order][:, order]
    assert used == 0.01
    assert torch.equal(R, R.triu())
    torch.testing.assert_close(R @ R.T, ordered)
    U = torch.linalg.cholesky(torch.linalg.inv(ordered), upper=True)
    torch.testing.assert_close(torch.linalg.inv(R), U)


@pytest.mark.parametrize("size", [1, 2, 5, 300, 601])
@pytest.mark.parametrize("ordered", [False, True])
def test_factors_of_any_size(size: int, ordered: bool) -> None:
    """In place and in pieces, of odd and even sizes, and H itself is left as it was."""
    x = inputs(size + 8, size)
    H = x.T @ x
    before = H.clone()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size)) if ordered else torch.arange(size)
    wanted = damped(H, 0.01)[order][:, order]
    lower, _ = factor(H, 0.01, order if ordered else None)
    torch.testing.assert_close(lower, torch.linalg.cholesky(wanted))
    R, _ = inverse_factor(H, 0.01, order if ordered else None)
    assert torch.equal(R, R.triu())
    torch.testing.assert_close(R @ R.T, wanted)
    assert torch.equal(H, before)


def test_a_matrix_that_lies_otherwise_in_memory() -> None:
    H = inputs().T @ inputs()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(3))
    for other in (H.T, torch.stack((H, H), -1)[..., 0]):
        assert not other.is_contiguous()
        torch.testing.assert_close(inverse_factor(other, 0.01, order)[0], inverse_factor(H, 0.01, order)[0])
        torch.testing.assert_close(inverse_factor(other, 0.01)[0], inverse_factor(H, 0.01)[0])


def test_failing_factorisation_raises_the_damping_and_says_so() -> None:
    H = inputs(8).T @ inputs(8)
    values, vectors = torch.linalg.eigh(H)
    values[0] = -0.05 * H.diagonal().mean()  # as rounding errors may leave it, only more so
    H = vectors @ values.diag() @ vectors.T
    lower, used = factor(H, 0.01)
    assert used == pytest.approx(0.1)
    torch.testing.assert_close(lower @ lower.T, damped(H, used))
    singular = torch.ones(3, 3)
    assert 0 < factor(singular, 0.0)[1] < 0.01


def test_hopeless_and_damaged_matrices_are_refused() -> None:
    with pytest.raises(SolverError, match="cannot be factorised, not even with damping 10"):
        factor(-torch.eye(4), 0.01)
    hessian = Hessian(4)
    hessian.add(torch.tensor([[1.0, float("nan"), 0.0, 0.0]]))
    with pytest.raises(SolverError, match="NaN or infinite"):
        damped(hessian.matrix, 0.01)
    with pytest.raises(SolverError, match="NaN or infinite"):
        factor(hessian.matrix, 0.01)
