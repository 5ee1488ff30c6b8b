"""The soak, for some minutes: RPIQ_ASSISTANT_SOAK_MINUTES of them, one if it is not set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.mark.usefixtures("store")
def test_use_at_random_with_faults_of_everything_leaves_nothing_stuck(tmp_path: Path) -> None:
    minutes = os.environ.get("RPIQ_ASSISTANT_SOAK_MINUTES", "1")
    out = tmp_path / "soak.json"
    command = [sys.executable, ROOT / "scripts/stress/soak", "--wall-minutes", minutes, "--seed", "7", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert out.exists(), done.stderr
    found = json.loads(out.read_text("utf-8"))
    assert found["failures"] == [], found["failures"]
    assert done.returncode == 0
    assert found["turns"] >= 5 * float(minutes)
