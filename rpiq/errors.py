"""Errors of rpiq: each message says what failed, where, and what to do."""

from __future__ import annotations


class RpiqError(Exception):
    """Something the user can mend; `str(error)` is one line for a terminal or a log."""


class CheckpointError(RpiqError):
    """A checkpoint is missing, damaged, or of a kind that is not read."""
