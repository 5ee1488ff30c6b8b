"""Quantizes the Linears of one filled block, group after group in the order in which they are computed.

A group is what shares one input, and so one H; all of a block are gathered in one pass, with its own weights still in full
precision. After each group the guard decides on held-out rows whether its stage 2 stays. Files, and the way from block to
block: `rpiq/run/quantizing.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from rpiq.architectures.blocks import LinearInfo
from rpiq.architectures.plugins import WHOLE
from rpiq.config import QuantizationConfig
from rpiq.errors import SolverError
from rpiq.run.recording import Call, inputs_of
from rpiq.solvers.gptq import gptq, rtn
from rpiq.solvers.grid import Grid, dequantize, fit_grid
from rpiq.solvers.hessian import Hessian, damped, raised
from rpiq.solvers.refine import objective, refine, target
from rpiq.solvers.refine_paper import refine_paper

_log = logging.getLogger(__name__)
_BLOCK = 128
"""Columns that are solved together."""


@dataclass(frozen=True)
class LinearReport:
    """What became of one Linear. A loss is tr((B − W) H (B − W)ᵀ) over all calibration rows, of what is stored."""

    name: str
    out_features: int
    in_features: int
    rows: int
    """Tokens that its H has seen."""
    energy: float
    """tr(W H Wᵀ): what a loss is to be compared with."""
    loss_stage1: float
    loss_final: float
    """Of what was kept: equal to `loss_stage1` where the guard rejected stage 2."""
    changed_codes: float
    """Share of the codes in which what was kept differs from stage 1."""
    damping: float
    """As it was used."""
    rounds: tuple[float, ...] = ()
    """The objective of stage 2 before its first round and after each: the loss for `rpiq`, Γ for `rpiq-paper`."""
    off_grid_loss: float | None = None
    """`rpiq-paper`: tr((B − W) H̃ (B − W)ᵀ) before its result was packed."""
    seconds_stage1: float = 0.0
    seconds_stage2: float = 0.0
    part: str = WHOLE
    """Of the model that it belongs to."""
    fallback: str = ""
    """What was done instead, and why, where too few rows were seen: losses are plain squared errors of the weights then."""

    def relative(self, loss: float) -> float:
        """A loss as a share of tr(W H Wᵀ); nought where that is nought."""
        return loss / self.energy if self.energy > 0 else 0.0


@dataclass(frozen=True)
class GuardReport:
    """The block's output error on held-out rows with one group of Linears at stage 1 and at stage 2."""

    linears: tuple[str, ...]
    stage1: float
    """Mean over tokens of ‖output − full precision‖² / ‖full precision‖²; Linears after this group are still unquantized."""
    stage2: float
    kept: bool


@dataclass(frozen=True)
class Solved:
    """One Linear on its grid."""

    linear: LinearInfo
    codes: Tensor
    """uint8 `[out, in]`."""
    grid: Grid
    report: LinearReport


@dataclass(frozen=True)
class Passes:
    """Where the batches of a block come from; each function starts a new pass over `(hidden, call)` pairs."""

    hidden: Callable[[], Iterator[tuple[Tensor, Call]]]
    """What the quantized blocks before produce."""
    full: Callable[[], Iterator[tuple[Tensor, Call]]] | None = None
    """The same rows in full precision; only for the cross-layer target."""
    held_out: Callable[[], Iterator[tuple[Tensor, Call]]] | None = None
    """Rows that are in no H, as the quantized blocks before produce them; None for no guard."""
    held_out_target: Sequence[Tensor] = ()
    """The block's full-precision output on them, one for each batch."""


def solve_block(
    block: nn.Module,
    original: nn.Module | None,
    groups: Sequence[Sequence[LinearInfo]],
    rows: Passes,
    dtypes: dict[str, torch.dtype],
    whole: QuantizationConfig,
    clock: Callable[[], float],
    on_linear: Callable[[str], None],
) -> tuple[list[Solved], list[GuardReport]]:
    """Quantize `block` in place; its weights are de-quantized ones afterwards.

    original: the block in full precision, only for the cross-layer target. dtypes: what the weight of each Linear is stored
    as, by its name, which its scales will have too. Calls `on_linear` with the name of each Linear before it is solved.
    SolverError names the Linear.
    """
    solved: list[Solved] = []
    guards: list[GuardReport] = []
    gathered, inputs = gather(block, original, groups, rows, whole)
    for group in groups:
        moments, last = gathered.pop(0), inputs.pop(0)
        config = whole.of(group[0].part)
        first: list[Solved] = []
        second: list[Solved] = []
        for linear in group:
            on_linear(linear.name)
            try:
                stages = solve_linear(
                    weight_of(block, linear), linear, moments, last, dtypes[linear.name], config, clock
                )
            except SolverError as error:
                raise SolverError(f"{linear.name}: {error}") from error
            first.append(stages[0])
            second.append(stages[1])
        del moments, last
        guard = _choose(block, first, second, rows) if config.method == "rpiq" and config.guard else None
        if guard is not None:
            guards.append(guard)
        kept = (
            second
            if guard is None or guard.kept
            else [without_stage2(*pair) for pair in zip(first, second, strict=True)]
        )
        put_all(block, kept)
        solved += kept
    return solved, guards


def weight_of(block: nn.Module, linear: LinearInfo) -> Tensor:
    """The weight as a Linear has it, float32 `[out, in]`."""
    weight = block.get_submodule(linear.local).get_parameter("weight").detach().float()
    return weight.T.contiguous() if linear.transposed else weight


def put_all(block: nn.Module, solved: Iterable[Solved]) -> None:
    """De-quantize into the block's own parameters."""
    for one in solved:
        parameter = block.get_submodule(one.linear.local).get_parameter("weight")
        weight = dequantize(one.codes, one.grid)
        parameter.data.copy_(weight.T if one.linear.transposed else weight)


def output_error(block: nn.Module, batches: Iterable[tuple[Tensor, Call]], targets: Sequence[Tensor]) -> float:
    """Mean over tokens of ‖output − target‖² / ‖target‖²: each token counts alike, however large its activations."""
    total, tokens = 0.0, 0
    for (hidden, call), wanted in zip(batches, targets, strict=True):
        off = (call(block, hidden).float() - wanted.to(hidden.device).float()).square().sum(-1)
        size = wanted.to(hidden.device).float().square().sum(-1).clamp(min=torch.finfo(torch.float32).tiny)
        total += float((off / size).sum(dtype=torch.float64))
        tokens += off.numel()
    return total / tokens


@dataclass(frozen=True)
class Moments:
    """What the inputs of one group of Linears have been."""

    all: Hessian
    """Over all rows."""
    cross: Hessian | None
    """With the full-precision inputs, if they are wanted."""


def gather(
    block: nn.Module,
    original: nn.Module | None,
    groups: Sequence[Sequence[LinearInfo]],
    rows: Passes,
    config: QuantizationConfig,
) -> tuple[list[Moments], list[Tensor]]:
    """The moments of each group, all in one pass, and the inputs of the last row alone, `[tokens, in]` each: the paper's single
    instance. An expert's are those of the last row that it has seen."""
    firsts = [group[0] for group in groups]
    weighs = [config.of(linear.part).weighs_tokens for linear in firsts]
    moments: list[Moments] = []
    inputs = [torch.empty(0, linear.in_features) for linear in firsts]
    full = rows.full() if rows.full is not None and original is not None else None
    for hidden, call in rows.hidden():
        found = inputs_of(block, firsts, hidden, call)
        wanted = inputs_of(original, firsts, *next(full)) if full is not None and original is not None else []
        if not moments:
            device, crosses = hidden.device, full is not None
            moments = [
                Moments(
                    Hessian(linear.in_features, device=device),
                    Hessian(linear.in_features, cross=True, device=device) if crosses else None,
                )
                for linear in firsts
            ]
        for number, (x, one) in enumerate(zip(found, moments, strict=True)):
            if x is None:
                continue
            inputs[number] = x[-1]
            size = _size(x) if weighs[number] else torch.ones_like(x[..., :1])
            one.all.add(x / size)
            other = wanted[number] if wanted else None
            if one.cross is not None and other is not None:
                later = slice(config.first_positions, None)
                one.cross.add((x / size)[:, later], (other / size)[:, later])
    if not moments and not all(linear.optional for linear in firsts):
        raise SolverError(f"{firsts[0].name}: no calibration rows; give at least one")
    device = weight_of(block, firsts[0]).device
    return moments or [Moments(Hessian(linear.in_features, device=device), None) for linear in firsts], inputs


def _size(x: Tensor) -> Tensor:
    """Root mean square of each token's input, `[..., 1]`; 1 for a token of noughts."""
    size = x.square().mean(-1, keepdim=True).sqrt()
    return torch.where(size > 0, size, 1.0)


def solve_linear(
    weight: Tensor,
    linear: LinearInfo,
    moments: Moments,
    last: Tensor,
    dtype: torch.dtype,
    config: QuantizationConfig,
    clock: Callable[[], float],
) -> tuple[Solved, Solved]:
    """Stage 1 and stage 2 of one Linear; the same twice where there is no stage 2."""
    started = clock()
    H, aim = moments.all.matrix, moments.cross  # noqa: N806 - the paper's name
    few = linear.optional and moments.all.rows < config.least_rows * linear.in_features
    fallback, damping = "", config.damping_of(moments.all.rows, linear.in_features)
    if few:
        fallback = f"rounded to nearest: {moments.all.rows} rows for {linear.in_features} columns are too few"
        H, aim = torch.eye(linear.in_features, device=H.device), None  # noqa: N806
    if aim is not None and aim.rows:
        weight, _ = target(weight, aim.matrix, aim.cross, config.cross_layer, damping)
    nearest = config.method == "rtn" or few
    search = config.grid_search and config.method != "rtn"
    grid = fit_grid(weight, config.scheme, H.diagonal() if search else None, search).rounded(dtype)
    result = rtn(weight, grid) if nearest else gptq(weight, H, grid, damping, config.activation_order, _BLOCK)
    if result.damping > damping:
        _log.warning("%s: H could not be factorised; damping was raised to %g", linear.name, result.damping)
    half = clock()
    stored = dequantize(result.codes, result.grid)
    loss, off = objective(stored, weight, H), stored.sub_(weight).square_().sum(0)
    del stored
    energy = objective(torch.zeros_like(weight), weight, H)
    shape = (linear.out_features, linear.in_features, moments.all.rows, energy, loss)
    report = LinearReport(
        linear.name,
        *shape,
        loss,
        0.0,
        result.damping,
        seconds_stage1=half - started,
        part=linear.part,
        fallback=fallback,
    )
    first = Solved(linear, result.codes, result.grid, report)
    resumed = clock()
    if few:
        return first, first
    if config.method == "rpiq":
        diagonal = H.diagonal().clone()
        if config.refine_damping:  # in place: H may be the largest thing in memory
            H.diagonal().copy_(raised(diagonal, config.refine_damping))
        known = loss + float((off * (H.diagonal() - diagonal)).sum(dtype=torch.float64))
        better = refine(weight, result.codes, result.grid, H, config.sweeps, config.refits, _BLOCK, loss=known)
        H.diagonal().copy_(diagonal)
        codes, grid, changed, rounds, off_grid = better.codes, better.grid, better.changed, better.losses, None
    elif config.method == "rpiq-paper":
        curvature = damped(H, result.damping)
        paper = refine_paper(weight, result.codes, result.grid, curvature, last, config.rounds, config.step, _BLOCK)
        codes, grid, changed, rounds = paper.codes, result.grid, paper.changed, paper.gammas
        off_grid = paper.off_grid_loss
    else:
        return first, first
    times = half - started, clock() - resumed
    final = objective(dequantize(codes, grid), weight, H)
    report = LinearReport(
        linear.name, *shape, final, changed, result.damping, rounds, off_grid, *times, part=linear.part
    )
    return first, Solved(linear, codes, grid, report)


def _choose(block: nn.Module, first: list[Solved], second: list[Solved], rows: Passes) -> GuardReport | None:
    """Whether the block's output on held-out rows is no worse with stage 2 of this group than with stage 1."""
    if rows.held_out is None:
        return None
    put_all(block, first)
    before = output_error(block, rows.held_out(), rows.held_out_target)
    put_all(block, second)
    after = output_error(block, rows.held_out(), rows.held_out_target)
    return GuardReport(tuple(one.linear.name for one in first), before, after, after <= before)


def without_stage2(first: Solved, second: Solved) -> Solved:
    """Stage 1, with what stage 2 had tried in its report."""
    return replace(first, report=replace(second.report, loss_final=first.report.loss_stage1, changed_codes=0.0))
