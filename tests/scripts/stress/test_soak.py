"""The soak, for some turns: RPIQ_ASSISTANT_SOAK_TURNS of them, 25 if it is not set.

Turns and not minutes, so that a busy machine tries as much as a quiet one; from 200 on it also says whether memory grows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.mark.long
@pytest.mark.usefixtures("store")
def test_use_at_random_with_faults_of_everything_leaves_nothing_stuck(tmp_path: Path) -> None:
    turns = os.environ.get("RPIQ_ASSISTANT_SOAK_TURNS", "25")
    out = tmp_path / "soak.json"
    command = [sys.executable, ROOT / "scripts/stress/soak", "--turns", turns, "--seed", "7", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert out.exists(), done.stderr
    found = json.loads(out.read_text("utf-8"))
    assert found["failures"] == [], found["failures"]
    assert done.returncode == 0
    assert found["turns"] == int(turns)
    assert (found["memory_begin"] > 0) == (int(turns) >= 200)
