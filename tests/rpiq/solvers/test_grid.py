"""Weights come back from the grid within half a step, codes exactly; odd groups and damaged weights are no surprise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import SolverError
from rpiq.solvers.grid import Grid, columns, dequantize, fit_grid, group_of, quantize

SCHEMES = [
    Scheme(bits, group_size, symmetric)
    for bits in range(2, 9)
    for group_size in (32, 50, WHOLE_ROW)
    for symmetric in (False, True)
]


def weights(out_features: int = 12, in_features: int = 160, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(out_features, in_features, generator=generator) * 0.05


def weighted_error(weight: Tensor, grid: Grid, importance: Tensor) -> Tensor:
    """Σ importance · error² of each row."""
    return ((dequantize(quantize(weight, grid), grid) - weight).square() * importance).sum(1)


def test_groups_of_columns() -> None:
    assert group_of(6, 2).tolist() == [0, 0, 1, 1, 2, 2]
    assert group_of(5, 2).tolist() == [0, 0, 1, 1, 2]
    assert group_of(3, WHOLE_ROW).tolist() == group_of(3, 128).tolist() == [0, 0, 0]


@pytest.mark.parametrize("group_size", [0, -2])
def test_impossible_group_size_is_refused(group_size: int) -> None:
    with pytest.raises(SolverError, match="columns is not possible"):
        group_of(8, group_size)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_every_weight_is_within_half_a_step(scheme: Scheme) -> None:
    weight = weights()
    grid = fit_grid(weight, scheme)
    codes = quantize(weight, grid)
    assert codes.dtype == torch.uint8
    assert int(codes.max()) < 2**scheme.bits
    steps = (dequantize(codes, grid) - weight).abs() / columns(grid.scale, weight.shape[1], scheme)
    assert float(steps.max()) <= 0.5 + 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_codes_survive_the_way_to_weights_and_back(scheme: Scheme, dtype: torch.dtype) -> None:
    grid = fit_grid(weights(), scheme).rounded(dtype)
    codes = torch.randint(0, 2**scheme.bits, (12, 160), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert torch.equal(quantize(dequantize(codes, grid), grid), codes)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounded_scales_are_stored_without_loss(dtype: torch.dtype) -> None:
    grid = fit_grid(weights(), Scheme()).rounded(dtype)
    assert grid.dtype == dtype
    assert torch.equal(grid.scale.to(dtype).float(), grid.scale)
    assert not torch.equal(grid.scale, fit_grid(weights(), Scheme()).scale)


@pytest.mark.parametrize("symmetric", [False, True])
def test_nought_is_always_on_the_grid(symmetric: bool) -> None:
    weight = weights() + 1.0  # all positive
    grid = fit_grid(weight, Scheme(4, 32, symmetric))
    assert not dequantize(quantize(torch.zeros_like(weight), grid), grid).any()


def test_constant_groups_are_met_exactly_and_noughts_stay_noughts() -> None:
    weight = torch.zeros(3, 8)
    weight[1], weight[2] = 0.3, -0.7
    for scheme in (Scheme(4, 4), Scheme(4, 4, symmetric=True)):
        grid = fit_grid(weight, scheme, search=True).rounded(torch.float32)
        assert bool((grid.scale > 0).all())
        back = dequantize(quantize(weight, grid), grid)
        assert not back[0].any()
        tolerance = 0.07 if scheme.symmetric else 1e-6  # the positive end of a symmetric grid is half a step short
        torch.testing.assert_close(back, weight, rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_next_to_nothing_do_not_divide_by_nought(dtype: torch.dtype) -> None:
    weight = torch.full((2, 8), 1e-39)
    grid = fit_grid(weight, Scheme(4, 8)).rounded(dtype)
    assert bool((grid.scale > 0).all())
    assert bool(torch.isfinite(dequantize(quantize(weight, grid), grid)).all())


def test_shorter_last_group_is_fitted_alone() -> None:
    weight = weights(in_features=80)
    for search in (False, True):
        whole = fit_grid(weight, Scheme(4, 64), search=search)
        tail = fit_grid(weight[:, 64:], Scheme(4, 64), search=search)
        assert torch.equal(whole.scale[:, 1:], tail.scale)
        assert torch.equal(whole.zero[:, 1:], tail.zero)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_search_never_errs_more_than_the_full_range(scheme: Scheme) -> None:
    weight = weights()
    importance = torch.rand(160, generator=torch.Generator().manual_seed(2)) ** 4
    plain = weighted_error(weight, fit_grid(weight, scheme), importance)
    searched = weighted_error(weight, fit_grid(weight, scheme, importance, search=True), importance)
    assert bool((searched <= plain * (1 + 1e-5)).all())
    if scheme.bits <= 4:
        assert float(searched.sum()) < 0.97 * float(plain.sum())


def test_search_shrinks_each_end_alone() -> None:
    weight = weights(4, 64).abs()
    weight[:, 3] = -1.0  # one column far out on one side that hardly counts
    importance = torch.ones(64)
    importance[3] = 1e-6
    grid = fit_grid(weight, Scheme(4, 64), importance, search=True)
    low, high = -grid.zero * grid.scale, (15 - grid.zero) * grid.scale
    assert bool((low > -0.6).all())
    assert float(weighted_error(weight, grid, importance).sum()) < 0.4 * float(
        weighted_error(weight, fit_grid(weight, Scheme(4, 64)), importance).sum()
    )
    assert bool((high <= 1.3 * weight.amax(1, keepdim=True)).all())


def test_search_does_not_depend_on_how_rows_are_cut() -> None:
    weight = weights(1000, 160)
    together = fit_grid(weight, Scheme(4, 32), search=True)
    alone = fit_grid(weight[900:901], Scheme(4, 32), search=True)
    assert torch.equal(together.scale[900:901], alone.scale)


@pytest.mark.parametrize("fault", [float("nan"), float("inf")])
def test_damaged_weights_are_refused(fault: float) -> None:
    weight = weights()
    weight[3, 7] = fault
    with pytest.raises(SolverError, match="NaN or infinite"):
        fit_grid(weight, Scheme())


def test_scale_beyond_the_storage_type_is_refused() -> None:
    with pytest.raises(SolverError, match=r"does not fit torch\.float16"):
        fit_grid(torch.full((1, 8), 1e7), Scheme()).rounded(torch.float16)
