"""`assistant setup` from an empty store to a 4-bit language model: once, resumable, and said in few words."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app import checkup, settings
from app.cli import main
from app.commands import setup
from app.terminal import SpokenProgress
from models import fetch as fetching
from models import four_bits
from models.catalogue import Catalogue
from models.store import Store
from rpiq.run import pipeline
from tests.assistant.engines.local.seers import project_entry, write_cogvlm2
from tests.models.conftest import Shelf, shelf
from tests.models.tiny import write_entry

pytestmark = pytest.mark.makes_models

__all__ = ["shelf"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `assistant ...` with a catalogue of one tiny language model."""
    catalogue = Catalogue((write_entry(shelf, tmp_path, layers=4),))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv(settings.STORE_VARIABLE, str(tmp_path / "store"))
    for command in (setup, checkup):
        monkeypatch.setattr(command, "Store", lambda root: Store(root, catalogue))
    monkeypatch.setattr(four_bits, "SETTINGS", replace(four_bits.SETTINGS, samples=8, sequence_length=64))

    def run(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()  # what the writing of the model said
        status = main([*argv, "--profile", "tiny"])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_once_and_then_nothing(run: Run, tmp_path: Path) -> None:
    status, out, err = run("setup")
    assert status == 0
    assert re.fullmatch(r"tiny: fetched\ntiny: \d+ MB in 4 bits\n", out)
    lines = [line for line in err.splitlines() if line.startswith("making tiny small")]
    assert "once" in lines[0]
    said = [int(line.split(":")[1].split()[0]) for line in lines[1:]]
    assert said == sorted(set(said)), "each but once, and never back"
    assert said[-1] == 100
    assert 5 <= len(said) <= 10
    weights = tmp_path / "store/.quantized/tiny/model.safetensors"
    made = weights.stat().st_mtime_ns
    assert run("setup") == (0, "tiny: already here\ntiny: already in 4 bits\n", "")
    assert weights.stat().st_mtime_ns == made


def test_stopped_and_gone_on_with(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(SpokenProgress):
        def __call__(self, share: float, seconds_left: float | None) -> None:
            super().__call__(share, seconds_left)
            if share >= 0.5:
                signal.raise_signal(signal.SIGINT)

    weights = tmp_path / "store/.quantized/tiny/model.safetensors"
    run("setup")
    whole = weights.read_bytes()
    shutil.rmtree(weights.parent)
    with monkeypatch.context() as patch:
        patch.setattr(setup, "SpokenProgress", Stop)
        status, _, err = run("setup")
    assert status == 130
    assert err.endswith("what is done is kept; assistant setup goes on from there\nassistant: interrupted\n")
    status, _, err = run("setup")
    assert status == 0
    assert "20 percent" not in err
    assert weights.read_bytes() == whole


def test_too_little_room_is_said_before_anything_is_done(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    status, out, err = run("setup")
    assert (status, out) == (2, "")
    assert re.match(r"assistant: error: \d+ MB are needed in .*store and 1 MB are free; make room", err)
    assert not (tmp_path / "store").exists()


def test_the_doctor_says_what_is_used_and_how_to_set_up(run: Run, tmp_path: Path) -> None:
    _, before, _ = run("doctor")
    assert "assistant setup" not in before  # first it has to be fetched
    run("setup")
    _, after, _ = run("doctor")
    assert "For judging answers: tiny (profile tiny, 4 bits)" in after
    assert "assistant setup" not in after
    shutil.rmtree(tmp_path / "store/.quantized")
    _, without, _ = run("doctor")
    assert "For judging answers: tiny (profile tiny, full precision)" in without
    assert "Optional: tiny is used in full precision: run: assistant setup" in without


def test_a_picture_model_is_brought_and_quantized_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "PROJECT", tmp_path)
    catalogue = Catalogue((project_entry(write_cogvlm2(tmp_path / "sees")),))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv(settings.STORE_VARIABLE, str(tmp_path / "store"))
    for command in (setup, checkup):
        monkeypatch.setattr(command, "Store", lambda root: Store(root, catalogue))
    monkeypatch.setattr(pipeline, "quantize", lambda source, out, *_, **__: shutil.copytree(source, out))
    monkeypatch.setattr(four_bits, "PICTURES", tmp_path / "sees" / "config.json")
    capsys.readouterr()
    assert main(["setup", "--profile", "tiny"]) == 0
    assert re.fullmatch(r"sees: fetched\nsees: \d+ MB in 4 bits\n", capsys.readouterr().out)
    main(["doctor", "--profile", "tiny"])
    assert "For seeing: sees (profile tiny, 4 bits)" in capsys.readouterr().out
