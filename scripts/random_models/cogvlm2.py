"""CogVLM2 folders with random weights, in bfloat16 and in 4 bits, and a tokenizer of bytes; for what only depends on shapes.

Written shard by shard, so that the 19B needs the memory of one shard. What such a model says is noise.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration, CogVLM2Processor
from rpiq.config import Scheme
from rpiq.formats.weights import Weights
from rpiq.formats.writer import QuantizedWriter
from rpiq.solvers.grid import Grid

_PIECE = 1 << 24
"""Numbers that are drawn at once, in float32."""
_SPREAD = 0.02
"""Standard deviation of the weights."""
_GAINS = 0.3
"""Standard deviation of the logarithm of the norms' gains."""


def write_random(
    folder: Path, config: CogVLM2Config, seed: int = 0, shard_bytes: int = 2 * 10**9, device: str = "cpu"
) -> int:
    """A new folder with config.json, bfloat16 shards, tokenizer and processor; returns the weights' bytes.

    `device`: where the numbers are drawn; other numbers for another kind of device.
    """
    folder.mkdir(parents=True)
    config = copy.deepcopy(config)
    config.dtype = torch.bfloat16
    config.architectures = [CogVLM2ForConditionalGeneration.__name__]
    config.save_pretrained(folder)
    processor = CogVLM2Processor.for_config(config, byte_tokenizer(config))
    processor.save_pretrained(folder)  # type: ignore[no-untyped-call]
    shards = [*_shards(_skeleton(config).state_dict(), shard_bytes)]
    generator = torch.Generator(device).manual_seed(seed)
    where: dict[str, str] = {}
    total = 0
    for number, shapes in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {name: _draw(name, shape, generator) for name, shape in shapes.items()}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, file)
        total += sum(tensor.nbytes for tensor in tensors.values())
        tensors.clear()  # before the next shard is drawn
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    return total


def write_random_4bit(source: Path, folder: Path, group_size: int = 128, seed: int = 0) -> Path:
    """A new folder with random codes for all Linears of `source` but the head, of about its spread, and its other tensors."""
    linears = {
        f"{name}.weight": (module.out_features, module.in_features)
        for name, module in _skeleton(CogVLM2Config.from_pretrained(source)).named_modules()
        if isinstance(module, nn.Linear) and name != "lm_head"
    }
    generator = torch.Generator().manual_seed(seed)
    writer = QuantizedWriter(folder)
    with Weights(source) as weights:
        for name in weights.names:
            if name in linears:
                rows, columns = linears[name]
                codes = torch.randint(0, 16, (rows, columns), generator=generator, dtype=torch.uint8)
                scale = torch.full((rows, math.ceil(columns / group_size)), _SPREAD / 4)
                grid = Grid(scale, torch.full_like(scale, 8), Scheme(4, group_size), torch.bfloat16)
                writer.add(name.removesuffix(".weight"), codes, grid, torch.bfloat16)
            else:
                writer.add_plain(name, weights.read(name))
            writer.commit(name)
    return writer.finish(source)


def byte_tokenizer(config: CogVLM2Config) -> PreTrainedTokenizerFast:
    """The id of a byte is its value; special ids are the config's."""
    # ByteLevel writes bytes without a letter of their own as those from 256 on, in order.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}
    special = {"<begin>": config.bos_token_id, "<pad>": config.pad_token_id}
    special |= {f"<end{at}>": token for at, token in enumerate(config.stop_ids)}
    tokenizer = Tokenizer(BPE(vocab=letters | special, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in special])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def _skeleton(config: CogVLM2Config) -> CogVLM2ForConditionalGeneration:
    with torch.device("meta"):
        return CogVLM2ForConditionalGeneration(config)


def _shards(state: dict[str, Tensor], most: int) -> Iterator[dict[str, torch.Size]]:
    shard: dict[str, torch.Size] = {}
    room = most
    for name, tensor in state.items():
        needed = 2 * tensor.numel()
        if shard and needed > room:
            yield shard
            shard, room = {}, most
        shard[name] = tensor.shape
        room -= needed
    yield shard


def _draw(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    result = torch.empty(shape, dtype=torch.bfloat16)
    gain = "norm" in name and name.endswith("weight")
    for piece in torch.split(result.view(-1), _PIECE):
        drawn = torch.randn(len(piece), generator=generator, device=generator.device)
        piece.copy_(drawn.mul_(_GAINS).exp_() if gain else drawn.mul_(_SPREAD))
    return result
