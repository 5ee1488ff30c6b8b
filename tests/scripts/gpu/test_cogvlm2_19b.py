"""The steps of the GPU script, which there run in processes of their own, on the processor and at a small size."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from models.cogvlm2 import CogVLM2Config
from rpiq.config import QuantizationConfig, Scheme
from rpiq.run.result import versions
from scripts.random_models.cogvlm2 import write_random, write_random_4bit
from tests.models.cogvlm2.tiny import tiny_config
from tests.paths import ROOT

SCRIPT = ROOT / "scripts" / "gpu" / "cogvlm2_19b"


@pytest.fixture(scope="module")
def steps() -> Any:
    loader = SourceFileLoader(SCRIPT.name, str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = sys.modules[loader.name] = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random") / "16"
    tower = {"hidden_size": 64, "num_hidden_layers": 2, "num_heads": 2, "intermediate_size": 128}
    vision = {"vision_config": tower | {"patch_size": 4, "image_size": 16, "num_positions": 17}}
    write_random(folder, tiny_config(hidden_size=64, intermediate_size=128, max_position_embeddings=512, **vision))
    return folder


@pytest.mark.makes_models
def test_answering_every_way(steps: Any, source: Path, tmp_path: Path) -> None:
    four = write_random_4bit(source, tmp_path / "four", 32)
    answered = []
    for way, storage in steps.WAYS.items():
        small = replace(storage, group_size=32, device="cpu")
        folder = source if storage.bits == 16 else four
        found = steps.measure_answer(way, folder, small, 8, "cpu")
        assert 0 < found.encoding_seconds < found.looking_seconds
        assert found.tokens_per_second > 0
        assert found.first_token_seconds > 0
        assert found.follow_up_seconds > 0
        answered.append(asdict(found))
    predicted = [one["predicted_bytes"] for one in answered]
    assert predicted[0] > predicted[2] > predicted[3] > predicted[4]
    quantized = [asdict(steps.Quantized("gptq", 1234.0, 5 * 10**9, 10**9, 11 * 10**9, 0.01))]
    config = {"samples": 64, "group_size": 32, "tokens": 8}
    left_out = [{"way": "bfloat16", "predicted_bytes": 39_700_000_000}]
    head = {"device": "none", "config": config, "versions": versions()}
    page = steps.markdown({**head, "quantize": quantized, "answer": answered, "does_not_fit": left_out})
    assert "| gptq | 1,234 | 5.00 | 11.00 |" in page
    assert "| paper, rpiq | 1,907 | 20.60 |  |" in page
    assert "does not fit | 39.70 |" in page


@pytest.mark.makes_models
def test_quantizing(steps: Any, source: Path, tmp_path: Path) -> None:
    calibration = steps.write_calibration(tmp_path / "pictures", 8, 16)
    config = QuantizationConfig(method="gptq", scheme=Scheme(group_size=32), samples=8)
    made = steps.measure_quantize("gptq", source, tmp_path / "out", config, calibration, "cpu")
    assert made.method == "gptq"
    assert 0 < made.relative_loss < 0.2
    assert made.output_bytes > 0
    small = replace(steps.WAYS["4 bit, low memory"], group_size=32, device="cpu")
    assert steps.measure_answer("4 bit", tmp_path / "out", small, 8, "cpu").tokens_per_second > 0


def test_the_whole_has_the_size_of_the_19b(steps: Any) -> None:
    low = replace(steps.WAYS["4 bit, low memory"])
    assert 5e9 < steps.peak_predicted(CogVLM2Config(), low, 128) < 7.5e9
