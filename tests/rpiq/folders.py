"""Folders for tests: tiny random models as transformers saves them, and the same rounded to the nearest code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedConfig

from rpiq.config import Scheme
from rpiq.formats.weights import Weights
from rpiq.formats.writer import QuantizedWriter
from rpiq.solvers.grid import dequantize, fit_grid, quantize

LINEARS = ("_proj.weight", "fc1.weight", "fc2.weight")
SMALL_FILES = {"tokenizer.json": b'{"version": "1.0"}\r\n', "preprocessor_config.json": b"{ }", "LICENSE": b"\xff\xfe"}


def llama_config(**changes: Any) -> LlamaConfig:
    sizes = {"vocab_size": 96, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    return LlamaConfig(**(sizes | heads | {"tie_word_embeddings": True, "eos_token_id": None} | changes))


def save_model(folder: Path, config: PreTrainedConfig | None = None, dtype: torch.dtype = torch.bfloat16) -> Path:
    """A random model, with the small files that a published one has beside its weights."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config or llama_config())
    with torch.no_grad():  # larger than the usual start, so that a wrong weight shows in the logits
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.15 if parameter.dim() == 2 else 0.3))
    model.to(dtype).save_pretrained(folder)
    for name, content in SMALL_FILES.items():
        (folder / name).write_bytes(content)
    return folder


def round_to_nearest(
    source: Path,
    target: Path,
    scheme: Scheme | Callable[[str], Scheme],
    linears: tuple[str, ...] = LINEARS,
    **options: Any,
) -> Path:
    """`source` with its projections quantized, whose names end with one of `linears`, one commit for each Linear; `scheme` may
    depend on the name.
    """
    writer = QuantizedWriter(target, **options)
    with Weights(source) as weights:
        for name in weights.names:
            tensor = weights.read(name)
            if name.endswith(linears):
                chosen = scheme if isinstance(scheme, Scheme) else scheme(name)
                grid = fit_grid(tensor.float(), chosen).rounded(tensor.dtype)
                writer.add(name.removesuffix(".weight"), quantize(tensor.float(), grid), grid, tensor.dtype)
                writer.commit(name)
            else:
                writer.add_plain(name, tensor)
        writer.commit("rest")
        return writer.finish(weights.folder)


def dense_copy(source: Path, target: Path, scheme: Scheme) -> Path:
    """`source` with its projections rounded to the same grid and stored dense, as a reference that uses nothing of ours."""
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(LINEARS):
                grid = fit_grid(parameter.float(), scheme).rounded(parameter.dtype)
                parameter.copy_(dequantize(quantize(parameter.float(), grid), grid))
    model.save_pretrained(target)
    return target
