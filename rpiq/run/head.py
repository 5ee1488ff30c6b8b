"""Quantizes the output head, in pieces of its rows: with a large vocabulary it is by far the largest matrix.

The rows of a weight know nothing of each other, so that the pieces together are what the whole would be; only that stage 2
may end sooner for one than for another. How one weight is solved: `rpiq/run/solve.py`; where inputs come from and results go:
`rpiq/run/quantizing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest

import torch
from torch import Tensor

from rpiq.architectures.blocks import LinearInfo
from rpiq.config import QuantizationConfig
from rpiq.errors import SolverError
from rpiq.run.solve import GuardReport, LinearReport, Moments, Solved, solve_linear, without_stage2
from rpiq.solvers.grid import Grid, dequantize
from rpiq.solvers.hessian import Hessian

PIECE = 1 << 25
"""Weights that are solved at once."""


def solve_head(
    head: LinearInfo,
    pieces: Iterable[Tensor],
    inputs: Iterable[Tensor],
    held: Iterable[Tensor],
    dtype: torch.dtype,
    config: QuantizationConfig,
    clock: Callable[[], float],
) -> tuple[Solved, GuardReport | None]:
    """The head on its grid.

    pieces: its rows, `[rows, in]` each. inputs: what it receives, `[..., in]` for each batch; held: the same for rows that are
    in no H. dtype: what its scales are stored as. The guard compares with the full-precision head on the same inputs.
    SolverError names the head.
    """
    moments: Hessian | None = None
    last = torch.empty(0)
    for last in inputs:
        moments = moments or Hessian(head.in_features, device=last.device)
        moments.add(last)
    if moments is None:
        raise SolverError(f"{head.name}: no calibration rows; give at least one")
    held_rows = [x.flatten(0, -2).float() for x in held]
    x = torch.cat(held_rows) if held_rows else None
    errors = torch.zeros(3, 0 if x is None else len(x), device=last.device)
    stages: tuple[list[Solved], list[Solved]] = ([], [])
    for piece in pieces:
        weight = piece.to(last.device, torch.float32)
        part = replace(head, out_features=len(weight))
        try:
            pair = solve_linear(weight, part, Moments(moments, None), last.flatten(0, -2).float(), dtype, config, clock)
        except SolverError as error:
            raise SolverError(f"{head.name}: {error}") from error
        for solved, stage in zip(pair, stages, strict=True):
            stage.append(solved)
        if x is not None:
            off = [dequantize(one.codes, one.grid).sub_(weight) for one in pair]
            errors += torch.stack([(x @ part.T).square().sum(1) for part in (*off, weight)])
    first, second = (_joined(head, stage) for stage in stages)
    if config.method != "rpiq" or x is None:
        return second, None
    size = errors[2].clamp(min=torch.finfo(torch.float32).tiny)
    before, after = (float((one / size).mean()) for one in errors[:2])
    guard = GuardReport((head.name,), before, after, after <= before)
    return second if guard.kept else without_stage2(first, second), guard


def pieces_of(solved: Solved) -> Iterator[Tensor]:
    """The weights that the codes stand for, float32, in pieces of rows."""
    rows = max(1, PIECE // solved.linear.in_features)
    grid = solved.grid
    parts = (torch.split(one, rows) for one in (solved.codes, grid.scale, grid.zero))
    for codes, scale, zero in zip(*parts, strict=True):
        yield dequantize(codes, Grid(scale, zero, grid.scheme, grid.dtype))


def _joined(head: LinearInfo, parts: list[Solved]) -> Solved:
    """The pieces as one Linear: losses and times are sums."""
    grids, reports = [one.grid for one in parts], [one.report for one in parts]
    grid = Grid(
        torch.cat([one.scale for one in grids]), torch.cat([one.zero for one in grids]), grids[0].scheme, grids[0].dtype
    )
    # A piece that needed fewer rounds stays where it was.
    rounds = zip_longest(*(one.rounds for one in reports))
    last = [one.rounds[-1] if one.rounds else 0.0 for one in reports]
    off_grid = [one.off_grid_loss for one in reports if one.off_grid_loss is not None]
    report = LinearReport(
        name=head.name,
        out_features=head.out_features,
        in_features=head.in_features,
        rows=reports[0].rows,
        energy=sum(one.energy for one in reports),
        loss_stage1=sum(one.loss_stage1 for one in reports),
        loss_final=sum(one.loss_final for one in reports),
        changed_codes=sum(one.changed_codes * one.out_features for one in reports) / head.out_features,
        damping=max(one.damping for one in reports),
        rounds=tuple(sum(b if a is None else a for a, b in zip(step, last, strict=True)) for step in rounds),
        off_grid_loss=sum(off_grid) if off_grid else None,
        seconds_stage1=sum(one.seconds_stage1 for one in reports),
        seconds_stage2=sum(one.seconds_stage2 for one in reports),
    )
    return Solved(head, torch.cat([one.codes for one in parts]), grid, report)
