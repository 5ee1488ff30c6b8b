"""The rows that a run calibrates with, read as the model wants them, and refused where they are not for it."""

from __future__ import annotations

from pathlib import Path

from rpiq.architectures.blocks import Skeleton
from rpiq.architectures.processor import read_processor
from rpiq.calibration.pictures import has_pictures, read_picture_calibration
from rpiq.calibration.text import Calibration, CalibrationRows, MixedCalibration, read_calibration, read_tokenizer
from rpiq.config import QuantizationConfig
from rpiq.errors import CalibrationError, CheckpointError
from rpiq.formats.weights import Weights


def read_rows(
    calibration: Path | CalibrationRows,
    text: Path | None,
    skeleton: Skeleton,
    weights: Weights,
    config: QuantizationConfig,
) -> CalibrationRows:
    """Rows of text, of pictures, or of both; rows that were read before are only checked.

    text: beside pictures. CalibrationError for what this model cannot learn from, CheckpointError where the tokenizer makes
    tokens that the model does not know.
    """
    rows = _read(calibration, text, skeleton, weights, config) if isinstance(calibration, Path) else calibration
    largest = int(rows.ids.max())
    if largest >= skeleton.vocabulary:
        raise CheckpointError(
            f"{weights.folder}: the tokenizer makes the token {largest}, the model knows {skeleton.vocabulary}; "
            "they are not of one model"
        )
    return rows


def _read(
    calibration: Path, text: Path | None, skeleton: Skeleton, weights: Weights, config: QuantizationConfig
) -> CalibrationRows:
    if has_pictures(calibration):
        processor = read_processor(weights.folder)
        pictures = read_picture_calibration(calibration, processor, config.samples, config.seed)
        return pictures if text is None else MixedCalibration(pictures, _read_text(text, weights, config))
    if text is not None:
        raise CalibrationError(f"{calibration} is text itself; give {text} as --calibration, or pictures there")
    if len(skeleton.stacks) > 1:
        raise CalibrationError(
            f"{calibration} is text, and this model sees: its vision tower would learn nothing; "
            "give --calibration a .jsonl of questions about pictures with answers, or a folder"
        )
    return _read_text(calibration, weights, config)


def _read_text(file: Path, weights: Weights, config: QuantizationConfig) -> Calibration:
    rows = (config.samples, config.sequence_length, config.seed, config.chat_template)
    return read_calibration(file, read_tokenizer(weights.folder), *rows)
