"""Imports flow app → assistant → models → rpiq, and within a floor from room to room one way; scripts and tests import all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.rooms import FLOORS, OUTSIDE, arrows, circle, files, imported

SOUND_CAMERA_WEB = {"cv2", "faster_whisper", "piper", "rapidocr", "sounddevice", "zxingcpp", "http", "socket"}


def tops(path: Path) -> set[str]:
    """Top-level names that `path` imports."""
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", files(*FLOORS), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_points_to_a_floor_above(path: Path) -> None:
    floor = path.relative_to(ROOT).parts[0]
    assert {*FLOORS[: FLOORS.index(floor)], *OUTSIDE}.isdisjoint(tops(path))


@pytest.mark.parametrize("floors", [FLOORS, ("scripts",)], ids=["the house", "scripts"])
def test_no_room_reaches_up_to_one_that_stands_on_it(floors: tuple[str, ...]) -> None:
    assert circle(arrows(*floors)) == []


def test_no_house_reaches_up_to_one_that_stands_on_it() -> None:
    """Rooms within rooms taken together: assistant/sound with hearing and speaking."""
    ways: dict[tuple[str, str], list[str]] = {}
    for (upper, lower), found in arrows(*FLOORS).items():
        way = house_of(upper), house_of(lower)
        if way[0] != way[1]:
            ways.setdefault(way, []).extend(found)
    assert circle(ways) == []


def house_of(room: str) -> str:
    return ".".join(room.split(".")[:2])


def test_a_circle_between_rooms_is_found_with_the_imports_that_close_it(tmp_path: Path) -> None:
    for name, text in {
        "a/x/one": "from a.y import two",
        "a/y/two": "import a.x.one",
        "a/hall": "import a.y.two",
    }.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert sorted(circle(arrows("a", root=tmp_path))) == ["a/x/one.py imports a.y.two", "a/y/two.py imports a.x.one"]
    (tmp_path / "a/y/two.py").write_text("import json")
    arrows.cache_clear()
    imported.cache_clear()
    assert circle(arrows("a", root=tmp_path)) == []


def test_only_the_edge_opens_engines() -> None:
    """Every other room asks for the Protocol."""
    users = {path.relative_to(ROOT).parts[0] for path in files(*FLOORS) if "assistant.engines.opening" in text(path)}
    assert users == {"app"}


def text(path: Path) -> str:
    return " ".join(imported(path))


def test_rpiq_can_be_used_alone() -> None:
    """No audio, camera or web library in the quantizer."""
    names = {name for path in files("rpiq") for name in tops(path)}
    assert names
    assert SOUND_CAMERA_WEB.isdisjoint(names)


def test_only_fetching_knows_the_hub() -> None:
    users = {path.relative_to(ROOT).as_posix() for path in files(*FLOORS) if "huggingface_hub" in tops(path)}
    assert users == {"models/fetch.py"}


def test_only_the_models_elsewhere_know_a_client() -> None:
    users = {path.relative_to(ROOT).as_posix() for path in files(*FLOORS) if {"openai", "httpx2", "httpx"} & tops(path)}
    assert users == {f"assistant/engines/remote/{name}.py" for name in ("client", "eye", "judge")}


@pytest.mark.programs
def test_nothing_that_is_not_asked_for_loads_them() -> None:
    names = "sys, app.cli, app.engines, assistant.mind.answering.asking, assistant.checkup.doctor"
    script = f"import {names}; sys.exit('openai' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=300)


@pytest.mark.programs
def test_who_is_asked_elsewhere_needs_no_torch_here() -> None:
    script = (
        "import sys, assistant.engines.remote.eye, assistant.engines.remote.judge; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=300)


def test_the_walk_sees_every_kind_of_import(tmp_path: Path) -> None:
    path = tmp_path / "models" / "x.py"
    path.parent.mkdir()
    path.write_text("import app.cli\ndef f():\n    from assistant.mind import y\n    from . import z\nimport a, b.c\n")
    assert set(imported(path, tmp_path)) == {"app.cli", "assistant.mind.y", "models.z", "a", "b.c"}
