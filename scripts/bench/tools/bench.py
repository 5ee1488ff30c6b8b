"""Runs the workers one after the other, puts their weights into one float32 model, and measures its perplexity.

Every tool goes through the same code; what differs between them stands in the workers.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rpiq.calibration.text import file_sha256, read_calibration, read_tokenizer
from rpiq.errors import EvaluationError
from rpiq.evaluate.perplexity import joined_rows, perplexity, read_text
from rpiq.runtime.loading import load
from scripts.bench.tools.rows import Cache, Protocol, Run, Setting
from scripts.bench.tools.tools import ROOT, InstallError, Tool, python_of
from scripts.bench.tools.worker import IDS, UNSUPPORTED, linears

_KILLED = "was ended from outside"


@dataclass(frozen=True)
class Task:
    """One cell of the bench: a method of a tool at one setting, with one seed."""

    tool: Tool
    setting: Setting
    seed: int


class WorkerError(Exception):
    """A worker ended without weights; the message is the last that it said."""

    def __init__(self, message: str, lasting: bool) -> None:
        """lasting: the same would happen again, so that it is worth remembering."""
        super().__init__(message)
        self.lasting = lasting


def tasks(
    tools: Sequence[tuple[Tool, Sequence[str]]],
    seeds: Sequence[int],
    bits: Sequence[int],
    group_size: int,
    samples: int,
    sequence_length: int,
) -> Iterator[Task]:
    """Seed by seed, so that a bench which is stopped has compared everything with the first ones."""
    for width in bits:
        for seed in seeds:
            for tool, methods in tools:
                for method in methods:
                    if method in tool.without_data and seed != seeds[0]:
                        continue
                    setting = Setting(tool.name, tool.version, method, width, group_size, samples, sequence_length)
                    yield Task(tool, setting, 0 if method in tool.without_data else seed)


class Bench:
    """One model, one text, one cache."""

    def __init__(
        self,
        model: Path,
        calibration: Path,
        evaluation: Path,
        environments: Path,
        cache: Path,
        windows: int,
        window: int,
        threads: int,
        timeout: float,
    ) -> None:
        """RpiqError when a file is missing or damaged. timeout: most seconds for one worker."""
        self._folder, self._calibration = model, calibration
        self._environments, self._cache_folder, self._timeout = environments, cache, timeout
        self.cache = Cache(cache)
        self.protocol = Protocol(
            model.name,
            _model_sha256(model),
            calibration.name,
            file_sha256(calibration),
            evaluation.name,
            file_sha256(evaluation),
            windows,
            window,
            threads,
        )
        self._tokenizer: PreTrainedTokenizerBase = read_tokenizer(model)
        self._text = joined_rows(read_text(evaluation)) if evaluation.suffix == ".raw" else read_text(evaluation)
        self._model: PreTrainedModel | None = None
        torch.set_num_threads(threads)

    def full_precision(self) -> float:
        """Perplexity of the model as it is."""
        known = self.cache.full_precision(self.protocol)
        if known is None:
            known = self._perplexity(self._loaded())
            self.cache.put_full_precision(self.protocol, known)
        return known

    def run(self, task: Task) -> Run:
        """Quantize in the tool's worker, measure here. A tool that fails makes a Run with its error."""
        try:
            python = python_of(task.tool, self._environments)
            with tempfile.TemporaryDirectory(prefix="bench-", dir=self._cache_folder) as scratch:
                facts, others = self._work(task, python, Path(scratch))
                ppl = self._perplexity(self._filled(Path(scratch) / "weights.safetensors"))
        except (InstallError, WorkerError, EvaluationError) as error:
            again = isinstance(error, InstallError) or (isinstance(error, WorkerError) and not error.lasting)
            run = Run(self.protocol, task.setting, task.seed, error=str(error), retry=again)
        else:
            run = Run(
                self.protocol,
                task.setting,
                task.seed,
                ppl,
                facts["seconds"],
                facts["processor_seconds"],
                facts["peak_bytes"],
                others,
                facts["torch"],
                facts["transformers"],
                machine()["processor"],
            )
        self.cache.put(run)
        return run

    def _work(self, task: Task, python: Path, scratch: Path) -> tuple[dict[str, Any], float]:
        """What the worker says about itself, and how many cores everything else used meanwhile."""
        setting = task.setting
        ids = read_calibration(
            self._calibration, self._tokenizer, setting.samples, setting.sequence_length, task.seed
        ).ids
        save_file({IDS: ids}, scratch / "ids.safetensors")
        command = [str(python), str(task.tool.worker), "--method", setting.method]
        command += ["--model", str(self._folder), "--ids", str(scratch / "ids.safetensors")]
        command += ["--bits", str(setting.bits), "--group-size", str(setting.group_size), "--seed", str(task.seed)]
        command += ["--out", str(scratch / "weights.safetensors"), "--json", str(scratch / "facts.json")]
        log = self._cache_folder / f"last-{setting.tool}.log"
        before, started, own = _busy(), time.monotonic(), _children()
        with log.open("w") as stream:
            try:
                code = subprocess.run(
                    command,
                    env=self._environment(task.tool),
                    cwd=scratch,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    timeout=self._timeout,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired as error:
                raise WorkerError(f"took longer than {self._timeout:.0f} s", lasting=False) from error
        elapsed = time.monotonic() - started
        if code:
            said = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
            if code == UNSUPPORTED:
                raise WorkerError(said[-1], lasting=True)
            message = said[-1] if said and code > 0 else _KILLED
            raise WorkerError(f"{message} (exit status {code})", lasting=code > 0)
        others = max(0.0, _busy() - before - (_children() - own)) / elapsed
        return loads((scratch / "facts.json").read_text("utf-8")), others

    def _environment(self, tool: Tool) -> dict[str, str]:
        """Nothing of ours on the path of other tools, no network for anybody, and the threads that were asked for."""
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        threads = str(self.protocol.threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        kept |= dict.fromkeys(names, threads)
        kept |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
        return kept | tool.variables | ({} if tool.package else {"PYTHONPATH": str(ROOT)})

    def _loaded(self) -> PreTrainedModel:
        if self._model is None:
            self._model = load(self._folder, dtype=torch.float32)
        return self._model

    def _filled(self, weights: Path) -> PreTrainedModel:
        """The model with the weights of every one of its Linears replaced; WorkerError when they are not those."""
        model = self._loaded()
        own = dict(linears(model))
        with safe_open(weights, framework="pt") as stored:
            names = set(stored.keys())
            if names != set(own):
                differing = sorted(names ^ set(own))
                raise WorkerError(
                    f"left {len(names)} weights where the model has {len(own)} Linears; {differing[0]} is not in both",
                    True,
                )
            for name, linear in own.items():
                tensor = stored.get_tensor(name)
                if tensor.shape != linear.weight.shape:
                    raise WorkerError(
                        f"left {name} as {list(tensor.shape)} instead of {list(linear.weight.shape)}", True
                    )
                linear.weight.data.copy_(tensor)
        return model

    def _perplexity(self, model: PreTrainedModel) -> float:
        return perplexity(model, self._tokenizer, self._text, self.protocol.window, self.protocol.windows).value


def machine() -> dict[str, Any]:
    """What the times depend on."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text("utf-8").splitlines() if "model name" in line
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "torch": torch.__version__,
    }


def say(message: str) -> None:
    """To whoever follows."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {message}\n")
    sys.stderr.flush()


def _model_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted((folder / "config.json", *folder.glob("*.safetensors"))):
        digest.update(file_sha256(file).encode())
    return digest.hexdigest()


def _busy() -> float:
    """Processor seconds that all of the machine has used."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system
