"""The small language model used as a judge: how likely is this text after that one. It writes nothing.

The decoder is `models/llama.py`, the file format `models/gguf.py`; prompts and decisions belong to `mind/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from assistant.errors import EngineError
from models.gguf import GgufError, Tensors, read_gguf
from models.llama import Cache, Llama, first_tokens, padded

_CONTROL_TOKEN = 3
"""GGUF's number for tokens such as <|im_start|>, which no text contains by itself."""


class GgufLanguageModel:
    """SmolLM2-135M, or another small Llama with a byte-level vocabulary, from a GGUF file.

    Not for two threads at once: it remembers the last prompt, so that prompts with the same beginning share its cost.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Open the one GGUF file in `folder`; `threads` is PyTorch's number of threads, for the whole process.

        One by default: PyTorch's threads spin while they wait for each other, so that two of them, on two cores that
        other engines use as well, took ten times as long as one.

        Errors: EngineError when there is no such file, or it is damaged or of another kind.
        """
        torch.set_num_threads(threads)
        try:
            (path,) = folder.glob("*.gguf")
            content = read_gguf(path, fast_dtype())
            self._tokenizer = _tokenizer(content)
            self._model = Llama(content.metadata, content.weights)
        except (GgufError, ValueError, KeyError, OSError) as error:
            raise EngineError(
                f"cannot open the language model in {folder} ({error}): run `assistant models fetch`",
                "My language model is missing or damaged. Run: assistant models fetch.",
            ) from error
        self._seen: list[int] = []
        self._cache: Cache = ()

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-likelihood per token (nats) of each continuation after `prompt`.

        A continuation is cut into tokens by itself: let it begin with the space that separates it from the prompt.
        Errors: ValueError when the prompt or a continuation is empty, or both exceed the model's context.
        """
        return [sum(tokens) / len(tokens) for tokens in self.token_scores(prompt, continuations)]

    def token_scores(self, prompt: str, continuations: Sequence[str]) -> list[list[float]]:
        """Log-likelihood (nats) of each token of each continuation; otherwise like `score`."""
        asked = self._tokenizer.encode(prompt).ids
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(list(continuations))]
        if not asked or not rows or not all(rows):
            raise ValueError("a prompt and continuations of at least one token each are needed")
        if len(asked) + max(map(len, rows)) > self._model.context:
            raise ValueError(f"{len(asked)} tokens of prompt exceed the model's context of {self._model.context}")
        with torch.inference_mode():
            return self._scores(asked, rows)

    def _scores(self, prompt: list[int], rows: list[list[int]]) -> list[list[float]]:
        last = self._encode(prompt)
        after_prompt = self._model.log_probabilities(last)
        scores = [[float(after_prompt[row[0]])] for row in rows]
        longer = [index for index, row in enumerate(rows) if len(row) > 1]
        if longer:
            # Each token but the last predicts the next one; the prompt's cache is shared by all rows.
            hidden, _ = self._model.hidden(padded([rows[index][:-1] for index in longer]), self._cache)
            for states, index in zip(hidden, longer, strict=True):
                wanted = torch.tensor(rows[index][1:])
                likely = self._model.log_probabilities(states[: len(wanted)])
                scores[index] += likely.gather(1, wanted[:, None]).flatten().tolist()
        return scores

    def _encode(self, prompt: list[int]) -> torch.Tensor:
        """Hidden state `[hidden]` of the prompt's last token; leaves the whole prompt in the cache."""
        known = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._seen, prompt[:-1], strict=False)))
        hidden, self._cache = self._model.hidden(torch.tensor([prompt[known:]]), first_tokens(self._cache, known))
        self._seen = prompt
        return hidden[0, -1]


def fast_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively (with AMX 2.7 times as fast), float32 elsewhere."""
    abilities = torch.cpu.get_capabilities()
    native = abilities.get("amx_bf16", False) or abilities.get("avx512_bf16", False)
    return torch.bfloat16 if native else torch.float32


def _tokenizer(content: Tensors) -> Tokenizer:
    """The byte-level tokenizer with single digits that SmolLM2 was trained with.

    Built from the metadata directly: `transformers` takes 4 s for the same by way of its slow tokenizers.
    """
    metadata = content.metadata
    if metadata["tokenizer.ggml.pre"] != "smollm":
        raise ValueError(f"its text is cut in the way of {metadata['tokenizer.ggml.pre']!r}, which is not known")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    kinds = metadata["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer
