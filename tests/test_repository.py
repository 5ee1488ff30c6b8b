"""What must agree across files: dependencies with their tested versions and reasons, scripts that can be run."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

SCRIPTS = [ROOT / name for name in ("scripts/demo", "scripts/test", "scripts/check", ".ci/run")]


def dependencies() -> set[str]:
    """Names of all packages that pyproject.toml asks for, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in asked} - {project["name"]}


def test_every_dependency_has_a_tested_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {line.partition("==")[0] for line in lines}
    assert all("==" in line for line in lines)
    assert dependencies() <= pinned
    assert "torch" in pinned  # scripts/environment.sh reads its version from there


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "docs/dependencies.md").read_text()
    assert [name for name in sorted(dependencies()) if not re.search(rf"\b{re.escape(name)}\b", text)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_can_be_run_and_stops_at_the_first_failure(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()
    subprocess.run(["/bin/bash", "-n", path], check=True)


def test_too_old_a_python_is_passed_over(tmp_path: Path) -> None:
    """The only Python on the path fails the question for its version, as 3.10 would."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    script = f'source "{ROOT}/scripts/environment.sh"; PATH={tmp_path}; make_venv'
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.11 or newer is needed.")
    assert "sudo apt-get install python3" in done.stderr
