"""Table 2 on a random CogVLM2: every row measured once, and the page says what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.models.cogvlm2.tiny import picture, processor_of, tiny_model
from tests.paths import ROOT

SCRIPT = ROOT / "scripts" / "reproduce" / "table2"
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 2, "intermediate_size": 32}
VISION = {"vision_config": TOWER | {"patch_size": 4, "image_size": 16, "num_positions": 17}}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    made = tiny_model(hidden_size=32, intermediate_size=64, max_position_embeddings=512, **VISION)
    made.save_pretrained(tmp_path / "model")
    processor_of(made.config).save_pretrained(tmp_path / "model")  # type: ignore[no-untyped-call]
    return tmp_path / "model"


@pytest.mark.makes_models
def test_every_row_is_measured_once(model: Path, tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        picture(number).save(tmp_path / f"{number}.png")
        category = "title" if number % 2 else "year"
        rows.append({"image": f"{number}.png", "question": "What?", "answers": [f"A{number}"], "category": category})
    data = tmp_path / "questions.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        str(SCRIPT),
        str(model),
        "--data",
        str(data),
        "--calibration",
        str(data),
        "--name",
        "tiny",
    ]
    command += [
        "--out",
        str(tmp_path / "out"),
        "--methods",
        "CMDQ, gptq",
        "CMDQ, rpiq without stage 3",
        "--device",
        "cpu",
    ]
    command += ["--bits", "3", "--seeds", "0", "1", "--group-size", "32", "--samples", "4", "--limit", "2"]
    done = warm.run(command)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "tiny.json").read_text())
    full, *quantized = written["rows"]
    assert (full["bits"], len(quantized)) == (16, 4)
    assert all(row["loss"] != full["loss"] and row["size_bytes"] < 0.5 * full["size_bytes"] for row in quantized)
    assert set(full["by_category"]) == {"title", "year"}
    page = (tmp_path / "out" / "tiny.md").read_text()
    assert "| 3 | CMDQ, rpiq without stage 3 | 2 |" in page
    assert "3 bits, CMDQ, rpiq without stage 3 against gptq with the same seeds" in page
    # From nothing, as a user starts it.
    again = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    assert "right" not in again.stderr
    assert json.loads((tmp_path / "out" / "tiny.json").read_text()) == written
    other = warm.run([*command, "--samples", "3"])
    assert other.returncode == 1
    assert "measured otherwise; give --again" in other.stderr
