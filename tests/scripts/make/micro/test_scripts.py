"""The scripts on the command line: what they make, and what they say when they cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rpiq.calibration.questions import read_questions
from tests import warm
from tests.paths import SCRIPTS


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run([SCRIPTS / script, *arguments])


@pytest.mark.makes_models
def test_make_covers(tmp_path: Path) -> None:
    folder = tmp_path / "covers"
    command = [sys.executable, str(SCRIPTS / "make/covers"), str(folder), "--count", "2", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # from nothing, as a user starts it
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder}: 2 covers, 12 questions in questions.jsonl\n"
    assert len(read_questions(folder).asked) == 12
    again = run("make/covers", str(folder))
    assert again.returncode == 2
    assert again.stderr.splitlines()[-1].endswith("exists already; choose another folder or remove it")


@pytest.mark.makes_models
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.training.safetensors").write_bytes(b"x")
    done = run("make/micro_cogvlm2", "--out", str(tmp_path / "model"), "--steps", "1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("; remove it to begin anew\n")
    assert len(done.stderr.splitlines()) == 1
