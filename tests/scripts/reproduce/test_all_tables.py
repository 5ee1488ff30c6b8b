"""The script fills the tables for a tiny model, keeps what is done, and names what failed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.paths import ROOT
from tests.rpiq.tiny import CONFIGS, write_model, write_text

SCRIPT = ROOT / "scripts/reproduce/all_tables"


def run(folder: Path, *more: str, from_nothing: bool = False) -> subprocess.CompletedProcess[str]:
    """The script, begun with everything imported; so are its steps' own processes, or they import the script from nothing."""
    places = {"--calibration": "text.txt", "--perplexity-text": "text.txt", "--tweets": "a_text.txt", "--out": "out"}
    line = [str(SCRIPT), *(part for pair in places.items() for part in pair)]
    sizes = "--group-size 32 --samples 8 --sequence-length 32 --window 64 --limit 2 --device cpu".split()
    return warm.run([*line, *sizes, *more], cwd=folder, warm_children=not from_nothing)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_model(folder / "tiny", CONFIGS["llama"])
    write_text(folder / "text.txt")
    (folder / "a_text.txt").write_text("w1 w2\nw3", "utf-8")
    (folder / "a_labels.txt").write_text("0\n2", "utf-8")
    done = run(folder, "tiny", "--methods", "full", "rpiq-paper", "--linears", "*.1.mlp.down_proj", "--discard")
    assert done.returncode == 0, done.stderr
    return folder


def tables(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "out/tables.json").read_text("utf-8"))
    return values


@pytest.mark.makes_models
def test_rows(filled: Path) -> None:
    full, paper = tables(filled)["rows"]
    assert (full["model"], full["method"], paper["method"]) == ("tiny", "full", "rpiq-paper")
    assert full["quantize_seconds"] is None
    assert paper["quantize_seconds"] > 0
    assert paper["quantize_peak_memory_bytes"] > 1e8
    for row in (full, paper):
        assert 10 < row["perplexity"] < 1000
        assert 10 < row["perplexity_autogptq"] < 1000
        assert row["tweets"] == 2
        assert 0 <= row["generation_accuracy"] <= 1 - row["unanswered"]
    assert paper["weight_bytes"] < 0.6 * full["weight_bytes"]


@pytest.mark.makes_models
def test_convergence(filled: Path) -> None:
    (chosen,) = tables(filled)["convergence"]
    assert chosen["linear"] == "model.layers.1.mlp.down_proj"
    assert chosen["rounds"][0] == chosen["initial"] > chosen["final"] == min(chosen["rounds"])
    assert chosen["iterations"] == len(chosen["rounds"]) - 1 <= 5
    (everything,) = tables(filled)["rounds"]
    assert everything["linears"] == 14
    assert everything["reduction_least"] <= chosen["reduction"] <= everything["reduction_most"]
    assert chosen["early_stop"] == (chosen["iterations"] < 5)
    assert everything["loss_off_grid"] != everything["loss_stage1"] <= everything["loss_stored"]


@pytest.mark.makes_models
def test_markdown_shows_what_the_json_holds(filled: Path) -> None:
    text = (filled / "out/tables.md").read_text("utf-8")
    for row in tables(filled)["rows"]:
        assert f"| tiny | {row['method']} |" in text
        assert f"| {row['perplexity']:.3f} | {row['perplexity_autogptq']:.3f} |" in text
    for number in (1, 3, 4, 5):
        assert f"## Table {number}" in text
    assert str(filled) not in text, "no place on this machine"


@pytest.mark.makes_models
def test_what_is_done_is_kept(filled: Path) -> None:
    files = sorted((filled / "out/tiny").glob("*/*.json"))
    assert [file.name for file in files if file.parent.name == "rpiq-paper"] == [
        "perplexity-autogptq.json", "perplexity.json", "quantize.json", "sentiment.json",
    ]  # fmt: skip
    assert not (filled / "out/tiny/rpiq-paper/model").exists(), "--discard"
    before = {file: file.stat().st_mtime_ns for file in files}
    assert "begun already" in run(filled, "tiny").stderr
    assert "other settings" in run(filled, "tiny", "--resume", "--seed", "1").stderr
    again = run(filled, "tiny", "nowhere", "--methods", "rpiq-paper", "--resume", from_nothing=True)
    assert again.returncode == 1
    assert "failed: nowhere, rpiq-paper:" in again.stderr
    assert "failed: tiny" not in again.stderr
    assert {file: file.stat().st_mtime_ns for file in files} == before
    assert len(tables(filled)["rows"]) == 2, "what failed leaves no row"
