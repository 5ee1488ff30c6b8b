"""Small random models that see, in folders as their makers leave them, and photos for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from assistant.picture.photo import Photo
from models.catalogue import Entry, ModelFile, ProjectSource
from models.cogvlm2 import CogVLM2ForConditionalGeneration
from tests.models.cogvlm2.tiny import processor_of, tiny_config, tiny_model
from tests.models.conftest import sha256


def photo(seed: int = 0, width: int = 64, height: int = 48) -> Photo:
    return Photo(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def write_cogvlm2(folder: Path, **changes: Any) -> Path:
    """A tiny CogVLM2 with its processor, as `save_pretrained` leaves it; room for questions of 500 characters."""
    model = tiny_model(**({"max_position_embeddings": 2048} | changes))
    model.save_pretrained(folder)
    processor_of(model.config).save_pretrained(folder)
    return folder


def project_entry(folder: Path, name: str = "sees") -> Entry:
    """The model in `folder`, below a clone, as a row of a catalogue, in profile tiny."""
    files = tuple(
        ModelFile(path.name, path.name, path.stat().st_size, sha256(path.read_bytes()))
        for path in sorted(folder.iterdir())
    )
    source = ProjectSource(folder.name)
    return Entry(name, "vision-language", ("en",), "MIT", "here", source, files, 1_000, ("tiny",), "setup")


def slow_cogvlm2(tower_layers: int = 10) -> CogVLM2ForConditionalGeneration:
    """About a second for a picture of 1,024 patches, or for 600 tokens, on one slow core; no single step takes long."""
    tower = {"hidden_size": 256, "num_hidden_layers": tower_layers, "num_heads": 4, "intermediate_size": 1024}
    vision = {"vision_config": tower | {"patch_size": 4, "image_size": 128, "num_positions": 1025}}
    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 16, "max_position_embeddings": 8192}
    torch.manual_seed(0)
    model = CogVLM2ForConditionalGeneration(tiny_config(**(sizes | vision))).eval()
    model.lm_head.weight.data[256:] = 0  # no special token: it writes without an end
    return model
