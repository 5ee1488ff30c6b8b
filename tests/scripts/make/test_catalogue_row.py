"""scripts/make/catalogue_row prints what the catalogue reads."""

from __future__ import annotations

import subprocess
import sys

from models.catalogue import ModelFile, ProjectSource, parse
from tests.models.conftest import sha256
from tests.paths import ROOT


def test_the_row_names_every_file_with_its_hash() -> None:
    command = [sys.executable, "scripts/make/catalogue_row", "tests", "--profile", "tiny", "--licence", "MIT"]
    refused = subprocess.run([*command, "--licence-source", "x"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "holds no file of a model" in refused.stderr
    command[2] = "docs/results"
    done = subprocess.run([*command, "--licence-source", "x"], cwd=ROOT, capture_output=True, text=True, check=True)
    entry = parse(done.stdout).entry("results")
    assert entry.source == ProjectSource("docs/results")
    content = (ROOT / "docs/results/picture-gate.json").read_bytes()
    name = "picture-gate.json"
    assert ModelFile(name, name, len(content), sha256(content)) in entry.files
