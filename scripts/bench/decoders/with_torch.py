#!/usr/bin/env python3
"""Decode with rpiq, or with transformers alone; and the perplexity of a model whose head has fewer bits."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import torch  # noqa: E402
from timing import measure, report, resident  # noqa: E402
from torch import nn  # noqa: E402
from transformers import PreTrainedModel  # noqa: E402

from rpiq import Decoder, load  # noqa: E402
from rpiq.calibration.text import read_tokenizer  # noqa: E402
from rpiq.config import Scheme  # noqa: E402
from rpiq.evaluate.perplexity import joined_rows, perplexity, read_text  # noqa: E402
from rpiq.runtime.decoding import TransformersEngine  # noqa: E402
from rpiq.solvers.grid import dequantize, fit_grid, quantize  # noqa: E402

WAYS = ("float32", "bfloat16", "transformers", "uncompiled", "compiled", "make", "perplexity")
"""Of dense weights the first two; of 4-bit ones a plain loop of transformers, and ours; making the compiled step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--head-bits", type=int, choices=(4, 8))
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for compiled steps")
    parser.add_argument("--ids", type=Path)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--evaluation", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.way == "perplexity":
        report(quality(options))
    elif options.way == "make":
        report(making(options))
    else:
        report(speed(options))


def speed(options: argparse.Namespace) -> dict[str, Any]:
    ids: list[int] = json.loads(options.ids.read_text("utf-8"))
    empty, started = resident(), time.perf_counter()
    model = load(options.model, dtype=getattr(torch, options.way, None), head_bits=options.head_bits)
    held = weight_bytes(model)
    loop, decoder = None, None
    if options.way in ("uncompiled", "compiled"):
        decoder = Decoder(model, options.way == "compiled", options.cache)
        if decoder.way != options.way:
            raise SystemExit(f"{options.way} is not possible here: {decoder.why}")
        held = weight_bytes(model)
    else:
        loop = TransformersEngine(model)
    loaded = time.perf_counter() - started

    def stream() -> Iterator[int]:
        if decoder is not None:
            yield from decoder.stream(ids, options.tokens, stop=())
            return
        assert loop is not None  # noqa: S101 - one of the two is there
        loop.crop(0)
        logits = loop.extend(ids)
        while True:
            token = int(logits.argmax())
            yield token
            logits = loop.extend([token])

    measure(stream(), min(8, options.tokens))
    if decoder is not None:
        decoder = Decoder(model, options.way == "compiled", options.cache)  # one that has read nothing
    facts = measure(stream(), options.tokens)
    return facts | {"load_seconds": loaded, "weight_bytes": held, "resident_bytes": resident() - empty}


def making(options: argparse.Namespace) -> dict[str, Any]:
    """How long the compiled step takes to make; it stays in the cache."""
    model = load(options.model)
    started = time.perf_counter()
    decoder = Decoder(model, cache=options.cache)
    if decoder.way != "compiled":
        raise SystemExit(f"nothing can be compiled here: {decoder.why}")
    return {"seconds": time.perf_counter() - started}


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Perplexity of the first 24 × 512 tokens."""
    model = load(options.model, head_bits=8 if options.head_bits == 8 else None)
    if options.head_bits == 4:
        round_head(model)
    text = read_text(options.evaluation)
    text = joined_rows(text) if options.evaluation.suffix == ".raw" else text
    return {"perplexity": perplexity(model, read_tokenizer(options.model), text, 512, 24).value}


def round_head(model: PreTrainedModel) -> None:
    """Round the head, not the embedding, to 4 bits in groups of 64, with a search of ranges: the best that needs no data."""
    head = model.get_output_embeddings()
    weight = head.weight.detach()
    grid = fit_grid(weight, Scheme(4, 64), search=True).rounded(weight.dtype)
    rounded = dequantize(quantize(weight, grid), grid).to(weight.dtype)
    model.lm_head = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=weight.dtype)
    model.lm_head.weight = nn.Parameter(rounded, requires_grad=False)


def weight_bytes(model: PreTrainedModel) -> int:
    """Of everything that the model holds, each memory once."""
    tensors = [*model.parameters(), *model.buffers()]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


if __name__ == "__main__":
    main()
