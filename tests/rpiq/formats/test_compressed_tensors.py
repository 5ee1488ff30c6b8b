"""What a Linear is stored as gives back codes and grid, and config.json gives back the scheme, or says what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import CheckpointError
from rpiq.formats import compressed_tensors
from rpiq.formats.packing import unpack
from rpiq.solvers.grid import Grid, fit_grid, quantize


def linear(rows: int = 24, columns: int = 64, scheme: Scheme | None = None) -> tuple[torch.Tensor, Grid]:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)) * 0.1
    grid = fit_grid(weight, scheme or Scheme(4, 32)).rounded(torch.bfloat16)
    return quantize(weight, grid), grid


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("rows", "columns", "group"), [(24, 64, 32), (5, 70, 32), (7, 33, WHOLE_ROW), (9, 20, 128)])
def test_codes_and_grid_come_back(bits: int, symmetric: bool, rows: int, columns: int, group: int) -> None:
    codes, grid = linear(rows, columns, Scheme(bits, group, symmetric))
    stored = compressed_tensors.to_tensors(codes, grid, torch.bfloat16)
    assert set(stored) == set(compressed_tensors.SUFFIXES) - ({compressed_tensors.ZERO} if symmetric else set())
    found, found_grid = compressed_tensors.from_tensors(stored, grid.scheme)
    assert torch.equal(found, codes)
    assert torch.equal(found_grid.scale, grid.scale)
    assert torch.equal(found_grid.zero, grid.zero)
    assert found_grid.dtype == torch.bfloat16


def test_shapes_are_those_of_the_format() -> None:
    codes, grid = linear(24, 64)
    stored = compressed_tensors.to_tensors(codes, grid, torch.float16)
    described = {suffix: (list(tensor.shape), tensor.dtype) for suffix, tensor in stored.items()}
    assert described == {
        "weight_packed": ([24, 8], torch.int32),
        "weight_scale": ([24, 2], torch.float16),
        "weight_zero_point": ([3, 2], torch.int32),
        "weight_shape": ([2], torch.int64),
    }
    # Zero points are packed along the outputs, the first in the lowest bits.
    assert torch.equal(unpack(stored["weight_zero_point"].T.contiguous(), 4, 24).T, grid.zero.to(torch.uint8))


def test_codes_and_grid_that_do_not_belong_together() -> None:
    codes, grid = linear()
    with pytest.raises(ValueError, match=r"scales are \[24, 2\], but 20 rows in 2 groups are needed"):
        compressed_tensors.to_tensors(codes[:20], grid, torch.bfloat16)
    lopsided = Grid(grid.scale, grid.zero, Scheme(4, 32, symmetric=True))
    with pytest.raises(ValueError, match="middle code"):
        compressed_tensors.to_tensors(codes, lopsided, torch.bfloat16)
    with pytest.raises(CheckpointError, match=r"not finite in torch\.float16"):
        compressed_tensors.to_tensors(codes, Grid(grid.scale * 1e7, grid.zero, grid.scheme), torch.float16)


def test_tensors_that_do_not_fit_each_other() -> None:
    codes, grid = linear()
    stored = compressed_tensors.to_tensors(codes, grid, torch.bfloat16)
    with pytest.raises(CheckpointError, match="there is no weight_scale"):
        compressed_tensors.from_tensors(
            {suffix: stored[suffix] for suffix in stored if suffix != compressed_tensors.SCALE}, grid.scheme
        )
    with pytest.raises(CheckpointError, match="do not fit each other"):
        compressed_tensors.from_tensors(stored | {compressed_tensors.SHAPE: torch.tensor([24, 100])}, grid.scheme)
    with pytest.raises(CheckpointError, match=r"scales of \[24, 1\]"):
        compressed_tensors.from_tensors(
            stored | {compressed_tensors.SCALE: stored[compressed_tensors.SCALE][:, :1]}, grid.scheme
        )
    with pytest.raises(CheckpointError, match="24 × 64 in 1 groups"):
        compressed_tensors.from_tensors(stored, Scheme(4, 64))


@pytest.mark.parametrize("scheme", [Scheme(4, 128), Scheme(3, 32, True), Scheme(8, WHOLE_ROW)])
def test_scheme_comes_back(scheme: Scheme) -> None:
    config = {
        "quantization_config": compressed_tensors.quantization_config(
            compressed_tensors.Schemes.uniform(scheme), ["lm_head"]
        )
    }
    assert compressed_tensors.read_schemes(Path("m"), config) == compressed_tensors.Schemes.uniform(scheme)
    assert compressed_tensors.read_schemes(Path("m"), {"model_type": "llama"}) is None


def _change(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_change("quant_method", to="gptq"), "is not compressed-tensors pack-quantized"),
        (_change("format", to="float-quantized"), "is not compressed-tensors pack-quantized"),
        (_change("config_groups", to={}), "has no config_groups"),
        (_change("config_groups", "group_0", "input_activations", to={"num_bits": 8}), "is not of weights alone"),
        (_change("config_groups", "group_0", "weights", "num_bits", to=1), "names a scheme that is not read"),
        (_change("config_groups", "group_0", "weights", "type", to="float"), "names a scheme that is not read"),
        (_change("config_groups", "group_0", "weights", "strategy", to="tensor"), "names a scheme that is not read"),
        (_change("config_groups", "group_0", "weights", to=None), "names a scheme that is not read"),
        (_change("config_groups", "group_0", "weights", "actorder", to="group"), "order of activations"),
    ],
)
def test_other_quantizations_are_refused(change: Callable[[dict[str, Any]], None], said: str) -> None:
    config = copy.deepcopy(compressed_tensors.quantization_config(compressed_tensors.Schemes.uniform(Scheme()), []))
    change(config)
    with pytest.raises(CheckpointError, match=said):
        compressed_tensors.read_schemes(Path("m"), {"quantization_config": config})


def test_parts_of_a_linear_are_recognised() -> None:
    assert compressed_tensors.module_of("model.layers.0.mlp.up_proj.weight_packed") == "model.layers.0.mlp.up_proj"
    assert compressed_tensors.module_of("model.layers.0.mlp.up_proj.weight") is None
    assert compressed_tensors.module_of("model.layers.0.mlp.up_proj.bias") is None
