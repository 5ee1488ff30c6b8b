"""Writes a quantized checkpoint: compressed-tensors `pack-quantized` shards, index, config.json and the model's small files.

Everything is written into a hidden folder beside the target, which is renamed at the very end; after a kill the parts that
were committed are found again. How a Linear is stored: `rpiq/formats/compressed_tensors.py`; which codes it gets is the driver's affair.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rpiq.config import Scheme
from rpiq.errors import CheckpointError, ConfigError, ResourceError
from rpiq.formats import compressed_tensors
from rpiq.formats.checkpoint import read
from rpiq.solvers.grid import Grid

_MANIFEST = "manifest.json"
_INDEX = "model.safetensors.index.json"
_CONFIG = "config.json"
_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".gguf", ".h5", ".msgpack", ".onnx", ".tflite"}
"""Suffixes of files that are not taken over from the source."""
_TEMPLATES = "additional_chat_templates"
"""The only subfolder that belongs to a tokenizer."""


@dataclass
class _Manifest:
    """What a later run needs to go on; rewritten as a whole, so that it is always of one moment."""

    settings: object = None
    records: dict[str, object] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Tensors of each part file, in the order they were written."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each part file."""
    plain_linears: list[str] = field(default_factory=list)
    schemes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each quantized Linear."""
    joined: dict[str, list[str]] = field(default_factory=dict)
    """Finished shards by name, with the parts they were made of, which are gone."""


class QuantizedWriter:
    """A quantized folder in the making.

    Call `add` and `add_plain` for the tensors of a block, then `commit(key)`; after the last block `finish`. Tensors that
    were added and not committed are lost by a kill, and nothing else is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, object] | None = None,
        resume: bool = False,
        needed_bytes: int = 0,
        shard_bytes: int = 2_000_000_000,
    ) -> None:
        """Open the hidden folder beside `folder`.

        `settings` is anything JSON can hold that the result depends on (source, calibration hash, every option).
        With `resume` the parts of an earlier run are kept, provided that its settings were the same; otherwise they are
        removed. `needed_bytes` is the size of everything to be written; what is there already is subtracted.

        Errors: ResourceError when the place cannot be written or has too little room; ConfigError when `folder` exists or
        the earlier run had other settings; CheckpointError when what it left is damaged.
        """
        self.folder = folder
        """The target; it appears when `finish` returns."""
        self._hidden = folder.absolute().with_name(f".{folder.name}.partial")
        self.scratch = self._hidden / "scratch"
        """A folder for the driver's own intermediate files (activations, a converted GGUF); `finish` removes it."""
        self._ready = self._hidden / "ready"
        self._shard_bytes = shard_bytes
        self._pending: dict[str, Tensor] = {}
        self._files: dict[str, str] = {}
        if folder.exists():
            raise ConfigError(f"{folder} exists already; choose another folder or remove it")
        wanted = json.loads(json.dumps(settings))
        try:
            if not resume:
                self.abandon()
            self.scratch.mkdir(parents=True, exist_ok=True)
            self._ready.mkdir(exist_ok=True)
            free = shutil.disk_usage(self._hidden).free
        except OSError as error:
            raise ResourceError(
                f"{self._hidden} cannot be written ({error.strerror}); choose another folder"
            ) from error
        self._manifest = self._earlier(wanted)
        self._names = {name for names in self._manifest.parts.values() for name in names}
        # While parts are joined to a shard, that shard is there twice.
        lacking = needed_bytes + min(needed_bytes, shard_bytes) - sum(self._manifest.sizes.values()) - free
        if lacking > 0:
            raise ResourceError(
                f"{folder.absolute().parent} lacks {lacking / 1e9:.2f} GB; free that much or choose another disk"
            )

    @property
    def committed(self) -> Mapping[str, object]:
        """The record of each committed key, in the order of their commits; empty at the start of a new run."""
        return dict(self._manifest.records)

    def add(self, name: str, codes: Tensor, grid: Grid, dtype: torch.dtype) -> None:
        """Add a quantized Linear.

        name: of the module, without ".weight", as in the source checkpoint. codes: uint8 `[out, in]`. grid: its scales are
        rounded to `dtype`, the model's own, so fit codes to scales that have been. A bias goes to `add_plain`.
        ValueError when codes and grid do not fit each other; CheckpointError when the name was added before, or the scales
        are not finite.
        """
        try:
            stored = compressed_tensors.to_tensors(codes, grid, dtype)
        except CheckpointError as error:
            raise CheckpointError(f"{name}: {error}") from error
        for suffix, tensor in stored.items():
            self._take(f"{name}.{suffix}", tensor)
        self._manifest.schemes[name] = asdict(grid.scheme)

    def add_plain(self, name: str, tensor: Tensor) -> None:
        """Add a tensor as it is, under its full name ("model.norm.weight"). CheckpointError when it was added before."""
        self._take(name, tensor.detach().cpu().contiguous())

    def replace(self, name: str, tensor: Tensor) -> None:
        """Put another tensor in the place of one that was committed earlier. KeyError when there is none of this name."""
        if not any(name in names for names in self._manifest.parts.values()):
            raise KeyError(name)
        self._pending[name] = tensor.detach().cpu().contiguous()

    def linear(self, name: str) -> tuple[Tensor, Grid]:
        """Codes and grid of a Linear as they are committed. KeyError for one that is not; CheckpointError for damage."""
        stored = {}
        for suffix in compressed_tensors.SUFFIXES:
            part = self._part_of().get(f"{name}.{suffix}")
            if part is not None:
                with safe_open(self._hidden / part, framework="pt") as opened:
                    stored[suffix] = opened.get_tensor(f"{name}.{suffix}")
        if not stored:
            raise KeyError(name)
        return compressed_tensors.from_tensors(stored, Scheme(**self._manifest.schemes[name]))

    def add_file(self, name: str, text: str) -> None:
        """Add a small text file (a model card, a report) beside the shards; it wins over one of the source's."""
        self._files[name] = text

    def commit(self, key: str, record: object = None) -> None:
        """Write what was added since the last commit to disk, for good, as `key`; `record` is any JSON value to find again.

        ValueError when `key` is committed already, ResourceError when it cannot be written.
        """
        manifest = self._manifest
        if key in manifest.records:
            raise ValueError(f"{key} is committed already")
        groups: list[list[str]] = []
        room = 0
        for name, tensor in self._pending.items():
            if not groups or tensor.nbytes > room:
                groups.append([])
                room = self._shard_bytes
            groups[-1].append(name)
            room -= tensor.nbytes
        for names in groups:
            part = f"part-{len(manifest.parts) + 1:05}.safetensors"
            self._save({name: self._pending[name] for name in names}, self._hidden / part)
            manifest.parts[part] = names
            manifest.sizes[part] = (self._hidden / part).stat().st_size
        manifest.plain_linears += [
            name.removesuffix(".weight")
            for name, tensor in self._pending.items()
            if tensor.dim() == 2 and name.endswith(".weight") and "embed" not in name
        ]
        manifest.records[key] = json.loads(json.dumps(record))
        self._save_manifest()
        self._pending.clear()

    def finish(self, source: Path, config_extra: Mapping[str, object] | None = None) -> Path:
        """Join the parts to shards, write index and config.json, copy the small files of `source`, and rename.

        source: the folder of the full-precision model (`Weights.folder`); its config.json is taken over, with
        `quantization_config` and the keys of `config_extra` added at the top level; a `quantization_config` among those
        wins, for tensors that were laid out by somebody else. Returns `folder`.
        ValueError when something is uncommitted; CheckpointError when nothing was quantized or the source has no
        readable config.json; ResourceError when it cannot be written.
        """
        if self._pending:
            raise ValueError(f"{next(iter(self._pending))} is not committed")
        config_extra = dict(config_extra or {})
        if not self._manifest.schemes and "quantization_config" not in config_extra:
            raise CheckpointError(f"no Linear of {source} was quantized; it has none, or all were left out")
        config = self._config(source) | config_extra
        try:
            self._join()
            self._copy(source)
            for name, text in {_CONFIG: json.dumps(config, indent=2) + "\n", **self._files}.items():
                _write(self._ready / name, text)
            if self.folder.exists():
                raise ConfigError(f"{self.folder} appeared meanwhile; move it away and resume")
            self._ready.rename(self.folder.absolute())
        except (OSError, SafetensorError) as error:
            raise ResourceError(
                f"{self._ready} cannot be written ({error}); free some space there and resume"
            ) from error
        self.abandon()
        return self.folder

    def abandon(self) -> None:
        """Remove everything that was written so far."""
        if self._hidden.exists():
            shutil.rmtree(self._hidden)

    def _take(self, name: str, tensor: Tensor) -> None:
        if name in self._names or name in self._pending:
            raise CheckpointError(f"{name} would be stored twice; the model has two modules of one name")
        self._names.add(name)
        # safetensors refuses memory that two names share, as tied weights do.
        self._pending[name] = (
            tensor.clone() if any(_overlap(tensor, other) for other in self._pending.values()) else tensor
        )

    def _earlier(self, settings: object) -> _Manifest:
        """The manifest of the run to be resumed, checked, or an empty one."""
        path = self._hidden / _MANIFEST
        if not path.exists():
            return _Manifest(settings=settings)
        advice = "start again without resuming"
        try:
            manifest = _Manifest(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); {advice}") from error
        if manifest.settings != settings:
            raise ConfigError(f"{self._hidden} was begun with other settings; use the same ones, or {advice}")
        gone = {part for parts in manifest.joined.values() for part in parts}
        for part, size in manifest.sizes.items():
            file = self._hidden / part
            if part not in gone and (not file.is_file() or file.stat().st_size != size):
                raise CheckpointError(f"{file} is missing or cut short; {advice}")
        for file in self._hidden.glob("part-*"):
            if file.name not in manifest.parts or file.name in gone:
                file.unlink()  # of a commit, or of a join, that a kill cut off
        return manifest

    def _part_of(self) -> dict[str, str]:
        """The part that holds each tensor; the latest, where one was replaced."""
        return {name: part for part, names in self._manifest.parts.items() for name in names}

    def _save_manifest(self) -> None:
        _write(self._hidden / _MANIFEST, json.dumps(asdict(self._manifest)))

    def _save(self, tensors: dict[str, Tensor], file: Path) -> None:
        """Write one safetensors file so that it is there as a whole or not at all."""
        part = file.with_suffix(".writing")
        try:
            save_file(tensors, part, metadata={"format": "pt"})
            _sync(part)
            part.rename(file)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise ResourceError(f"{file} cannot be written ({error}); free some space there and resume") from error

    def _join(self) -> None:
        """Join parts to shards of at most `shard_bytes`, one at a time, and write the index."""
        manifest = self._manifest
        groups: list[list[str]] = []
        room = 0
        for part, size in manifest.sizes.items():
            if not groups or size > room:
                groups.append([])
                room = self._shard_bytes
            groups[-1].append(part)
            room -= size
        where: dict[str, str] = {}
        latest = self._part_of()
        for number, parts in enumerate(groups, start=1):
            shard = f"model-{number:05}-of-{len(groups):05}.safetensors" if len(groups) > 1 else "model.safetensors"
            names = {part: [name for name in manifest.parts[part] if latest[name] == part] for part in parts}
            where |= {name: shard for part in parts for name in names[part]}
            if shard in manifest.joined:
                continue
            tensors: dict[str, Tensor] = {}
            for part in parts:
                with safe_open(self._hidden / part, framework="pt") as opened:
                    tensors |= {name: opened.get_tensor(name) for name in names[part]}
            self._save(tensors, self._ready / shard)
            manifest.joined[shard] = parts
            self._save_manifest()
            for part in parts:
                (self._hidden / part).unlink(missing_ok=True)
        if len(groups) == 1:
            return
        total = sum(tensor.size_bytes for shard in manifest.joined for tensor in read(self._ready / shard).tensors)
        index = {"metadata": {"total_size": total}, "weight_map": where}
        _write(self._ready / _INDEX, json.dumps(index, indent=2) + "\n")

    def _config(self, source: Path) -> dict[str, object]:
        path = source / _CONFIG
        try:
            config = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}); get the model again") from error
        # The head is named even where it is tied and so has no tensor of its own.
        ignore = sorted(
            {*self._manifest.plain_linears, "lm_head"} - {compressed_tensors.module_of(name) for name in self._names}
        )
        schemes = {name: Scheme(**scheme) for name, scheme in self._manifest.schemes.items()}
        if not schemes:
            return dict(config)
        return {
            **config,
            "quantization_config": compressed_tensors.quantization_config(
                compressed_tensors.Schemes.by_name(schemes), ignore
            ),
        }

    def _copy(self, source: Path) -> None:
        """Tokenizer, processor, licence and the like, byte for byte."""
        skipped = {_CONFIG, _INDEX, *self._files}
        files = [*source.iterdir(), *(source / _TEMPLATES).glob("*")]
        for file in files:
            inner = file.relative_to(source)
            wanted = not inner.name.startswith(".") and inner.name not in skipped and not _WEIGHTS & set(file.suffixes)
            if file.is_file() and wanted and not file.name.endswith(".index.json"):
                (self._ready / inner).parent.mkdir(exist_ok=True)
                shutil.copyfile(file, self._ready / inner)


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two contiguous tensors share memory."""
    first, second = one.data_ptr(), other.data_ptr()
    return first < second + other.nbytes and second < first + one.nbytes


def _write(path: Path, text: str) -> None:
    """Replace a small file as a whole."""
    part = path.with_name(f"{path.name}.writing")
    part.write_text(text, "utf-8")
    _sync(part)
    part.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
