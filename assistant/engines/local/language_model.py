"""The small language model used as a judge: how likely is this text after that one. It writes nothing.

Any causal model that rpiq can load, in 4 bits or as it is; prompts and decisions belong to `mind/`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, DynamicCache

from assistant.errors import EngineError
from rpiq import RpiqError, load


class TransformersLanguageModel:
    """A causal language model in a folder as transformers or rpiq saves it (Protocol `LanguageModel`)."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Open the model; `threads` is PyTorch's number of threads, for the whole process.

        Errors: EngineError when the folder does not hold a model that can be opened.
        """
        torch.set_num_threads(threads)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model = load(folder, dtype=fast_dtype())
        except (OSError, ValueError, KeyError, RuntimeError, RpiqError) as error:
            raise EngineError(
                f"cannot open the language model in {folder} ({error}): run `assistant models fetch`",
                "My language model is missing or damaged. Run: assistant models fetch.",
            ) from error
        self._context: int = self._model.config.max_position_embeddings

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-likelihood per token (nats) of each continuation after `prompt`, which is encoded once.

        A continuation is cut into tokens by itself: let it begin with the space that separates it from the prompt.
        Errors: ValueError when the prompt or a continuation is empty, or both exceed the model's context.
        """
        asked: list[int] = self._tokenizer(prompt)["input_ids"]
        rows: list[list[int]] = [self._tokenizer(text)["input_ids"] for text in continuations]
        if not asked or not rows or not all(rows):
            raise ValueError("a prompt and continuations of at least one token each are needed")
        if len(asked) + max(map(len, rows)) > self._context:
            raise ValueError(f"{len(asked)} tokens of prompt exceed the model's context of {self._context}")
        with torch.inference_mode():
            return self._scores(asked, rows)

    def _scores(self, asked: list[int], rows: list[list[int]]) -> list[float]:
        cache = DynamicCache(config=self._model.config)
        first = self._model(torch.tensor([asked]), past_key_values=cache, logits_to_keep=1).logits[0, -1]
        scores = [[float(first.float().log_softmax(-1)[row[0]])] for row in rows]
        longer = [index for index, row in enumerate(rows) if len(row) > 1]
        if longer:
            width = max(len(rows[index]) for index in longer) - 1
            # Filled up at the right, where nothing before attends to. Each token but the last predicts the next one.
            batch = torch.tensor([[*rows[index][:-1], *[0] * (width + 1 - len(rows[index]))] for index in longer])
            shared = copy.deepcopy(cache)
            shared.batch_repeat_interleave(len(longer))
            likely = self._model(batch, past_key_values=shared).logits.float().log_softmax(-1)
            for states, index in zip(likely, longer, strict=True):
                wanted = torch.tensor(rows[index][1:])
                scores[index] += states[: len(wanted)].gather(1, wanted[:, None]).flatten().tolist()
        return [sum(tokens) / len(tokens) for tokens in scores]


def fast_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively (2.7 times as fast with AMX, half the memory), else float32."""
    native = torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if native else torch.float32
