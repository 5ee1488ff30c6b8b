"""torch's own 4-bit kernels, for CPU and CUDA: when they can be used, their layouts of codes, and back from these layouts.

Both compute w = (code − 8)·scale + offset with one (scale, offset) pair per group and row; an offset of (8 − zero)·scale
gives the weights of `rpiq/solvers/grid.py`. They keep the codes in blocks of their own that torch documents nowhere, so each layout
is checked, or found out, on a small matrix before it is relied upon. Which path a layer takes: `rpiq/runtime/linear.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

BITS = 4
GROUPS = (32, 64, 128, 256)
"""Group sizes that both kernels know."""
_MIDDLE = 8
_CPU_ROWS = 16
"""The CPU kernel wants a multiple of this many outputs."""
CPU_PIECE_ROWS = 1024
"""Outputs that are laid out for the CPU kernel at a time."""
_CUDA_INNER = 8
_CUDA_TILE = (8, _CUDA_INNER * 16)
"""Outputs and inputs of one tile of the CUDA kernel; it wants multiples of both."""
_CUDA_CAPABILITY = (8, 0)

aten = torch.ops.aten


@dataclass(frozen=True)
class CpuLayout:
    """How the CPU kernel lays out the codes of its full blocks."""

    block: int
    """Outputs of one block."""
    halves: bool
    """Whether a byte joins outputs half a block apart, the first in the lower bits; otherwise neighbours."""


CPU_LAYOUTS = (CpuLayout(64, True), CpuLayout(32, True), CpuLayout(32, False))
"""Of AVX-512, of AVX2, and of processors with neither."""


def usable(device: torch.device, dtype: torch.dtype, rows: int, columns: int, group_size: int) -> bool:
    """Whether `device` has a kernel for 4-bit weights `[rows, columns]`; it takes inputs of `dtype`.

    Only bfloat16: the CPU kernel takes other types too, but several times slower than a dense product.
    """
    if dtype != torch.bfloat16 or group_size not in GROUPS or columns % group_size:
        return False
    if device.type == "cpu":
        return rows % _CPU_ROWS == 0 and cpu_layout() is not None
    if device.type == "cuda":
        fits = rows % _CUDA_TILE[0] == 0 and columns % _CUDA_TILE[1] == 0
        return fits and torch.cuda.get_device_capability(device) >= _CUDA_CAPABILITY
    return False


def scale_and_offset(scale: Tensor, zero: Tensor, dtype: torch.dtype) -> Tensor:
    """`[groups, out, 2]` in `dtype` from scales and zero points `[out, groups]`; the offset is rounded to `dtype`."""
    return torch.stack((scale, (_MIDDLE - zero) * scale), -1).transpose(0, 1).to(dtype).contiguous()


def scale_and_zero(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `scale_and_offset`, float32: the rounding of an offset is far smaller than half a step of the zero."""
    scale, offset = pairs.float().transpose(0, 1).unbind(-1)
    zero = _MIDDLE - torch.where(scale == 0, torch.zeros_like(offset), offset / scale)
    return scale.contiguous(), zero.round().contiguous()


def store(codes: Tensor) -> Tensor:
    """Codes, uint8 `[out, in]`, as the kernel of their device wants them: uint8 `[out, in / 2]`, or int32 tiles on CUDA."""
    if codes.device.type == "cuda":
        tiles: Tensor = aten._convert_weight_to_int4pack((codes[:, ::2] << 4) | codes[:, 1::2], _CUDA_INNER)
        return tiles
    # In pieces: the conversion wants int32, eight times the size of the result.
    edges = bounds(len(codes), CPU_PIECE_ROWS)
    return torch.cat([_to_cpu(codes[first:last]) for first, last in edges])


def multiply(inputs: Tensor, stored: Tensor, group_size: int, pairs: Tensor) -> Tensor:
    """`[rows, in]` times the weights, transposed: `[rows, out]`."""
    multiply_4bit = aten._weight_int4pack_mm if inputs.is_cuda else aten._weight_int4pack_mm_for_cpu
    product: Tensor = multiply_4bit(inputs, stored, group_size, pairs)
    return product


def dense(stored: Tensor, group_size: int, pairs: Tensor, first: int = 0, last: int | None = None) -> Tensor:
    """The weights of the outputs from `first` to `last`, transposed: `[in, last − first]` in the type of `pairs`.

    On the CPU both must be what `bounds` gives.
    """
    last = pairs.shape[1] if last is None else last
    kind = pairs.dtype
    on_gpu = stored.is_cuda
    centred = _from_cuda(stored)[:, first:last].to(kind) if on_gpu else _from_cpu(stored, first, last, _known(), kind)
    grouped = centred.reshape(len(pairs), group_size, last - first)
    scale, offset = (part.contiguous()[:, None] for part in pairs[:, first:last].unbind(-1))
    return torch.addcmul(offset, grouped, scale, out=grouped).view(-1, last - first)


def codes(stored: Tensor) -> Tensor:
    """The inverse of `store`."""
    if stored.is_cuda:
        centred = _from_cuda(stored)
    else:
        edges = bounds(len(stored), len(stored))
        centred = torch.cat([_from_cpu(stored, *edge, _known()) for edge in edges], 1)
    return (centred + _MIDDLE).T.to(torch.uint8).contiguous()


def bounds(rows: int, step: int) -> list[tuple[int, int]]:
    """`rows` outputs in pieces of about `step` that lie in one piece in the CPU's layout."""
    found = cpu_layout()
    block = found.block if found else 1
    full = rows // block * block
    step = max(block, step // block * block)
    edges = [(first, min(first + step, full)) for first in range(0, full, step)]
    return edges + ([(full, rows)] if full < rows else [])


@cache
def cpu_layout() -> CpuLayout | None:
    """How the CPU kernel of this processor lays codes out; None when it is in no way that is known here."""
    rows, columns = 80, 32  # full blocks and a rest
    expected = torch.randint(0, 16, (rows, columns), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    stored = _to_cpu(expected)
    for layout in CPU_LAYOUTS:
        full = rows // layout.block * layout.block
        found = torch.cat([_from_cpu(stored, *edge, layout) for edge in ((0, full), (full, rows))], 1)
        if torch.equal(found.T + _MIDDLE, expected):
            return layout
    return None


def _known() -> CpuLayout:
    layout = cpu_layout()
    if layout is None:
        raise RuntimeError("codes were stored for a CPU kernel whose layout is not known")
    return layout


def _to_cpu(codes: Tensor) -> Tensor:
    stored: Tensor = aten._convert_weight_to_int4pack_for_cpu(codes.to(torch.int32), 1)
    return stored


def _from_cpu(stored: Tensor, first: int, last: int, layout: CpuLayout, dtype: torch.dtype = torch.int8) -> Tensor:
    """code − 8, `[in, last − first]` in `dtype`, from the CPU's layout.

    A block holds its outputs for one input after the other. In the rest after the last block neighbours share a byte.
    """
    columns = stored.shape[1] * 2
    piece = stored.reshape(-1)[first * columns // 2 : last * columns // 2]
    whole = (last - first) % layout.block == 0
    block = layout.block if whole else last - first
    centred = torch.empty(columns, last - first, dtype=dtype, device=stored.device)
    if whole and layout.halves:
        ends = centred.view(columns, -1, 2, block // 2).unbind(2)
    else:
        ends = centred.view(columns, -1, block // 2, 2).unbind(3)
    # All arithmetic on bytes in their own order; then one copy that turns and converts. Any other way is slower.
    for end, half in zip(ends, (piece & 15, piece >> BITS), strict=True):
        end.copy_(half.view(torch.int8).sub_(_MIDDLE).view(-1, columns, block // 2).transpose(0, 1))
    return centred


def _from_cuda(stored: Tensor) -> Tensor:
    """code − 8, int8 `[in, out]`, from the CUDA kernel's tiles."""
    tiles_out, tiles_in = stored.shape[:2]
    packed = stored.view(tiles_out, tiles_in, -1).view(torch.uint8)
    nibbles = torch.stack((packed & 15, packed >> 4), -1).view(tiles_out, tiles_in, -1)
    tiles = nibbles[:, :, _cuda_order(stored.device)].view(tiles_out, tiles_in, *_CUDA_TILE)
    return tiles.permute(1, 3, 0, 2).reshape(tiles_in * _CUDA_TILE[1], -1).to(torch.int8) - _MIDDLE


@cache
def _cuda_order(device: torch.device) -> Tensor:
    """Where in a tile of the CUDA kernel each of its codes lies, found by storing the digits of every place's number."""
    number = torch.arange(_CUDA_TILE[0] * _CUDA_TILE[1], device=device)
    found = torch.zeros_like(number)
    for digit in range(3):  # 1024 places are three digits of four bits
        tile = store(((number >> BITS * digit) & 15).to(torch.uint8).view(_CUDA_TILE)).view(-1).view(torch.uint8)
        found += torch.stack((tile & 15, tile >> 4), -1).view(-1).long() << BITS * digit
    return torch.argsort(found)
