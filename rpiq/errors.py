"""Errors of rpiq: each message says what failed, where, and what to do."""

from __future__ import annotations


class RpiqError(Exception):
    """Something the user can mend; `str(error)` is one line for a terminal or a log."""


class CheckpointError(RpiqError):
    """A checkpoint is missing, damaged, or of a kind that is not read."""


class ConfigError(RpiqError):
    """An option, or a combination of options and model, that makes no sense."""


class CalibrationError(RpiqError):
    """The calibration text or the tokenizer cannot be used."""


class ArchitectureError(RpiqError):
    """A model whose structure is not understood; the message names the modules."""


class ResourceError(RpiqError):
    """Too little memory or disk, or no such device."""


class VerificationError(RpiqError):
    """The written folder does not compute what the quantized model computed."""


class EvaluationError(RpiqError):
    """The evaluation data are missing, too short, or in another form than expected."""


class SolverError(RpiqError):
    """A weight, or the statistics of its inputs, that the solvers cannot work with."""
