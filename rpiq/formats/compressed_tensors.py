"""How compressed-tensors' `pack-quantized` stores Linears: the tensors of one, and `quantization_config` of config.json.

Both ways, so that writing, loading and exporting share one description. One scheme for all Linears is what vLLM and SGLang
read; several are written where the parts of a model differ. Words of codes: `rpiq/formats/packing.py`; files: `rpiq/formats/writer.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rpiq.config import WHOLE_ROW, Scheme
from rpiq.errors import CheckpointError, ConfigError
from rpiq.formats.packing import pack, unpack
from rpiq.solvers.grid import Grid, group_width

PACKED, SCALE, ZERO, SHAPE = "weight_packed", "weight_scale", "weight_zero_point", "weight_shape"
SUFFIXES = (PACKED, SCALE, ZERO, SHAPE)
METHOD = "compressed-tensors"
FORMAT = "pack-quantized"


def to_tensors(codes: Tensor, grid: Grid, dtype: torch.dtype) -> dict[str, Tensor]:
    """What one Linear is stored as, by suffix; on the CPU.

    `codes` is uint8 `[out, in]`; the result has `weight_packed` int32 `[out, words]`, `weight_scale` `[out, groups]` in
    `dtype`, `weight_shape` int64 `[2]`, and, unless symmetric, `weight_zero_point` int32 `[words of out, groups]`.
    ValueError when codes and grid do not belong together; CheckpointError when `dtype` cannot hold the scales.
    """
    rows, columns = codes.shape
    scheme = grid.scheme
    groups = -(-columns // group_width(columns, scheme.group_size))
    for name, values in (("scales", grid.scale), ("zero points", grid.zero)):
        if tuple(values.shape) != (rows, groups):
            raise ValueError(f"{name} are {list(values.shape)}, but {rows} rows in {groups} groups are needed")
    scale = grid.scale.to(dtype)
    if not bool(torch.isfinite(scale).all()):
        raise CheckpointError(f"a scale is not finite in {dtype}; look for NaN or huge weights, or store as bfloat16")
    stored = {PACKED: pack(codes, scheme.bits), SCALE: scale, SHAPE: torch.tensor([rows, columns])}
    if not scheme.symmetric:
        stored[ZERO] = pack(grid.zero.to(torch.uint8).T.contiguous(), scheme.bits).T
    elif not bool((grid.zero == 2 ** (scheme.bits - 1)).all()):
        raise ValueError("a symmetric grid must have the middle code as its zero point everywhere")
    return {suffix: tensor.cpu().contiguous() for suffix, tensor in stored.items()}


def from_tensors(stored: Mapping[str, Tensor], scheme: Scheme) -> tuple[Tensor, Grid]:
    """The inverse of `to_tensors`: codes uint8 `[out, in]` and their grid. CheckpointError when something does not fit."""
    try:
        rows, columns = (int(size) for size in stored[SHAPE].tolist())
        codes = unpack(stored[PACKED], scheme.bits, columns)
        scale = stored[SCALE].float()
        if scheme.symmetric:
            zero = torch.full_like(scale, 2 ** (scheme.bits - 1))
        else:
            zero = unpack(stored[ZERO].T.contiguous(), scheme.bits, rows).T.float().contiguous()
    except KeyError as error:
        raise CheckpointError(f"there is no {error.args[0]}; get the quantized checkpoint again") from error
    except ValueError as error:
        raise CheckpointError(
            f"the stored tensors do not fit each other ({error}); get the checkpoint again"
        ) from error
    groups = -(-columns // group_width(columns, scheme.group_size))
    if codes.shape[0] != rows or tuple(scale.shape) != (rows, groups) or zero.shape != scale.shape:
        raise CheckpointError(
            f"a Linear of {rows} × {columns} in {groups} groups has {codes.shape[0]} rows of codes, scales of "
            f"{list(scale.shape)} and zero points of {list(zero.shape)}; get the quantized checkpoint again"
        )
    return codes, Grid(scale, zero, scheme, stored[SCALE].dtype)


@dataclass(frozen=True)
class Schemes:
    """Which scheme each quantized Linear of a checkpoint has."""

    groups: tuple[tuple[Scheme, frozenset[str]], ...]
    """Schemes with the names of their Linears, as the checkpoint names them; no names: all of them."""

    @classmethod
    def uniform(cls, scheme: Scheme) -> Schemes:
        """One for all."""
        return cls(((scheme, frozenset()),))

    @classmethod
    def by_name(cls, schemes: Mapping[str, Scheme]) -> Schemes:
        """From the scheme of each Linear, at least one."""
        different = list(dict.fromkeys(schemes.values()))
        if len(different) == 1:
            return cls.uniform(different[0])
        return cls(tuple((one, frozenset(n for n, scheme in schemes.items() if scheme == one)) for one in different))

    @property
    def only(self) -> Scheme | None:
        """The one for all; None where there are several."""
        return self.groups[0][0] if len(self.groups) == 1 else None

    def of(self, module: str) -> Scheme:
        """Of one Linear. CheckpointError when it is in no group."""
        for scheme, names in self.groups:
            if not names or module in names:
                return scheme
        raise CheckpointError(f"quantization_config names no scheme for {module}; get the quantized checkpoint again")


def quantization_config(schemes: Schemes, ignore: Sequence[str]) -> dict[str, object]:
    """The value of `quantization_config`; `ignore` names the Linears that are stored as they were."""
    groups = {
        f"group_{number}": {
            "targets": sorted(names) or ["Linear"],
            "weights": _arguments(scheme),
            "input_activations": None,
            "output_activations": None,
        }
        for number, (scheme, names) in enumerate(schemes.groups)
    }
    return {
        "quant_method": METHOD,
        "format": FORMAT,
        # Without it transformers reports the packed tensors as unexpected and leaves the weights random.
        "quantization_status": "compressed",
        "ignore": sorted(ignore),
        "config_groups": groups,
    }


def _arguments(scheme: Scheme) -> dict[str, object]:
    whole = scheme.group_size == WHOLE_ROW
    return {
        "num_bits": scheme.bits,
        "type": "int",
        "symmetric": scheme.symmetric,
        "strategy": "channel" if whole else "group",
        "group_size": None if whole else scheme.group_size,
        "dynamic": False,
    }


def read_schemes(folder: Path, config: Mapping[str, object]) -> Schemes | None:
    """The schemes that the config.json of `folder` names; None for a checkpoint that is not quantized.

    CheckpointError for another quantization than the one that `quantization_config` writes.
    """
    value = config.get("quantization_config")
    if value is None:
        return None
    where = f"{folder / 'config.json'}: quantization_config"
    if not isinstance(value, dict) or value.get("quant_method") != METHOD or value.get("format") != FORMAT:
        raise CheckpointError(
            f"{where} is not {METHOD} {FORMAT}, the only one that is read; load it with its own library"
        )
    found = value.get("config_groups")
    groups = list(found.values()) if isinstance(found, dict) else []
    known = []
    for group in groups:
        targets = group.get("targets") if isinstance(group, dict) else None
        named = isinstance(targets, list) and all(isinstance(one, str) and "." in one for one in targets)
        whole = len(groups) == 1 and targets == ["Linear"]
        if not (named or whole) or not targets or group.get("input_activations"):
            raise CheckpointError(
                f"{where} is not of weights alone, of all Linears or of named ones; nothing else is read"
            )
        known.append((_scheme(where, group.get("weights")), frozenset() if whole else frozenset(targets)))
    if not known:
        raise CheckpointError(f"{where} has no config_groups; get the quantized checkpoint again")
    return Schemes(tuple(known))


def _scheme(where: str, weights: object) -> Scheme:
    arguments = weights if isinstance(weights, dict) else {}
    bits, strategy = arguments.get("num_bits"), arguments.get("strategy")
    size = WHOLE_ROW if strategy == "channel" else arguments.get("group_size")
    if arguments.get("actorder") == "group":
        raise CheckpointError(f"{where} has groups in the order of activations (actorder), which are not read")
    known = arguments.get("type") == "int" and strategy in ("group", "channel")
    if known and isinstance(bits, int) and isinstance(size, int):
        with suppress(ConfigError):
            return Scheme(bits, size, bool(arguments.get("symmetric", True)))
    raise CheckpointError(f"{where} names a scheme that is not read: {json.dumps(weights)}")


def module_of(name: str) -> str | None:
    """The Linear that the stored tensor `name` is a part of, or None for a tensor that is not of a quantized Linear."""
    found = re.fullmatch(rf"(.+)\.(?:{'|'.join(SUFFIXES)})", name)
    return found[1] if found else None
