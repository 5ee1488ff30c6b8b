"""The subcommands of `assistant`, one module each.

A module has `register(subparsers)`, which adds its parser and sets `run` (arguments → exit status) as that parser's
default, and `online=True` if it may use the network. Heavy libraries are imported inside `run`, so that `--help` is
instant.
"""

from __future__ import annotations

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
