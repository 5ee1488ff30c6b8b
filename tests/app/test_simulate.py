"""`assistant listen --simulate`: the same script gives the same transcript, and mistakes are named by their line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from tests.paths import ROOT

SAMPLES = ROOT / "samples"
SCRIPT = SAMPLES / "conversation.txt"


def simulate(script: Path, *options: str) -> int:
    return main(["listen", "--simulate", str(script), *options])


def write(folder: Path, text: str) -> Path:
    path = folder / "script.txt"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.usefixtures("store")
def test_the_sample_gives_the_same_transcript_in_two_processes() -> None:
    command = [sys.executable, "-m", "app.cli", "listen", "--simulate", str(SCRIPT), "--json"]
    outputs = [
        subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env={**os.environ}).stdout for _ in range(2)
    ]
    assert outputs[0] == outputs[1]
    result = json.loads(outputs[0])
    assert result["missed"] == []
    assert all(each.keys() == {"at", "kind", "text"} for each in result["transcript"])
    assert [each["at"] for each in result["transcript"]] == sorted(each["at"] for each in result["transcript"])
    assert {each["kind"] for each in result["transcript"]} >= {
        "user",
        "heard",
        "says",
        "signal",
        "state",
        "lost",
        "back",
    }


@pytest.mark.usefixtures("store")
def test_what_is_expected_and_not_said_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(
        tmp_path,
        "until silent\nexpect Ready\n\ntype what can you do\nuntil silent\nexpect elephants\nexpect not more\n",
    )
    assert simulate(script) == 1
    printed = capsys.readouterr()
    complaints = [line for line in printed.err.splitlines() if "expected" in line]
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{script}, line 6: expected 'elephants', heard: ")
    assert all(re.fullmatch(r" *\d+\.\d\d  \w+ +\S.*", line) for line in printed.out.splitlines())
    assert re.search(r"^ +0\.00  says     Ready\.$", printed.out, re.MULTILINE)


MISTAKES = {
    "speak What is it?": "knows no 'speak': use one of camera, ",
    "say": "say needs a value",
    "press twice": "press stands alone",
    "unplug keyboard": "unplug needs one of microphone, loudspeaker, camera",
    "until dawn": "until needs one of silent, speaking, asleep",
    "wait long": "wait needs a number of seconds",
    "wait 1 2": "wait needs a number of seconds",
    "wait -1": "wait needs a number of seconds",
    "wait nan": "wait needs a number of seconds",
    "noise 2": "noise needs two numbers",
    "noise 2 5": "noise needs two numbers",
    "expect not": "expect not needs the words",
    "camera none.jpg": "there is no file ",
    "sound none.wav": "there is no file ",
}


def test_all_mistakes_are_named_by_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, "# mistakes\n\n" + "\n".join(MISTAKES))
    assert simulate(script) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (complaint,) = printed.err.splitlines()
    assert complaint.startswith(f"assistant: error: {script}, line 3: ")
    for number, named in enumerate(MISTAKES.values(), 3):
        assert f"line {number}: {named}" in complaint


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["no file", "no text"])
def test_a_script_that_cannot_be_read(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.txt"
    if content is not None:
        script.write_bytes(content)
    assert simulate(script) == 2
    (complaint,) = capsys.readouterr().err.splitlines()
    assert str(script) in complaint
    assert complaint.endswith(": give a text file")


@pytest.mark.usefixtures("store")
def test_a_picture_that_is_none_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SCRIPT, tmp_path / "sign.jpg")
    assert simulate(write(tmp_path, "wait 0.1\ncamera sign.jpg\n")) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith(f"assistant: error: {tmp_path / 'script.txt'}, line 2: ")
    assert "sign.jpg" in complaint
