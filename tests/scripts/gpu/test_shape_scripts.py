"""The scripts that measure with random weights of a known shape, each tried on a tiny one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM

from rpiq.config import QuantizationConfig, Scheme
from rpiq.formats.checkpoint import read
from rpiq.formats.weights import Weights
from scripts.random_models.language_model import SHAPES, Shape, write_random_model
from tests import warm
from tests.paths import SCRIPTS
from tests.rpiq.tiny import CONFIGS, write_model, write_text

TINY = Shape(64, 128, 3, 4, 2, 160)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tokenizer"), CONFIGS["llama"])


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "text.txt")


def test_a_random_model_is_one_of_its_shape(tmp_path: Path, tokenizer: Path) -> None:
    size = write_random_model(tmp_path / "one", TINY, tokenizer, shard_bytes=60_000)
    assert len(list((tmp_path / "one").glob("*.safetensors"))) > 3
    checkpoint = read(tmp_path / "one")
    assert checkpoint.size_bytes == size
    assert checkpoint.totals[0].dtype == "BF16"
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert sum(parameter.numel() for parameter in model.parameters()) == checkpoint.parameters
    up, down = (model.model.layers[1].mlp.get_submodule(name).weight.detach() for name in ("up_proj", "down_proj"))
    assert float(up.float().std()) == pytest.approx(0.02, rel=0.1)
    assert float(down.float().std()) == pytest.approx(0.02 / 6**0.5, rel=0.1)
    assert float(model.model.norm.weight.detach().float().log().std()) == pytest.approx(0.3, rel=0.4)


def test_a_random_model_is_the_same_for_the_same_seed(tmp_path: Path, tokenizer: Path) -> None:
    """However it is cut into shards."""
    for name, seed, shard_bytes in (("one", 0, 60_000), ("same", 0, 10**9), ("other", 1, 10**9)):
        write_random_model(tmp_path / name, TINY, tokenizer, seed, shard_bytes)
    with Weights(tmp_path / "one") as one, Weights(tmp_path / "same") as same, Weights(tmp_path / "other") as other:
        for name in one.names:
            assert torch.equal(one.read(name), same.read(name))
            assert not torch.equal(one.read(name), other.read(name))


def test_a_tokenizer_of_too_many_tokens_is_refused(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(ValueError, match="knows 93 tokens, the model only 90"):
        write_random_model(tmp_path / "one", Shape(64, 128, 1, 4, 2, 90), tokenizer)
    assert not (tmp_path / "one").exists()


def test_the_shape_is_llama_3_8b() -> None:
    sizes = [size for _, size, _ in SHAPES["llama3-8b"].tensors()]
    assert sum(torch.Size(size).numel() for size in sizes) == 8_030_261_248


@pytest.mark.makes_models
def test_kill_and_resume(tmp_path: Path, tokenizer: Path, text: Path) -> None:
    write_random_model(tmp_path / "model", TINY, tokenizer)
    options = "-- --samples 64 --sequence-length 64 --group-size 32 --set distill_steps=4".split()
    places = [str(tmp_path / "model"), "--calibration", str(text), "--work", str(tmp_path / "work")]
    line = [str(SCRIPTS / "stress" / "kill_and_resume"), *places, "--kills", "1", "--json"]
    result = tmp_path / "result.json"
    line += [str(result), *options]
    # From nothing, as a user starts it.
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "differing files: none" in done.stdout
    values = json.loads(result.read_text("utf-8"))
    assert [run["killed"] for run in values["runs"]] == [True, False]
    assert values["undisturbed"]["peak_memory_bytes"] > 10**8
    # A changed byte is found.
    spoiled = tmp_path / "work" / "whole" / "README.md"
    spoiled.write_text(spoiled.read_text("utf-8") + " ", "utf-8")
    record = tmp_path / "work" / "whole.json"
    record.write_text(record.read_text("utf-8").replace(sys.executable, str(warm.interpreter())), "utf-8")
    again = warm.run(line, timeout=900, warm_children=True)
    assert again.returncode == 1
    assert "differing files: README.md" in again.stdout


def script(name: str) -> ModuleType:
    loader = SourceFileLoader(Path(name).name, str(SCRIPTS / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = sys.modules[loader.name] = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.makes_models
def test_the_gpu_script_on_a_processor(
    tmp_path: Path, tokenizer: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its steps, which on a GPU run in processes of their own; by processor time, which a busy machine does not lengthen."""
    steps = script("gpu/quantize_llama8b_shape")
    monkeypatch.setattr(steps, "time", SimpleNamespace(perf_counter=time.process_time))
    write_random_model(tmp_path / "source", TINY, tokenizer)
    config = QuantizationConfig(method="gptq", scheme=Scheme(group_size=32), samples=8, sequence_length=32)
    made = steps.measure_quantize(tmp_path / "source", tmp_path / "out", config, text, "cpu")
    assert made.method == "gptq"
    assert 0 < made.relative_loss == made.relative_loss_stage1 < 0.1
    assert 0 < made.solver_seconds < made.seconds
    for weights, folder in (("4 bit", "out"), ("bfloat16", "source")):
        for cache in ("dynamic", "static"):
            found = steps.measure_decode(weights, tmp_path / folder, cache, 24, "cpu")
            assert found.linears_tokens_per_second > found.tokens_per_second > 0
