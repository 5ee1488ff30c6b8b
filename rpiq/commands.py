"""What the commands of `rpiq` do: values from the command line in, the library's results as text out.

Options and exit status: `rpiq/cli.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from rpiq.budget import Plan
from rpiq.calibration import calibration_file, read_tokenizer
from rpiq.compare import compare
from rpiq.config import QuantizationConfig, Scheme, changed
from rpiq.errors import ResourceError
from rpiq.evaluate.memory import weight_bytes
from rpiq.evaluate.perplexity import joined_rows, perplexity, perplexity_autogptq, read_text
from rpiq.evaluate.sentiment import read_tweets, sentiment
from rpiq.export import export_gguf, export_gptq
from rpiq.loading import load
from rpiq.pipeline import choose_device, quantize, rehearse
from rpiq.result import REPORT_FILE, BlockReport, Report, peak_memory, read_report
from rpiq.terminal import show_count, show_progress


def run(arguments: argparse.Namespace) -> None:
    """Run the command that `arguments` names. RpiqError for what the user can mend."""
    {"quantize": _quantize, "evaluate": _evaluate, "compare": _compare, "report": _report, "export": _export}[
        arguments.command
    ](arguments)


def _quantize(arguments: argparse.Namespace) -> None:
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ResourceError(f"{arguments.json.parent} is no folder; make it before a run of hours ends in it")
    calibration = calibration_file(arguments.calibration)
    config = QuantizationConfig(
        method=arguments.method,
        scheme=Scheme(arguments.bits, arguments.group_size, arguments.symmetric),
        samples=arguments.samples,
        sequence_length=arguments.sequence_length,
        seed=arguments.seed,
        chat_template=arguments.chat_template,
        head=arguments.head,
    )
    config = changed(config, arguments.set)
    if arguments.dry_run:
        plan, block = rehearse(arguments.source, config, calibration, device=arguments.device, report=show_progress())
        sys.stdout.write(_budget(plan, block))
        return
    report = quantize(
        arguments.source,
        arguments.out,
        config,
        calibration,
        device=arguments.device,
        resume=arguments.resume,
        report=show_progress(),
    )
    if arguments.json is not None:
        report.write(arguments.json)
    sys.stdout.write(_summary(report, arguments.out))


def _evaluate(arguments: argparse.Namespace) -> None:
    device = choose_device(arguments.device)
    tokenizer = read_tokenizer(arguments.model)
    tweets = read_tweets(arguments.data, arguments.limit) if arguments.task == "sentiment" else []
    text = "" if arguments.task == "sentiment" else read_text(arguments.data)
    dtype = None if arguments.dtype is None else getattr(torch, arguments.dtype)
    model = load(arguments.model, device, dtype, "nf4" if arguments.nf4 else None)
    started = time.monotonic()
    count = show_count("tweets" if arguments.task == "sentiment" else "windows")
    result: Any
    if arguments.task == "sentiment":
        result = sentiment(model, tokenizer, tweets, count)
    elif arguments.task == "perplexity":
        text = joined_rows(text) if arguments.data.suffix == ".raw" else text
        result = perplexity(model, tokenizer, text, arguments.sequence_length, arguments.limit, count)
    else:
        result = perplexity_autogptq(model, tokenizer, text, arguments.limit, count)
    values = asdict(result) | {
        "weight_bytes": weight_bytes(model),
        "peak_memory_bytes": peak_memory(),
        "seconds": time.monotonic() - started,
    }
    if arguments.json is not None:
        _write(
            arguments.json,
            json.dumps({"task": arguments.task, "model": str(arguments.model), **values}, indent=2) + "\n",
        )
    sys.stdout.write(
        "".join(
            f"{name:<20} {value:.4f}\n" if isinstance(value, float) else f"{name:<20} {value}\n"
            for name, value in values.items()
        )
    )


def _compare(arguments: argparse.Namespace) -> None:
    result = compare(arguments.a, arguments.b)
    if arguments.json:
        sys.stdout.write(json.dumps(asdict(result), indent=2) + "\n")
        return
    lines = [
        f"size           {result.bytes_a / 1e6:,.2f} MB and {result.bytes_b / 1e6:,.2f} MB",
        f"mean distance  {result.mean_relative:.5f} of the norm, over {len(result.differences)} matrices",
        "",
    ]
    width = max((len(one.name) for one in result.differences), default=0)
    for one in result.differences:
        codes = "" if one.codes is None else f"  {one.codes:.3%} of codes differ"
        lines.append(f"{one.name:<{width}}  {one.out_features:>6} × {one.in_features:<6} {one.relative:.5f}{codes}")
    lines += [f"only in {arguments.a}: {name}" for name in result.only_a]
    lines += [f"only in {arguments.b}: {name}" for name in result.only_b]
    sys.stdout.write("\n".join(lines) + "\n")


def _report(arguments: argparse.Namespace) -> None:
    from rpiq.report import write

    report = read_report(arguments.folder / REPORT_FILE)
    sys.stdout.write(f"{write(report, arguments.out or arguments.folder / 'report')}\n")


def _export(arguments: argparse.Namespace) -> None:
    if arguments.to == "gptq":
        written = export_gptq(arguments.folder, arguments.out)
    else:
        written = export_gguf(arguments.folder, arguments.out, arguments.tokenizer)
    sys.stdout.write(f"{written}\n")


def _budget(plan: Plan, block: BlockReport) -> str:
    scheme = plan.scheme
    kind = "symmetric" if scheme.symmetric else "asymmetric"
    lines = [
        f"memory   about {plan.memory_bytes / 1e9:.2f} GB of {plan.memory_available / 1e9:.2f} GB available",
        f"disk     {plan.output_bytes / 1e6:,.1f} MB for the result, {plan.activation_bytes / 1e6:,.1f} MB meanwhile",
        f"size     {plan.source_bytes / 1e6:,.1f} MB → {plan.output_bytes / 1e6:,.1f} MB",
        f"scheme   {scheme.bits} bits, {kind}, groups of {scheme.group_size}",
        f"kept     {', '.join(plan.kept) or 'nothing'}",
        "",
    ]
    width = max(len(linear.name) for linear in plan.linears)
    lines += [f"{one.name:<{width}}  {one.out_features:>6} × {one.in_features}" for one in plan.linears]
    lines += ["", f"rehearsed {block.name} on a few rows in {block.seconds:.1f} s:"]
    for one in block.linears:
        share = one.loss_final / one.energy if one.energy > 0 else 0.0
        lines.append(f"{one.name:<{width}}  relative loss {share:.5f}")
    return "\n".join(lines) + "\n"


def _summary(report: Report, out: Path) -> str:
    lines = [
        f"{out}: {report.source_bytes / 1e6:,.1f} MB → {report.output_bytes / 1e6:,.1f} MB in {report.seconds:,.0f} s"
    ]
    if report.check is not None:
        lines.append(f"reloaded and compared: logits differ by {report.check.logits_error:.2%}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ResourceError(f"{path} cannot be written ({error.strerror}); choose another place") from error
