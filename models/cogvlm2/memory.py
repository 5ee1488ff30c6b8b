"""How much memory CogVLM2 takes, step by step, from its configuration alone: to look, to answer, and to be quantized.

Weights are counted from the model built without memory; activations follow from how `vision.py`, `language.py` and
`rpiq/runtime/linear.py` compute, as the most that is alive at once. Not counted: the process itself, what CUDA and its allocator keep
for themselves, scratch space inside of a kernel. `scripts/bench/cogvlm2_memory` prints the plan and checks it on blocks of full size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn

from models.cogvlm2.configuration import CogVLM2Config
from models.cogvlm2.modeling import CogVLM2ForConditionalGeneration
from rpiq.runtime import kernels
from rpiq.runtime.linear import CPU_KERNEL_ROWS, CPU_PIECE, CUDA_KERNEL_ROWS

Size = tuple[int, int]
"""Outputs and inputs of a Linear."""
BlockKind = Literal["vision", "decoder"]

_PARTS = {
    "vision tower": r"model\.vision\.(patch_embedding|transformer)\.",
    "adapter": r"model\.vision\.",
    "language experts": r"model\.layers\.\d+\.(self_attn\.language_expert_|mlp\.language_mlp\.)",
    "vision experts": r"model\.layers\.\d+\.(self_attn\.vision_expert_|mlp\.vision_mlp\.)",
    "norms": r"model\.(layers|norm)\b",
    "embeddings": r"model\.embed_tokens\.",
    "head": r"lm_head\.",
}
"""The first that fits a tensor's name is its part; the adapter includes the convolution."""
_UNPACKING = 2.5
"""Bytes a weight while codes come out of the layout of the files, that in which they lie there included."""
_MAKING_DENSE = 4
"""Bytes a weight while 4-bit weights are made dense on a GPU (`kernels.dense`), where all of a Linear are at once."""
_PAIR = 4
"""Bytes of the scale and offset that the kernels want for each group."""
_SOLVER = 4
"""Matrices of a weight's size, in float32, that GPTQ and the objective hold at once, as in `rpiq/run/budget.py`."""


@dataclass(frozen=True)
class Storage:
    """How the Linears, but for the head, are held, and where they compute."""

    bits: Literal[16, 4] = 4
    group_size: int = 128
    itemsize: int = 2
    """Bytes of everything that has not 4 bits: 2 in bfloat16."""
    low_memory: bool = False
    """As `open_model` has it: tower, vision experts and embeddings are not in memory."""
    host_embeddings: bool = False
    device: Literal["cuda", "cpu"] = "cuda"

    def linear_bytes(self, size: Size) -> int:
        """Of a loaded Linear, without its bias."""
        weights = size[0] * size[1]
        if self.bits == 16:
            return weights * self.itemsize
        return weights // 2 + _PAIR * size[0] * -(-size[1] // self.group_size)

    def call_bytes(self, size: Size, rows: int, lent: bool) -> int:
        """Most that a call of a Linear takes beside its input, its output included; `lent`: its weights are not in memory.

        A part that is read from a mapped file counts as memory where the Linear computes on the CPU.
        """
        weights, output = size[0] * size[1], rows * size[0] * self.itemsize
        own = self.linear_bytes(size) if lent else 0
        mapped = weights * self.bits // 8 if self.device == "cpu" else 0
        if self.bits == 16:
            return max(own + mapped if lent else 0, own + output)
        most = CUDA_KERNEL_ROWS if self.device == "cuda" else CPU_KERNEL_ROWS
        reading = self._reading(size) if lent else 0
        if rows <= most:
            return max(reading, own + output)
        if self.device == "cuda":
            return max(reading, own + max(_MAKING_DENSE * weights, self.itemsize * weights + output))
        piece = min(size[0], CPU_PIECE // size[1])
        """Outputs that are made dense at once; they are 3 bytes a weight on the way there."""
        product = self.itemsize * piece * (size[1] + rows)
        return max(reading, own + output + max(3 * piece * size[1], product))

    def _reading(self, size: Size) -> int:
        """Most that is there while codes go from the layout of the files to that of a kernel (`QuantLinear.from_tensors`)."""
        weights = size[0] * size[1]
        if self.device == "cuda":
            return int(_UNPACKING * weights)
        # As they are mapped, as bytes, as far as they are laid out anew, and the next piece in words of 32 bits.
        laying = 2 * weights + 4 * min(size[0], kernels.CPU_PIECE_ROWS) * size[1]
        return max(int(_UNPACKING * weights), laying)


@dataclass(frozen=True)
class Step:
    """The most that is in memory at once during a step, in bytes."""

    name: str
    weights: int
    cache: int
    work: int
    """Activations, and weights that are there for a moment only."""

    @property
    def peak(self) -> int:
        """All together."""
        return self.weights + self.cache + self.work


def part_bytes(config: CogVLM2Config, storage: Storage) -> dict[str, int]:
    """Bytes of the loaded weights, part by part, wherever they lie."""
    sizes = dict.fromkeys(_PARTS, 0)
    model = _without_memory(config)
    linears = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for name, tensor in model.state_dict().items():
        part = next(part for part, pattern in _PARTS.items() if re.match(pattern, name))
        packed = name in linears and part != "head"
        sizes[part] += storage.linear_bytes(cast(Size, tensor.shape)) if packed else tensor.numel() * storage.itemsize
    return sizes


def linear_sizes(config: CogVLM2Config, kind: BlockKind) -> dict[str, Size]:
    """The Linears of one block, by their names in it."""
    model = _without_memory(_shorter(config)).model
    block = model.vision.transformer.layers[0] if kind == "vision" else model.layers[0]
    linears = {name: module for name, module in block.named_modules() if isinstance(module, nn.Linear)}
    return {name: (module.out_features, module.in_features) for name, module in linears.items()}


def block_bytes(config: CogVLM2Config, kind: BlockKind, storage: Storage) -> int:
    """Of the weights of one block, held as `storage` says."""
    parts = ("vision tower",) if kind == "vision" else ("language experts", "vision experts", "norms")
    less, more = (part_bytes(_shorter(config, blocks), storage) for blocks in (1, 2))
    return sum(more[part] - less[part] for part in parts)


def resident_bytes(config: CogVLM2Config, storage: Storage) -> int:
    """Bytes of the weights that are in memory all the time."""
    sizes = part_bytes(config, storage)
    seeing = ("vision tower", "adapter", "vision experts") if storage.low_memory else ()
    away = (*seeing, *(("embeddings",) if storage.low_memory or storage.host_embeddings else ()))
    return sum(size for part, size in sizes.items() if part not in away)


def cache_bytes(config: CogVLM2Config, tokens: int, itemsize: int = 2) -> int:
    """Of the keys and values of so many tokens."""
    head_size = config.hidden_size // config.num_attention_heads
    return 2 * tokens * config.num_hidden_layers * config.num_multi_query_heads * head_size * itemsize


def vision_block_work(config: CogVLM2Config, storage: Storage, images: int = 1) -> int:
    """Bytes beside the weights while one layer of the tower computes, its input and output included."""
    vision = config.vision
    tokens, lent = images * vision.num_positions, storage.low_memory
    sizes = linear_sizes(config, "vision")
    x = tokens * vision.hidden_size * storage.itemsize
    inner = tokens * vision.intermediate_size * storage.itemsize
    sums = 4 * tokens * vision.num_heads
    """The flash kernel's, in float32."""
    return max(
        x + storage.call_bytes(sizes["attention.query_key_value"], tokens, lent),
        5 * x + sums,  # the input, what Q, K and V are views of, what attention makes of them
        5 * x + storage.call_bytes(sizes["attention.dense"], tokens, lent),
        2 * x
        + storage.call_bytes(sizes["mlp.fc1"], tokens, lent),  # the layer's input, which its caller holds, and the sum
        2 * x + 2 * inner,  # before GELU and after
        2 * x + inner + storage.call_bytes(sizes["mlp.fc2"], tokens, lent),
    )


def decoder_block_work(config: CogVLM2Config, storage: Storage, tokens: int, image: bool, cached: int = 0) -> int:
    """Bytes beside weights and cache while one block computes `tokens` positions, nearly all of an `image` or all text, after
    `cached` ones.
    """
    sizes = linear_sizes(config, "decoder")
    expert = "vision" if image else "language"
    attention, mlp = f"self_attn.{expert}_expert_", f"mlp.{expert}_mlp."
    lent = storage.low_memory and image
    x = tokens * config.hidden_size * storage.itemsize
    inner = tokens * config.intermediate_size * storage.itemsize
    joined = tokens * sizes[f"{attention}query_key_value"][0] * storage.itemsize
    gathered = x if image else 0
    """The rows of one expert; text goes through as it is."""
    scattered = 3 if image else 0
    """Copies of an output, while the rows of both experts are put together."""
    rotating = 12 * tokens * config.hidden_size
    """Half in float32: the parts of the turned queries, and these."""
    repeated = 2 * (cached + tokens) * config.hidden_size * storage.itemsize if cached and tokens > 1 else 0
    """Keys and values for each query head: with a mask the kernels do not share them among several."""
    before = 4 * x + gathered  # the block's input, attention's output, their sum, the norm of it
    return max(
        2 * x + gathered + storage.call_bytes(sizes[f"{attention}query_key_value"], tokens, lent),
        2 * x + (1 + scattered) * joined,
        2 * x + joined + rotating,
        3 * x + joined + repeated,
        2 * x + joined + gathered + storage.call_bytes(sizes[f"{attention}dense"], tokens, lent),
        before + storage.call_bytes(sizes[f"{mlp}gate_proj"], tokens, lent),
        before + inner + storage.call_bytes(sizes[f"{mlp}up_proj"], tokens, lent),
        before + 3 * inner,
        before + inner + storage.call_bytes(sizes[f"{mlp}down_proj"], tokens, lent),
    )


def looking_work(config: CogVLM2Config, storage: Storage) -> int:
    """Bytes beside the weights while a picture becomes vectors: one layer of the tower, or the adapter."""
    vision, lent, size = config.vision, storage.low_memory, storage.itemsize
    width, inner = config.hidden_size, config.intermediate_size
    patches, x = vision.tokens, vision.tokens * width * size
    gate = (inner, width)
    convolution = 3 * vision.num_positions * vision.hidden_size * size
    return max(
        vision_block_work(config, storage),
        convolution,  # what the tower made, and its patches in another order, and what they become
        x + storage.call_bytes(gate, patches, lent) + 2 * patches * inner * size,
        x + storage.call_bytes((width, inner), patches, lent) + patches * inner * size,
    )


def steps(config: CogVLM2Config, storage: Storage, question_tokens: int, cached_tokens: int) -> tuple[Step, ...]:
    """The way of a question through `ImageSession`: looking, reading, and writing until `cached_tokens` are in the cache."""
    weights = resident_bytes(config, storage)
    size = storage.itemsize
    image = 1 + config.image_tokens
    """With the token that every prompt begins with."""
    pixels = config.vision.in_channels * config.vision.image_size**2 * (4 + size)
    vectors = image * config.hidden_size * size
    logits = config.vocab_size * (size + 4)

    def step(name: str, cached: int, work: int) -> Step:
        # The cache of a layer is copied as it grows.
        layer = cache_bytes(config, cached, size) // config.num_hidden_layers
        return Step(name, weights, cache_bytes(config, cached, size), work + layer)

    return (
        step("encode the picture", 0, pixels + vectors + looking_work(config, storage)),
        step("read the picture", image, pixels + decoder_block_work(config, storage, image, image=True)),
        step(
            f"read a question of {question_tokens} tokens",
            image + question_tokens,
            logits + decoder_block_work(config, storage, question_tokens, image=False, cached=image),
        ),
        step(
            f"write, {cached_tokens:,} tokens in the cache",
            cached_tokens,
            logits + decoder_block_work(config, storage, 1, image=False),
        ),
    )


def stream_bytes(config: CogVLM2Config, kind: BlockKind, samples: int, text_tokens: int = 64, itemsize: int = 2) -> int:
    """Of what runs from block to block when `samples` pictures with texts calibrate the model."""
    vision = config.vision
    if kind == "vision":
        return samples * vision.num_positions * vision.hidden_size * itemsize
    return samples * (1 + config.image_tokens + text_tokens) * config.hidden_size * itemsize


def gathering_bytes(config: CogVLM2Config, kind: BlockKind) -> int:
    """Of the matrices H of one block, in float32; gate and up, which get the same input, share one."""
    sizes = linear_sizes(config, kind)
    return 4 * sum(width**2 for name, (_, width) in sizes.items() if not name.endswith("up_proj"))


def solving_bytes(config: CogVLM2Config, kind: BlockKind) -> int:
    """Of the largest Linear of a block while it is solved, in float32: another H, and matrices of its weight's size."""
    return max(4 * width * (width + _SOLVER * rows) for rows, width in linear_sizes(config, kind).values())


def quantizing_steps(
    config: CogVLM2Config, itemsize: int = 2, device: Literal["cuda", "cpu"] = "cuda"
) -> tuple[Step, ...]:
    """One block of each kind in full precision on the device, picture by picture, and then its Linears being solved.

    The streams between blocks are not counted: they lie on the disk (`stream_bytes`).
    """
    storage = Storage(16, itemsize=itemsize, device=device)
    image = 1 + config.image_tokens
    work = {
        "vision": vision_block_work(config, storage),
        "decoder": decoder_block_work(config, storage, image, image=True),
    }
    found = []
    for kind in ("vision", "decoder"):
        weights = block_bytes(config, kind, storage) + gathering_bytes(config, kind)
        found.append(Step(f"quantize a {kind} block", weights, 0, max(work[kind], solving_bytes(config, kind))))
    return tuple(found)


def _without_memory(config: CogVLM2Config) -> CogVLM2ForConditionalGeneration:
    with torch.device("meta"):
        return CogVLM2ForConditionalGeneration(config)


def _shorter(config: CogVLM2Config, blocks: int = 1) -> CogVLM2Config:
    """The same with so many blocks of each kind."""
    values = config.to_dict()
    tower = values["vision_config"] | {"num_hidden_layers": blocks}
    return CogVLM2Config(**(values | {"num_hidden_layers": blocks, "vision_config": tower}))
