"""A language model of the store in 4 bits: quantized once by rpiq, kept beside the store's model, and used from then on.

A run that was cut off goes on where it was. The folder names the file and the settings it was made from, so a new model or new
settings make a new one; a folder that was tampered with or cut off is not used.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from models.conversion import is_converted, transformers_folder
from models.derived import RECORD, is_whole, only_gguf, seal, sha256
from models.errors import Unavailable
from models.lock import alone
from rpiq.config import QuantizationConfig, Scheme
from rpiq.errors import CheckpointError, ConfigError, RpiqError

if TYPE_CHECKING:
    from rpiq import Progress

FOLDER = ".quantized"
SETTINGS = QuantizationConfig(scheme=Scheme(bits=4, group_size=64), samples=64, sequence_length=256)
"""Groups of 64 because SmolLM2's rows of 576 cannot be cut into 128; samples so that it takes minutes on two cores."""
CALIBRATION = "c4"
"""A text that comes with rpiq."""
_MAKING, _CONVERTING = 4, 3
"""Bytes on the disk per byte of the GGUF file, at most: 115 MB of result twice for a moment and 90 MB of activations, and the
copy of 270 MB that they are made from, for a file of 98 MB."""

log = logging.getLogger(__name__)


def four_bit_folder(source: Path) -> Path | None:
    """The 4-bit copy of the model in `source`, a verified folder of the store; None when there is none, or it is not whole.

    Errors: Corrupt when `source` does not hold one GGUF file.
    """
    target = _target(source)
    if not (target / RECORD).exists():
        return None
    if is_whole(target, _origin(source)):
        return target
    log.warning("%s was damaged, or made by another version, and is not used; run: assistant setup", target)
    return None


def make_four_bits(
    source: Path, report: Callable[[Progress], None] | None = None, calibration: str = CALIBRATION
) -> Path:
    """The 4-bit copy of the model in `source`, a verified folder of the store; made, or gone on with, if need be.

    Takes minutes; what is done when it is interrupted is kept. `calibration` is a file, or a set that comes with rpiq.
    Errors: Corrupt when `source` does not hold one GGUF file that can be read; Unavailable when there is too little disk or
    memory, or the result is not what it should be.
    """
    target, origin = _target(source), _origin(source)
    try:
        target.parent.mkdir(exist_ok=True)
        with alone(target.with_name(f"{target.name}.lock")):
            if is_whole(target, origin):
                return target
            ready = target.with_name(f"{target.name}.ready")
            if ready.exists():  # a kill came before it was checked
                shutil.rmtree(ready)
            _quantize(transformers_folder(source), ready, calibration, report)
            seal(ready, origin)
            if target.exists():
                shutil.rmtree(target)
            ready.rename(target)
    except OSError as error:
        raise Unavailable(f"cannot write {target} ({error.strerror or error}): free some space there") from error
    except RpiqError as error:
        raise Unavailable(f"{source.name} could not be quantized: {error}; then run: assistant setup") from error
    return target


def needed_bytes(source: Path, size_bytes: int) -> int:
    """Most that `make_four_bits` will yet write for the GGUF file of `size_bytes` that is, or will be, in `source`."""
    written = sum(path.stat().st_size for path in _target(source).parent.rglob("*") if path.is_file())
    return max(0, (_MAKING if is_converted(source) else _MAKING + _CONVERTING) * size_bytes - written)


def _quantize(full: Path, out: Path, calibration: str, report: Callable[[Progress], None] | None) -> None:
    from rpiq.calibration import calibration_file
    from rpiq.pipeline import quantize

    text = calibration_file(calibration)
    try:
        quantize(full, out, SETTINGS, text, resume=True, report=report)
    except (ConfigError, CheckpointError) as error:
        log.info("what an earlier run left cannot be used (%s): beginning anew", error)
        quantize(full, out, SETTINGS, text, report=report)


def _target(source: Path) -> Path:
    return source.parent / FOLDER / source.name


def _origin(source: Path) -> object:
    return {"gguf": sha256(only_gguf(source)), "settings": asdict(SETTINGS)}
