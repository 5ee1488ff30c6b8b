"""What a run was: values for a caller, for JSON, for the model card and the page. Nothing is computed here.

How they come about: `rpiq/run/pipeline.py`. How they are shown: `rpiq/run/report/page.py` and `rpiq/run/card.py`.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import torch

from rpiq.config import PartSettings, QuantizationConfig, Scheme
from rpiq.errors import CheckpointError, ResourceError
from rpiq.run.distill import Distillation
from rpiq.run.solve import GuardReport, LinearReport

REPORT_FILE = "rpiq-report.json"
"""In the written folder: the Report as JSON."""


@dataclass(frozen=True)
class Progress:
    """One step of a run."""

    stage: str
    """conversion (of a GGUF file), calibration, block, finished (a block), distillation, head, saving, checking or done."""
    block: int
    """Blocks finished so far; in a conversion, tensors."""
    blocks: int
    detail: str
    """Name of the block or Linear that is worked on, or the step of the distillation."""
    seconds: float
    seconds_left: float | None
    """An estimate; None while nothing is known."""
    share: float = 0.0
    """Of the whole run that is done, 0 to 1, an estimate; in a conversion, of that alone."""
    finished: BlockReport | None = None
    """What became of the block, at the stage `finished`; a resumed run tells of those that it found done as well."""


@dataclass(frozen=True)
class BlockReport:
    """What became of one block."""

    name: str
    linears: tuple[LinearReport, ...]
    guards: tuple[GuardReport, ...]
    held_out_error: float | None
    """Of the finished block, the errors of all blocks before it included; see `GuardReport.stage1`."""
    seconds: float


@dataclass(frozen=True)
class Check:
    """The written folder against the model in memory."""

    logits_error: float
    """‖difference of the logits‖ / ‖logits‖ for one calibration row."""
    agreement: float
    """Share of its positions at which both give the same next token the highest score."""
    generated: tuple[int, ...]
    """Tokens that the reloaded model added to the beginning of the row."""


@dataclass(frozen=True)
class PartReport:
    """What became of one part of a model, as its vision tower."""

    part: str
    scheme: Scheme
    linears: int
    weights: int
    least_rows: int
    """Calibration rows that the Linear with the fewest has seen."""
    loss_stage1: float
    """Mean over its Linears of loss / energy."""
    loss_final: float
    fallbacks: tuple[str, ...]
    """Linears that saw too few rows, with what was done instead."""


@dataclass(frozen=True)
class Report:
    """A whole run."""

    source: str
    architecture: str
    config: QuantizationConfig
    calibration: str
    calibration_sha256: str
    calibration_ids_sha256: str
    rows: int
    """Calibration rows that went into H."""
    held_out_rows: int
    row_tokens: int
    """In the longest of them."""
    blocks: tuple[BlockReport, ...]
    distillation: Distillation | None
    """Stage 3; None where there was none."""
    kept: tuple[str, ...]
    source_bytes: int
    output_bytes: int
    versions: dict[str, str]
    seconds: float
    """Of the last run alone, if it was resumed."""
    peak_memory_bytes: int
    """Most that the process has had resident, and on the device."""
    device: str
    resumed: bool
    check: Check | None

    @property
    def linears(self) -> tuple[LinearReport, ...]:
        """All Linears, in the order in which they were quantized."""
        return tuple(linear for block in self.blocks for linear in block.linears)

    @property
    def parts(self) -> tuple[PartReport, ...]:
        """In the order in which they were quantized."""
        found: dict[str, list[LinearReport]] = {}
        for linear in self.linears:
            found.setdefault(linear.part, []).append(linear)
        return tuple(
            PartReport(
                part,
                self.config.of(part).scheme,
                len(linears),
                sum(one.out_features * one.in_features for one in linears),
                min(one.rows for one in linears),
                fmean(one.relative(one.loss_stage1) for one in linears),
                fmean(one.relative(one.loss_final) for one in linears),
                tuple(f"{one.name}: {one.fallback}" for one in linears if one.fallback),
            )
            for part, linears in found.items()
        )

    def as_json(self) -> dict[str, object]:
        """The whole, with `linears` at the top level as well."""
        linears = [
            {key: getattr(linear, key) for key in ("name", "rows", "loss_stage1", "loss_final", "changed_codes")}
            for linear in self.linears
        ]
        return {"linears": linears, "parts": [asdict(part) for part in self.parts], **asdict(self)}

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all. ResourceError when it cannot be written."""
        part = path.with_name(path.name + ".writing")
        try:
            part.write_text(json.dumps(self.as_json(), indent=1) + "\n", "utf-8")
            part.replace(path)
        except OSError as error:
            raise ResourceError(f"{path} cannot be written ({error.strerror}); choose another place") from error


def read_report(path: Path) -> Report:
    """The Report that `Report.write` wrote. CheckpointError when it is missing or damaged."""
    try:
        values = json.loads(path.read_text("utf-8"))
        values.pop("linears")
        values.pop("parts")
        config = values["config"]
        parts = tuple(PartSettings(one["part"], tuple(one["settings"])) for one in config["parts"])
        values["config"] = QuantizationConfig(**{**config, "scheme": Scheme(**config["scheme"]), "parts": parts})
        values["blocks"] = tuple(read_block(block) for block in values["blocks"])
        if values["distillation"] is not None:
            values["distillation"] = read_distillation(values["distillation"])
        values["kept"] = tuple(values["kept"])
        if values["check"] is not None:
            check = values["check"]
            values["check"] = Check(**{**check, "generated": tuple(check["generated"])})
        return Report(**values)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}); give a folder that rpiq has written"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is no report of this version of rpiq ({error}); quantize again") from error


def read_block(record: object) -> BlockReport:
    """The inverse of `dataclasses.asdict`, for a record that went through JSON."""
    values = cast(dict[str, Any], record)
    linears = tuple(LinearReport(**{**linear, "rounds": tuple(linear["rounds"])}) for linear in values["linears"])
    guards = tuple(GuardReport(**{**guard, "linears": tuple(guard["linears"])}) for guard in values["guards"])
    return BlockReport(values["name"], linears, guards, values["held_out_error"], values["seconds"])


def read_distillation(record: object) -> Distillation:
    """As `read_block`."""
    values = cast(dict[str, Any], record)
    return Distillation(**{**values, "divergence": tuple(values["divergence"])})


def versions() -> dict[str, str]:
    """Of everything that the result depends on."""
    return {"rpiq": version("rpiq-assistant"), "torch": version("torch"), "transformers": version("transformers")}


def peak_memory() -> int:
    """Most bytes that this process has had resident so far, and on the GPU."""
    return peak_host_memory() + (torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0)


def peak_host_memory() -> int:
    """Most bytes that this process has had resident in the host's memory so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
