"""Imports flow app → assistant → models → rpiq; scripts and tests may import all, nothing imports them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.paths import ROOT

ROOMS = ("app", "assistant", "models", "rpiq")
"""Each may import itself and those to its right."""
OUTSIDE = ("scripts", "tests")
SOUND_CAMERA_WEB = {"cv2", "faster_whisper", "piper", "rapidocr", "sounddevice", "zxingcpp", "http", "socket"}


@cache
def imported(path: Path) -> frozenset[str]:
    """Top-level names that `path` imports, wherever in the file."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    package = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays in its own room as long as it does not climb out of the top package.
            yield package if node.level else (node.module or "").partition(".")[0]


def files() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_points_left(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    forbidden = {*ROOMS[: ROOMS.index(room)], *OUTSIDE}
    assert forbidden.isdisjoint(imported(path))


def test_rpiq_can_be_used_alone() -> None:
    """No audio, camera or web library in the quantizer."""
    names = {name for path in files() if path.is_relative_to(ROOT / "rpiq") for name in imported(path)}
    assert names
    assert SOUND_CAMERA_WEB.isdisjoint(names)


def test_only_fetching_knows_the_hub() -> None:
    users = {path.relative_to(ROOT).as_posix() for path in files() if "huggingface_hub" in imported(path)}
    assert users == {"models/fetch.py"}


def test_only_the_models_elsewhere_know_a_client() -> None:
    clients = {"openai", "httpx2", "httpx"}
    users = {path.relative_to(ROOT).as_posix() for path in files() if clients & imported(path)}
    assert users == {
        "assistant/engines/remote/client.py",
        "assistant/engines/remote/eye.py",
        "assistant/engines/remote/judge.py",
    }


def test_nothing_that_is_not_asked_for_loads_them() -> None:
    names = "sys, app.cli, app.engines, assistant.mind.answering.asking, assistant.checkup.doctor"
    script = f"import {names}; sys.exit('openai' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=300)


def test_who_is_asked_elsewhere_needs_no_torch_here() -> None:
    script = (
        "import sys, assistant.engines.remote.eye, assistant.engines.remote.judge; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=300)


def test_the_walk_sees_every_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "models" / "x.py"
    path.parent.mkdir()
    path.write_text("import app.cli\ndef f():\n    from assistant.mind import y\n    from . import z\nimport a, b.c\n")
    assert imported(path) == {"app", "assistant", "models", "a", "b"}
