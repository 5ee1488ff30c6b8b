"""`rpiq` as a user types it: its output, its one-line errors, its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpiq.cli import main
from tests.rpiq.test_checkpoint import WEIGHTS, write_model


def test_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(write_model(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "ToyForCausalLM" in out
    assert f"{sum(w.size for w in WEIGHTS.values()):,} in 5 tensors" in out
    assert "24 × 8  F16" in out


def test_inspect_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(write_model(tmp_path))]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["by_dtype"]["F32"] == {"tensors": 1, "parameters": 48, "size_bytes": 192}
    assert {tuple(linear["shape"]) for linear in values["linears"]} == {(50, 8), (24, 8)}


def test_error_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "nowhere")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rpiq: error: ")
    assert captured.err.count("\n") == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("rpiq 0.")
