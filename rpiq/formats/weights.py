"""The tensors of a model, one at a time, whatever it is stored as: safetensors, sharded or not, or GGUF.

A GGUF file is de-quantized once into a safetensors folder (`rpiq/formats/gguf_source.py`). What a checkpoint consists of, without its
weights: `rpiq/formats/checkpoint.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rpiq.errors import CheckpointError, ResourceError
from rpiq.formats.checkpoint import TensorInfo, read
from rpiq.formats.gguf_source import convert

_RECORD = ".converted-from.json"
_VERSION = "2"
"""Of what a conversion writes: raised, so that older copies are made anew, when that changes."""


class Weights:
    """Lazy tensors of one model; a context manager. No shard stays open: what is read lives as long as its tensor."""

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
        """The tensor on the CPU, as stored. CheckpointError when there is none of this name or its shard is damaged.

        Its memory is the file's own, so that only what is used of it becomes resident, and is let go with it.
        """
        with self._opened(name) as shard:
            tensor: Tensor = shard.get_tensor(name)
        return tensor

    def pieces(self, name: str, rows: int) -> Iterator[Tensor]:
        """The tensor in pieces of at most `rows` rows, each let go before the next is read. Errors as `read`."""
        for first in range(0, self.info(name).shape[0], rows):
            with self._opened(name) as shard:
                piece: Tensor = shard.get_slice(name)[first : first + rows]
            yield piece

    def close(self) -> None:
        """Remove the temporary folder, if there is one."""
        self._cleanup.close()

    @contextmanager
    def _opened(self, name: str) -> Iterator[Any]:  # safetensors has no public type for it
        """The shard of `name`. Opened anew for each tensor, in 0.1 ms: pages stay resident as long as it is open."""
        file = self.info(name).file
        try:
            with safe_open(file, framework="pt") as shard:
                yield shard
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file} cannot be read at {name} ({error}); get the checkpoint again") from error

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
