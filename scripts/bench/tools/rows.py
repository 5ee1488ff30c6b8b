"""Runs in the cache, the rows of the table that several seeds of one method make, and the table itself.

Nothing is measured here.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """What all rows of one table share. Runs of another protocol lie in the same cache, and are left out."""

    model: str
    model_sha256: str
    """Of its config.json and weights."""
    calibration: str
    calibration_sha256: str
    evaluation: str
    evaluation_sha256: str
    windows: int
    window: int
    """Tokens in each, as `rpiq evaluate --task perplexity` cuts them."""
    threads: int


@dataclass(frozen=True)
class Setting:
    """What decides one run, its seed left out."""

    tool: str
    version: str
    method: str
    bits: int
    group_size: int
    samples: int
    sequence_length: int


@dataclass(frozen=True)
class Run:
    """One setting with one seed: measured, or failed with `error`."""

    protocol: Protocol
    setting: Setting
    seed: int
    ppl: float | None = None
    seconds: float | None = None
    """Of the quantization alone, by the clock."""
    processor_seconds: float | None = None
    """User and system time of the same, child processes included."""
    peak_bytes: int | None = None
    """Most that was resident meanwhile, the loaded model included."""
    others: float | None = None
    """Processor time that everything else on the machine used while the worker ran, in cores."""
    torch: str = ""
    transformers: str = ""
    processor: str = ""
    """Whose times these are."""
    error: str = ""
    retry: bool = False
    """The error need not come again, as after a kill: the next bench tries anew."""


@dataclass(frozen=True)
class Row:
    """All seeds of one setting."""

    setting: Setting
    runs: tuple[Run, ...]

    def as_json(self, processor: str) -> dict[str, Any]:
        """Flat: the setting, means over seeds, every single perplexity. Failed: null values and `error`.

        Times are those of the runs on `processor`, or, where there are none, of those on another one: never of both.
        """
        good = [run for run in self.runs if run.ppl is not None]
        ppls = [run.ppl for run in good if run.ppl is not None]
        names = sorted({run.processor for run in good}, key=lambda name: (name != processor, name))
        timed = [run for run in good if run.processor == names[0]]
        errors = sorted({run.error for run in self.runs if run.error})
        return {
            **asdict(self.setting),
            "ppl_mean": _mean(ppls),
            "ppl_std": statistics.stdev(ppls) if len(ppls) > 1 else None,
            "ppls": ppls,
            "seeds": [run.seed for run in good],
            "processor": timed[0].processor if timed else "",
            "seconds": _mean([run.seconds for run in timed]),
            "processor_seconds": _mean([run.processor_seconds for run in timed]),
            "peak_bytes": max((run.peak_bytes for run in timed if run.peak_bytes is not None), default=None),
            "others": _mean([run.others for run in timed]),
            "torch": good[0].torch if good else "",
            "transformers": good[0].transformers if good else "",
            **({"error": "; ".join(errors)} if errors else {}),
        }


class Cache:
    """One small file for each run, written whole, so that a killed bench goes on where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, protocol: Protocol, setting: Setting, seed: int) -> Run | None:
        """The run, if it was finished."""
        path = self._path(protocol, setting, seed)
        return _read(path) if path.is_file() else None

    def put(self, run: Run) -> None:
        """Keep a finished run."""
        path = self._path(run.protocol, run.setting, run.seed)
        part = path.with_suffix(".writing")
        part.write_text(json.dumps(asdict(run), indent=1) + "\n", "utf-8")
        part.replace(path)

    def full_precision(self, protocol: Protocol) -> float | None:
        """The perplexity of the model as it is, if it was measured."""
        path = self._folder / f"full-precision-{_digest(asdict(protocol))}.txt"
        return float(path.read_text("utf-8")) if path.is_file() else None

    def put_full_precision(self, protocol: Protocol, ppl: float) -> None:
        """Keep it."""
        (self._folder / f"full-precision-{_digest(asdict(protocol))}.txt").write_text(repr(ppl), "utf-8")

    def rows(self, protocol: Protocol, versions: Mapping[str, str | None]) -> list[Row]:
        """Everything that was measured under this protocol with these versions of the tools, None for any; best first."""
        found: dict[Setting, list[Run]] = {}
        for path in sorted(self._folder.glob("run-*.json")):
            run = _read(path)
            if run and run.protocol == protocol and versions.get(run.setting.tool, "") in (run.setting.version, None):
                found.setdefault(run.setting, []).append(run)
        rows = [Row(setting, tuple(sorted(runs, key=lambda run: run.seed))) for setting, runs in found.items()]
        return sorted(rows, key=_order)

    def _path(self, protocol: Protocol, setting: Setting, seed: int) -> Path:
        name = f"{setting.tool}-{setting.bits}b-s{seed}-{setting.method.partition(' ')[0]}"
        key = _digest({"protocol": asdict(protocol), "setting": asdict(setting), "seed": seed})
        return self._folder / f"run-{name}-{key}.json"


def as_markdown(results: dict[str, Any], titles: dict[str, str], command: str) -> str:
    """The page beside the JSON file, with one table for each width, group size and amount of calibration data."""
    protocol, machine = results["protocol"], results["machine"]
    rows: Sequence[dict[str, Any]] = results["rows"]
    lines = [
        "# Quantizers on the processor",
        "",
        f"Written by `{command}`, which describes its options with `--help`.",
        "",
        f"Model {protocol['model']}. Calibration: windows of {protocol['calibration']} that the seed chooses, the same ids for "
        f"every tool. Perplexity of {protocol['evaluation']}: the first {protocol['windows']} × {protocol['window']} tokens, as "
        "`rpiq evaluate --task perplexity` cuts them, of the float32 model with the de-quantized weights of the tool in it "
        f"(everything but Linears of the blocks as it was). Full precision: **{results['full_precision_ppl']:.2f}**.",
        "",
        "± is the standard deviation over seeds (n − 1); seeds change the calibration rows. Times and memory are those of the "
        "quantization alone, taken inside the worker after imports and after loading the model (rpiq reads it in blocks, so "
        "reading and writing them is in its times): processor time is user and system time with that of child processes; memory "
        "is the most that was resident, the loaded model included. Times are means over seeds, memory the most of any. *Others* is "
        "what everything else on the machine used meanwhile, in cores: times on the clock are to be compared only where it is near 0.",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {protocol['threads']} "
        f"thread{'s' if protocol['threads'] > 1 else ''}; {machine['system']}.",
    ]
    letters = {name: chr(97 + number) for number, name in enumerate(_other_processors(results))}
    if letters:
        lines += [
            "",
            "Times and memory with a letter are another machine's, to be compared with those of the same letter:",
            "",
        ]
        lines += [f"* {letter}: {name}" for name, letter in letters.items()]
    keys = ("bits", "group_size", "samples", "sequence_length")
    for group in sorted({tuple(row[key] for key in keys) for row in rows}, key=lambda one: (-one[0], *one[1:])):
        bits, group_size, samples, length = group
        lines += [
            "",
            f"## {bits} bits, groups of {group_size}, {samples} × {length} calibration tokens",
            "",
            "| tool | method | perplexity | seeds | processor s | s | peak MB | others |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        for row in rows:
            if tuple(row[key] for key in keys) == group:
                lines.append(_line(row, titles, letters.get(row["processor"], "")))
    failed = [row for row in rows if row.get("error")]
    if failed:
        lines += ["", "## What failed", ""]
        lines += [
            f"* {titles[row['tool']]} {row['version']}, {row['method']}, {row['bits']} bits: {row['error']}"
            for row in failed
        ]
    return "\n".join([*lines, ""])


def _other_processors(results: dict[str, Any]) -> list[str]:
    """On which rows were timed, but for the one that the page names."""
    return sorted({row["processor"] for row in results["rows"] if row["processor"]} - {results["machine"]["processor"]})


def _line(row: dict[str, Any], titles: dict[str, str], letter: str) -> str:
    start = f"| {titles[row['tool']]} {row['version']} | {row['method']} "
    if row["ppl_mean"] is None:
        return f"{start}| failed, see below | | | | | |"
    spread = f" ± {row['ppl_std']:.2f}" if row["ppl_std"] is not None else ""
    cells = (
        f"{row['ppl_mean']:.2f}{spread}",
        str(len(row["seeds"])),
        f"{row['processor_seconds']:.1f}{letter}",
        f"{row['seconds']:.1f}{letter}",
        f"{row['peak_bytes'] / 1e6:.0f}{letter}",
        f"{row['others']:.2f}",
    )
    return f"{start}| {' | '.join(cells)} |"


def _order(row: Row) -> tuple[int, int, int, int, float]:
    ppls = [run.ppl for run in row.runs if run.ppl is not None]
    setting = row.setting
    mean = statistics.mean(ppls) if ppls else float("inf")
    return -setting.bits, setting.group_size, setting.samples, setting.sequence_length, mean


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _read(path: Path) -> Run | None:
    """None for a file of another version of this script."""
    values = json.loads(path.read_text("utf-8"))
    try:
        protocol, setting = Protocol(**values.pop("protocol")), Setting(**values.pop("setting"))
        return Run(protocol, setting, **values)
    except (KeyError, TypeError):
        return None
