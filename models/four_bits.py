"""A model of the store in 4 bits: quantized once by rpiq, kept beside the store's model, and used from then on.

A language model is one GGUF file, calibrated on a text; a model that sees is a folder of safetensors, calibrated on pictures with
questions. A run that was cut off goes on where it was. The folder names the files and the settings it was made from, so a new model
or new settings make a new one; a folder that was tampered with or cut off is not used.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models import receipt
from models.catalogue import PROJECT
from models.conversion import is_converted, transformers_folder
from models.derived import RECORD, is_whole, only_gguf, seal, sha256
from models.errors import Corrupt, Unavailable
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
PICTURES = PROJECT / "samples" / "covers" / "calibration.jsonl"
"""Pictures with questions that come with the project, for models that see."""
PICTURE_SETTINGS = QuantizationConfig(scheme=Scheme(bits=4, group_size=128), samples=64, distill_steps=0)
"""The group is as large as the model's rows allow: all rows of CogVLM2-19B can be cut into 128. Without stage 3, which would hold
17 GB of the 19B at once, and gained nothing on the micro model (docs/results/micro-cogvlm2.md)."""
_MAKING_SEEING = 1
"""Bytes on the disk per byte of the safetensors, at most: a third of result twice for a moment, and the activations."""
_MAKING, _CONVERTING = 4, 3
"""Bytes on the disk per byte of the GGUF file, at most: 115 MB of result twice for a moment and 90 MB of activations, and the
copy of 270 MB that they are made from, for a file of 98 MB."""

log = logging.getLogger(__name__)


def four_bit_folder(source: Path) -> Path | None:
    """The 4-bit copy of the model in `source`, a verified folder of the store; None when there is none, or it is not whole.

    Errors: Corrupt when `source` holds neither one GGUF file nor safetensors.
    """
    target = _target(source)
    if not (target / RECORD).exists():
        return None
    if is_whole(target, _origin(source)):
        return target
    log.warning("%s was damaged, or made by another version, and is not used; run: assistant setup", target)
    return None


def make_four_bits(
    source: Path, report: Callable[[Progress], None] | None = None, calibration: str | None = None
) -> Path:
    """The 4-bit copy of the model in `source`, a verified folder of the store; made, or gone on with, if need be.

    Takes minutes, more for a large one; what is done when it is interrupted is kept. `calibration` is a file, or a set that
    comes with rpiq; by default what the project has for this kind of model.
    Errors: Corrupt when `source` holds neither one GGUF file that can be read nor safetensors; Unavailable when there is too little
    disk or memory, or the result is not what it should be.
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
            full = source if _sees(source) else transformers_folder(source)
            _quantize(full, ready, _settings(source), calibration or _calibration(source), report)
            seal(ready, origin)
            if target.exists():
                shutil.rmtree(target)
            ready.rename(target)
    except OSError as error:
        raise Unavailable(f"cannot write {target} ({error.strerror or error}): free some space there") from error
    except RpiqError as error:
        raise Unavailable(f"{source.name} could not be quantized: {error}; then run: assistant setup") from error
    return target


def needed_bytes(source: Path, size_bytes: int, sees: bool = False) -> int:
    """Most that `make_four_bits` will yet write for the model of `size_bytes` that is, or will be, in `source`.

    sees: whether it is a folder of safetensors instead of a GGUF file.
    """
    written = sum(path.stat().st_size for path in _made(_target(source)))
    making = _MAKING_SEEING if sees else _MAKING if is_converted(source) else _MAKING + _CONVERTING
    return max(0, making * size_bytes - written)


def _made(target: Path) -> Iterator[Path]:
    """Files of the copy, and of one that is not finished."""
    for folder in (target, *target.parent.glob(f".{target.name}.*"), *target.parent.glob(f"{target.name}.*")):
        yield from (path for path in folder.rglob("*") if path.is_file())


def _quantize(
    full: Path,
    out: Path,
    settings: QuantizationConfig,
    calibration: str,
    report: Callable[[Progress], None] | None,
) -> None:
    from rpiq.architectures.plugins import load_architectures
    from rpiq.calibration.text import calibration_file
    from rpiq.run.pipeline import quantize

    load_architectures()
    file = calibration_file(calibration)
    try:
        quantize(full, out, settings, file, resume=True, report=report)
    except (ConfigError, CheckpointError) as error:
        log.info("what an earlier run left cannot be used (%s): beginning anew", error)
        quantize(full, out, settings, file, report=report)


def _sees(source: Path) -> bool:
    """Whether it is a model of safetensors, as those that see are, and no GGUF file."""
    return any(source.glob("*.safetensors"))


def _settings(source: Path) -> QuantizationConfig:
    if not _sees(source):
        return SETTINGS
    return replace(PICTURE_SETTINGS, scheme=replace(PICTURE_SETTINGS.scheme, group_size=_group_size(source)))


def _group_size(source: Path) -> int:
    """The largest that cuts the rows of all Linears, whose lengths are among the sizes in config.json."""
    try:
        values = json.loads((source / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Corrupt(f"{source / 'config.json'} cannot be read ({error}); get the model again") from error
    sizes = [
        part[name]
        for part in (values, *(value for value in values.values() if isinstance(value, dict)))
        for name in ("hidden_size", "intermediate_size")
        if isinstance(part.get(name), int)
    ]
    largest = PICTURE_SETTINGS.scheme.group_size
    return next((size for size in (largest, 64, 32) if all(width % size == 0 for width in sizes)), largest)


def _calibration(source: Path) -> str:
    if not _sees(source):
        return CALIBRATION
    if not PICTURES.is_file():
        raise Unavailable(f"{PICTURES} is missing, which calibrates {source.name}; get a whole clone of the project")
    return str(PICTURES)


def _target(source: Path) -> Path:
    return source.parent / FOLDER / source.name


def _origin(source: Path) -> object:
    """The files a copy is made from, and the settings. What the store has just verified is not hashed again."""
    settings = asdict(_settings(source))
    if not _sees(source):
        return {"gguf": sha256(only_gguf(source)), "settings": settings}
    known = receipt.digests(source)
    files = known or {path.name: sha256(path) for path in sorted(source.iterdir()) if path.name[0] != "."}
    return {"files": files, "settings": settings}
