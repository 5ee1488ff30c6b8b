"""Keeps what was said, read and seen inside this process: no memory dumps, no words in logs; and finds what went out after all.

`open_sockets` and `disk_traces` only look. Not opening sockets and not writing files is the work of everybody.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import logging
import os
import resource
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import platformdirs
import psutil

OWN_LOGGERS = frozenset(("app", "assistant", "models", "rpiq"))
"""First parts of the names of loggers that are known to log no content; `tests/assistant/checkup/test_privacy.py` sees to it."""

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_CLOCK_STEP = 0.05
"""Seconds by which the time that a file system notes may lag behind the clock."""


def forbid_memory_dumps() -> None:
    """No core file on a crash, and no other program of this account may read our memory or attach to us.

    The second is Linux alone. It cannot be taken back for the core files; call it at the start of a program, not in a library.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and _prctl(_PR_SET_DUMPABLE, 0) != 0:
        raise OSError(ctypes.get_errno(), "the memory of this process cannot be closed to others")


def memory_is_closed() -> bool:
    """Whether `forbid_memory_dumps` is in force."""
    closed = sys.platform != "linux" or _prctl(_PR_GET_DUMPABLE) == 0
    return closed and resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def _prctl(option: int, value: int = 0) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0))


@dataclass(frozen=True)
class OpenSocket:
    """An internet socket of this process or of one that it started."""

    pid: int
    local: str
    """Address and port, as 127.0.0.1:8000."""
    remote: str
    """Empty where there is none."""
    leaves: bool
    """Whether it can be reached from, or reaches, another machine."""


def open_sockets() -> tuple[OpenSocket, ...]:
    """All internet sockets of this process and its children; those with `leaves` should not be. Unix sockets are not told."""
    found = []
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that has ended meanwhile
            for use in process.net_connections("inet"):
                # What is not connected is judged by where it can be reached.
                leaves = not _is_loopback((use.raddr or use.laddr)[0])
                found.append(OpenSocket(process.pid, _address(use.laddr), _address(use.raddr), leaves))
    return tuple(found)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (inner or parsed).is_loopback


def _address(pair: Iterable[object]) -> str:
    return ":".join(map(str, pair))


class DiscreetFormatter(logging.Formatter):
    """Writes log records without content: of other libraries only where something was said, of an error only its kind and place.

    (At level DEBUG the synthesiser, for one, logs every sentence that it speaks.)
    """

    def format(self, record: logging.LogRecord) -> str:
        """As `logging.Formatter`."""
        # A copy, since another formatter may have left an error's words in the record, or may still want them.
        kept = logging.makeLogRecord({**record.__dict__, "exc_text": None})
        if record.name.partition(".")[0] not in OWN_LOGGERS:
            kept.msg = f"{record.levelname.lower()} from {record.name}, {record.module} line {record.lineno}"
            kept.args = kept.exc_info = kept.stack_info = None
        return super().format(kept)

    def formatException(  # noqa: N802 - the library's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """The kind of the error and the way to it; its words may be the user's."""
        frames = "".join(traceback.format_tb(ei[2]))
        return f"{frames}{ei[0].__name__ if ei[0] else ''}"


def usual_folders() -> tuple[Path, ...]:
    """Where programs leave files without being asked: temporary files, shared memory, the account's caches, settings, data, here."""
    folders = (
        Path(tempfile.gettempdir()),
        Path("/var/tmp"),  # noqa: S108 - looked at, not written
        Path("/dev/shm"),  # noqa: S108
        platformdirs.user_cache_path(),
        platformdirs.user_config_path(),
        platformdirs.user_data_path("rpiq-assistant", False),
        Path.cwd(),
    )
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def disk_traces(folders: Iterable[Path], since: float) -> tuple[Path, ...]:
    """Files in `folders` and below that were made or changed at or after `since` (seconds of `time.time()`), sorted.

    Sockets and pipes hold nothing and are left out, as are folders that this account may not look into.
    """
    moment = since - _CLOCK_STEP
    return tuple(sorted({path for folder in folders for path in _files(folder) if _changed(path, moment)}))


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _changed(path: Path, moment: float) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:  # gone since it was listed
        return False
    if stat.S_ISSOCK(found.st_mode) or stat.S_ISFIFO(found.st_mode):
        return False
    return max(found.st_mtime, found.st_ctime) >= moment
