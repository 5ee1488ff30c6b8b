"""What a checkpoint consists of, from its headers alone: names, shapes and dtypes of its tensors, no weights.

Reads safetensors (one file, or shards with an index) and GGUF. Pickles are refused: reading one can run code.
The tensors themselves: `rpiq/formats/weights.py` (reading, `Weights`) and `rpiq/formats/writer.py` (writing, `QuantizedWriter`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from safetensors import SafetensorError, safe_open

from rpiq.errors import CheckpointError

_INDEX = "model.safetensors.index.json"
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_UNKNOWN = "unknown"

# Bits of one element, by the dtype names of the safetensors format.
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8}
_BITS |= {"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}
_BITS |= {"I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as its file's header describes it."""

    name: str
    shape: tuple[int, ...]
    """As PyTorch has it: `[out, in]` for a Linear."""
    dtype: str
    """The format's own name: BF16, F32, Q4_1, ..."""
    size_bytes: int
    file: Path

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_linear(self) -> bool:
        """Whether it looks like the weight of a Linear: two-dimensional, and by its name no embedding table."""
        is_table = "embed" in self.name or "embd" in self.name
        return len(self.shape) == 2 and self.name.endswith("weight") and not is_table


@dataclass(frozen=True)
class Total:
    """Sum over the tensors of one dtype."""

    dtype: str
    tensors: int
    parameters: int
    size_bytes: int


@dataclass(frozen=True)
class Checkpoint:
    """All tensors of a model, in the order of their files."""

    source: Path
    format: Literal["safetensors", "gguf"]
    architecture: str
    """As the model's own configuration names it, or "unknown"."""
    tensors: tuple[TensorInfo, ...]

    @property
    def parameters(self) -> int:
        """Number of elements of all tensors."""
        return sum(tensor.parameters for tensor in self.tensors)

    @property
    def size_bytes(self) -> int:
        """Size of all tensors."""
        return sum(tensor.size_bytes for tensor in self.tensors)

    @property
    def linears(self) -> tuple[TensorInfo, ...]:
        """The tensors that look like weights of Linears."""
        return tuple(tensor for tensor in self.tensors if tensor.is_linear)

    @property
    def totals(self) -> tuple[Total, ...]:
        """One Total for each dtype, the largest first."""
        groups: dict[str, list[TensorInfo]] = {}
        for tensor in self.tensors:
            groups.setdefault(tensor.dtype, []).append(tensor)
        totals = [
            Total(dtype, len(group), sum(t.parameters for t in group), sum(t.size_bytes for t in group))
            for dtype, group in groups.items()
        ]
        return tuple(sorted(totals, key=lambda total: -total.size_bytes))


def read(source: Path) -> Checkpoint:
    """The checkpoint at `source`: a folder with safetensors, a safetensors file, or a GGUF file.

    CheckpointError when it is missing, damaged, cut short, or a pickle.
    """
    try:
        if source.is_dir():
            return _folder(source)
        with source.open("rb") as stream:
            magic = stream.read(4)
    except FileNotFoundError as error:
        raise CheckpointError(f"{source} does not exist; give a folder with safetensors, or a GGUF file") from error
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read ({error.strerror}); give yourself access to it") from error
    if source.suffix in _PICKLES:
        raise _pickle(source)
    if magic == b"GGUF":
        return _gguf(source)
    if source.suffix == ".gguf":
        raise CheckpointError(f"{source} is not a GGUF file, whatever its name says; download it again")
    return Checkpoint(source, "safetensors", _architecture(source.parent), _tensors(source))


def _folder(folder: Path) -> Checkpoint:
    index = folder / _INDEX
    files = sorted(folder.glob("*.safetensors"))
    named = [file for file in files if file.name == "model.safetensors"]
    if index.is_file():
        tensors = _sharded(folder, index)
    elif len(named or files) == 1:
        tensors = _tensors((named or files)[0])
    elif files:
        raise CheckpointError(f"{folder} holds {len(files)} safetensors files and no {_INDEX}; give one of the files")
    else:
        pickles = sorted(path for path in folder.iterdir() if path.suffix in _PICKLES)
        if pickles:
            raise _pickle(pickles[0])
        ggufs = sorted(folder.glob("*.gguf"))
        hint = f"; give the file {ggufs[0]}" if ggufs else "; give the folder of a model"
        raise CheckpointError(f"{folder} holds no safetensors file{hint}")
    return Checkpoint(folder, "safetensors", _architecture(folder), tensors)


def _sharded(folder: Path, index: Path) -> tuple[TensorInfo, ...]:
    """All tensors of all shards, which must be exactly those that the index lists."""
    where = _json(index).get("weight_map")
    if not isinstance(where, dict) or not all(isinstance(shard, str) for shard in where.values()):
        raise CheckpointError(f"{index} has no weight_map from tensors to files; download it again")
    found: list[TensorInfo] = []
    for shard in dict.fromkeys(where.values()):
        if PurePath(shard).name != shard:
            raise CheckpointError(f"{index} names {shard!r}, which is not a plain file name; do not trust this model")
        if not (folder / shard).is_file():
            raise CheckpointError(f"{folder / shard} is missing, though {_INDEX} lists it; download it")
        found += _tensors(folder / shard)
    differing = {(tensor.name, tensor.file.name) for tensor in found} ^ set(where.items())
    if differing:
        name, shard = min(differing)
        raise CheckpointError(f"{index} and {shard} disagree about the tensor {name}; download both again")
    return tuple(found)


def _tensors(file: Path) -> tuple[TensorInfo, ...]:
    try:
        # The library checks the header against its own bounds and the length of the file.
        with safe_open(file, framework="numpy") as opened:
            slices = [(name, opened.get_slice(name)) for name in opened.keys()]  # noqa: SIM118 - it is no dict
            return tuple(_info(name, tuple(s.get_shape()), str(s.get_dtype()), file) for name, s in slices)
    except SafetensorError as error:
        raise CheckpointError(f"{file} is not a whole safetensors file ({error}); download it again") from error
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read ({error}); give yourself access to it") from error


def _info(name: str, shape: tuple[int, ...], dtype: str, file: Path) -> TensorInfo:
    if dtype not in _BITS:
        raise CheckpointError(f"{file}: the dtype {dtype} of {name} is not known; use a newer rpiq")
    return TensorInfo(name, shape, dtype, math.prod(shape) * _BITS[dtype] // 8, file)


def _gguf(file: Path) -> Checkpoint:
    from gguf import GGUFReader  # late: only GGUF files need it

    try:
        reader = GGUFReader(file)
        field = reader.get_field("general.architecture")
        architecture = str(field.contents()) if field else _UNKNOWN
    # What the package lets through on a damaged or shortened file, whose header it takes at its word.
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise CheckpointError(f"{file} is not a whole GGUF file ({error}); download it again") from error
    tensors = tuple(
        TensorInfo(t.name, tuple(int(n) for n in reversed(t.shape)), t.tensor_type.name, int(t.n_bytes), file)
        for t in reader.tensors
    )
    return Checkpoint(file, "gguf", architecture, tensors)


def _architecture(folder: Path) -> str:
    config = folder / "config.json"
    if not config.is_file():
        return _UNKNOWN
    values = _json(config)
    names = values.get("architectures")
    return str(names[0] if isinstance(names, list) and names else values.get("model_type", _UNKNOWN))


def _json(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); download it again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); give yourself access to it") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds no JSON object; download it again")
    return values


def _pickle(file: Path) -> CheckpointError:
    return CheckpointError(
        f"{file} is not read: {file.suffix} files can be pickles, which run code when they are opened; "
        "get the model as safetensors or GGUF"
    )
