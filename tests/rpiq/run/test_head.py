"""The output head, quantized on demand: in pieces as in one, loaded and exported as it is, refused where it is tied."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig

from rpiq.architectures.blocks import LinearInfo
from rpiq.config import QuantizationConfig, Scheme
from rpiq.errors import ConfigError
from rpiq.formats.export import export_gptq
from rpiq.run import head, quantizing
from rpiq.run.budget import Plan
from rpiq.run.head import solve_head
from rpiq.run.pipeline import quantize, rehearse
from rpiq.run.result import REPORT_FILE, Progress, Report
from rpiq.runtime.linear import QuantLinear
from rpiq.runtime.loading import load
from tests.rpiq.tiny import CONFIGS, LATER, write_model, write_text

CONFIG = QuantizationConfig(scheme=Scheme(group_size=32), samples=16, sequence_length=32, distill_steps=4, head=True)
HEAD = LinearInfo("lm_head", "lm_head", 96, 64)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "text.txt")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("untied") / "tiny", LlamaConfig(**LATER, tie_word_embeddings=False))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, text: Path, source: Path) -> tuple[Path, Report, Plan]:
    """A run with head, its matrix in pieces, and what its rehearsal had said; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        for module in (head, quantizing):
            patch.setattr(module, "PIECE", 64 * 40)
        plan, _ = rehearse(source, CONFIG, text)
        return folder, quantize(source, folder, CONFIG, text), plan


def inputs(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 20, 64, generator=generator) @ torch.randn(64, 64, generator=generator)


@pytest.mark.parametrize("method", ["gptq", "rpiq"])
def test_pieces_are_the_whole(method: str) -> None:
    config = replace(CONFIG, method=method, sweeps=1)  # type: ignore[arg-type]
    weight = torch.randn(96, 64, generator=torch.Generator().manual_seed(1))
    found = []
    for rows in (96, 40):
        batches = [inputs(4, 2), inputs(3, 3)]
        pieces = torch.split(weight, rows)
        found.append(solve_head(HEAD, pieces, batches, [inputs(2, 4)], torch.bfloat16, config, lambda: 0.0))
    (whole, guard), (parts, guard_of_parts) = found
    assert torch.equal(whole.codes, parts.codes)
    assert torch.equal(whole.grid.scale, parts.grid.scale)
    assert parts.report.rows == 7 * 20
    assert parts.report.loss_stage1 == pytest.approx(whole.report.loss_stage1, rel=1e-4)
    assert parts.report.loss_final == pytest.approx(whole.report.loss_final, rel=1e-4)
    assert parts.report.rounds == pytest.approx(whole.report.rounds, rel=1e-4)
    assert (guard is None) == (guard_of_parts is None) == (method == "gptq")
    if guard is not None and guard_of_parts is not None:
        assert guard.stage2 == pytest.approx(guard_of_parts.stage2, rel=1e-4)
        assert 0 < guard.stage2 < 0.1


@pytest.mark.makes_models
def test_a_run_with_head(whole: tuple[Path, Report, Plan]) -> None:
    folder, report, plan = whole
    assert report.linears[-1].name == plan.linears[-1].name == "lm_head"
    assert (
        report.output_bytes
        == plan.output_bytes
        == sum(tensor.nbytes for tensor in load_file(folder / "model.safetensors").values())
    )
    assert report.kept == ("model.embed_tokens.weight",)
    assert report.linears[-1].rows == 12 * 32
    assert math.isclose(report.linears[-1].loss_final / report.linears[-1].energy, 0.005, rel_tol=0.9)
    assert report.check is not None
    assert report.check.logits_error < 0.05
    model = load(folder)
    assert isinstance(model.get_output_embeddings(), QuantLinear)
    assert "15 Linears, the output head among them, are quantized" in (folder / "README.md").read_text("utf-8")


@pytest.mark.makes_models
def test_exported_with_head(tmp_path: Path, text: Path, source: Path) -> None:
    config = replace(CONFIG, scheme=Scheme(group_size=32, symmetric=True), method="gptq")
    quantize(source, tmp_path / "out", config, text)
    values = json.loads((export_gptq(tmp_path / "out", tmp_path / "gptq") / "config.json").read_text("utf-8"))
    assert values["quantization_config"]["lm_head"] is True
    assert "lm_head.qweight" in load_file(tmp_path / "gptq/model.safetensors")


@pytest.mark.makes_models
def test_resumed_after_the_head(
    tmp_path: Path, text: Path, source: Path, whole: tuple[Path, Report, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (head, quantizing):
        monkeypatch.setattr(module, "PIECE", 64 * 40)

    def interrupt(step: Progress) -> None:
        if step.stage == "saving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(source, tmp_path / "out", CONFIG, text, report=interrupt)
    quantize(source, tmp_path / "out", CONFIG, text, resume=True)
    for file in whole[0].iterdir():
        if file.name != REPORT_FILE:
            assert file.read_bytes() == (tmp_path / "out" / file.name).read_bytes(), file.name


def test_a_tied_head_is_refused(tmp_path: Path, text: Path) -> None:
    tied = write_model(tmp_path / "tied", CONFIGS["llama"])
    with pytest.raises(ConfigError, match=r"lm_head is tied to the embeddings .* leave --head out"):
        quantize(tied, tmp_path / "out", CONFIG, text)
    assert [file.name for file in tmp_path.iterdir()] == ["tied"]
