"""Writing a small text file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_text(file: Path, text: str, mode: int) -> None:
    """Make `text` the content of `file`, with the permissions `mode`; its folder is made, a link stays a link.

    A hidden file beside it takes its name once it is on the disk. Errors: OSError, and then nothing is changed.
    """
    target = file.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
