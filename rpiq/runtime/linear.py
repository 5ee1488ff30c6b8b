"""A Linear whose weights stay in 4 bits: packed codes in memory, and three ways to multiply with them.

Few rows go through torch's 4-bit kernel; many rows through weights that are made dense piece by piece; and so does whatever
the kernels cannot do (other widths, types and shapes). For inference: no gradient reaches the weights. The kernels and their
layouts: `rpiq/runtime/kernels.py`; putting layers into a model: `rpiq/runtime/loading.py`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Self

import torch
from torch import Tensor, nn

from rpiq.config import Scheme
from rpiq.formats import compressed_tensors
from rpiq.formats.packing import pack, unpack
from rpiq.runtime import kernels
from rpiq.solvers.grid import Grid, dequantize

CPU_KERNEL_ROWS = 48
"""Most rows that go through the CPU kernel, whose time grows with every row. Measured on one thread of a Xeon (AVX-512, AMX),
groups of 64: dense pieces draw level at 50 rows for 1536 × 576 and at 60 for 4096 × 4096."""
CUDA_KERNEL_ROWS = 64
"""Most rows that go through the CUDA kernel; with more, cuBLAS on dense weights is said to be ahead. Not measured here."""
CPU_PIECE = 1 << 20
"""Weights that are made dense at a time on a CPU: 2 MB in bfloat16. Smaller and larger pieces were slower, up to half again."""


class QuantLinear(nn.Module):
    """`nn.Linear` over a quantized weight `[out_features, in_features]`; made by `from_tensors` or `from_codes`."""

    bias: Tensor | None
    codes: Tensor
    """In the kernel's layout, or packed as in the file."""
    pairs: Tensor | None
    """Scale and offset for the kernel, `[groups, out, 2]`; None where no kernel can be used. Not contiguous after `join`."""
    scale: Tensor
    """`[out, groups]`, in the type of the file; empty where a kernel can be used."""
    zero: Tensor | None
    """Packed along the outputs, `[groups, words]`; None for symmetric weights and where a kernel can be used."""
    whole: weakref.ref[QuantLinear] | None
    """The layer that holds the weights of this one, after `join`."""

    def __init__(self, codes: Tensor, grid: Grid, bias: Tensor | None, dtype: torch.dtype) -> None:
        """Codes uint8 `[out, in]`, their grid and `[out]` bias, all on one device, for inputs of `dtype`."""
        super().__init__()
        self.out_features, self.in_features = codes.shape
        self.scheme = grid.scheme
        self.dtype = dtype
        self.whole = None
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self._store(codes, grid)

    @classmethod
    def from_tensors(
        cls,
        stored: Mapping[str, Tensor],
        scheme: Scheme,
        bias: Tensor | None = None,
        dtype: torch.dtype = torch.bfloat16,
        device: torch.device | str = "cpu",
    ) -> Self:
        """From what a checkpoint holds of one Linear, by suffix (`formats/compressed_tensors.py`). CheckpointError when it does not fit."""
        codes, grid = compressed_tensors.from_tensors(
            {suffix: tensor.to(device) for suffix, tensor in stored.items()}, scheme
        )
        return cls(codes, grid, None if bias is None else bias.to(device), dtype)

    @property
    def uses_kernel(self) -> bool:
        """Whether few rows go through a 4-bit kernel."""
        return self.pairs is not None

    def forward(self, inputs: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`, in the type of the inputs."""
        rows = inputs.reshape(-1, self.in_features).to(self.dtype)
        most = CUDA_KERNEL_ROWS if rows.is_cuda else CPU_KERNEL_ROWS
        if self.pairs is not None and len(rows) <= most:
            product = kernels.multiply(rows.contiguous(), self.codes, self.scheme.group_size, self.pairs.contiguous())
        else:
            product = self._multiply_dense(rows)
        if self.bias is not None:
            product += self.bias  # a copy would be as large as the largest activation there is
        return product.view(*inputs.shape[:-1], self.out_features).to(inputs.dtype)

    def grid_and_codes(self) -> tuple[Tensor, Grid]:
        """Codes uint8 `[out, in]` and their grid, as they were given, but for scales that were rounded to `dtype`."""
        if self.pairs is not None:
            return kernels.codes(self.codes), self._grid()
        return unpack(self.codes, self.scheme.bits, self.in_features), self._grid()

    def extra_repr(self) -> str:
        """For `print(model)`."""
        scheme = self.scheme
        path = "kernel" if self.uses_kernel else "dense pieces"
        return f"{self.in_features}, {self.out_features}, {scheme.bits} bits, groups of {scheme.group_size}, {path}"

    def _store(self, codes: Tensor, grid: Grid) -> None:
        size = (self.out_features, self.in_features)
        pairs = zero = None
        scale = grid.scale.new_empty(0, dtype=grid.dtype)
        if self.scheme.bits == kernels.BITS and kernels.usable(codes.device, self.dtype, *size, self.scheme.group_size):
            pairs = kernels.scale_and_offset(grid.scale, grid.zero, self.dtype)
            stored = kernels.store(codes)
        else:
            stored = pack(codes, self.scheme.bits)
            scale = grid.scale.to(grid.dtype)
            if not self.scheme.symmetric:
                zero = pack(grid.zero.to(torch.uint8).T.contiguous(), self.scheme.bits)
        for name, tensor in (("codes", stored), ("pairs", pairs), ("scale", scale), ("zero", zero)):
            self.register_buffer(name, tensor)

    def _multiply_dense(self, rows: Tensor) -> Tensor:
        """Through dense weights, made piece by piece so that no more than a piece is ever there."""
        if self.pairs is not None and rows.device.type != "cpu":
            return rows @ kernels.dense(self.codes, self.scheme.group_size, self.pairs)
        step = max(1, CPU_PIECE // self.in_features) if rows.device.type == "cpu" else self.out_features
        product = rows.new_empty(len(rows), self.out_features)
        if self.pairs is not None:
            for first, last in kernels.bounds(self.out_features, step):
                weight = kernels.dense(self.codes, self.scheme.group_size, self.pairs, first, last)
                product[:, first:last] = rows @ weight
            return product
        grid = self._grid()
        for first in range(0, self.out_features, step):
            part = slice(first, first + step)
            codes = unpack(self.codes[part], self.scheme.bits, self.in_features)
            weight = dequantize(codes, Grid(grid.scale[part], grid.zero[part], self.scheme)).to(self.dtype)
            product[:, part] = rows @ weight.T
        return product

    def _grid(self) -> Grid:
        if self.pairs is not None:
            return Grid(*kernels.scale_and_zero(self.pairs), self.scheme, self.dtype)
        scale = self.scale.float()
        if self.zero is None:
            zero = torch.full_like(scale, 2 ** (self.scheme.bits - 1))
        else:
            zero = unpack(self.zero, self.scheme.bits, self.out_features).T.float()
        return Grid(scale, zero, self.scheme, self.scale.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What `to`, `cuda`, `half` and the like go through: layouts belong to a device, so codes are stored anew."""
        wanted = fn(torch.empty(0, dtype=self.dtype, device=self.codes.device))
        if wanted.dtype == self.dtype and wanted.device == self.codes.device:
            return self
        codes, grid = self.grid_and_codes()
        self.dtype = wanted.dtype
        if self.bias is not None:
            self.bias = fn(self.bias)
        moved = Grid(grid.scale.to(wanted.device), grid.zero.to(wanted.device), grid.scheme, grid.dtype)
        self._store(codes.to(wanted.device), moved)
        return self


def join(parts: Sequence[QuantLinear]) -> QuantLinear | None:
    """One layer that computes the outputs of all `parts`, which share their input, side by side; on CPUs.

    It holds the only copy of the weights: the parts go on working as views of it, so memory stays what it was. Joining the same
    parts again gives the same layer. None when they cannot be joined: no kernel, other widths, groups or types, outputs that do
    not fill the blocks of the kernel's layout.
    """
    first = parts[0]
    pairs = [part.pairs for part in parts if part.pairs is not None]
    kinds = {(part.in_features, part.scheme, part.dtype, part.codes.device.type) for part in parts}
    if len(pairs) < len(parts) or len(kinds) > 1 or first.codes.device.type != "cpu":
        return None
    found = kernels.cpu_layout()
    if found is None or any(part.out_features % found.block for part in parts):
        return None
    edges = list(accumulate((part.out_features for part in parts), initial=0))
    places = [(part, slice(*rows)) for part, rows in zip(parts, pairwise(edges), strict=True)]
    known = first.whole() if first.whole is not None else None
    if known is not None and _holds(known, places):
        return known
    whole = QuantLinear.__new__(QuantLinear)
    nn.Module.__init__(whole)
    whole.in_features, whole.out_features = first.in_features, edges[-1]
    whole.scheme, whole.dtype, whole.whole = first.scheme, first.dtype, None
    whole.register_buffer("bias", _joined_bias(parts))
    whole.register_buffer("codes", torch.cat([part.codes for part in parts]))
    joined_pairs = torch.cat(pairs, 1)
    whole.register_buffer("pairs", joined_pairs)
    whole.register_buffer("scale", first.scale)
    whole.register_buffer("zero", None)
    for part, rows in places:
        part.codes, part.pairs, part.whole = whole.codes[rows], joined_pairs[:, rows], weakref.ref(whole)
    return whole


def _holds(whole: QuantLinear, places: Sequence[tuple[QuantLinear, slice]]) -> bool:
    """Whether these are still the parts of `whole`: they may have been moved, or joined with others."""
    fits = whole.out_features == places[-1][1].stop
    return fits and all(part.codes.data_ptr() == whole.codes[rows].data_ptr() for part, rows in places)


def _joined_bias(parts: Sequence[QuantLinear]) -> Tensor | None:
    if all(part.bias is None for part in parts):
        return None
    noughts = [torch.zeros(part.out_features, dtype=part.dtype) for part in parts]
    return torch.cat([nought if part.bias is None else part.bias for part, nought in zip(parts, noughts, strict=True)])
