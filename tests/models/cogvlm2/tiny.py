"""A random CogVLM2 of two small layers and pictures, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration, CogVLM2Processor
from rpiq.config import Scheme
from scripts.random_models.cogvlm2 import byte_tokenizer
from tests.rpiq.folders import round_to_nearest

LINEARS = ("query_key_value.weight", "dense.weight", "_proj.weight", "h.weight", "fc1.weight", "fc2.weight")
"""What the names of all Linears but the head end with."""
BOS, EOS, EOT, PAD = 300, 301, 302, 303


def tiny_config(**changes: Any) -> CogVLM2Config:
    """4 x 4 patches, so 4 + 2 positions for an image."""
    sizes = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_multi_query_heads": 2, "max_position_embeddings": 128}
    ids = {"bos_token_id": BOS, "eos_token_id": [EOS, EOT], "pad_token_id": PAD}
    tower = {"hidden_size": 16, "num_hidden_layers": 3, "num_heads": 2, "intermediate_size": 24}
    vision = {"vision_config": tower | {"patch_size": 4, "image_size": 16, "num_positions": 17}}
    return CogVLM2Config(**(sizes | heads | ids | vision | changes))


def tiny_model(**changes: Any) -> CogVLM2ForConditionalGeneration:
    """With weights larger than the usual start, so that a wrong one shows in the logits."""
    torch.manual_seed(0)
    model = CogVLM2ForConditionalGeneration(tiny_config(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.3 if parameter.dim() == 1 else 0.2))
    return model


def processor_of(config: CogVLM2Config) -> CogVLM2Processor:
    return CogVLM2Processor.for_config(config, byte_tokenizer(config))


def picture(seed: int = 0, width: int = 30, height: int = 20) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def four_bits(source: Path, target: Path, group_size: int = 32) -> Path:
    """The folder `source` with all Linears but the head rounded to 4 bits."""
    return round_to_nearest(source, target, Scheme(4, group_size), LINEARS)
