"""The driver: from a source and a configuration to a finished folder that a killed run can be resumed to.

Here are the outer steps: what is checked first, what is committed, and what is known at the end. The way through the blocks:
`rpiq/run/quantizing.py`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from rpiq.calibration.pictures import has_pictures, picture_calibration_sha256
from rpiq.calibration.text import CalibrationRows, file_sha256
from rpiq.config import QuantizationConfig
from rpiq.errors import ResourceError, RpiqError, interrupts_kept
from rpiq.formats.checkpoint import read
from rpiq.formats.weights import Weights
from rpiq.formats.writer import QuantizedWriter
from rpiq.run import budget
from rpiq.run.activations import MemoryActivations, StoredActivations
from rpiq.run.quantizing import Run
from rpiq.run.result import BlockReport, Progress, Report, versions

_NO_MEMORY = "can't allocate memory"
"""What torch says when the operating system gives the processor no more; for a GPU it has an exception of its own."""


def quantize(
    source: Path,
    out: Path,
    config: QuantizationConfig,
    calibration: Path | CalibrationRows,
    *,
    text: Path | None = None,
    device: str = "auto",
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> Report:
    """Quantize the model at `source`, a safetensors folder or a GGUF file, into the new folder `out`.

    calibration: a .txt or .jsonl file, one of questions about pictures or a folder of them, or rows that were read before.
    text: as many rows of text beside those with pictures, for the experts that see little of it. device: auto, cpu or cuda.
    With `resume`, go on where a killed run with the same settings was; the result has the same bytes. `report` hears of every
    step.
    RpiqError of one kind or another for everything the user can mend; after Ctrl-C what is committed can be resumed.
    """
    started = time.monotonic()
    headers = read(source)
    where = choose_device(device)
    settings = _settings(source, headers.size_bytes, config, calibration, text, where)
    # Known for sure only below; without it a full disk would be noticed late when a GGUF file is converted first.
    needed = headers.size_bytes if headers.format == "gguf" else 0
    writer = QuantizedWriter(out, settings=settings, resume=resume, needed_bytes=needed)
    resumed = bool(writer.committed)
    try:
        with interrupts_kept(), Weights(source, writer.scratch, progress=_conversion(report, started)) as weights:
            run = Run(
                weights,
                config,
                calibration,
                text,
                where,
                StoredActivations(writer.scratch / "activations"),
                report,
                started,
            )
            budget.check_memory(run.plan)
            _check_disk(writer, run.plan)
            with _out_of_memory_explained():
                return run.to_folder(writer, source, resumed)
    except (RpiqError, KeyboardInterrupt) as error:
        # What was committed is worth keeping; an empty folder is not.
        if out.exists():
            error.add_note(f"{out} is written, but not checked")
        elif writer.committed:
            error.add_note(f"{len(writer.committed)} finished parts are kept beside {out}: go on with --resume")
        else:
            writer.abandon()
            error.add_note("nothing was finished yet, so nothing is kept")
        raise


def rehearse(
    source: Path,
    config: QuantizationConfig,
    calibration: Path | CalibrationRows,
    *,
    text: Path | None = None,
    device: str = "auto",
    report: Callable[[Progress], None] | None = None,
) -> tuple[budget.Plan, BlockReport]:
    """What `quantize` would do, and its first block really done, on a few rows. Writes nothing; errors as `quantize`."""
    started = time.monotonic()
    with Weights(source, progress=_conversion(report, started)) as weights:
        run = Run(weights, config, calibration, text, choose_device(device), MemoryActivations(), report, started)
        with _out_of_memory_explained():
            return run.plan, run.rehearse()


@contextmanager
def _out_of_memory_explained() -> Iterator[None]:
    """ResourceError for what torch says in several ways when there is no more memory."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        failed: BaseException = error
    except RuntimeError as error:
        if _NO_MEMORY not in str(error):
            raise
        failed = error
    else:
        return
    line = (str(failed).splitlines() or [""])[0]
    raise ResourceError(
        f"no memory is left ({line}); close other programs, choose a smaller --sequence-length, or another --device"
    ) from failed


def _conversion(report: Callable[[Progress], None] | None, started: float) -> Callable[[int, int], None] | None:
    """Tells `report` how far the de-quantization of a GGUF file is, tensor by tensor."""
    if report is None:
        return None

    def tell(done: int, count: int) -> None:
        seconds = time.monotonic() - started
        report(Progress("conversion", done, count, "", seconds, seconds * (count - done) / done, done / count))

    return tell


def choose_device(name: str) -> torch.device:
    """auto, cpu or cuda as a device. ResourceError when there is no CUDA device."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ResourceError("torch sees no CUDA device; use --device cpu")
    return torch.device(name)


def _settings(
    source: Path,
    size: int,
    config: QuantizationConfig,
    calibration: Path | CalibrationRows,
    text: Path | None,
    device: torch.device,
) -> dict[str, object]:
    """Everything that the bytes of the result depend on."""
    if isinstance(calibration, Path):
        data = picture_calibration_sha256(calibration) if has_pictures(calibration) else file_sha256(calibration)
    else:
        data = calibration.ids_sha256
    return {
        "source": [str(source.resolve()), size],
        "config": asdict(config),
        "calibration": data,
        "text": None if text is None else file_sha256(text),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def _check_disk(writer: QuantizedWriter, made: budget.Plan) -> None:
    written = sum(file.stat().st_size for file in writer.scratch.parent.rglob("*") if file.is_file())
    free = shutil.disk_usage(writer.scratch).free
    lacking = made.disk_bytes - written - free
    if lacking > 0:
        raise ResourceError(
            f"{writer.folder.absolute().parent} lacks {lacking / 1e9:.2f} GB for the result and the activations; "
            "free that much or choose another disk"
        )
