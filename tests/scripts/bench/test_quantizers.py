"""scripts/bench/quantizers on a tiny model with rpiq's own worker: the other tools' differ only in what they call."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rpiq.calibration.text import read_calibration, read_tokenizer
from rpiq.config import QuantizationConfig, Scheme
from rpiq.evaluate.perplexity import perplexity
from rpiq.run.pipeline import quantize
from rpiq.runtime.loading import load
from scripts.bench.tools.rows import Cache, Protocol, Row, Run, Setting, as_markdown
from scripts.bench.tools.tools import TOOLS
from tests import warm
from tests.paths import ROOT
from tests.rpiq.tiny import CONFIGS, write_model, write_text

SCRIPT = ROOT / "scripts/bench/quantizers"
PLAIN = "gptq activation_order=false grid_search=false"
BROKEN = "gptq colour=3"
PROTOCOL = Protocol("m", "0", "c.txt", "1", "e.txt", "2", windows=2, window=32, threads=1)
SETTING = Setting("hqq", "1.0", "hqq", 4, 64, 8, 32)


class Folder:
    """A model, its texts, and one run of the script over them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = write_model(path / "model", CONFIGS["llama"])
        self.calibration = write_text(path / "calibration.txt")
        self.evaluation = write_text(path / "evaluation.txt", seed=1)

    def bench(self, *options: str, from_nothing: bool = False) -> str:
        """The script as a user starts it, or with everything imported before, also in its workers; what it said."""
        files = ["--model", self.model, "--calibration", self.calibration, "--evaluation", self.evaluation]
        files += ["--cache", self.path / "cache", "--environments", self.path / "envs", "--out", self.path / "out"]
        sizes = "--group-size 32 --samples 8 --sequence-length 32 --windows 4 --window 32 --bits 4".split()
        line = [str(part) for part in (SCRIPT, *files, *sizes, "--tools", "rpiq", *options)]
        if from_nothing:
            done = subprocess.run([sys.executable, *line], capture_output=True, text=True, check=False)
        else:
            done = warm.run(line, warm_children=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / "out/quantizers-cpu.json").read_text())
        return found

    def runs(self) -> dict[str, float]:
        """When each finished run was written."""
        return {file.name: file.stat().st_mtime for file in (self.path / "cache").glob("run-*.json")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("bench"))
    made.bench("--methods", "rtn", "--seeds", "0", "1", from_nothing=True)
    made.bench("--methods", "rtn", PLAIN, BROKEN, "--variant", BROKEN, "--seeds", "0", "1")
    return made


@pytest.mark.makes_models
def test_the_table_says_what_the_library_says(folder: Folder, tmp_path: Path) -> None:
    """The same quantization and evaluation done by hand, without the worker and its files."""
    rows = {row["method"]: row for row in folder.results()["rows"]}
    tokenizer = read_tokenizer(folder.model)
    text = folder.evaluation.read_text()
    wanted = []
    for seed in (0, 1):
        calibration = read_calibration(folder.calibration, tokenizer, 8, 32, seed)
        options = {"samples": 8, "sequence_length": 32, "activation_order": False, "grid_search": False}
        config = QuantizationConfig("gptq", Scheme(4, 32), seed=seed, **options)
        out = tmp_path / str(seed)
        quantize(folder.model, out, config, calibration, device="cpu")
        wanted.append(perplexity(load(out, dtype=torch.float32), tokenizer, text, 32, 4).value)
    assert rows[PLAIN]["seeds"] == [0, 1]
    assert rows[PLAIN]["ppls"] == pytest.approx(wanted, rel=1e-5)
    assert rows[PLAIN]["ppls"][0] != rows[PLAIN]["ppls"][1]
    assert rows[PLAIN]["ppl_mean"] == pytest.approx(statistics.mean(wanted), rel=1e-5)
    full = perplexity(load(folder.model, dtype=torch.float32), tokenizer, text, 32, 4).value
    assert folder.results()["full_precision_ppl"] == pytest.approx(full, rel=1e-6)


@pytest.mark.makes_models
def test_what_uses_no_data_runs_once(folder: Folder) -> None:
    row = next(row for row in folder.results()["rows"] if row["method"] == "rtn")
    assert len(row["ppls"]) == 1
    assert row["ppl_std"] is None
    assert row["processor_seconds"] > 0
    assert row["peak_bytes"] > 50e6


@pytest.mark.makes_models
def test_a_method_that_fails_is_a_row_with_its_error(folder: Folder) -> None:
    row = next(row for row in folder.results()["rows"] if row["method"] == BROKEN)
    assert row["ppl_mean"] is None
    assert "colour" in row["error"]
    assert f"{BROKEN}, 4 bits: " in (folder.path / "out/quantizers-cpu.md").read_text()


@pytest.mark.makes_models
def test_a_second_bench_runs_only_what_is_missing(folder: Folder) -> None:
    before = folder.runs()
    folder.bench("--methods", "rtn", PLAIN, "--seeds", "0", "1", "2", "--limit", "1")
    after = folder.runs()
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    row = next(row for row in folder.results()["rows"] if row["method"] == PLAIN)
    assert row["seeds"] == [0, 1, 2]
    assert row["ppl_std"] == pytest.approx(statistics.stdev(row["ppls"]))
    # What is not asked for this time stays in the table.
    assert {row["method"] for row in folder.results()["rows"]} == {"rtn", PLAIN, BROKEN}


def test_rows_of_other_protocols_and_versions_stay_out(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(Run(PROTOCOL, SETTING, 0, 30.0, 2.0, 1.0, 10, 0.0))
    cache.put(Run(replace(PROTOCOL, threads=2), SETTING, 0, 31.0, 2.0, 1.0, 10, 0.0))
    cache.put(Run(PROTOCOL, replace(SETTING, version="0.9"), 0, 32.0, 2.0, 1.0, 10, 0.0))
    (tmp_path / "run-of-another-version.json").write_text('{"protocol": {}, "setting": {}, "mood": 3}')
    (row,) = cache.rows(PROTOCOL, {"hqq": "1.0"})
    assert [run.ppl for run in row.runs] == [30.0]
    assert [row.runs[0].ppl for row in cache.rows(PROTOCOL, {"hqq": None})] == [30.0, 32.0]
    assert cache.rows(PROTOCOL, {}) == []
    assert cache.get(PROTOCOL, SETTING, 1) is None


def test_the_page_shows_mean_spread_and_failures() -> None:
    numbers = (2.0, 4.0, 5_000_000, 0.25)
    runs = tuple(Run(PROTOCOL, SETTING, seed, 30.0 + seed, *numbers, processor="P") for seed in (0, 1, 2))
    failed = Row(replace(SETTING, bits=3), (Run(PROTOCOL, replace(SETTING, bits=3), 0, error="no such width"),))
    results = {
        "full_precision_ppl": 29.0,
        "protocol": vars(PROTOCOL),
        "machine": {"processor": "P", "cores": 2, "system": "S"},
        "rows": [Row(SETTING, runs).as_json("P"), failed.as_json("P")],
    }
    page = as_markdown(results, {"hqq": "HQQ"}, "scripts/bench/quantizers")
    assert "| HQQ 1.0 | hqq | 31.00 ± 1.00 | 3 | 4.0 | 2.0 | 5 | 0.25 |" in page
    assert "* HQQ 1.0, hqq, 3 bits: no such width" in page


def test_times_of_two_machines_are_never_mixed() -> None:
    elsewhere = Run(PROTOCOL, SETTING, 0, 30.0, 9.0, 9.0, 9_000_000, 0.0, processor="Q")
    here = Run(PROTOCOL, SETTING, 1, 32.0, 2.0, 4.0, 5_000_000, 0.0, processor="P")
    both, alone = Row(SETTING, (elsewhere, here)), Row(replace(SETTING, bits=3), (elsewhere,))
    results = {
        "full_precision_ppl": 29.0,
        "protocol": vars(PROTOCOL),
        "machine": {"processor": "P", "cores": 2, "system": "S"},
        "rows": [both.as_json("P"), alone.as_json("P")],
    }
    page = as_markdown(results, {"hqq": "HQQ"}, "scripts/bench/quantizers")
    assert "| HQQ 1.0 | hqq | 31.00 ± 1.41 | 2 | 4.0 | 2.0 | 5 | 0.00 |" in page
    assert "| HQQ 1.0 | hqq | 30.00 | 1 | 9.0a | 9.0a | 9a | 0.00 |" in page
    assert "* a: Q" in page


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_tool_has_its_worker_and_exact_versions(tool: Any) -> None:
    assert tool.worker.is_file()
    assert all("==" in each for each in (*tool.needs, *tool.needs_alone, tool.package) if each)
    assert set(tool.without_data) <= set(tool.methods)
