"""The paper's tables 1, 3, 4 and 5, put together from the files that `scripts/reproduce/rows.py` left, as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from statistics import fmean, median
from typing import Any

from scripts.reproduce.rows import METHODS, QUANTIZED, TASKS

PAPERS_LINEARS = ("*.3.fc2", "*.5.self_attn.out_proj", "*.2.mlp.down_proj", "*.23.mlp.down_proj")
"""Those of the paper's table 5: OPT-6.7B, OPT-13B, Qwen3-8B, Llama-3.1-8B."""
_GAP = "–"


def write(out: Path, linears: Sequence[str]) -> None:
    """Write `out`/tables.json and `out`/tables.md about everything that is done so far."""
    found = collect(out, linears)
    (out / "tables.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (out / "tables.md").write_text(markdown(found), "utf-8")


def collect(out: Path, linears: Sequence[str]) -> dict[str, Any]:
    """`settings`, `rows` (one for each model and method), `convergence` (chosen Linears), `rounds` (all Linears together)."""
    rows, convergence, rounds = [], [], []
    for model in sorted(path for path in out.iterdir() if path.is_dir()):
        for method in METHODS:
            measured = {task: _read(model / method / f"{task}.json") for task in TASKS}
            report = _read(model / method / f"{QUANTIZED}.json")
            if not any(measured.values()) and not report:
                continue
            rows.append({"model": model.name, "method": method, **_row(measured, report)})
            if report and report["config"]["method"] in ("rpiq-paper", "rpiq"):
                curves = [one for block in report["blocks"] for one in block["linears"] if len(one["rounds"]) > 1]
                most = report["config"]["rounds" if method == "rpiq-paper" else "sweeps"]
                where = {"model": model.name, "method": method}
                chosen = [one for one in curves if any(fnmatch(one["name"], pattern) for pattern in linears)]
                convergence += [{**where, **_curve(one, most)} for one in chosen]
                if curves:
                    rounds.append({**where, **_all_curves(curves, most)})
    return {"settings": _read(out / "settings.json"), "rows": rows, "convergence": convergence, "rounds": rounds}


def _row(measured: dict[str, dict[str, Any]], report: dict[str, Any]) -> dict[str, Any]:
    weights = next((task["weight_bytes"] for task in measured.values() if task), None)
    return {
        "likelihood_accuracy": measured["sentiment"].get("likelihood_accuracy"),
        "generation_accuracy": measured["sentiment"].get("generation_accuracy"),
        "unanswered": measured["sentiment"].get("unanswered"),
        "tweets": measured["sentiment"].get("tweets"),
        "perplexity": measured["perplexity"].get("value"),
        "perplexity_autogptq": measured["perplexity-autogptq"].get("value"),
        "weight_bytes": weights,
        "quantize_seconds": report.get("seconds"),
        "quantize_peak_memory_bytes": report.get("peak_memory_bytes"),
        "resumed": report.get("resumed"),
    }


def _curve(linear: dict[str, Any], most: int) -> dict[str, Any]:
    first, best = linear["rounds"][0], min(linear["rounds"])
    done = len(linear["rounds"]) - 1
    return {
        "linear": linear["name"],
        "rounds": linear["rounds"],
        "initial": first,
        "final": best,
        "reduction": (first - best) / first if first > 0 else 0.0,
        "iterations": done,
        "early_stop": done < most,
        "changed_codes": linear["changed_codes"],
    }


def _all_curves(linears: Sequence[dict[str, Any]], most: int) -> dict[str, Any]:
    curves = [_curve(one, most) for one in linears]
    falls = [curve["reduction"] for curve in curves]
    sizes = [one["out_features"] * one["in_features"] for one in linears]
    changed = sum(one["changed_codes"] * size for one, size in zip(linears, sizes, strict=True)) / sum(sizes)

    def relative(key: str) -> float | None:
        values = [one[key] / one["energy"] for one in linears if one[key] is not None and one["energy"] > 0]
        return fmean(values) if values else None

    return {
        "linears": len(curves),
        "reduction_least": min(falls),
        "reduction_median": median(falls),
        "reduction_most": max(falls),
        "early_stops": sum(curve["early_stop"] for curve in curves),
        "changed_codes": changed,
        "loss_stage1": relative("loss_stage1"),
        "loss_off_grid": relative("off_grid_loss"),
        "loss_stored": relative("loss_final"),
    }


def markdown(found: dict[str, Any]) -> str:
    """The tables to be read, the settings below them."""
    rows = found["rows"]
    accuracy = [
        [
            row["model"], row["method"], _number(row["likelihood_accuracy"], 100, 2), _number(row["generation_accuracy"], 100, 2),
            _number(row["unanswered"], 100, 1), _number(row["perplexity"], 1, 3), _number(row["perplexity_autogptq"], 1, 3),
            _number(row["weight_bytes"], 1e-9, 3),
        ]
        for row in rows
    ]  # fmt: skip
    curves = [
        [
            one["model"], one["method"], one["linear"], _figure(one["initial"]), _figure(one["final"]),
            _figure(one["initial"] - one["final"]), f"{one['reduction']:.2%}",
            f"{one['iterations']}{'†' if one['early_stop'] else ''}", f"{one['changed_codes']:.4%}",
            " → ".join(_figure(value) for value in one["rounds"]),
        ]
        for one in found["convergence"]
    ]  # fmt: skip
    everything = [
        [
            one["model"], one["method"], str(one["linears"]),
            f"{one['reduction_least']:.1%} / {one['reduction_median']:.1%} / {one['reduction_most']:.1%}",
            str(one["early_stops"]), f"{one['changed_codes']:.4%}",
            *(_number(one[key], 1, 6) for key in ("loss_stage1", "loss_off_grid", "loss_stored")),
        ]
        for one in found["rounds"]
    ]  # fmt: skip
    parts = [
        "# The tables of the RPIQ paper, measured",
        "## Table 1: accuracy, perplexity, memory of the weights",
        "Sentiment of tweets: by the likelihood of the three labels, and by the label that the generated answer names first. "
        "Perplexity in two protocols, which must not be compared with each other; the paper uses AutoGPTQ's.",
        _table(
            ["model", "method", "accuracy, likelihood (%)", "accuracy, generation (%)", "no answer (%)", "perplexity, usual",
             "perplexity, AutoGPTQ", "weights (GB)"], accuracy,
        ),
        "## Table 3: peak memory while quantizing (GB)",
        "Of the process, and of the GPU if there is one.",
        _against_gptq(rows, "quantize_peak_memory_bytes", 1e-9, 2),
        "## Table 4: time of quantizing (s)",
        "‡: the last part of a resumed run.",
        _against_gptq(rows, "quantize_seconds", 1, 1),
        "## Table 5: convergence of stage 2",
        "What falls is Γ on the single instance for rpiq-paper (equation 23), tr((B − W) H (B − W)ᵀ) over all calibration data for "
        "rpiq. †: stopped early. Codes: those that differ from stage 1 in the stored file.",
        _table(["model", "method", "Linear", "initial", "final", "reduction", "reduction (%)", "rounds", "codes changed", "each round"],
               curves),
        "All Linears; losses are means of tr((B − W) H (B − W)ᵀ) / tr(W H Wᵀ).",
        _table(["model", "method", "Linears", "reduction: least / median / most", "stopped early", "codes changed", "loss, stage 1",
                "off the grid", "stored"], everything),
        "## Settings",
        _table(["setting", "value"], [[key, str(value)] for key, value in found["settings"].items()]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _against_gptq(rows: Sequence[dict[str, Any]], key: str, factor: float, digits: int) -> str:
    """One line for each model, each method beside gptq."""
    methods = [method for method in METHODS if any(row["method"] == method and row[key] is not None for row in rows)]
    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        cells = {row["method"]: row for row in rows if row["model"] == model and row[key] is not None}
        base = cells["gptq"][key] if "gptq" in cells else None
        line = [model]
        for method in methods:
            cell = cells.get(method)
            text = _number(cell and cell[key], factor, digits)
            if cell and base is not None and method != "gptq":
                text += f" ({(cell[key] - base) * factor:+.{digits}f}, {cell[key] / base - 1:+.1%})"
            line.append(text + ("‡" if cell and cell["resumed"] and key == "quantize_seconds" else ""))
        lines.append(line)
    return _table(["model", *methods], lines)


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return "Nothing so far."
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *lines])


def _number(value: float | None, factor: float, digits: int) -> str:
    return _GAP if value is None else f"{value * factor:.{digits}f}"


def _figure(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.1 else f"{value:.3g}"


def _read(file: Path) -> dict[str, Any]:
    """An empty one where there is no file."""
    values: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return values
