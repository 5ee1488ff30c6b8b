#!/usr/bin/env python3
"""Decode with llama.cpp through llama-cpp-python, in the environment that `scripts/bench/decoding` makes for it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
from timing import measure, report, resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--no-extra-buffers", action="store_true", help="without AMX and repacked weights")
    options = parser.parse_args()
    ids: list[int] = json.loads(options.ids.read_text("utf-8"))
    if options.no_extra_buffers:
        without_extra_buffers()
    empty, started = resident(), time.perf_counter()
    context = len(ids) + 2 * options.tokens
    threads = {"n_threads": options.threads, "n_threads_batch": options.threads}
    model = llama_cpp.Llama(str(options.model), n_ctx=context, verbose=False, **threads)
    loaded = time.perf_counter() - started

    def stream() -> Iterator[int]:
        model.reset()
        return iter(model.generate(ids, temp=0.0, reset=False))

    measure(stream(), 8)  # the first tokens touch all of the file
    facts = measure(stream(), options.tokens)
    facts |= {
        "load_seconds": loaded,
        "resident_bytes": resident() - empty,
        "weight_bytes": options.model.stat().st_size,
    }
    report(facts | {"version": llama_cpp.__version__})


def without_extra_buffers() -> None:
    """llama-cpp-python has no argument for this field of the model's parameters."""
    plain = llama_cpp.llama_model_default_params

    def parameters() -> Any:
        found = plain()
        found.use_extra_bufts = False
        return found

    llama_cpp.llama_cpp.llama_model_default_params = parameters


if __name__ == "__main__":
    main()
