"""One self-contained HTML page about a run, and its drawings as PNG files beside it.

Every drawing has a text that says what it shows and a table with its numbers, so that the page can be read aloud; no script,
no network. The drawings: `rpiq/run/report/plots.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from statistics import fmean

from rpiq.errors import ResourceError
from rpiq.run.report.plots import Plot, plots
from rpiq.run.result import Report

PAGE = "report.html"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#111;background:#fff}
figure{margin:1rem 0}img{max-width:100%;height:auto}figcaption,caption{text-align:left;color:#333}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .7rem;border-bottom:1px solid #ccc;text-align:right}
td:first-child,th:first-child{text-align:left;font-weight:normal}thead th{font-weight:bold}
"""


def write(report: Report, folder: Path) -> Path:
    """Write the page and a PNG for each drawing into `folder`; returns the page.

    ConfigError when matplotlib is not installed; ResourceError when the folder cannot be written.
    """
    drawn = plots(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for plot in drawn:
            (folder / f"{plot.name}.png").write_bytes(plot.png)
        (folder / PAGE).write_text(page(report, drawn), "utf-8")
    except OSError as error:
        raise ResourceError(f"{folder} cannot be written ({error.strerror}); choose another place") from error
    return folder / PAGE


def page(report: Report, drawn: Sequence[Plot]) -> str:
    """The page, as HTML, with these drawings in it."""
    title = f"{report.source}: {report.config.method}, {report.config.scheme.bits} bits"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n{body(report, drawn)}</main>\n</body>\n</html>\n"
    )


def body(report: Report, drawn: Sequence[Plot]) -> str:
    """What stands below the title: sections with headings of level 2, as HTML, for a page of somebody else's."""
    return "".join([_summary(report), _parts(report), *map(figure, drawn), _guards(report), _linears(report)])


def _summary(report: Report) -> str:
    linears = report.linears
    codes = sum(one.out_features * one.in_features for one in linears)
    changed = sum(one.changed_codes * one.out_features * one.in_features for one in linears)
    rows = [
        ("Linears", f"{len(linears):,} in {len(report.blocks)} blocks, {codes:,} weights"),
        ("Size", f"{report.source_bytes / 1e6:,.1f} MB → {report.output_bytes / 1e6:,.1f} MB"),
        ("Calibration", f"{report.rows} rows of up to {report.row_tokens:,} tokens from {report.calibration}"),
        ("Held out", f"{report.held_out_rows} rows"),
        ("Mean relative loss, stage 1", f"{fmean(one.relative(one.loss_stage1) for one in linears):.5f}"),
        ("Mean relative loss, kept", f"{fmean(one.relative(one.loss_final) for one in linears):.5f}"),
        ("Codes that stage 2 changed", f"{changed / codes:.4%}"),
        ("Time", f"{report.seconds:,.0f} s" + (" (the last part of a resumed run)" if report.resumed else "")),
        ("Peak memory", f"{report.peak_memory_bytes / 1e9:.2f} GB"),
        ("Device", report.device),
    ]
    taught = report.distillation
    if taught is not None and taught.held_out_before is not None and taught.held_out_after is not None:
        found = f"{taught.held_out_before:.4f} → {taught.held_out_after:.4f} nats"
        rows.append(
            ("Divergence on held-out rows, before and after stage 3", found + ("" if taught.kept else ", put back"))
        )
    if report.check is not None:
        found = f"{report.check.logits_error:.2%}, same next token at {report.check.agreement:.1%} of positions"
        rows.append(("Logits of the reloaded folder differ by", found))
    return "<h2>Summary</h2>\n" + _table("The run in short", ("what", "value"), rows)


def _parts(report: Report) -> str:
    parts = report.parts
    if len(parts) < 2:
        return ""
    rows = [
        (
            part.part,
            f"{part.scheme.bits}",
            f"{part.scheme.group_size}",
            f"{part.linears:,}",
            f"{part.weights:,}",
            f"{part.least_rows:,}",
            f"{part.loss_stage1:.5f}",
            f"{part.loss_final:.5f}",
            f"{len(part.fallbacks)}",
        )
        for part in parts
    ]
    heads = ("part", "bits", "group", "Linears", "weights", "fewest rows", "loss, stage 1", "loss, kept", "fallbacks")
    told = "".join(f"<li>{escape(line)}</li>" for part in parts for line in part.fallbacks)
    fallbacks = f"<h3>Too few rows</h3>\n<ul>{told}</ul>\n" if told else ""
    return "<h2>Parts</h2>\n" + _table("Parts of the model, with mean relative losses", heads, rows) + fallbacks


def figure(plot: Plot) -> str:
    """A drawing with its words and its table, as HTML."""
    data = base64.b64encode(plot.png).decode("ascii")
    return (
        f"<h2>{escape(plot.title)}</h2>\n<figure>\n"
        f'<img alt="{escape(plot.alt)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption>{escape(plot.caption)}</figcaption>\n</figure>\n"
        + _table(f"{plot.title}, in numbers", plot.heads, plot.rows)
    )


def _guards(report: Report) -> str:
    rows = [
        (
            f"{', '.join(name.removeprefix(block.name + '.') for name in guard.linears)} of {block.name}",
            f"{guard.stage1:.5f}",
            f"{guard.stage2:.5f}",
            "yes" if guard.kept else "no",
        )
        for block in report.blocks
        for guard in block.guards
    ]
    if not rows:
        return ""
    kept = sum(row[-1] == "yes" for row in rows)
    caption = f"Error of the block's output on held-out rows; stage 2 was kept {kept} of {len(rows)} times"
    return "<h2>The guard</h2>\n" + _table(caption, ("Linears", "stage 1", "stage 2", "kept"), rows)


def _linears(report: Report) -> str:
    rows = (
        (
            one.name,
            f"{one.out_features} × {one.in_features}",
            f"{one.rows:,}",
            f"{one.relative(one.loss_stage1):.3g}",
            f"{one.relative(one.loss_final):.3g}",
            f"{one.changed_codes:.3%}",
            f"{one.damping:g}",
        )
        for one in report.linears
    )
    heads = ("Linear", "out × in", "rows", "stage 1", "kept", "changed codes", "damping")
    return "<h2>All Linears</h2>\n" + _table("Losses as shares of tr(W H Wᵀ)", heads, rows)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>\n'
        for row in rows
    )
    return f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
