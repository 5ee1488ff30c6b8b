"""Gradio's temporary folder: private, in memory where the system has such a place, and gone when the server has ended.

The console sends and fetches no files (`console_guard.py`); whatever Gradio writes all the same is nobody's to read.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

GRADIO_VARIABLE = "GRADIO_TEMP_DIR"
_PREFIX = "rpiq-assistant-web-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's file system in memory; the folder made there is our own
"""tmpfs(5)."""


def place() -> Path:
    """Where such folders are made."""
    return _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def private_folder(where: Path | None = None) -> Iterator[Path]:
    """A new folder for Gradio, readable by this account alone, named in its variable; call it before Gradio is imported.

    Folders of servers that did not end in order are removed.
    """
    where = where or place()
    for old in where.glob(f"{_PREFIX}*"):
        if _left_over(old):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where))
    before = os.environ.get(GRADIO_VARIABLE)
    os.environ[GRADIO_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if before is None:
            del os.environ[GRADIO_VARIABLE]
        else:
            os.environ[GRADIO_VARIABLE] = before


def _left_over(folder: Path) -> bool:
    pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
    return (
        not folder.is_symlink()
        and folder.stat().st_uid == os.getuid()
        and pid.isdigit()
        and not psutil.pid_exists(int(pid))
    )
