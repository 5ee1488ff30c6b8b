"""The drawings of a run: convergence of stage 2, loss of each Linear, changed codes, sizes, times; each with its words and table.

A drawing is a PNG in memory. Whoever cannot see it finds what it shows in `alt`, and its numbers in `rows`. Markers, not
colours alone, tell lines apart. Needs matplotlib (the extra `report`); the page they go into: `rpiq/run/report/page.py`.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rpiq.config import QuantizationConfig
from rpiq.errors import ConfigError
from rpiq.run.result import Report
from rpiq.run.solve import LinearReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _DPI = 9.0, 110
"""Inches, and dots per inch."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's
_MARKERS = "osD^vXP"
_BEFORE, _AFTER, _REST = "#d55e00", "#0072b2", "#999999"


@dataclass(frozen=True)
class Plot:
    """One drawing and everything that stands beside it."""

    name: str
    """Of its file, without the suffix."""
    title: str
    caption: str
    alt: str
    """What is to be seen, in a sentence or two."""
    png: bytes
    heads: tuple[str, ...]
    """Of the table."""
    rows: tuple[tuple[str, ...], ...]


def plots(report: Report) -> list[Plot]:
    """All drawings that make sense for this run. ConfigError when matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("drawings need matplotlib; run: pip install 'rpiq-assistant[report]'")
    drawn = [
        convergence(report.linears, report.config),
        _distillation(report),
        _losses(report),
        _codes(report),
        _sizes(report),
        _times(report),
    ]
    return [plot for plot in drawn if plot is not None]


def convergence(linears: Sequence[LinearReport], config: QuantizationConfig) -> Plot | None:
    """The objective of stage 2 round by round, as a share of its start (figure 5 of the paper); None where nothing moved.

    `linears` may be those of a run that is not over. Needs matplotlib.
    """
    curves = [(one, [v / one.rounds[0] for v in one.rounds]) for one in linears if _moved(one)]
    if not curves:
        return None
    most = max(len(values) for _, values in curves)
    roles = list(dict.fromkeys(_role(one) for one, _ in curves))

    def mean(wanted: str | None) -> list[float]:
        chosen = [values for one, values in curves if wanted in (None, _role(one))]
        return [fmean(values[min(step, len(values) - 1)] for values in chosen) for step in range(most)]

    figure = _figure(4.2)
    axes = figure.add_subplot()
    for _, values in curves:
        axes.plot(range(len(values)), values, color="#bbbbbb", linewidth=0.6)
    for number, role in enumerate(roles):
        axes.plot(range(most), mean(role), label=role, linewidth=2, **_look(number))
    axes.set(xlabel="round", ylabel="share of the start", xticks=range(most))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    what = "Γ on the single instance" if config.method == "rpiq-paper" else "tr((B − W) H (B − W)ᵀ)"
    rounds = config.rounds if config.method == "rpiq-paper" else config.sweeps
    stopped = sum(len(values) - 1 < rounds for _, values in curves)
    total = mean(None)
    falls = [1 - min(values) for _, values in curves]
    return Plot(
        "convergence",
        "Convergence of stage 2",
        f"{what} before the first round and after each, as a share of its start. Thin lines: each of {len(curves)} Linears; thick "
        f"ones: the mean of a kind, a curve that ended early going on as it ended. {stopped} of them stopped early.",
        f"Falling lines over {most - 1} rounds. The mean over all Linears falls from 1 to {total[-1]:.3f}; single ones fall by "
        f"{min(falls):.1%} to {max(falls):.1%}.",
        _png(figure),
        ("round", *map(str, range(most))),
        (*((role, *(f"{v:.4f}" for v in mean(role))) for role in roles), ("all", *(f"{v:.4f}" for v in total))),
    )


def _distillation(report: Report) -> Plot | None:
    """Divergence from the full-precision model, step by step of stage 3."""
    taught = report.distillation
    if taught is None:
        return None
    steps, values = range(1, taught.steps + 1), taught.divergence
    figure = _figure(3.6)
    axes = figure.add_subplot()
    axes.plot(steps, values, label="the step's own rows", color=_AFTER, linewidth=1.5, marker="o", markersize=4)
    before, after = taught.held_out_before, taught.held_out_after
    judged = ""
    if before is not None and after is not None:
        axes.plot((1, taught.steps), (before, after), "D", label="held-out rows", color=_BEFORE, markersize=8)
        judged = (
            f" On held-out rows: {before:.4f} before, {after:.4f} after{'' if taught.kept else '; so it was put back'}."
        )
    axes.set(xlabel="step", ylabel="nats per token", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    quarter = max(1, taught.steps // 4)
    first, last = fmean(values[:quarter]), fmean(values[-quarter:])
    return Plot(
        "distillation",
        "Stage 3: learning from the full-precision model",
        "Kullback-Leibler divergence of the quantized model's next token from the full-precision model's, before each step, on the "
        "rows of that step, which differ from step to step; large marks: on rows that nothing has learned from.",
        f"A line over {taught.steps} steps: {first:.4f} nats on average in the first quarter, {last:.4f} in the last.{judged}",
        _png(figure),
        ("steps", "mean divergence"),
        tuple(
            (f"{start + 1} to {min(start + quarter, taught.steps)}", f"{fmean(values[start : start + quarter]):.4f}")
            for start in range(0, taught.steps, quarter)
        ),
    )


def _losses(report: Report) -> Plot | None:
    """Relative loss of each Linear after stage 1, and of what was kept, over the blocks."""
    pairs = [(one.relative(one.loss_stage1), one.relative(one.loss_final)) for one in report.linears]
    if not any(value > 0 for pair in pairs for value in pair):
        return None
    figure = _panels(
        report,
        {
            "stage 1": (_BEFORE, "o", lambda one: one.relative(one.loss_stage1)),
            "kept": (_AFTER, "x", lambda one: one.relative(one.loss_final)),
        },
        "share of tr(W H Wᵀ)",
        log=True,
    )
    before, after = (fmean(values) for values in zip(*pairs, strict=True))
    change = f", {after / before - 1:+.1%}" if before > 0 else ""
    return Plot(
        "losses",
        "Loss of each Linear, before and after stage 2",
        "tr((B − W) H (B − W)ᵀ) on the calibration data as a share of tr(W H Wᵀ), logarithmic, one panel for each kind of Linear. "
        "Rings: after stage 1. Crosses: what was kept. Every single number is in the last table.",
        f"Dots over the blocks, one panel for each kind of Linear. On average the loss is {before:.5f} after stage 1 and {after:.5f} in "
        f"what was kept{change}.",
        _png(figure),
        ("Linears", "stage 1, mean", "kept, mean", "change", "highest kept", "in"),
        tuple(_loss_row(role, linears) for role, linears in _by_role(report).items()),
    )


def _loss_row(role: str, linears: Sequence[LinearReport]) -> tuple[str, ...]:
    before, after = (fmean(one.relative(getattr(one, key)) for one in linears) for key in ("loss_stage1", "loss_final"))
    worst = max(linears, key=lambda one: one.relative(one.loss_final))
    change = f"{after / before - 1:+.1%}" if before > 0 else "0"
    return (role, f"{before:.5f}", f"{after:.5f}", change, f"{worst.relative(worst.loss_final):.5f}", worst.name)


def _codes(report: Report) -> Plot | None:
    """Share of the codes that stage 2 changed."""
    if not report.config.refines:
        return None
    figure = _panels(report, {"changed": (_AFTER, "o", lambda one: 100 * one.changed_codes)}, "codes changed (%)")
    shares = [one.changed_codes for one in report.linears]
    untouched = sum(share == 0 for share in shares)
    return Plot(
        "codes",
        "Codes that stage 2 changed",
        "Share of the codes of each Linear in which what was kept differs from stage 1; nought where the guard kept stage 1.",
        f"Dots over the blocks, one panel for each kind of Linear, between {min(shares):.3%} and {max(shares):.3%}. In {untouched} of "
        f"{len(shares)} Linears no code changed.",
        _png(figure),
        ("Linears", "mean", "least", "most", "unchanged"),
        tuple(
            (role, f"{fmean(found):.3%}", f"{min(found):.3%}", f"{max(found):.3%}", f"{found.count(0)} of {len(found)}")
            for role, found in ((role, [one.changed_codes for one in ones]) for role, ones in _by_role(report).items())
        ),
    )


def _sizes(report: Report) -> Plot:
    """The folder before and after."""
    names, sizes = ("before", "after"), (report.source_bytes / 1e6, report.output_bytes / 1e6)
    figure = _figure(1.6)
    axes = figure.add_subplot()
    bars = axes.barh(names, sizes, color=(_BEFORE, _AFTER))
    axes.bar_label(bars, [f"{size:,.1f} MB" for size in sizes], padding=4)
    axes.set(xlabel="MB", xlim=(0, 1.2 * max(sizes)))
    axes.invert_yaxis()
    share = sizes[1] / sizes[0]
    return Plot(
        "sizes",
        "Size",
        "All weights of the model, before and after. Embeddings and head are kept as they were unless the settings say otherwise.",
        f"Two bars: {sizes[0]:,.1f} MB before, {sizes[1]:,.1f} MB after, {share:.0%} of it.",
        _png(figure),
        ("model", "MB", "share"),
        (("before", f"{sizes[0]:,.1f}", "100%"), ("after", f"{sizes[1]:,.1f}", f"{share:.1%}")),
    )


def _times(report: Report) -> Plot:
    """Seconds of each block, by what they were spent on."""
    parts = {"stage 1": (_BEFORE, [sum(one.seconds_stage1 for one in block.linears) for block in report.blocks])}
    parts["stage 2"] = (_AFTER, [sum(one.seconds_stage2 for one in block.linears) for block in report.blocks])
    solved = [sum(pair) for pair in zip(*(values for _, values in parts.values()), strict=True)]
    rest = [max(0.0, block.seconds - known) for block, known in zip(report.blocks, solved, strict=True)]
    parts["running the block, reading, writing"] = (_REST, rest)
    figure = _figure(3.0)
    axes = figure.add_subplot()
    bottom = [0.0] * len(report.blocks)
    for (name, (colour, values)), hatch in zip(parts.items(), ("", "//", ".."), strict=True):
        axes.bar(range(len(values)), values, bottom=bottom, label=name, color=colour, hatch=hatch, edgecolor="white")
        bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    axes.set(xlabel="block", ylabel="seconds")
    axes.legend(fontsize=9)
    sums = {name: sum(values) for name, (_, values) in parts.items()}
    whole = sum(sums.values()) or 1.0
    told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sums.items())
    return Plot(
        "times",
        "Time",
        f"Seconds that each block took. The whole run took {report.seconds:,.0f} s"
        + (", not counting the parts before it was resumed." if report.resumed else "."),
        f"Stacked bars, one for each of {len(report.blocks)} blocks. All together: {told}.",
        _png(figure),
        ("work", "seconds", "share"),
        tuple((name, f"{seconds:.1f}", f"{seconds / whole:.0%}") for name, seconds in sums.items()),
    )


def _panels(
    report: Report, series: dict[str, tuple[str, str, Callable[[LinearReport], float]]], label: str, log: bool = False
) -> Figure:
    """One panel for each kind of Linear: the values of `series` (colour, marker, value) over the blocks."""
    roles = list(_by_role(report))
    columns = min(4, len(roles))
    lines = -(-len(roles) // columns)
    figure = _figure(0.6 + 2.1 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(roles):
            axes.set_visible(False)
            continue
        axes.set_title(roles[number], fontsize=10)
        axes.tick_params(labelbottom=number + columns >= len(roles))  # those with nothing below them
        axes.grid(alpha=0.3)
        if log:
            axes.set_yscale("log")
        for name, (colour, marker, value) in series.items():
            points = [
                (at, value(one))
                for at, b in enumerate(report.blocks)
                for one in b.linears
                if _role(one) == roles[number]
            ]
            shown = [(x, y) for x, y in points if y > 0 or not log]
            face = "none" if marker == "o" else colour
            axes.plot(*zip(*shown, strict=True), marker, color=colour, markerfacecolor=face, markersize=4, label=name)
    figure.supxlabel("block", fontsize=10)
    figure.supylabel(label, fontsize=10)
    if len(series) > 1:
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=len(series), fontsize=9)
    return figure


def _by_role(report: Report) -> dict[str, list[LinearReport]]:
    """The Linears by their kind, in the order of the first block."""
    found: dict[str, list[LinearReport]] = {}
    for one in report.linears:
        found.setdefault(_role(one), []).append(one)
    return found


def _role(linear: LinearReport) -> str:
    return linear.name.rpartition(".")[2]


def _moved(linear: LinearReport) -> bool:
    return len(linear.rounds) > 1 and linear.rounds[0] > 0


def _look(number: int) -> dict[str, Any]:
    return {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKERS[number % len(_MARKERS)]}


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(_WIDTH, height), dpi=_DPI, layout="constrained")


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
