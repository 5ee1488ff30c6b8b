"""Tiny random models and a tokenizer for them, one per architecture, for the tests of the driver."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

WORDS = 90
SIZE = {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 128}
LATER = SIZE | {"intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0}
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**LATER, tie_word_embeddings=True),
    "mistral": MistralConfig(**LATER, head_dim=16),
    "qwen3": Qwen3Config(**LATER, head_dim=16),
    "gemma": GemmaConfig(**LATER, head_dim=16),
    "phi": PhiConfig(**LATER),
    "opt": OPTConfig(**SIZE, ffn_dim=128, num_attention_heads=4, word_embed_proj_dim=64, pad_token_id=0),
}
GPT2 = GPT2Config(
    vocab_size=96, n_embd=64, n_layer=2, n_head=4, n_positions=128, bos_token_id=0, eos_token_id=1, pad_token_id=0
)


def write_model(folder: Path, config: PreTrainedConfig, seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> Path:
    """A random model of this configuration, with a tokenizer of `WORDS` words."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # larger than usual, so that a mistake anywhere shows in the logits
            parameter.data.mul_(4)
    model.save_pretrained(folder)
    vocabulary = {"<s>": 0, "</s>": 1, "<unk>": 2} | {f"w{number}": 3 + number for number in range(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


def write_text(file: Path, words: int = 4000, seed: int = 0) -> Path:
    """Random words that the tokenizer knows."""
    chosen = random.Random(seed)
    file.write_text(" ".join(f"w{int(chosen.betavariate(1, 3) * WORDS)}" for _ in range(words)), "utf-8")
    return file
