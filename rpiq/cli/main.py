"""The command `rpiq`: its options, and what its exit status says: 0 done, 2 something the user can mend, 130 interrupted.

What the commands do: `rpiq/cli/commands.py`, which is imported late, so that help and `inspect` do not wait for torch.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rpiq.errors import RpiqError, interrupts_kept
from rpiq.formats.checkpoint import Checkpoint, read

_SOURCE = "a folder with safetensors, a safetensors file, or a GGUF file"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="rpiq: %(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        if arguments.command == "inspect":
            checkpoint = read(arguments.source)
            sys.stdout.write(_json(checkpoint) if arguments.json else _table(checkpoint))
        else:
            from rpiq.cli import commands

            with interrupts_kept():
                commands.run(arguments)
    except RpiqError as error:
        sys.stderr.write(f"rpiq: error: {_one_line(str(error), error)}\n")
        return 2
    except KeyboardInterrupt as error:
        sys.stderr.write(f"rpiq: {_one_line('interrupted', error)}\n")
        return 130
    return 0


def _one_line(text: str, error: BaseException) -> str:
    """`text`, and what else is known of the error: whether something can be gone on with."""
    return " ".join("; ".join([text, *getattr(error, "__notes__", [])]).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rpiq", description="4-bit quantization of language models.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('rpiq-assistant')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    _add_quantize(commands)
    _add_evaluate(commands)
    inspect = _command(
        commands,
        "inspect",
        "say what a checkpoint consists of",
        "Say what a checkpoint consists of: architecture, parameters, and each Linear's shape and dtype.",
    )
    inspect.add_argument("source", type=Path, help=_SOURCE)
    inspect.add_argument("--json", action="store_true", help="write the result as JSON")
    compare = _command(
        commands,
        "compare",
        "say how far two folders of one model are apart",
        "Compare sizes, weights and codes of two folders.",
    )
    compare.add_argument("a", type=Path)
    compare.add_argument("b", type=Path)
    compare.add_argument("--json", action="store_true", help="write the result as JSON")
    report = _command(
        commands,
        "report",
        "make a page about a run",
        "Write one self-contained HTML page about how a folder was quantized, and its drawings as PNG files.",
    )
    report.add_argument("folder", type=Path, help="a folder that rpiq has written")
    report.add_argument("--out", type=Path, metavar="DIR", help="where to (report/ in the folder)")
    export = _command(
        commands,
        "export",
        "write a quantized folder in another format",
        "Write the same codes in another format: GPTQ (symmetric weights), or GGUF Q4_1. Nothing is quantized again.",
    )
    export.add_argument("folder", type=Path, help="a folder that rpiq has written")
    export.add_argument("--to", required=True, choices=("gptq", "gguf"))
    export.add_argument("--out", type=Path, required=True, help="the new folder, or the new .gguf file")
    export.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="for gguf: a GGUF file of the same model, to take the vocabulary from",
    )
    return parser


def _add_quantize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    quantize = _command(
        commands,
        "quantize",
        "make a 4-bit model folder",
        "Quantize a model into a new folder, block by block. Ctrl-C or a crash loses one block at most: go on with --resume.",
    )
    quantize.add_argument("source", type=Path, help="a folder with safetensors, or a GGUF file")
    quantize.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new folder")
    quantize.add_argument("--bits", type=int, choices=range(2, 9), default=4, metavar="2..8", help="(%(default)s)")
    quantize.add_argument(
        "--group-size",
        type=int,
        choices=(32, 64, 128, -1),
        default=128,
        help="columns that share a scale; -1 for all (%(default)s)",
    )
    quantize.add_argument("--symmetric", action="store_true", help="no zero points")
    quantize.add_argument(
        "--method", choices=("rpiq", "rpiq-paper", "gptq", "rtn"), default="rpiq", help="(%(default)s)"
    )
    quantize.add_argument(
        "--calibration",
        default="c4",
        metavar="FILE|NAME",
        help='what the model will see: .txt, or .jsonl with "text"; or c4, English web text that comes with rpiq '
        '(%(default)s). For a model that sees: .jsonl with "image", "question" and "answers", or a folder as CogVLM-SFT-311K is',
    )
    quantize.add_argument(
        "--text",
        metavar="FILE|NAME",
        help="for a model that sees: as many rows of text as well, for the language experts, which see little in a question",
    )
    quantize.add_argument(
        "--chat-template", action="store_true", help="put each calibration document into the model's template"
    )
    quantize.add_argument(
        "--samples", type=_positive, metavar="N", help="calibration rows (128; 64 questions about pictures)"
    )
    quantize.add_argument(
        "--sequence-length",
        type=_positive,
        default=2048,
        metavar="N",
        help="tokens in each row of text (%(default)s)",
    )
    quantize.add_argument(
        "--part",
        action="append",
        default=[],
        type=_part,
        metavar="PART:NAME=VALUE,...",
        help="other settings for a part of the model, as in vision:bits=8,group_size=64; a dry run lists the parts",
    )
    quantize.add_argument("--head", action="store_true", help="quantize the output head too")
    quantize.add_argument("--seed", type=int, default=0, help="which rows of the text (%(default)s)")
    quantize.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting, as in distill_steps=0; all of them are fields of rpiq.QuantizationConfig",
    )
    quantize.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    quantize.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    quantize.add_argument(
        "--dry-run", action="store_true", help="print the budget and all Linears, rehearse one block, write nothing"
    )
    quantize.add_argument("--json", type=Path, metavar="REPORT", help="write the report as JSON")
    quantize.add_argument(
        "--progress",
        choices=("text", "json"),
        default="text",
        help="json: each step as a line of JSON on standard output, with the report of each finished block",
    )


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _command(
        commands,
        "evaluate",
        "measure a model, full precision or quantized",
        "Measure a model. The answers of ocr-vqa are kept beside --json FILE, in FILE.answers.jsonl, as they come: "
        "the same command goes on after an interruption.",
    )
    evaluate.add_argument("model", type=Path, help="a folder with safetensors, quantized by rpiq or not")
    evaluate.add_argument(
        "--task", required=True, choices=("perplexity", "perplexity-autogptq", "sentiment", "ocr-vqa")
    )
    evaluate.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a text (.raw is joined as WikiText usually is); tweets NAME_text.txt; for ocr-vqa dataset.json, a .tsv or .jsonl "
        "with questions about pictures, or the folder of it",
    )
    evaluate.add_argument("--limit", type=_positive, metavar="N", help="the first N windows, tweets or questions only")
    evaluate.add_argument(
        "--sequence-length",
        type=_positive,
        default=2048,
        metavar="N",
        help="tokens in a window of perplexity (%(default)s)",
    )
    evaluate.add_argument("--dtype", choices=("float32", "bfloat16"), help="of the computation (the model's own)")
    evaluate.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    evaluate.add_argument(
        "--nf4",
        action="store_true",
        help="quantize a full-precision folder on loading, by bitsandbytes, to compare with",
    )
    evaluate.add_argument(
        "--low-memory",
        action="store_true",
        help="leave what the model seldom needs in its files, for models that say what that is (CogVLM2)",
    )
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON too")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=description)


def _part(text: str) -> tuple[str, tuple[str, ...]]:
    part, separator, settings = text.partition(":")
    if not (part and separator and settings):
        raise argparse.ArgumentTypeError(f"{text!r} is not like vision:bits=8,group_size=64")
    return part, tuple(settings.split(","))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _table(checkpoint: Checkpoint) -> str:
    tensors, linears = checkpoint.tensors, checkpoint.linears
    lines = [
        f"source        {checkpoint.source} ({checkpoint.format})",
        f"architecture  {checkpoint.architecture}",
        f"parameters    {checkpoint.parameters:,} in {len(tensors):,} tensors, {_size(checkpoint.size_bytes)}",
        "",
    ]
    for total in checkpoint.totals:
        counts = f"{total.tensors:>6,} tensors  {total.parameters:>16,} parameters"
        lines.append(f"{total.dtype:<8} {counts}  {_size(total.size_bytes)}")
    lines += ["", f"{len(linears):,} Linear-like tensors with {sum(t.parameters for t in linears):,} parameters"]
    width = max((len(tensor.name) for tensor in linears), default=0)
    for tensor in linears:
        shape = " × ".join(str(size) for size in tensor.shape)
        lines.append(f"{tensor.name:<{width}}  {shape:>15}  {tensor.dtype:<6} {_size(tensor.size_bytes)}")
    return "\n".join(lines) + "\n"


def _json(checkpoint: Checkpoint) -> str:
    values = {
        "source": str(checkpoint.source),
        "format": checkpoint.format,
        "architecture": checkpoint.architecture,
        "parameters": checkpoint.parameters,
        "tensors": len(checkpoint.tensors),
        "size_bytes": checkpoint.size_bytes,
        "by_dtype": {
            total.dtype: {"tensors": total.tensors, "parameters": total.parameters, "size_bytes": total.size_bytes}
            for total in checkpoint.totals
        },
        "linears": [
            {"name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype, "size_bytes": tensor.size_bytes}
            for tensor in checkpoint.linears
        ],
    }
    return json.dumps(values, indent=2) + "\n"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB"


if __name__ == "__main__":
    sys.exit(main())
