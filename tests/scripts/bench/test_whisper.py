"""scripts/bench/whisper on the real model and voice, with few clips."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.store import Store
from scripts.bench.whisper_checkpoint import open_whisper
from tests.paths import ROOT

STAGES = "rpiq, stages 1 and 2"


@pytest.mark.long
@pytest.mark.makes_models
def test_rounding_costs_less_with_stages_1_and_2(store: Store, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "scripts/bench/whisper",
        "--bits",
        "3",
        "--seeds",
        "0",
        "--clips",
        "6",
        "--held-out",
        "2",
        "--tokens",
        "40",
        "--evaluated",
        "3",
    ]
    done = subprocess.run(
        [*command, "--methods", "rtn", STAGES, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "quantizers-whisper.json").read_text("utf-8"))
    entropy = {row["method"]: row["entropy_mean"] for row in results["rows"]}
    assert results["full_precision"] < 2  # log 51,864 is 10.9, which a wrongly opened model would have
    assert results["full_precision"] < entropy[STAGES] < entropy["rtn"]
    assert f"| {STAGES} |" in (tmp_path / "quantizers-whisper.md").read_text("utf-8")


def test_another_file_is_refused(tmp_path: Path) -> None:
    name = b"TransformerSpec\0"
    (tmp_path / "model.bin").write_bytes(b"\6\0\0\0" + len(name).to_bytes(2, "little") + name + bytes(8))
    with pytest.raises(ValueError, match="TransformerSpec"):
        open_whisper(tmp_path)
