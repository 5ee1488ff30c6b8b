"""A quantized folder in the formats of others, with the very codes: GPTQ for its servers, GGUF for llama.cpp.

Nothing is quantized a second time, so what a format cannot hold is refused. The folder's own format: `rpiq/formats/compressed_tensors.py`;
the vocabulary of a GGUF file: `gguf_vocabulary.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gguf import GGML_QUANT_VERSION, MODEL_ARCH, GGMLQuantizationType, GGUFWriter, LlamaFileType, get_tensor_name_map
from gguf.quants import quantize as gguf_quantize
from torch import Tensor

from rpiq.config import Scheme
from rpiq.errors import ConfigError, ResourceError
from rpiq.formats import compressed_tensors, gguf_vocabulary
from rpiq.formats.packing import pack
from rpiq.formats.weights import Weights
from rpiq.formats.writer import QuantizedWriter
from rpiq.solvers.grid import Grid, columns, group_of

_BLOCK = 32
"""Weights of one block of Q4_1."""
_COMMIT = 1 << 28
"""Bytes that are written at a time."""
Table = Literal["f16", "q8_0"]


def export_gptq(folder: Path, out: Path) -> Path:
    """Write the quantized model in `folder` as GPTQ (v1, no activation order) to the new folder `out`.

    `qweight` and `scales` are the stored tensors, transposed: the codes are bit for bit the same. Symmetric ones alone: GPTQ
    v1 stores zero points less one, which breaks its neighbours at a zero point of 0, and vLLM refuses asymmetric GPTQ.
    ConfigError for what the format cannot hold; CheckpointError for a damaged folder; ResourceError when it cannot be written.
    """
    scheme = _scheme(folder)
    if not scheme.symmetric:
        raise ConfigError(
            f"{folder} has zero points, and vLLM refuses GPTQ with them; quantize with --symmetric, "
            "or use the folder as it is, which vLLM and SGLang read"
        )
    if scheme.bits not in (2, 3, 4, 8):
        raise ConfigError(f"{folder} has {scheme.bits} bits, and GPTQ knows 2, 3, 4 and 8 alone")
    writer = QuantizedWriter(out)
    with Weights(folder) as weights:
        size = 0
        for number, (name, tensors) in enumerate(_modules(weights)):
            linear = _gptq_linear(name, tensors, scheme) if compressed_tensors.PACKED in tensors else tensors
            for part, tensor in linear.items():
                writer.add_plain(f"{name}.{part}" if part else name, tensor)
                size += tensor.nbytes
            if size > _COMMIT:
                writer.commit(str(number))
                size = 0
        writer.commit("rest")
    ignored = [name for name in _config(folder)["quantization_config"]["ignore"] if name != "lm_head"]
    config = {
        "quant_method": "gptq",
        "checkpoint_format": "gptq",
        "bits": scheme.bits,
        "group_size": scheme.group_size,
        "sym": True,
        "desc_act": False,
        "lm_head": "lm_head" not in _config(folder)["quantization_config"]["ignore"],
        # GPTQModel's way to leave modules of a block as they are; vLLM reads it too.
        "dynamic": {f"-:^{re.escape(name)}$": {} for name in ignored},
    }
    return writer.finish(folder, {"quantization_config": config})


def _gptq_linear(name: str, stored: dict[str, Tensor], scheme: Scheme) -> dict[str, Tensor]:
    rows, inputs = (int(size) for size in stored[compressed_tensors.SHAPE])
    group = inputs if scheme.group_size < 0 else scheme.group_size
    if inputs % group or inputs * scheme.bits % 32 or rows * scheme.bits % 32:
        raise ConfigError(f"{name} is {rows} × {inputs}, which GPTQ cannot hold in whole words and groups of {group}")
    scale = stored[compressed_tensors.SCALE].T.contiguous()
    stored_zero = 2 ** (scheme.bits - 1) - 1  # less one, see above
    zeros = pack(torch.full((len(scale), rows), stored_zero, dtype=torch.uint8), scheme.bits)
    order = group_of(inputs, scheme.group_size).to(torch.int32)
    others = {part: tensor for part, tensor in stored.items() if part not in compressed_tensors.SUFFIXES}
    return {
        "qweight": stored[compressed_tensors.PACKED].T.contiguous(),
        "qzeros": zeros,
        "scales": scale,
        "g_idx": order,
    } | others


def export_gguf(folder: Path, out: Path, tokenizer: Path | None = None, table: Table = "f16") -> Path:
    """Write the quantized Llama model in `folder` as the GGUF file `out`, its Linears in Q4_1.

    A block of Q4_1 holds 32 weights d·u + m: the code is u, the scale d, and −zero·scale m, in half precision. `tokenizer` is
    a GGUF file of the same model whose vocabulary is taken over; without it, it is that of the GGUF file which the model came
    from, or made from tokenizer.json. `table` is the
    type of embeddings and head. The file appears whole or not at all.
    ConfigError for another architecture, width or group size; CheckpointError for a damaged folder; ResourceError when it
    cannot be written.
    """
    scheme, config = _scheme(folder), _config(folder)
    if config.get("model_type") != "llama":
        raise ConfigError(f"{folder} is of the type {config.get('model_type')}; only llama is exported to GGUF")
    if scheme.bits != 4 or scheme.group_size % _BLOCK or scheme.group_size < 0:
        raise ConfigError(
            f"{folder} has {scheme.bits} bits in groups of {scheme.group_size}; Q4_1 holds 4 bits in groups of a multiple of 32"
        )
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default" or config.get("attention_bias") or config.get("mlp_bias"):
        raise ConfigError(f"{folder} has scaled rotary frequencies or biases, which are not exported to GGUF")
    if out.exists():
        raise ConfigError(f"{out} exists already; choose another file or remove it")
    part = out.with_name(f".{out.name}.partial")
    try:
        writer = GGUFWriter(part, "llama")
        _metadata(writer, config)
        gguf_vocabulary.write(writer, folder, tokenizer)
        with Weights(folder) as weights:
            _tensors(writer, weights, scheme, config, table)
        writer.close()
        part.rename(out)
    except OSError as error:
        raise ResourceError(f"{out} cannot be written ({error}); free some space there") from error
    finally:
        part.unlink(missing_ok=True)
    return out


def _metadata(writer: GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_rope_freq_base((config.get("rope_parameters") or config).get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_1)
    writer.add_quantization_version(GGML_QUANT_VERSION)


def _tensors(writer: GGUFWriter, weights: Weights, scheme: Scheme, config: dict[str, Any], table: Table) -> None:
    """All tensors: first what they are, then one after the other what is in them."""
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    sizes: dict[str, tuple[str, tuple[int, ...], GGMLQuantizationType]] = {}
    for stored in weights.names:
        module, _, suffix = stored.rpartition(".")
        name = names.get_name(module)
        if name is None:
            raise ConfigError(f"{weights.folder} has {stored}, which GGUF has no name for in a llama")
        shape = weights.info(stored).shape
        if suffix == compressed_tensors.PACKED:
            sizes[module] = (name, (shape[0], shape[1] * 8), GGMLQuantizationType.Q4_1)
        elif suffix not in compressed_tensors.SUFFIXES:
            whole = GGMLQuantizationType.Q8_0 if table == "q8_0" else GGMLQuantizationType.F16
            sizes[module] = (name, shape, whole if len(shape) == 2 else GGMLQuantizationType.F32)
    for module, (name, shape, kind) in sizes.items():
        if len(shape) == 2 and shape[1] % _BLOCK:
            raise ConfigError(f"{module} has {shape[1]} inputs, no multiple of the {_BLOCK} weights of a block")
        count = int(np.prod(shape))
        size = count // _BLOCK * {GGMLQuantizationType.Q4_1: 20, GGMLQuantizationType.Q8_0: 34}.get(kind, 0)
        size = size or count * (2 if kind == GGMLQuantizationType.F16 else 4)
        writer.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float32), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    heads = {"q_proj": config["num_attention_heads"]}
    heads["k_proj"] = config.get("num_key_value_heads") or heads["q_proj"]
    for module, (_, _, kind) in sizes.items():
        turned = heads.get(module.rpartition(".")[2])
        if kind == GGMLQuantizationType.Q4_1:
            suffixes = [suffix for suffix in compressed_tensors.SUFFIXES if f"{module}.{suffix}" in weights]
            codes, grid = compressed_tensors.from_tensors({s: weights.read(f"{module}.{s}") for s in suffixes}, scheme)
            writer.write_tensor_data(_q4_1(codes, grid, turned))
        else:
            dense = _permuted(weights.read(f"{module}.weight").float(), turned)
            writer.write_tensor_data(gguf_quantize(dense.numpy(), kind))


def _q4_1(codes: Tensor, grid: Grid, heads: int | None) -> np.ndarray[Any, Any]:
    """Blocks of Q4_1, uint8 `[out, in / 32 · 20]`: d and m in half precision, then 16 bytes, of which the lower halves are the
    first 16 codes. Source: ggml's block_q4_1."""
    rows, inputs = codes.shape
    parts = (codes, columns(grid.scale, inputs, grid.scheme), columns(-grid.zero * grid.scale, inputs, grid.scheme))
    codes, scale, offset = (_permuted(part, heads).reshape(rows, -1, _BLOCK) for part in parts)
    ends = torch.stack((scale[..., 0], offset[..., 0]), -1).to(torch.float16)
    packed = codes[..., :16] | (codes[..., 16:] << 4)
    blocks = np.concatenate((ends.numpy().view(np.uint8), packed.numpy()), axis=-1)
    return blocks.reshape(rows, -1)


def _permuted(weight: Tensor, heads: int | None) -> Tensor:
    """Rows of q and k in llama.cpp's order: of each head the pairs of a rotation side by side. Source: its conversion script."""
    if heads is None:
        return weight
    return weight.reshape(heads, 2, len(weight) // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def _modules(weights: Weights) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Each quantized Linear with its parts, and every other tensor as a part without a name."""
    seen: set[str] = set()
    for name in weights.names:
        module = compressed_tensors.module_of(name)
        if module is None:
            yield name, {"": weights.read(name)}
        elif module not in seen:
            seen.add(module)
            present = [suffix for suffix in compressed_tensors.SUFFIXES if f"{module}.{suffix}" in weights]
            yield module, {suffix: weights.read(f"{module}.{suffix}") for suffix in present}


def _scheme(folder: Path) -> Scheme:
    schemes = compressed_tensors.read_schemes(folder, _config(folder))
    if schemes is None:
        raise ConfigError(f"{folder} is not quantized; run rpiq quantize first")
    if schemes.only is None:
        raise ConfigError(f"{folder} has several schemes, and this format knows one; quantize without --part")
    return schemes.only


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return config
