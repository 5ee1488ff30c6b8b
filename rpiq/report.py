"""One self-contained HTML page about a run: convergence curves, loss per Linear before and after, changed codes, times.

Drawings are inline SVG with the numbers beside them in tables, so that the page can be read aloud too; no script, no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from statistics import fmean

from rpiq.result import Report
from rpiq.solve import LinearReport

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 240, 60, 30
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .7rem;border-bottom:1px solid #ccc;text-align:right}
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#111}
"""


def page(report: Report) -> str:
    """The page, as HTML."""
    title = f"{report.source}: {report.config.method}, {report.config.scheme.bits} bits"
    parts = [_summary(report), _curves(report), _losses(report), _guards(report), _times(report), _table(report)]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )


def relative(linear: LinearReport, loss: float) -> float:
    """A loss as a share of tr(W H Wᵀ); nought where that is nought."""
    return loss / linear.energy if linear.energy > 0 else 0.0


def _summary(report: Report) -> str:
    linears = report.linears
    codes = sum(one.out_features * one.in_features for one in linears)
    changed = sum(one.changed_codes * one.out_features * one.in_features for one in linears)
    rows = [
        ("Linears", f"{len(linears):,} in {len(report.blocks)} blocks, {codes:,} weights"),
        ("Size", f"{report.source_bytes / 1e6:,.1f} MB → {report.output_bytes / 1e6:,.1f} MB"),
        ("Calibration", f"{report.rows} rows of {report.config.sequence_length} tokens from {report.calibration}"),
        ("Held out", f"{report.held_out_rows} rows"),
        ("Mean relative loss, stage 1", f"{fmean(relative(one, one.loss_stage1) for one in linears):.5f}"),
        ("Mean relative loss, kept", f"{fmean(relative(one, one.loss_final) for one in linears):.5f}"),
        ("Codes that stage 2 changed", f"{changed / codes:.4%}"),
        ("Time", f"{report.seconds:,.0f} s" + (" (the last part of a resumed run)" if report.resumed else "")),
        ("Peak memory", f"{report.peak_memory_bytes / 1e9:.2f} GB"),
        ("Device", report.device),
    ]
    if report.check is not None:
        found = f"{report.check.logits_error:.2%}, same next token at {report.check.agreement:.1%} of positions"
        rows.append(("Logits of the reloaded folder differ by", found))
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<h2>Summary</h2>\n<table>{cells}</table>"


def _curves(report: Report) -> str:
    """The objective of stage 2 round by round, as a share of its start, for every Linear (figure 5 of the paper)."""
    curves = [
        (one.name, [value / one.rounds[0] for value in one.rounds])
        for one in report.linears
        if len(one.rounds) > 1 and one.rounds[0] > 0
    ]
    if not curves:
        return ""
    most = max(len(values) for _, values in curves)
    low = min(0.95, min(min(values) for _, values in curves))
    high = max(1.0, max(max(values) for _, values in curves))

    def point(step: int, value: float) -> str:
        x = _LEFT + step / (most - 1) * (_WIDTH - _LEFT - 10)
        return f"{x:.1f},{10 + (high - value) / (high - low) * (_HEIGHT - _BOTTOM - 10):.1f}"

    lines = [
        f'<polyline fill="none" stroke="#0b5" stroke-opacity=".35" points="'
        f'{" ".join(point(i, v) for i, v in enumerate(values))}"><title>{escape(name)}</title></polyline>'
        for name, values in curves
    ]
    mean = [fmean(values[min(step, len(values) - 1)] for _, values in curves) for step in range(most)]
    lines.append(
        f'<polyline fill="none" stroke="#000" stroke-width="2" points="{" ".join(map(point, range(most), mean))}"/>'
    )
    labels = [
        f'<text x="{point(i, low).partition(",")[0]}" y="{_HEIGHT - 8}" text-anchor="middle">{i}</text>'
        for i in range(most)
    ]
    labels += [f'<text x="4" y="{point(0, v).partition(",")[2]}">{v:.2f}</text>' for v in (high, low)]
    what = "Γ on the single instance" if report.config.method == "rpiq-paper" else "tr((B − W) H (B − W)ᵀ)"
    cells = "".join(f"<td>{value:.4f}</td>" for value in mean)
    heads = "".join(f"<th>{step}</th>" for step in range(most))
    return (
        f"<h2>Convergence of stage 2</h2>\n<p>{what} after each round, as a share of its value before the first; one line "
        f"for each of {len(curves)} Linears, the mean in black.</p>\n{_svg('Convergence of stage 2', lines + labels)}\n"
        f"<table><tr><th>round</th>{heads}</tr><tr><td>mean</td>{cells}</tr></table>"
    )


def _losses(report: Report) -> str:
    """Relative loss of each Linear after stage 1 and of what was kept, on a logarithmic axis."""
    linears = report.linears
    pairs = [(relative(one, one.loss_stage1), relative(one, one.loss_final)) for one in linears]
    positive = [value for pair in pairs for value in pair if value > 0]
    if not positive:
        return ""
    low, high = math.log10(min(positive)), math.log10(max(positive))
    span = (high - low) or 1.0

    def dot(index: int, value: float, colour: str, name: str) -> str:
        x = _LEFT + (index + 0.5) / len(linears) * (_WIDTH - _LEFT - 10)
        y = 10 + (high - math.log10(value)) / span * (_HEIGHT - _BOTTOM - 20)
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"><title>{escape(name)}: {value:.3g}</title></circle>'

    shapes = []
    for index, (one, (before, after)) in enumerate(zip(linears, pairs, strict=True)):
        shapes += [dot(index, before, "#c60", f"{one.name}, stage 1")] if before > 0 else []
        shapes += [dot(index, after, "#05c", f"{one.name}, kept")] if after > 0 else []
    shapes += [f'<text x="4" y="20">{10**high:.2g}</text>', f'<text x="4" y="{_HEIGHT - _BOTTOM}">{10**low:.2g}</text>']
    return (
        "<h2>Loss of each Linear</h2>\n<p>As a share of tr(W H Wᵀ), in the order of the model: orange after stage 1, blue what "
        f"was kept. All numbers are in the table below.</p>\n{_svg('Loss of each Linear', shapes)}"
    )


def _guards(report: Report) -> str:
    rows = [(block.name, block.held_out_error, guard) for block in report.blocks for guard in block.guards]
    if not rows:
        return ""
    kept = sum(guard.kept for _, _, guard in rows)
    cells = "".join(
        f"<tr><td>{escape(', '.join(name.removeprefix(block + '.') for name in guard.linears))} of {escape(block)}</td>"
        f"<td>{guard.stage1:.5f}</td><td>{guard.stage2:.5f}</td><td>{'yes' if guard.kept else 'no'}</td></tr>"
        for block, _, guard in rows
    )
    return (
        f"<h2>The guard</h2>\n<p>Error of the block's output on held-out rows; stage 2 was kept {kept} of {len(rows)} times.</p>\n"
        f"<table><tr><th>Linears</th><th>stage 1</th><th>stage 2</th><th>kept</th></tr>{cells}</table>"
    )


def _times(report: Report) -> str:
    first = sum(one.seconds_stage1 for one in report.linears)
    second = sum(one.seconds_stage2 for one in report.linears)
    blocks = sum(block.seconds for block in report.blocks)
    share = f" ({second / first:.0%} of stage 1)" if first > 0 else ""
    return (
        f"<h2>Time</h2>\n<p>Stage 1: {first:.1f} s. Stage 2: {second:.1f} s{share}. Running the blocks, reading, and writing: "
        f"{max(0.0, blocks - first - second):.1f} s.</p>"
    )


def _table(report: Report) -> str:
    heads = "".join(
        f"<th>{h}</th>" for h in ("Linear", "out × in", "rows", "stage 1", "kept", "changed codes", "damping")
    )
    cells = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{one.out_features} × {one.in_features}</td><td>{one.rows:,}</td>"
        f"<td>{relative(one, one.loss_stage1):.3g}</td><td>{relative(one, one.loss_final):.3g}</td>"
        f"<td>{one.changed_codes:.3%}</td><td>{one.damping:g}</td></tr>"
        for one in report.linears
    )
    return f"<h2>All Linears</h2>\n<table><tr>{heads}</tr>{cells}</table>"


def _svg(title: str, shapes: Sequence[str]) -> str:
    axis = f'<path d="M{_LEFT - 5} 5V{_HEIGHT - _BOTTOM}H{_WIDTH - 5}" fill="none" stroke="#777"/>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{axis}{"".join(shapes)}</svg>'
    )
