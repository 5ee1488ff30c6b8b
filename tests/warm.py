"""Programs in processes of their own that begin with torch and transformers imported, which else takes each some 4 s.

A server imports them once per test process; every program is a fork of it, with its own arguments, environment, folder and output.
Like any process it can be killed, interrupted and limited. That a program starts from nothing too is for each to be tested once.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.paths import ROOT

_REQUEST_BYTES = 1 << 20
"""Of arguments and environment, at most."""
_STUB = """#!{python} -IS
import os, socket, sys
channel = socket.socket(socket.AF_UNIX)
channel.connect({address!r})
import json
request = {{"line": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
socket.send_fds(channel, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
answers = channel.makefile()
answers.readline()
sys.exit(json.loads(answers.readline())["status"] % 256)
"""
"""An interpreter that asks the server, for programs that start others with theirs. What kills it kills what it stands for."""


class Process:
    """One running program; what `subprocess.Popen` has under the same names means the same."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._answers = channel.makefile("r", encoding="utf-8")
        self.pid: int = json.loads(self._answers.readline())["pid"]
        self.returncode: int | None = None
        self.peak_bytes = 0
        """Most that was resident, once it has ended."""

    def poll(self) -> int | None:
        """Its status if it has ended."""
        if self.returncode is None and select.select([self._channel], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float = 600) -> int:
        """Its status, negative for a signal; TimeoutExpired, with the process killed, when it does not end."""
        if self.returncode is None and not select.select([self._channel], [], [], timeout)[0]:
            self.send_signal(signal.SIGKILL)
            self._end()
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self._end()

    def send_signal(self, number: int) -> None:
        """To a process that may have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _end(self) -> int:
        if self.returncode is None:
            told = json.loads(self._answers.readline())
            self.returncode, self.peak_bytes = told["status"], told["peak_bytes"]
            self._answers.close()
            self._channel.close()
        return self.returncode


def start(
    line: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdout: IO[Any] | None = None,
    stderr: IO[Any] | None = None,
    file_bytes: int | None = None,
    warm_children: bool = False,
) -> Process:
    """Begin `python *line`. Output is thrown away unless files are given.

    file_bytes: most that it may write into one file. warm_children: what it starts with its `sys.executable`, or spawns by
    `multiprocessing`, is a fork too.
    """
    address, stub = _server()
    request = {
        "line": [str(part) for part in line],
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd),
        "file_bytes": file_bytes,
        "stub": str(stub) if warm_children else None,
    }
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(address)
    with Path(os.devnull).open("r+b") as nothing:
        ends = [(file or nothing).fileno() for file in (None, stdout, stderr)]
        socket.send_fds(channel, [json.dumps(request).encode() + b"\n"], ends)
        return Process(channel)


def run(line: Sequence[str | Path], timeout: float = 600, **options: Any) -> subprocess.CompletedProcess[str]:
    """`python *line` until it has ended, with its output; options of `start`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        process = start(line, stdout=out, stderr=error, **options)
        status = process.wait(timeout)
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess([str(part) for part in line], status, out.read(), error.read())


def interpreter() -> Path:
    """What programs with warm children have for their `sys.executable`."""
    return _server()[1]


@cache
def _server() -> tuple[str, Path]:
    """Its address, and the interpreter that asks it; it ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="warm")  # not pytest's own: a socket's path may have 107 bytes at most
    address, stub = f"{folder.name}/socket", Path(folder.name) / "python"
    stub.write_text(_STUB.format(python=sys.executable, address=address), "utf-8")
    stub.chmod(0o700)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", address], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    assert process.stdout.readline() == b"ready\n"
    return address, stub


def _serve(address: str) -> None:
    """Fork for every request, and tell each of its end, until standard input is closed."""
    _import_all()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([sys.stdin, listening, woken, *running.values()], [], [])
            if sys.stdin in ready:
                return
            for pid in [pid for pid, channel in running.items() if channel in ready]:  # who asked is gone
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                _tell_ends(running)
            if woken in ready:
                os.read(woken, 4096)
                _tell_ends(running)
            if listening in ready:
                channel, _ = listening.accept()
                data, ends, _, _ = socket.recv_fds(channel, _REQUEST_BYTES, 3)
                while not data.endswith(b"\n"):
                    data += channel.recv(_REQUEST_BYTES)
                pid = os.fork()
                if not pid:
                    for other in (listening, channel, *running.values()):
                        other.close()
                    _be(json.loads(data), ends)
                for number in ends:
                    os.close(number)
                running[pid] = channel
                _tell(channel, {"pid": pid})


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as channel:
            told = {"status": os.waitstatus_to_exitcode(status), "peak_bytes": usage.ru_maxrss * 1024}
            _tell(channel, told)


def _tell(channel: socket.socket, values: dict[str, int]) -> None:
    with suppress(OSError):  # who asked is gone
        channel.sendall(json.dumps(values).encode() + b"\n")


def _be(request: dict[str, Any], ends: list[int]) -> None:
    """Be the program, in a fork, to its end."""
    import resource
    import traceback

    import torch

    for at, number in enumerate(ends):
        os.dup2(number, at)
        os.close(number)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    if request.get("file_bytes") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], request["file_bytes"]))
    if request.get("stub") is not None:
        _warm_children(request["stub"])
    status = 1
    try:
        _run(request["line"])
        status = 0
    except SystemExit as left:
        if isinstance(left.code, str):
            sys.stderr.write(f"{left.code}\n")
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(line: list[str]) -> None:
    """As the interpreter does with its command line."""
    import runpy

    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in known if path]
    kind, rest = line[0], line[1:]
    if kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - that is what was asked for
    elif kind == "-m":
        sys.argv = line[1:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = line
        sys.path.insert(0, str(Path(kind).resolve().parent))
        runpy.run_path(kind, run_name="__main__")


def _warm_children(stub: str) -> None:
    import multiprocessing

    context = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: context("fork" if method == "spawn" else method)  # type: ignore
    sys.executable = stub


def _import_all() -> None:
    """What takes long; no more than an import, so that a fork is as good as a new process."""
    from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlamaForCausalLM

    import models.cogvlm2
    import rpiq.cli.commands
    import rpiq.run.pipeline
    import rpiq.runtime.loading
    from rpiq.architectures.plugins import load_architectures

    load_architectures()
    del models, rpiq, AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlamaForCausalLM


if __name__ == "__main__":
    _serve(sys.argv[1])
