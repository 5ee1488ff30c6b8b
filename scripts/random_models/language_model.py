"""Models of a known shape with random weights, written tensor by tensor; for measuring what only depends on shapes.

Such a model says nothing about quality: its text is noise. What it is good for: time, memory, resuming.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer, LlamaConfig

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
_PIECE = 1 << 24
"""Numbers that are drawn at once, in float32."""
_SPREAD = 0.02
"""Standard deviation of the weights, as Llama's are started with."""
_GAINS = 0.3
"""Standard deviation of the logarithm of the norms' gains: some channels are several times louder than others, as in real
models, so that H is not a multiple of the identity."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama; the names are those of its config.json."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    max_position_embeddings: int = 8192
    rope_theta: float = 500000.0

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...], float]]:
        """Name, size and standard deviation of each; nought for the gains of a norm."""
        hidden, inner = self.hidden_size, self.intermediate_size
        kept = hidden // self.num_attention_heads * self.num_key_value_heads
        # Into the residual stream: smaller, so that it does not grow with the number of blocks.
        last = _SPREAD / math.sqrt(2 * self.num_hidden_layers)
        yield "model.embed_tokens.weight", (self.vocab_size, hidden), _SPREAD
        for index in range(self.num_hidden_layers):
            block = f"model.layers.{index}"
            yield f"{block}.input_layernorm.weight", (hidden,), 0.0
            yield f"{block}.self_attn.q_proj.weight", (hidden, hidden), _SPREAD
            yield f"{block}.self_attn.k_proj.weight", (kept, hidden), _SPREAD
            yield f"{block}.self_attn.v_proj.weight", (kept, hidden), _SPREAD
            yield f"{block}.self_attn.o_proj.weight", (hidden, hidden), last
            yield f"{block}.post_attention_layernorm.weight", (hidden,), 0.0
            yield f"{block}.mlp.gate_proj.weight", (inner, hidden), _SPREAD
            yield f"{block}.mlp.up_proj.weight", (inner, hidden), _SPREAD
            yield f"{block}.mlp.down_proj.weight", (hidden, inner), last
        yield "model.norm.weight", (hidden,), 0.0
        yield "lm_head.weight", (self.vocab_size, hidden), _SPREAD


SHAPES = {
    "llama3-8b": Shape(4096, 14336, 32, 32, 8, 128256),
    "small": Shape(256, 512, 4, 4, 2, 49152),
}


def write_random_model(folder: Path, shape: Shape, tokenizer: Path, seed: int = 0, shard_bytes: int = 2 * 10**9) -> int:
    """A new folder with config.json, bfloat16 shards and the tokenizer of another model; returns the weights' bytes.

    Never holds more than one shard. ValueError when the tokenizer knows more tokens than the shape has.
    """
    words = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    if len(words) > shape.vocab_size:
        raise ValueError(f"{tokenizer} knows {len(words)} tokens, the model only {shape.vocab_size}")
    config = LlamaConfig(
        **asdict(shape),
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        dtype=torch.bfloat16,
        architectures=["LlamaForCausalLM"],
    )
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
    shards = _shards(shape, shard_bytes)
    generator = torch.Generator().manual_seed(seed)
    where: dict[str, str] = {}
    total = 0
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {name: _draw(size, spread, generator) for name, size, spread in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, file)
        total += sum(tensor.nbytes for tensor in tensors.values())
        tensors.clear()  # before the next shard is drawn
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    return total


def _shards(shape: Shape, most: int) -> list[list[tuple[str, tuple[int, ...], float]]]:
    shards: list[list[tuple[str, tuple[int, ...], float]]] = []
    room = 0
    for name, size, spread in shape.tensors():
        needed = 2 * math.prod(size)
        if not shards or needed > room:
            shards.append([])
            room = most
        shards[-1].append((name, size, spread))
        room -= needed
    return shards


def _draw(size: tuple[int, ...], spread: float, generator: torch.Generator) -> Tensor:
    result = torch.empty(size, dtype=torch.bfloat16)
    for piece in torch.split(result.view(-1), _PIECE):
        drawn = torch.randn(len(piece), generator=generator)
        piece.copy_(drawn.mul_(spread) if spread else drawn.mul_(_GAINS).exp_())
    return result
