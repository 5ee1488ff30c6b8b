"""A QuantLinear multiplies with exactly its codes on every path, and stays as small as they are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import CheckpointError
from rpiq.formats import compressed_tensors
from rpiq.runtime import kernels, linear
from rpiq.runtime.kernels import CPU_LAYOUTS, CpuLayout
from rpiq.runtime.linear import QuantLinear, join
from rpiq.solvers.grid import Grid, dequantize, fit_grid, quantize
from tests.paths import ROOT

BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32
ROUNDING = {BF16: 8e-3, F16: 1e-3, F32: 1e-6}
"""Of a product, as a share of the largest: weights and outputs are each rounded once."""
ROWS = (1, 3, linear.CPU_KERNEL_ROWS, linear.CPU_KERNEL_ROWS + 1)


def rounded(rows: int, columns: int, scheme: Scheme, dtype: torch.dtype = BF16) -> tuple[torch.Tensor, Grid]:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows + columns)) * 0.05 + 0.01
    grid = fit_grid(weight, scheme).rounded(dtype)
    return quantize(weight, grid), grid


def worst(layer: QuantLinear, codes: torch.Tensor, grid: Grid, bias: torch.Tensor | None, rows: int) -> float:
    inputs = torch.randn(rows, codes.shape[1], generator=torch.Generator().manual_seed(rows)).to(layer.dtype)
    expected = inputs.float() @ dequantize(codes, grid).T + (0 if bias is None else bias)
    return float((layer(inputs).float() - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("group", [32, 64, 128, 256])
@pytest.mark.parametrize("out", [16, 48, 64, 80, 192, 208])
def test_kernel(out: int, group: int, symmetric: bool) -> None:
    codes, grid = rounded(out, 512, Scheme(4, group, symmetric))
    layer = QuantLinear(codes, grid, None, BF16)
    assert layer.uses_kernel
    assert max(worst(layer, codes, grid, None, rows) for rows in ROWS) < ROUNDING[BF16]


@pytest.mark.parametrize(
    ("out", "columns", "scheme", "dtype"),
    [
        (17, 64, Scheme(4, 32), BF16),  # outputs that the kernel does not take
        (64, 70, Scheme(4, 32), BF16),  # a shorter last group
        (64, 96, Scheme(4, 48), BF16),
        (64, 96, Scheme(4, WHOLE_ROW), F16),
        (64, 64, Scheme(4, 64), F16),
        (64, 64, Scheme(4, 64), F32),
        (33, 65, Scheme(2, 16), F32),
        (33, 65, Scheme(3, 32), BF16),
        (33, 65, Scheme(5, 32), F32),
        (33, 65, Scheme(6, 128, True), F32),
        (33, 65, Scheme(7, 32), F32),
        (64, 64, Scheme(8, 32, True), F32),
    ],
)
def test_whatever_the_kernel_cannot_do(out: int, columns: int, scheme: Scheme, dtype: torch.dtype) -> None:
    codes, grid = rounded(out, columns, scheme, dtype)
    bias = torch.randn(out, generator=torch.Generator().manual_seed(0)).to(dtype)
    layer = QuantLinear(codes, grid, bias, dtype)
    assert not layer.uses_kernel
    assert max(worst(layer, codes, grid, bias, rows) for rows in ROWS) < ROUNDING[dtype]


def test_pieces_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces give what one gives, with a kernel and without."""
    for out, scheme in ((208, Scheme(4, 64)), (205, Scheme(3, 64))):
        codes, grid = rounded(out, 256, scheme)
        layer = QuantLinear(codes, grid, None, BF16)
        inputs = torch.randn(100, 256).to(BF16)
        whole = layer(inputs)
        monkeypatch.setattr(linear, "CPU_PIECE", 256 * 70)
        assert torch.allclose(layer(inputs), whole, rtol=1e-2, atol=1e-3)
        monkeypatch.undo()


@pytest.mark.parametrize(("scheme", "dtype"), [(Scheme(4, 64), BF16), (Scheme(4, 64), F32), (Scheme(3, 40, True), F16)])
def test_codes_and_grid_come_back(scheme: Scheme, dtype: torch.dtype) -> None:
    codes, grid = rounded(80, 128, scheme, dtype)
    found, found_grid = QuantLinear(codes, grid, None, dtype).grid_and_codes()
    assert torch.equal(found, codes)
    assert torch.equal(found_grid.scale, grid.scale)
    assert torch.equal(found_grid.zero, grid.zero)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    ("bits", "group", "dtype"), [(4, 32, BF16), (4, 64, BF16), (4, 128, BF16), (4, 64, F32), (3, 64, BF16)]
)
def test_memory_is_that_of_the_file(bits: int, group: int, dtype: torch.dtype, symmetric: bool) -> None:
    codes, grid = rounded(256, 512, Scheme(bits, group, symmetric))
    stored = compressed_tensors.to_tensors(codes, grid, BF16)
    layer = QuantLinear.from_tensors(stored, grid.scheme, dtype=dtype)
    held = sum(tensor.untyped_storage().nbytes() for tensor in layer.buffers())
    allowed = 1.1 if not symmetric or group > 32 else 1.13  # the kernel wants an offset even where there is none
    assert held <= allowed * sum(tensor.nbytes for tensor in stored.values())
    assert not list(layer.parameters())


def test_inputs_of_any_shape_and_type() -> None:
    codes, grid = rounded(32, 64, Scheme(4, 32))
    layer = QuantLinear(codes, grid, torch.ones(32), BF16)
    inputs = torch.randn(2, 3, 64)
    assert layer(inputs).shape == (2, 3, 32)
    assert layer(inputs).dtype == F32
    assert torch.equal(layer(inputs)[1, 2], layer(inputs[1, 2]))
    assert layer(inputs[:0]).shape == (0, 3, 32)
    turned = inputs.transpose(0, 1)
    assert torch.equal(layer(turned), layer(turned.contiguous()))


def test_moving_between_types() -> None:
    codes, grid = rounded(32, 64, Scheme(4, 32))
    layer = QuantLinear(codes, grid, torch.ones(32), BF16)
    before = layer.codes
    assert layer.to("cpu").codes is before
    layer.float()
    assert (layer.dtype, layer.uses_kernel, layer.bias.dtype) == (F32, False, F32)
    assert worst(layer, codes, grid, torch.ones(32), 3) < ROUNDING[F32]
    layer.to(BF16)
    assert layer.uses_kernel
    assert torch.equal(layer.codes, before)


@pytest.mark.parametrize("biased", [(False, False, False), (True, False, True)])
def test_joined_layers_are_one(biased: tuple[bool, ...]) -> None:
    parts = []
    for out, bias in zip((128, 64, 192), biased, strict=True):
        codes, grid = rounded(out, 128, Scheme(4, 32))
        parts.append(QuantLinear(codes, grid, torch.randn(out) if bias else None, BF16))
    before = [part.grid_and_codes() for part in parts]
    for rows in ROWS:
        inputs = torch.randn(rows, 128).to(BF16)
        expected = [part(inputs) for part in parts]
        whole = join(parts)
        assert whole is not None
        assert torch.equal(whole(inputs), torch.cat(expected, 1))
        assert all(torch.equal(part(inputs), one) for part, one in zip(parts, expected, strict=True))
        assert join(parts) is whole
    for part, (codes, grid) in zip(parts, before, strict=True):
        found, found_grid = part.grid_and_codes()
        assert torch.equal(found, codes)
        assert torch.equal(found_grid.zero, grid.zero)
    storages = {tensor.untyped_storage().data_ptr() for part in parts for tensor in (part.codes, part.pairs)}
    assert storages == {whole.codes.untyped_storage().data_ptr(), whole.pairs.untyped_storage().data_ptr()}
    parts[0].float()  # is no part any more
    parts[0].to(BF16)
    again = join(parts)
    assert again is not whole
    assert again is not None
    assert torch.equal(again.codes, whole.codes)


def test_what_cannot_be_joined() -> None:
    def layer(out: int, columns: int = 128, group: int = 32, dtype: torch.dtype = BF16) -> QuantLinear:
        return QuantLinear(*rounded(out, columns, Scheme(4, group)), None, dtype)

    for other in (layer(48), layer(64, 64), layer(64, group=64), layer(64, dtype=F32), layer(17)):
        assert join((layer(64), other)) is None


def test_tensors_that_do_not_fit() -> None:
    codes, grid = rounded(32, 64, Scheme(4, 32))
    stored = compressed_tensors.to_tensors(codes, grid, BF16)
    with pytest.raises(CheckpointError, match="32 × 64 in 1 groups"):
        QuantLinear.from_tensors(stored, Scheme(4, 64))


@pytest.mark.makes_models
@pytest.mark.parametrize(("capability", "layouts"), [("default", CPU_LAYOUTS[2:]), ("avx2", CPU_LAYOUTS[1:])])
def test_layouts_of_other_processors(capability: str, layouts: tuple[CpuLayout, ...]) -> None:
    """torch's kernels of lesser processors have other layouts; each is recognised, or the kernel is left alone."""
    code = (
        "import torch; from rpiq.runtime import kernels; from rpiq.config import Scheme; from rpiq.solvers.grid import *\n"
        "from rpiq.runtime.linear import QuantLinear\n"
        "weight = torch.randn(112, 64); grid = fit_grid(weight, Scheme(4, 32)).rounded(torch.bfloat16)\n"
        "codes = quantize(weight, grid); layer = QuantLinear(codes, grid, None, torch.bfloat16)\n"
        "expected = dequantize(codes, grid).T\n"
        "for rows in (2, 100):\n"
        "    inputs = torch.randn(rows, 64).bfloat16(); wanted = inputs.float() @ expected\n"
        "    assert ((layer(inputs) - wanted).abs().max() < 8e-3 * wanted.abs().max()), rows\n"
        "assert torch.equal(layer.grid_and_codes()[0], codes)\n"
        "print(kernels.cpu_layout())"
    )
    root = ROOT
    environment = os.environ | {"ATEN_CPU_CAPABILITY": capability, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in map(str, layouts)


def test_this_processor_has_a_kernel() -> None:
    assert kernels.cpu_layout() in CPU_LAYOUTS


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("group", [32, 64, 128])
def test_kernel_on_a_gpu(group: int) -> None:
    codes, grid = rounded(192, 512, Scheme(4, group))
    layer = QuantLinear(codes, grid, None, BF16).to("cuda")
    assert layer.uses_kernel
    assert torch.equal(layer.grid_and_codes()[0].cpu(), codes)
    for rows in (1, linear.CUDA_KERNEL_ROWS + 1):
        inputs = torch.randn(rows, 512, generator=torch.Generator().manual_seed(rows)).to(BF16)
        expected = inputs.float() @ dequantize(codes, grid).T
        found = layer(inputs.cuda()).float().cpu()
        assert float((found - expected).abs().max() / expected.abs().max()) < ROUNDING[BF16]
