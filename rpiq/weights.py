"""The tensors of a model, one at a time, whatever it is stored as: safetensors, sharded or not, or GGUF.

A GGUF file is de-quantized once into a safetensors folder (`rpiq/gguf_source.py`). What a checkpoint consists of, without its
weights: `rpiq/checkpoint.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rpiq.checkpoint import TensorInfo, read
from rpiq.errors import CheckpointError, ResourceError
from rpiq.gguf_source import convert

_RECORD = ".converted-from.json"
_VERSION = "2"
"""Of what a conversion writes: raised, so that older copies are made anew, when that changes."""


class Weights:
    """Lazy tensors of one model; a context manager. Only one shard is open at any time."""

    def __init__(
        self,
        source: Path,
        scratch: Path | None = None,
        dtype: torch.dtype = torch.bfloat16,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Open `source`, a folder with safetensors, a safetensors file, or a GGUF file.

        A GGUF file is converted into a folder inside `scratch` (kept there, and found again by the next run), or into a
        temporary folder that `close` removes; its weights then have `dtype`. The conversion holds the whole model in memory,
        and tells `progress` how many tensors are done and how many there are.

        Errors: CheckpointError when the source is missing, damaged, a pickle, or a GGUF that transformers cannot read;
        ResourceError when the converted copy cannot be written.
        """
        self._cleanup = ExitStack()
        self._shard = ExitStack()
        self._file: Path | None = None
        self._opened: Any = None  # safetensors has no public type for it
        self.checkpoint = read(source)
        """The headers of what is read; for a GGUF source those of the converted copy."""
        self.folder = source if source.is_dir() else source.parent
        """Where config.json, the tokenizer and the shards are; for a GGUF source the converted copy."""
        if self.checkpoint.format == "gguf":
            if scratch is None:
                scratch = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="rpiq-")))
            try:
                self.folder = converted(source, scratch, dtype, progress)
                self.checkpoint = read(self.folder)
            except BaseException:  # the temporary folder can be large: it goes, whatever happened, Ctrl-C included
                self._cleanup.close()
                raise
        self._tensors = {tensor.name: tensor for tensor in self.checkpoint.tensors}

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors, in the order of the files."""
        return tuple(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def info(self, name: str) -> TensorInfo:
        """Shape and dtype without reading the tensor. CheckpointError when there is none of this name."""
        if name not in self._tensors:
            raise CheckpointError(f"{self.folder} holds no tensor {name}; the checkpoint is not of the model it claims")
        return self._tensors[name]

    def read(self, name: str) -> Tensor:
        """The tensor on the CPU, as stored. CheckpointError when there is none of this name or its shard is damaged."""
        file = self.info(name).file
        try:
            if file != self._file:
                self._close_shard()
                self._opened = self._shard.enter_context(safe_open(file, framework="pt"))
                self._file = file
            tensor: Tensor = self._opened.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file} cannot be read at {name} ({error}); get the checkpoint again") from error
        return tensor

    def close(self) -> None:
        """Close the open shard; remove the temporary folder, if there is one."""
        self._close_shard()
        self._cleanup.close()

    def _close_shard(self) -> None:
        self._shard.close()
        self._file = self._opened = None

    def __enter__(self) -> Weights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def converted(
    gguf: Path,
    scratch: Path,
    dtype: torch.dtype = torch.bfloat16,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The safetensors folder in `scratch` that is made of the GGUF file: weights, config.json and tokenizer.

    One from an earlier run is taken if it was made from the same bytes with the same `dtype`. The folder appears whole or
    not at all. `progress` as in `Weights`. CheckpointError when transformers cannot read the file, ResourceError when the folder
    cannot be written.
    """
    target = scratch / f"{gguf.stem}.converted"
    try:
        with gguf.open("rb") as stream:
            origin = {
                "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
                "dtype": str(dtype),
                "version": _VERSION,
            }
        record = target / _RECORD
        if record.is_file() and record.read_text("utf-8") == json.dumps(origin):
            return target
        part = target.with_name(f"{target.name}.part")
        for leftover in (target, part):
            shutil.rmtree(leftover, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            convert(gguf, part, dtype, progress)
            (part / _RECORD).write_text(json.dumps(origin), "utf-8")
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise ResourceError(f"{target} cannot be written ({error}); free some space there") from error
    return target
