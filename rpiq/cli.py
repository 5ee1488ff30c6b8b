"""The command `rpiq`: so far it looks into checkpoints. Exit status: 0 done, 2 something the user can mend."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rpiq.checkpoint import Checkpoint, read
from rpiq.errors import RpiqError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="rpiq", description="4-bit quantization of language models.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('rpiq-assistant')}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    inspect = subparsers.add_parser(
        "inspect",
        help="say what a checkpoint consists of",
        description="Say what a checkpoint consists of: architecture, parameters, and each Linear's shape and dtype.",
    )
    inspect.add_argument("source", type=Path, help="a folder with safetensors, a safetensors file, or a GGUF file")
    inspect.add_argument("--json", action="store_true", help="write the result as JSON")
    arguments = parser.parse_args(argv)
    try:
        checkpoint = read(arguments.source)
    except RpiqError as error:
        sys.stderr.write(f"rpiq: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("rpiq: interrupted\n")
        return 130
    sys.stdout.write(_json(checkpoint) if arguments.json else _table(checkpoint))
    return 0


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
