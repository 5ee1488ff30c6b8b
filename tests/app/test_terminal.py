"""What reaches the screen and the disk."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.terminal import ProgressLine, SpokenProgress, write_json
from assistant.errors import OutputError
from models.progress import Progress


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Spot:
    name: str
    place: Path


def test_json_file_holds_dataclasses_and_paths(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", [Spot("é", tmp_path)])
    assert json.loads((tmp_path / "out.json").read_text()) == [{"name": "é", "place": str(tmp_path)}]


def test_json_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    for path in (tmp_path / "out.json", tmp_path / "nowhere/out.json"):
        with pytest.raises(OutputError, match=r"cannot write .*out\.json"):
            write_json(path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_progress_on_a_terminal_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    line = ProgressLine()
    for done in range(1001):
        line(Progress(done, 1000, "fetching toy"))
    line.clear()
    assert "\n" not in screen.getvalue()
    assert screen.getvalue().count("\r") < 20  # not one write for each of a thousand calls
    assert "100%" in screen.getvalue()


def test_progress_in_a_log_is_a_line_for_each_fifth(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine()
    for what in ("fetching a", "fetching b"):
        for done in range(1001):
            line(Progress(done, 1000, what))
    said = capsys.readouterr().err.splitlines()
    assert [text.partition(":")[0] for text in said] == ["fetching a"] * 6 + ["fetching b"] * 6
    assert said[0].startswith("fetching a:   0%")


def test_progress_for_the_ear_is_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    line = SpokenProgress("making it small")
    for step in range(301):
        line(step / 300, None if step == 0 else (300 - step) / 2)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 10
    assert said[0] == "making it small: 10 percent, about 2 minutes left"
    assert said[5] == "making it small: 60 percent, about 1 minute left"
    assert said[8] == "making it small: 90 percent, less than a minute left"
    assert said[9] == "making it small: 100 percent"
