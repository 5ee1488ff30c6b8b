"""The tab of quantization runs: `rpiq quantize` on a folder of the store, its convergence while it goes on, and its report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.settings import Settings
from app.web.console.parts import html
from app.web.console.parts.html import QUIET, shown
from app.web.console.parts.panel import Panel
from app.web.console.parts.work import Work
from assistant.errors import AssistantError
from models.catalogue import PROJECT
from models.errors import ModelError
from models.store import Store
from rpiq.errors import RpiqError

if TYPE_CHECKING:
    from rpiq.run.result import BlockReport

REPORT_FILE = "rpiq-report.json"
"""As rpiq calls it (`rpiq.run.result`, which would bring torch here)."""
RUNS = ".runs"
"""Folder of the store in which the results lie."""
PICTURES = "questions about pictures of book covers"
TEXT = "text of the web (c4)"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RunError(AssistantError):
    """A run cannot be begun like this."""


def quantize_tab(places: Settings, work: Work, panel: Panel, page: gr.Blocks) -> None:
    """Build it."""
    shown(html.heading("Quantize a model"))
    shown(
        html.paragraph(
            f"Makes a smaller copy of a model of the store, in {places.store_root / RUNS}. "
            "What the assistant itself needs is made under First steps. On the command line: rpiq quantize."
        )
    )
    source = gr.Dropdown([], label="Model", filterable=False)
    name = gr.Textbox(label="Name of the result", info="Letters, digits, full stops and hyphens.", max_lines=1)
    with gr.Row():
        bits = gr.Dropdown(["2", "3", "4", "5", "6", "8"], value="4", label="Bits", filterable=False)
        group = gr.Dropdown(["32", "64", "128"], value="64", label="Group size", filterable=False)
        method = gr.Dropdown(["rpiq", "rpiq-paper", "gptq", "rtn"], value="rpiq", label="Method", filterable=False)
    calibration = gr.Radio([TEXT, PICTURES], value=TEXT, label="Calibrate on")
    with gr.Row():
        samples = gr.Textbox("64", label="Samples", info="Whole number: rows, or pictures.", max_lines=1)
        length = gr.Textbox("256", label="Tokens in a row of text", info="Whole number.", max_lines=1)
    resume = gr.Checkbox(False, label="Go on with a run of this name that was stopped")
    start = gr.Button("Start", variant="primary")
    message = shown()
    shown(html.heading("The run"))
    live = shown()
    shown(html.heading("Reports"))
    earlier = gr.Dropdown([], label="Result", filterable=False)
    show_report = gr.Button("Show its report")
    report = shown()

    def lists() -> tuple[Any, Any]:
        models, runs = sources(Store(places.store_root)), results(places)
        return (
            gr.Dropdown(models, value=models[0] if models else None),
            gr.Dropdown(runs, value=runs[-1] if runs else None),
        )

    def begin(*given: Any) -> str:
        try:
            out, arguments = command(places, *given)
            work.start(f"Quantizing {out.name}", "rpiq.cli.main", arguments, out, given[4])
        except (AssistantError, ModelError) as error:
            return html.failed(error)
        return html.said("It has begun. You may close this page; it goes on.")

    def find(run: str | None) -> str:
        if run not in results(places):
            return html.wrong("Choose a result first.")
        return html.said("The report stands below.") + report_html(places.store_root / RUNS / run)

    page.load(lists, None, [source, earlier], **QUIET)
    panel.listen(live, lambda: live_html(work))
    fields = [source, name, bits, group, method, calibration, samples, length, resume]
    panel.after(start.click(begin, fields, message, **QUIET))
    earlier.focus(lambda: gr.Dropdown(results(places)), None, earlier, **QUIET)
    show_report.click(find, earlier, report, **QUIET)


def sources(store: Store) -> list[str]:
    """Names of the folders of the store that can be quantized."""
    if not store.root.is_dir():
        return []
    folders = sorted(folder for folder in store.root.iterdir() if folder.is_dir() and folder.name[0] != ".")
    return [folder.name for folder in folders if _source(folder) is not None]


def _source(folder: Path) -> Path | None:
    """What rpiq takes: a folder of safetensors, or the one GGUF file in it."""
    if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
        return folder
    files = list(folder.glob("*.gguf"))
    return files[0] if len(files) == 1 else None


def results(places: Settings) -> list[str]:
    """Names of the finished runs, the newest last."""
    found = (places.store_root / RUNS).glob(f"[!.]*/{REPORT_FILE}")
    return [path.parent.name for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def command(
    places: Settings,
    model: str | None,
    name: str,
    bits: str,
    group: str,
    method: str,
    calibration: str,
    samples: str,
    length: str,
    resume: bool,
) -> tuple[Path, list[str]]:
    """The folder that is made, and the arguments of rpiq. Errors: RunError, ModelError."""
    store = Store(places.store_root)
    if model not in sources(store):
        raise _wrong("no such model in the store: choose one of the list")
    name = name.strip() or f"{model}-{bits}-bits"
    if not _NAME.fullmatch(name):
        raise _wrong("that is no name: use letters, digits, full stops and hyphens, 64 at most")
    for what, text, most in (("samples", samples, 4096), ("tokens in a row", length, 8192)):
        if not (text.strip().isdecimal() and 1 <= int(text) <= most):
            raise _wrong(f"{what}: give a whole number from 1 to {most}")
    folder = places.store_root / model
    if model in [entry.name for entry in store.catalogue.entries]:
        folder = store.open(model)
    source = _source(folder) or folder  # which is one of `sources`
    out = places.store_root / RUNS / name
    if out.exists():
        raise _wrong(f"there is a result called {name}: choose another name")
    out.parent.mkdir(exist_ok=True)
    data = str(PROJECT / "samples" / "covers" / "calibration.jsonl") if calibration == PICTURES else "c4"
    arguments = ["quantize", str(source), "--out", str(out), "--bits", bits, "--group-size", group, "--method", method]
    arguments += ["--calibration", data, "--samples", samples.strip(), "--sequence-length", length.strip()]
    if calibration == PICTURES:
        arguments += ["--set", "distill_steps=0"]  # which gained nothing on such models (models/four_bits.py)
    if resume:
        arguments.append("--resume")
    return out, [*arguments, "--progress", "json"]


def _wrong(text: str) -> RunError:
    return RunError(text, "This cannot be begun.")


def live_html(work: Work) -> str:
    """What became of the blocks so far."""
    state = work.state
    if state.out is None:
        return html.paragraph("Nothing was quantized since the server began.")
    if not state.blocks:
        return html.paragraph(f"{state.title}: no block is finished yet.")
    return _drawing(state.blocks, state.method) + _blocks(state.title, state.blocks)


def _drawing(blocks: Sequence[BlockReport], method: str) -> str:
    from rpiq.config import QuantizationConfig
    from rpiq.run.report.page import figure
    from rpiq.run.report.plots import convergence

    linears = [linear for block in blocks for linear in block.linears]
    try:
        plot = convergence(linears, QuantizationConfig(method=method))  # type: ignore[arg-type]  # one of the list
    except (RpiqError, ImportError) as error:
        return html.paragraph(f"There is no drawing: {error}.")
    return _wide("Convergence", figure(plot)) if plot else html.paragraph("This method has no second stage to draw.")


def _blocks(title: str, blocks: Sequence[BlockReport]) -> str:
    rows = [
        (
            block.name,
            f"{fmean(one.relative(one.loss_stage1) for one in block.linears):.5f}" if block.linears else "",
            f"{fmean(one.relative(one.loss_final) for one in block.linears):.5f}" if block.linears else "",
            "" if block.held_out_error is None else f"{block.held_out_error:.5f}",
            f"{block.seconds:.1f}",
        )
        for block in blocks
    ]
    heads = ("Block", "Loss after stage 1", "Loss of what is kept", "Error on held-out rows", "Seconds")
    return html.table(f"{title}: finished blocks", heads, rows)


def report_html(folder: Path) -> str:
    """The whole report of a finished run."""
    from rpiq.run.report.page import body
    from rpiq.run.report.plots import plots
    from rpiq.run.result import read_report

    try:
        found = read_report(folder / REPORT_FILE)
        return _wide("Report", body(found, plots(found)))
    except RpiqError as error:
        return html.failed(error)


def _wide(name: str, inner: str) -> str:
    # Markdown would end its HTML at an empty line.
    return html.wide(name, re.sub(r"\n\s*", " ", inner))
