"""`assistant` as a user types it: help at once, one-line errors, exit status, and the hub switched off."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli
from assistant.errors import PictureError


def command(outcome: BaseException | int) -> argparse.Namespace:
    """A stand-in for a subcommand module, called `toy`, which ends with `outcome`."""

    def run(arguments: argparse.Namespace) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return argparse.Namespace(register=lambda subparsers: subparsers.add_parser("toy").set_defaults(run=run))


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (0, 0, ""),
        (3, 3, ""),
        (PictureError("x.jpg is no picture; take another", "I cannot use that picture."), 2, "assistant: error: x.jpg"),
        (KeyboardInterrupt(), 130, "assistant: interrupted"),
    ],
)
def test_outcome_becomes_a_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException | int,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (command(outcome),))
    assert cli.main(["toy"]) == status
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == bool(said)


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (command(ZeroDivisionError()),))
    with pytest.raises(ZeroDivisionError):
        cli.main(["toy"])


def test_commands_that_do_not_ask_for_the_network_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(cli, "COMMANDS", (command(0),))
    cli.main(["toy"])
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"


def test_help_loads_no_heavy_library() -> None:
    heavy = "torch transformers faster_whisper rapidocr cv2 onnxruntime piper sounddevice huggingface_hub numpy"
    script = (
        "import sys\nfrom app.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"sys.exit(', '.join(set('{heavy}'.split()) & set(sys.modules)) or 0)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "models" in done.stdout
    assert after.ru_utime - before.ru_utime < 3  # of the processor; torch alone takes as much


def test_module_can_be_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("assistant 0.")


def test_it_ends_well_while_a_thread_computes() -> None:
    script = (
        "import threading, types, cv2, numpy\n"
        "from app import cli\n"
        "picture = numpy.ones((800, 800), numpy.float32)\n"
        "def compute():\n"
        "    while True: cv2.GaussianBlur(picture, (31, 31), 5)\n"
        "def run(arguments):\n"
        "    threading.Thread(target=compute, daemon=True).start()\n"
        "    threading.Event().wait(0.5)\n"
        "    print('said')\n"
        "    return 1\n"
        "def register(commands): commands.add_parser('toy').set_defaults(run=run)\n"
        "cli.COMMANDS = (types.SimpleNamespace(register=register),)\n"
        "cli.run()"
    )
    done = subprocess.run([sys.executable, "-c", script, "toy"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "said\n", "")
