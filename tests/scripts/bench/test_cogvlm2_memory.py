"""The page about memory, made by its one command at a small size."""

from __future__ import annotations

import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from models.cogvlm2 import CogVLM2Config
from tests import warm
from tests.paths import ROOT

SCRIPT = ROOT / "scripts" / "bench" / "cogvlm2_memory"
TOWER = {"hidden_size": 128, "num_hidden_layers": 3, "num_heads": 4, "intermediate_size": 512}
CONFIG = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_multi_query_heads": 2,
    "vision_config": TOWER | {"image_size": 448, "num_positions": 1025},
}


WAYS = ("4 bit", "4 bit, low memory")


@pytest.mark.makes_models
def test_the_plan_of_the_19b_without_weights() -> None:
    loader = SourceFileLoader(SCRIPT.name, str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    script = sys.modules[loader.name] = module_from_spec(spec)
    loader.exec_module(script)
    values = script.collect(CogVLM2Config(), 2500, [])
    assert values["steps"]["4 bit"][-1]["name"] == "write, 2,500 tokens in the cache"
    page = script.markdown(values)
    assert "| all | 39.01 | 11.95 |" in page
    assert "Checked" not in page


@pytest.mark.long
@pytest.mark.makes_models
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' account of memory")
def test_measured_at_a_small_size(tmp_path: Path) -> None:
    """Where the process grows by less than kernels take for themselves when they first see a shape: some 20 MB."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    options = [
        "--config",
        str(tmp_path / "config.json"),
        "--out",
        str(tmp_path),
        "--measure",
        "--json",
        "--ways",
        *WAYS,
    ]
    done = warm.run(
        [SCRIPT, *options]
    )  # each way is measured in a process of its own, which imports the script from nothing
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "cogvlm2-memory.json").read_text()
    assert "## Checked" in (tmp_path / "cogvlm2-memory.md").read_text()
    values = json.loads(done.stdout)
    assert len(values["measured"]) == 4 * len(WAYS)
    for one in values["measured"]:
        assert 0 < one["measured"] < one["predicted"] + 60e6, one
    assert values["resident"]["4 bit, low memory"] < values["resident"]["4 bit"]
