"""`assistant models`: a store of its own in a temporary folder, two tiny models by real pip, real files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app import settings
from app.cli import main
from app.commands import models as command
from models.catalogue import Catalogue, Entry
from models.store import Store
from tests.models.conftest import CONTENT, shelf, toy

pytestmark = pytest.mark.programs

__all__ = ["shelf", "toy"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(toy: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `assistant models ...`; the catalogue has `toy` in profile tiny, and `other`, like it, in profile large."""
    catalogue = Catalogue((toy, replace(toy, name="other", profiles=("large",))))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv(settings.STORE_VARIABLE, str(tmp_path / "store"))
    monkeypatch.setattr(command, "Store", lambda root: Store(root, catalogue))
    monkeypatch.setattr(command, "DEFAULT_PROFILE", "tiny")

    def run(*argv: str) -> tuple[int, str, str]:
        status = main(["models", *argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_fetch_brings_the_default_profile_and_says_so(run: Run, tmp_path: Path) -> None:
    status, out, err = run("fetch")
    assert (status, out) == (0, "toy: fetched\n")
    assert "fetching toy: 100%" in err
    assert (tmp_path / "store/toy/weights.bin").read_bytes() == CONTENT["weights.bin"]
    assert run("fetch") == (0, "toy: already here\n", "")


def test_fetch_by_name_as_json(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("fetch", "other", "--json")
    assert status == 0
    assert json.loads(out) == [{"name": "other", "outcome": "fetched", "folder": str(tmp_path / "store/other")}]


def test_list_before_and_after(run: Run) -> None:
    assert [row["state"] for row in json.loads(run("list", "--json")[1])] == ["not fetched", "not fetched"]
    run("fetch")
    assert [row["state"] for row in json.loads(run("list", "--json")[1])] == ["ready", "not fetched"]
    _, out, _ = run("list", "--profile", "tiny")
    assert "toy" in out
    assert "other" not in out


def test_verify_looks_at_all_and_reports_the_bad(run: Run, tmp_path: Path) -> None:
    run("fetch", "toy", "other")
    path = tmp_path / "store/toy/config.json"
    path.write_bytes(path.read_bytes()[::-1])
    status, out, err = run("verify")
    assert status == 2
    assert out == "toy: damaged\nother: verified\n"
    assert "assistant: error: toy: " in err
    assert "config.json is damaged" in err
    rows = json.loads(run("verify", "--json")[1])
    assert [row["verified"] for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["verify"], "holds no model yet; run: assistant models fetch"),
        (["verify", "toy"], "toy is not in the store"),
        (["verify", "nobody"], "no model is called 'nobody'"),
        (["fetch", "nobody"], "no model is called 'nobody'"),
        (["fetch", "--profile", "huge"], "no profile is called 'huge'"),
        (["list", "--profile", "huge"], "no profile is called 'huge'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, argv: list[str], said: str) -> None:
    status, _, err = run(*argv)
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


def test_remove_takes_the_model_and_what_was_made_of_it(run: Run, tmp_path: Path) -> None:
    run("fetch")
    for made in (".quantized/toy", ".converted/toy", ".quantized/.toy.ready.partial/scratch", ".quantized/toys"):
        (tmp_path / "store" / made).mkdir(parents=True)
        (tmp_path / "store" / made / "x").write_bytes(bytes(1_000_000))
    assert run("remove", "toy") == (0, "toy: removed, 3 MB are free again\n", "")
    left = {str(path.relative_to(tmp_path / "store")) for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert left == {".quantized/toys/x", ".partial/toy.lock"}
    status, _, err = run("remove", "toy")
    assert status == 2
    assert "nothing to remove" in err
    assert run("remove", "../toy")[0] == 2


def test_progress_for_a_program_goes_to_standard_output(run: Run) -> None:
    _, out, err = run("fetch", "--progress", "json")
    *steps, result = out.splitlines()
    assert result == "toy: fetched"
    assert json.loads(steps[-1]) == {"what": "fetching toy", "share": 1.0, "seconds_left": None}
    assert err == ""
