"""A random language model of two small layers as one GGUF file, and a text in its alphabet, for tests that quantize."""

from __future__ import annotations

import random
import string
from pathlib import Path

from models.catalogue import Entry, ModelFile
from rpiq.config import Scheme
from rpiq.formats.export import export_gguf
from tests.models.conftest import Shelf, sha256
from tests.rpiq.folders import llama_config, round_to_nearest, save_model
from tests.rpiq.formats.test_export import SMOLLM, add_tokenizer


def write_gguf(folder: Path, layers: int = 2) -> Path:
    """`folder`/tiny.gguf, with a tokenizer that knows the lower-case letters."""
    model = save_model(folder / "model", llama_config(num_hidden_layers=layers, max_position_embeddings=512))
    four = add_tokenizer(round_to_nearest(model, folder / "four", Scheme(4, 32)), SMOLLM)
    return export_gguf(four, folder / "tiny.gguf")


def write_text(file: Path, words: int = 4000) -> Path:
    """Random words of the letters."""
    chosen = random.Random(0)
    file.write_text(" ".join("".join(chosen.choices(string.ascii_lowercase, k=5)) for _ in range(words)), "utf-8")
    return file


def write_entry(shelf: Shelf, folder: Path, layers: int = 2) -> Entry:
    """The model as a row of a catalogue, in profile tiny; pip finds it on the shelf."""
    content = write_gguf(folder, layers).read_bytes()
    file = ModelFile("tiny.gguf", "tiny_model/tiny.gguf", len(content), sha256(content))
    source = shelf.add({file.name: content}, package="tiny-model")
    return Entry("tiny", "language", ("en",), "MIT", "here", source, (file,), 1_000, ("tiny",), "setup")
