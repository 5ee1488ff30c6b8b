"""Where the tests find the repository, its samples and its scripts."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
SCRIPTS = ROOT / "scripts"
