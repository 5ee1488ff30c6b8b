"""A GGUF file as a folder: de-quantized by transformers, with the tokenizer that the file asks for and its metadata beside it.

Where the folder is kept, and when it is made anew: `rpiq/formats/weights.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from tokenizers import pre_tokenizers

from rpiq.errors import CheckpointError

METADATA = "gguf-metadata"
"""In the folder: the file's key-value pairs, as a GGUF file without tensors, for an export back to GGUF."""
SINGLE_DIGITS = frozenset(
    {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"}
)
"""Names of llama.cpp (`tokenizer.ggml.pre`) for: each digit alone, then GPT-2's pattern. Source: its llama-vocab.cpp."""


def convert(gguf: Path, folder: Path, dtype: torch.dtype, progress: Callable[[int, int], None] | None = None) -> None:
    """Write weights, config.json, tokenizer and metadata of the model in `gguf` into the existing `folder`.

    The weights have `dtype`; the whole model is in memory meanwhile. progress: called with tensors de-quantized and tensors in
    all. CheckpointError when transformers cannot read the file; OSError and SafetensorError when the folder cannot be written.
    """
    # Late: half a second that no other source needs.
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where = {"gguf_file": gguf.name, "local_files_only": True}
    options = {"dtype": dtype, "quantization_config": GgufConfig(dequantize=True)}
    try:
        fields = GGUFReader(gguf).fields
        with _own_progress(progress), no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
            model = AutoModelForCausalLM.from_pretrained(gguf.parent, **where, **options)
    except (ValueError, KeyError, IndexError, RuntimeError, OSError) as error:
        raise CheckpointError(
            f"transformers cannot read {gguf} ({error}); get it again, or take the model as safetensors"
        ) from error
    # transformers has these patterns in no table of its own and takes GPT-2's, which joins digits and cuts white space before them.
    if "tokenizer.ggml.pre" in fields and fields["tokenizer.ggml.pre"].contents() in SINGLE_DIGITS:
        steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    with no_progress_bars():
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    _write_metadata(fields, folder / METADATA)


def copy_fields(fields: dict[str, Any], writer: GGUFWriter, wanted: Callable[[str], bool]) -> int:
    """Add those key-value pairs of a GGUFReader to `writer` whose key is `wanted`; returns how many."""
    taken = {key: field for key, field in fields.items() if wanted(key)}
    for key, field in taken.items():
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], inner)
    return len(taken)


def _write_metadata(fields: dict[str, Any], path: Path) -> None:
    architecture = "general.architecture"
    writer = GGUFWriter(path, str(fields[architecture].contents()))  # which writes that one by itself
    copy_fields(fields, writer, lambda key: key != architecture and not key.startswith("GGUF."))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keep transformers' own progress bars off the terminal for a while."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _own_progress(progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """In the place of the bar of transformers' GGUF reader, which its switch for progress bars does not reach."""
    reader: Any = import_module("transformers.modeling_gguf_pytorch_utils")

    def count(tensors: Iterable[Any], **_: object) -> Iterator[Any]:
        every = list(tensors)
        for number, tensor in enumerate(every, 1):
            yield tensor
            if progress is not None:
                progress(number, len(every))

    bar = reader.tqdm
    reader.tqdm = count
    try:
        yield
    finally:
        reader.tqdm = bar
