"""What all workers share: the job from the command line, the meter, and the files they leave.

A worker runs in the environment of its tool, so this needs nothing but torch, transformers and safetensors. It loads the
model in float32, lets the tool quantize with exactly the rows that it is given, and hands back de-quantized weights.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

IDS = "ids"
"""Name of the one tensor in the file of calibration rows."""
UNSUPPORTED = 3
"""Exit status of a worker whose tool cannot do what is asked; its last line on standard error says why."""


@dataclass(frozen=True)
class Job:
    """One run of one method of one tool."""

    model: Path
    ids: Tensor
    """int64 `[rows, length]`, the calibration rows, in this order."""
    method: str
    bits: int
    group_size: int
    seed: int
    out: Path
    facts: Path


class Meter:
    """Measures what stands inside its `with`: time on the clock, processor time with that of children, peak memory."""

    seconds = 0.0
    processor_seconds = 0.0
    peak_bytes = 0
    """Most that was resident meanwhile, the loaded model included."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        # 5 sets the kernel's high-water mark of this process back to what is resident now.
        marks = Path("/proc/self/clear_refs")
        if marks.exists():
            marks.write_text("5")
        self._started, self._used = time.monotonic(), _processor_seconds()

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._started
        self.processor_seconds = _processor_seconds() - self._used
        self.peak_bytes = _peak_bytes()


def read_job(methods: Sequence[str] | None = None) -> Job:
    """The job that the command line describes. `methods`: the only ones there are; None for any text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True, help="safetensors folder")
    parser.add_argument("--ids", type=Path, required=True, help=f"safetensors file with int64 [rows, length] '{IDS}'")
    parser.add_argument("--method", choices=methods, required=True)
    parser.add_argument("--bits", type=int, required=True)
    parser.add_argument("--group-size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="safetensors file for the de-quantized weights")
    parser.add_argument("--json", type=Path, required=True, help="file for version, time and memory")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    ids = load_file(given.ids)[IDS]
    return Job(given.model, ids, given.method, given.bits, given.group_size, given.seed, given.out, given.json)


def load_model(job: Job) -> nn.Module:
    """The model in float32, so that no tool's result is rounded to a narrower type that it would not store."""
    from transformers import AutoModelForCausalLM

    model: nn.Module = AutoModelForCausalLM.from_pretrained(
        job.model, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval()


def linears(model: Any) -> Iterator[tuple[str, nn.Linear]]:
    """All Linears by name, but the head."""
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and module is not head:
            yield name, module


def unsupported(reason: str) -> SystemExit:
    """To be raised where the tool cannot do what is asked."""
    sys.stderr.write(f"{reason}\n")
    return SystemExit(UNSUPPORTED)


def write(job: Job, weights: Mapping[str, Tensor], meter: Meter, package: str) -> None:
    """Leave the weights `[out, in]` by module name, and the facts."""
    save_file({name: tensor.detach().float().contiguous() for name, tensor in weights.items()}, job.out)
    facts = {
        "version": version(package),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "seconds": meter.seconds,
        "processor_seconds": meter.processor_seconds,
        "peak_bytes": meter.peak_bytes,
    }
    job.facts.write_text(json.dumps(facts), "utf-8")


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
