"""Stage 3: exact gradients, scales that can be stored, nothing lost when stopped, put back where held-out rows say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rpiq.config import QuantizationConfig, Scheme
from rpiq.run import distill as module
from rpiq.run.distill import Rows, ScaledLinear, Trainer, distill, divergence
from rpiq.run.pipeline import quantize as quantize_model
from rpiq.solvers.grid import dequantize, fit_grid, quantize
from tests.rpiq.tiny import CONFIGS, write_model, write_text


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in float32, so that results can be compared."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


def coded(out: int, inside: int, scheme: Scheme, seed: int = 0) -> tuple[Tensor, Tensor, ScaledLinear]:
    """A weight, what it is on its grid, and the Linear for that."""
    weight = torch.randn(out, inside, generator=torch.Generator().manual_seed(seed))
    grid = fit_grid(weight, scheme).rounded(torch.bfloat16)
    codes = quantize(weight, grid)
    return weight, dequantize(codes, grid), ScaledLinear(codes, grid, None)


PIECES = {"PIECE_TOKENS": 10_000, "PIECE_LOGITS": 1 << 20, "_PIECE_WEIGHTS": 1 << 20}


class Pupil:
    """Two Linears and a head; the teacher has them in full precision."""

    vocabulary = 50

    def __init__(self, batches: int = 6, bits: int = 3) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x = [torch.randn(2, 20, 24, generator=generator) for _ in range(batches)]
        self.weights, _, first = coded(32, 24, Scheme(bits, 8), 1)
        self.second, _, second = coded(16, 32, Scheme(bits, 8), 2)
        self.head = torch.randn(50, 16, generator=generator) / 30
        self.linears = {"first": first, "second": second}

    def hidden(self, batch: int) -> Tensor:
        return self.linears["second"](torch.relu(self.linears["first"](self.x[batch])))

    def teacher(self, batch: int) -> Tensor:
        return torch.relu(self.x[batch] @ self.weights.T) @ self.second.T

    def logits(self, batch: int, hidden: Tensor, positions: slice) -> Tensor:
        assert hidden.shape[1] == len(range(*positions.indices(self.x[batch].shape[1])))
        return hidden @ self.head.T


@pytest.mark.parametrize(("bits", "inside", "group"), [(4, 64, 16), (3, 40, 16), (8, 24, 24), (2, 33, 32)])
def test_it_computes_what_is_stored_and_its_gradient_is_that_of_the_dense_weight(
    bits: int, inside: int, group: int
) -> None:
    _, stored, linear = coded(12, inside, Scheme(bits, group))
    x = torch.randn(3, 5, inside, requires_grad=True)
    assert torch.allclose(linear(x), x @ stored.T, atol=1e-5)
    groups = linear.start.shape[1]
    change = torch.zeros(12, groups, requires_grad=True)
    width = min(group, inside)
    grown = stored * (1 + change.repeat_interleave(width, 1)[:, :inside])
    wanted = torch.autograd.grad((x @ grown.T).square().sum(), (change, x))
    found = torch.autograd.grad(linear(x).square().sum(), (linear.change, x))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-3)


def test_bias_stays() -> None:
    weight = torch.randn(4, 8)
    grid = fit_grid(weight, Scheme(4, 8))
    bias = torch.arange(4.0)
    assert torch.equal(ScaledLinear(quantize(weight, grid), grid, bias)(torch.zeros(1, 8)), bias[None])


def test_what_settles_can_be_stored_and_is_computed_with() -> None:
    _, _, linear = coded(8, 32, Scheme(4, 16))
    with torch.no_grad():
        linear.change += 0.0123
    grid = linear.settle()
    assert torch.equal(grid.scale, grid.scale.bfloat16().float()), "exact in the type it is stored as"
    x = torch.randn(2, 32)
    codes = (linear.levels.flatten(1) + linear._grid.zero.repeat_interleave(16, 1)).to(torch.uint8)
    assert torch.allclose(linear(x), x @ dequantize(codes, grid).T, atol=1e-5)


def test_the_divergence_is_the_definition_and_falls() -> None:
    pupil = Pupil()
    wanted = (pupil.teacher(0) @ pupil.head.T).softmax(-1)
    found = (pupil.hidden(0) @ pupil.head.T).softmax(-1).detach()
    expected = float((wanted * (wanted / found).log()).sum(-1).mean())
    assert divergence(pupil, 0) == pytest.approx(expected, rel=1e-4)
    result = distill(pupil, pupil.linears, Rows(4, 2), steps=40, rate=5e-3, seed=0)
    assert result.kept
    assert result.held_out_before is not None
    assert result.held_out_after is not None
    assert result.held_out_after < 0.8 * result.held_out_before
    assert len(result.divergence) == 40


def test_pieces_give_the_gradient_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = []
    for values in (PIECES, {"PIECE_TOKENS": 7}, {"PIECE_LOGITS": 350}, {"_PIECE_WEIGHTS": 100}):
        for name, value in (PIECES | values).items():
            monkeypatch.setattr(module, name, value)
        pupil = Pupil()
        divergence(pupil, 0, learn=True)
        gradients.append(pupil.linears["first"].change.grad)
    for gradient in gradients[1:]:
        assert torch.allclose(gradients[0], gradient, atol=1e-6)


def test_a_trainer_that_was_stopped_goes_on_with_the_same_result() -> None:
    whole, parts = Pupil(), Pupil()
    trainer = Trainer(whole, whole.linears, 6, 10, 2e-3, 3)
    while trainer.left:
        trainer.step()
    first = Trainer(parts, parts.linears, 6, 10, 2e-3, 3)
    for _ in range(4):
        first.step()
    again = Pupil()
    second = Trainer(again, again.linears, 6, 10, 2e-3, 3)
    second.restore(first.state())
    assert second.left == 6
    while second.left:
        second.step()
    assert second.divergence == trainer.divergence
    for name, linear in whole.linears.items():
        assert torch.equal(linear.change, again.linears[name].change)


def test_it_is_put_back_where_held_out_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pupil = Pupil()
    before = {name: linear.settle().scale for name, linear in pupil.linears.items()}
    result = distill(pupil, pupil.linears, Rows(4, 2), steps=3, rate=1.0, seed=0)  # far too fast
    assert not result.kept
    assert all(torch.equal(linear.settle().scale, before[name]) for name, linear in pupil.linears.items())


@pytest.mark.makes_models
def test_the_whole_way_only_scales_change(tmp_path: Path) -> None:
    source = write_model(tmp_path / "tiny", CONFIGS["llama"])
    text = write_text(tmp_path / "text.txt")
    config = QuantizationConfig(scheme=Scheme(3, 32), samples=80, sequence_length=32, distill_steps=0)
    plain = quantize_model(source, tmp_path / "plain", config, text)
    taught = quantize_model(source, tmp_path / "taught", replace(config, distill_steps=10, distill_rate=2e-3), text)
    assert plain.distillation is None
    assert taught.distillation is not None
    before, after = taught.distillation.held_out_before, taught.distillation.held_out_after
    assert before is not None
    assert after is not None
    assert after < before
    assert taught.distillation.kept
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "taught"))
    assert one.keys() == other.keys()
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert changed
    assert all(name.endswith("weight_scale") for name in changed)
