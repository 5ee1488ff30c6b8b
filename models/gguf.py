"""Reads a GGUF file: its metadata and its tensors, turned back into ordinary floating-point ones.

Written because the `gguf` package takes 2.4 s to walk the vocabulary of SmolLM2-135M and 1.9 s to de-quantize it, and
this 0.5 s for both; the tests compare the two. Only the block formats of our catalogue are known. What a model does
with its tensors is not known here.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and, for the block formats, ggml-quants.c.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""`struct` codes of the metadata's scalar types by their number in the format."""
_STRING, _ARRAY = 8, 9
_DEFAULT_ALIGNMENT = 32

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class GgufError(ValueError):
    """The file is not a GGUF file of a kind known here; the message says which file and why."""


@dataclass(frozen=True)
class Tensors:
    """A GGUF file's content."""

    metadata: dict[str, Any]
    """Scalars, strings, and lists of them, by the names of the format."""
    weights: dict[str, Tensor]
    """By the names of the format; shapes as PyTorch has them (`[out, in]` for a Linear)."""


def read_gguf(path: Path, dtype: torch.dtype) -> Tensors:
    """Everything in the file `path`, its tensors as `dtype`.

    Errors: GgufError when it is not a version 2 or 3 GGUF file, is cut short, or uses another block format; OSError.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(data, dtype)
    except (struct.error, KeyError, ValueError) as error:
        raise GgufError(f"{path}: {error}") from error


def _parse(data: mmap.mmap, dtype: torch.dtype) -> Tensors:
    cursor = _Cursor(data)
    if data[:4] != b"GGUF":
        raise GgufError("not a GGUF file")
    cursor.position = 4
    version, tensor_count, pair_count = cursor.unpack("<IQQ")
    if version not in (2, 3):
        raise GgufError(f"GGUF version {version} is not known")
    metadata = {cursor.string(): cursor.value(cursor.unpack("<I")[0]) for _ in range(pair_count)}
    infos = [cursor.tensor_info() for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    start = math.ceil(cursor.position / alignment) * alignment
    return Tensors(metadata, {info.name: info.read(data, start).to(dtype) for info in infos})


@dataclass(frozen=True)
class _TensorInfo:
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    """Bytes from the start of the tensor data."""

    def read(self, data: mmap.mmap, start: int) -> Tensor:
        if self.kind not in _BLOCKS:
            raise GgufError(f"tensor {self.name} has block format {self.kind}, which is not known")
        block = _BLOCKS[self.kind]
        count = math.prod(self.shape)
        raw = np.frombuffer(data, np.uint8, count // block.weights * block.size, start + self.offset)
        return torch.from_numpy(block.decode(raw.copy().reshape(-1, block.size)).reshape(self.shape))


class _Cursor:
    """Reads the header's values one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.position = 0

    def unpack(self, code: str) -> tuple[Any, ...]:
        values = struct.unpack_from(code, self._data, self.position)
        self.position += struct.calcsize(code)
        return values

    def string(self) -> str:
        (length,) = self.unpack("<Q")
        self.position += length
        return self._data[self.position - length : self.position].decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.unpack("<" + _SCALARS[kind])[0]
        inner, count = self.unpack("<IQ")
        if inner in (_STRING, _ARRAY):
            return [self.value(inner) for _ in range(count)]
        return list(self.unpack(f"<{count}{_SCALARS[inner]}"))

    def tensor_info(self) -> _TensorInfo:
        name = self.string()
        (dimensions,) = self.unpack("<I")
        shape = self.unpack(f"<{dimensions}Q")
        kind, offset = self.unpack("<IQ")
        return _TensorInfo(name, tuple(reversed(shape)), kind, offset)


@dataclass(frozen=True)
class _Block:
    """A block format: so many weights in so many bytes."""

    weights: int
    size: int
    decode: Callable[[Bytes], Floats]
    """`[blocks, size]` bytes → `[blocks, weights]`."""


def _float32(blocks: Bytes) -> Floats:
    return blocks.view(np.float32)


def _float16(blocks: Bytes) -> Floats:
    return blocks.view(np.float16).astype(np.float32)


def _q8_0(blocks: Bytes) -> Floats:
    """Scale (float16), 32 signed bytes."""
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return blocks[:, 2:].view(np.int8) * scale


def _q4_1(blocks: Bytes) -> Floats:
    """Scale and minimum (float16), 32 four-bit numbers: low halves of the 16 bytes first, then the high ones."""
    scale, minimum = blocks[:, :4].copy().view(np.float16).astype(np.float32).T[:, :, None]
    packed = blocks[:, 4:]
    weights = np.empty((len(blocks), 32), np.float32)
    np.multiply(packed & 15, scale, out=weights[:, :16])
    np.multiply(packed >> 4, scale, out=weights[:, 16:])
    weights += minimum
    return weights


_BLOCKS = {0: _Block(1, 4, _float32), 1: _Block(1, 2, _float16), 3: _Block(32, 20, _q4_1), 8: _Block(32, 34, _q8_0)}
