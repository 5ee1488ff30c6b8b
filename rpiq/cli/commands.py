"""What the commands of `rpiq` do: values from the command line in, the library's results as text out.

Options and exit status: `rpiq/cli/main.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from rpiq.architectures.plugins import load_architectures
from rpiq.architectures.processor import read_processor
from rpiq.calibration.pictures import has_pictures
from rpiq.calibration.questions import read_questions
from rpiq.calibration.text import calibration_file, read_tokenizer
from rpiq.cli.terminal import show_count, show_progress, write_progress
from rpiq.config import PartSettings, QuantizationConfig, Scheme, changed
from rpiq.errors import ResourceError
from rpiq.evaluate.answer_file import AnswerFile, model_sha256
from rpiq.evaluate.answering import VisionModel
from rpiq.evaluate.memory import weight_bytes
from rpiq.evaluate.ocr_vqa import OcrVqa, Score, ocr_vqa
from rpiq.evaluate.perplexity import joined_rows, perplexity, perplexity_autogptq, read_text
from rpiq.evaluate.sentiment import read_tweets, sentiment
from rpiq.formats.export import export_gguf, export_gptq
from rpiq.run.budget import Plan
from rpiq.run.pipeline import choose_device, quantize, rehearse
from rpiq.run.report.compare import compare
from rpiq.run.result import REPORT_FILE, BlockReport, Report, peak_memory, read_report
from rpiq.runtime.loading import Fallback, load

_SAMPLES, _PICTURE_SAMPLES = 128, 64
"""Calibration rows; the paper's, of either kind."""


def run(arguments: argparse.Namespace) -> None:
    """Run the command that `arguments` names. RpiqError for what the user can mend."""
    {"quantize": _quantize, "evaluate": _evaluate, "compare": _compare, "report": _report, "export": _export}[
        arguments.command
    ](arguments)


def _quantize(arguments: argparse.Namespace) -> None:
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ResourceError(f"{arguments.json.parent} is no folder; make it before a run of hours ends in it")
    load_architectures()
    calibration = calibration_file(arguments.calibration)
    config = QuantizationConfig(
        method=arguments.method,
        scheme=Scheme(arguments.bits, arguments.group_size, arguments.symmetric),
        samples=arguments.samples or (_PICTURE_SAMPLES if has_pictures(calibration) else _SAMPLES),
        sequence_length=arguments.sequence_length,
        seed=arguments.seed,
        chat_template=arguments.chat_template,
        head=arguments.head,
        parts=tuple(PartSettings(part, settings) for part, settings in arguments.part),
    )
    config = changed(config, arguments.set)
    text = None if arguments.text is None else calibration_file(arguments.text)
    listener = write_progress if arguments.progress == "json" else show_progress()
    if arguments.dry_run:
        plan, block = rehearse(
            arguments.source, config, calibration, text=text, device=arguments.device, report=listener
        )
        sys.stdout.write(_budget(plan, block))
        return
    report = quantize(
        arguments.source,
        arguments.out,
        config,
        calibration,
        text=text,
        device=arguments.device,
        resume=arguments.resume,
        report=listener,
    )
    if arguments.json is not None:
        report.write(arguments.json)
    sys.stdout.write(_summary(report, arguments.out))


def _evaluate(arguments: argparse.Namespace) -> None:
    load_architectures()
    device = choose_device(arguments.device)
    dtype = None if arguments.dtype is None else getattr(torch, arguments.dtype)
    if arguments.task == "ocr-vqa":
        _ocr_vqa(arguments, device, dtype)
        return
    tokenizer = read_tokenizer(arguments.model)
    tweets = read_tweets(arguments.data, arguments.limit) if arguments.task == "sentiment" else []
    text = "" if arguments.task == "sentiment" else read_text(arguments.data)
    model = _opened(arguments, device, dtype)
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
    values = asdict(result) | _costs(model, started)
    _write_result(arguments, values)
    sys.stdout.write(_values(values))


def _ocr_vqa(arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype | None) -> None:
    questions = read_questions(arguments.data, arguments.limit)
    processor = read_processor(arguments.model)
    with ExitStack() as opened:
        kept = None
        if arguments.json is not None:
            source = {
                "model": model_sha256(arguments.model),
                "data": questions.sha256,
                "dtype": str(arguments.dtype),
                "nf4": str(arguments.nf4),
            }
            kept = opened.enter_context(AnswerFile(Path(f"{arguments.json}.answers.jsonl"), source))
        model = _opened(arguments, device, dtype)
        started = time.monotonic()
        result = ocr_vqa(VisionModel(model, processor), questions.asked, kept, show_count("questions"))
    costs = _costs(model, started)
    _write_result(arguments, {"data": str(questions.file), "data_sha256": questions.sha256, **asdict(result), **costs})
    sys.stdout.write(_score_table(result) + _values(costs))


def _opened(arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype | None) -> PreTrainedModel:
    fallback: Fallback | None = "nf4" if arguments.nf4 else None
    return load(arguments.model, device, dtype, fallback, low_memory=arguments.low_memory)


def _costs(model: PreTrainedModel, started: float) -> dict[str, float]:
    return {
        "weight_bytes": weight_bytes(model),
        "peak_memory_bytes": peak_memory(),
        "seconds": time.monotonic() - started,
    }


def _write_result(arguments: argparse.Namespace, values: dict[str, Any]) -> None:
    if arguments.json is not None:
        result = {"task": arguments.task, "model": str(arguments.model), **values}
        _write(arguments.json, json.dumps(result, indent=2) + "\n")


def _values(values: Mapping[str, object]) -> str:
    return "".join(
        f"{name:<20} {value:.4f}\n" if isinstance(value, float) else f"{name:<20} {value}\n"
        for name, value in values.items()
    )


def _score_table(result: OcrVqa) -> str:
    """Percentages, as the paper gives them."""
    parts: list[dict[str, Score]] = [{"overall": result.overall}, result.by_category, result.by_kind]
    width = max(20, *(len(name) for part in parts for name in part))
    lines = [f"{'%':<{width}} {'questions':>9} {'exact':>10} {'caseless':>10} {'normalized':>10}"]
    for part in parts:
        for name, score in part.items():
            shares = " ".join(f"{100 * share:>10.2f}" for share in (score.exact, score.caseless, score.normalized))
            lines.append(f"{name:<{width}} {score.questions:>9} {shares}")
        lines.append("")
    return "\n".join(lines)


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
    from rpiq.run.report.page import write

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
    parts = len({linear.part for linear in plan.linears}) > 1
    for linear in plan.linears:
        size = f"{linear.out_features:>6} × {linear.in_features:<6}"
        lines.append(f"{linear.name:<{width}}  {size}{linear.part if parts else ''}".rstrip())
    lines += ["", f"rehearsed {block.name} on a few rows in {block.seconds:.1f} s:"]
    for one in block.linears:
        share = one.loss_final / one.energy if one.energy > 0 else 0.0
        lines.append(f"{one.name:<{width}}  relative loss {share:.5f}")
    return "\n".join(lines) + "\n"


def _summary(report: Report, out: Path) -> str:
    lines = [
        f"{out}: {report.source_bytes / 1e6:,.1f} MB → {report.output_bytes / 1e6:,.1f} MB in {report.seconds:,.0f} s"
    ]
    if len(report.parts) > 1:
        lines.append(
            f"{'part':<16} {'bits':>4} {'Linears':>8} {'fewest rows':>12} {'loss, stage 1':>14} {'loss, kept':>11}"
        )
    for part in report.parts if len(report.parts) > 1 else ():
        counts = f"{part.scheme.bits:>4} {part.linears:>8,} {part.least_rows:>12,}"
        lines.append(f"{part.part:<16} {counts} {part.loss_stage1:>14.5f} {part.loss_final:>11.5f}")
    fallbacks = [line for part in report.parts for line in part.fallbacks]
    if fallbacks:
        lines.append(f"{len(fallbacks)} Linears saw too few calibration rows: {fallbacks[0]}; all are in the report")
    if report.check is not None:
        lines.append(f"reloaded and compared: logits differ by {report.check.logits_error:.2%}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ResourceError(f"{path} cannot be written ({error.strerror}); choose another place") from error
