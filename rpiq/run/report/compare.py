"""Two folders of one model side by side: sizes, and for each Linear how far apart the weights and the codes are.

Reads full-precision and 4-bit folders alike, one Linear at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rpiq.errors import CheckpointError
from rpiq.formats import compressed_tensors
from rpiq.formats.weights import Weights
from rpiq.solvers.grid import Grid, dequantize


@dataclass(frozen=True)
class Difference:
    """One matrix that both folders hold."""

    name: str
    out_features: int
    in_features: int
    relative: float
    """‖A − B‖ / ‖A‖."""
    codes: float | None
    """Share of codes that differ, where both are quantized with one scheme."""


@dataclass(frozen=True)
class Comparison:
    """Two folders."""

    bytes_a: int
    bytes_b: int
    differences: tuple[Difference, ...]
    only_a: tuple[str, ...]
    """Matrices that only the first holds."""
    only_b: tuple[str, ...]

    @property
    def mean_relative(self) -> float:
        """Mean of `Difference.relative`; nought when there is nothing to compare."""
        return sum(one.relative for one in self.differences) / max(1, len(self.differences))


def compare(a: Path, b: Path) -> Comparison:
    """Compare two model folders. CheckpointError when one cannot be read, or a matrix has two shapes."""
    with Weights(a) as left, Weights(b) as right:
        schemes = _schemes(left.folder), _schemes(right.folder)
        names_a, names_b = _matrices(left), _matrices(right)
        both = [name for name in names_a if name in names_b]
        differences = []
        for name in both:
            (weight_a, codes_a), (weight_b, codes_b) = _read(left, name, schemes[0]), _read(right, name, schemes[1])
            if weight_a.shape != weight_b.shape:
                shapes = f"{list(weight_a.shape)} and {list(weight_b.shape)}"
                raise CheckpointError(f"{name} is {shapes}; compare two folders of one model")
            relative = float((weight_a - weight_b).norm() / weight_a.norm().clamp(min=torch.finfo(torch.float32).tiny))
            share = None
            module = name.removesuffix(".weight")
            if codes_a is not None and codes_b is not None and _same_scheme(module, schemes):
                share = float(torch.ne(codes_a, codes_b).double().mean())
            rows, columns = weight_a.shape
            differences.append(Difference(name, rows, columns, relative, share))
        sizes = left.checkpoint.size_bytes, right.checkpoint.size_bytes
    only_a = tuple(name for name in names_a if name not in names_b)
    return Comparison(*sizes, tuple(differences), only_a, tuple(name for name in names_b if name not in names_a))


def _same_scheme(module: str, schemes: Sequence[compressed_tensors.Schemes | None]) -> bool:
    return len({one.of(module) for one in schemes if one is not None}) == 1


def _schemes(folder: Path) -> compressed_tensors.Schemes | None:
    config = folder / "config.json"
    if not config.is_file():
        return None
    try:
        values = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{config} cannot be read ({error}); get it again") from error
    return compressed_tensors.read_schemes(folder, values)


def _matrices(weights: Weights) -> list[str]:
    return list(dict.fromkeys(_names(weights)))


def _names(weights: Weights) -> Iterator[str]:
    for name in weights.names:
        module = compressed_tensors.module_of(name)
        if module is not None:
            yield f"{module}.weight"
        elif len(weights.info(name).shape) == 2:
            yield name


def _read(weights: Weights, name: str, schemes: compressed_tensors.Schemes | None) -> tuple[Tensor, Tensor | None]:
    if name in weights:
        return weights.read(name).float(), None
    if schemes is None:
        raise CheckpointError(
            f"{weights.folder} holds packed weights, but its config.json names no scheme; get it again"
        )
    module = name.removesuffix(".weight")
    parts = {s: weights.read(f"{module}.{s}") for s in compressed_tensors.SUFFIXES if f"{module}.{s}" in weights}
    codes, grid = compressed_tensors.from_tensors(parts, schemes.of(module))
    return dequantize(codes, Grid(grid.scale, grid.zero, grid.scheme)), codes
