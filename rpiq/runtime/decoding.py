"""Writing text with a model, token by token: `Decoder` for a conversation, `generate` for a single text.

4-bit models of the Llama family on CPUs go through `rpiq/runtime/fast.py`, everything else through transformers. Either way tokens come one
by one, and a prompt that begins like the text before is only read from where it differs.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from rpiq.errors import ConfigError
from rpiq.runtime import llama
from rpiq.runtime.compiled import CompiledBlock, NotCompiledError, compiled_block
from rpiq.runtime.fast import FastEngine

log = logging.getLogger(__name__)

Way = Literal["compiled", "uncompiled", "transformers"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 0.0
    """0 always takes the likeliest."""
    top_k: int | None = None
    """Only among this many likeliest."""
    top_p: float = 1.0
    """Only among the likeliest that have this much probability together."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or (self.top_k is not None and self.top_k < 1):
            raise ConfigError(
                f"{self} makes no sense: temperature at least 0, top_k at least 1, top_p above 0 and up to 1"
            )


class Engine(Protocol):
    """Follows one text in one model."""

    length: int
    """Tokens taken."""
    context: int
    """Most tokens that the model is made for."""

    def crop(self, length: int) -> int:
        """Forget all but the first tokens; how many are left, which may be fewer than asked."""

    def extend(self, tokens: Sequence[int]) -> Tensor:
        """Take more tokens, at least one; the logits of what may come next, `[tokens]`."""


class Decoder:
    """One model, ready to write. Not for several threads at once."""

    way: Way
    """How tokens are computed."""
    why: str
    """Why it is not the fastest way; empty when it is."""

    def __init__(self, model: PreTrainedModel, compiled: bool = True, cache: Path | None = None) -> None:
        """`compiled`: use the compiled step, and make it, once per machine and shape of model, in half a minute.

        `cache`: the folder for compiled steps, in the user's cache folder if left out.
        """
        self._text: list[int] = []
        self._stop = _ends(model)
        self._engine, self.way, self.why = _engine(model, compiled, cache)
        if self.why and (compiled or self.way == "transformers"):
            log.warning("decoding is slower than it could be (%s): %s", self.way, self.why)

    def stream(
        self,
        prompt: Sequence[int],
        max_new_tokens: int,
        stop: Collection[int] | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[int]:
        """The tokens after `prompt`, each as soon as it is known; ends before a token of `stop`, or with the context.

        `stop`: what the model's configuration says if left out. Whoever has heard enough just stops asking for more.
        ConfigError for an empty prompt, or one that is longer than the context.
        """
        if not 0 < len(prompt) <= self._engine.context:
            raise ConfigError(f"a prompt has 1 to {self._engine.context} tokens with this model, not {len(prompt)}")
        ends = self._stop if stop is None else frozenset(stop)
        return self._tokens(list(prompt), max_new_tokens, ends, sampling or Sampling())

    def _tokens(self, text: list[int], most: int, stop: frozenset[int], sampling: Sampling) -> Iterator[int]:
        most = min(most, self._engine.context - len(text))
        if most < 1:
            return
        generator = torch.Generator().manual_seed(sampling.seed)
        logits = self._read(text)
        while True:
            token = _choose(logits, sampling, generator)
            if token in stop:
                return
            yield token
            most -= 1
            if most == 0:
                return
            if self._text is not text:
                raise RuntimeError("another text was begun with this decoder; this one cannot go on")
            text.append(token)
            logits = self._take(text, len(text) - 1)

    def _read(self, text: list[int]) -> Tensor:
        """Take a text of which the beginning may be known; the last token is always taken anew, for its logits."""
        known = min(len(self._text), len(text) - 1)
        same = next((index for index in range(known) if self._text[index] != text[index]), known)
        return self._take(text, self._engine.crop(same))

    def _take(self, text: list[int], known: int) -> Tensor:
        """Take what follows the first `known` tokens; what the engine holds is unknown while it does, and if interrupted."""
        self._text = []
        logits = self._engine.extend(text[known:])
        self._text = text
        return logits


def generate(
    model: PreTrainedModel,
    prompt: Sequence[int],
    max_new_tokens: int,
    stop: Collection[int] | None = None,
    sampling: Sampling | None = None,
) -> list[int]:
    """The tokens after `prompt`, all at once; see `Decoder`, which is better where there is more than one prompt."""
    return list(Decoder(model).stream(prompt, max_new_tokens, stop, sampling))


class TransformersEngine:
    """Any causal model of transformers on any device, computed by transformers (Protocol `Engine`)."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.length = 0
        self.context: int = getattr(model.config.get_text_config(), "max_position_embeddings", sys.maxsize)
        self._model = model
        self._cache = DynamicCache(config=model.config)
        short = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._options = {"logits_to_keep": 1} if short else {}

    def crop(self, length: int) -> int:
        """As far as the cache allows: one with windows or states forgets everything."""
        if length < self.length or length == 0:
            if length > 0 and all(type(layer) is DynamicLayer for layer in self._cache.layers):
                self._cache.crop(length - self.length)
                self.length = length
            else:
                self._cache = DynamicCache(config=self._model.config)
                self.length = 0
        return self.length

    @torch.inference_mode()
    def extend(self, tokens: Sequence[int]) -> Tensor:
        """Take more tokens, at least one; the logits of what may come next, `[tokens]`."""
        ids = torch.tensor([tokens], device=self._model.device)
        logits: Tensor = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True, **self._options).logits
        self.length += len(tokens)
        return logits[0, -1]


def _engine(model: PreTrainedModel, compiled: bool, cache: Path | None) -> tuple[Engine, Way, str]:
    shape = llama.shape_of(model)
    if isinstance(shape, str):
        return TransformersEngine(model), "transformers", shape
    blocks = llama.blocks_of(model, shape)
    if blocks is None:
        return TransformersEngine(model), "transformers", "its Linears do not fill whole blocks of the kernel's layout"
    step: CompiledBlock | None = None
    why = "not asked to compile"
    if compiled:
        try:
            step, why = compiled_block(shape, llama.packed(blocks[0]), cache), ""
        except NotCompiledError as error:
            why = str(error)
    return FastEngine(model, shape, blocks, step), "uncompiled" if step is None else "compiled", why


def _ends(model: PreTrainedModel) -> frozenset[int]:
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    return frozenset() if ends is None else frozenset([ends] if isinstance(ends, int) else ends)


def _choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    if sampling.temperature == 0:
        return int(logits.float().argmax())
    logits = logits.float().cpu() / sampling.temperature
    likely, tokens = logits.topk(min(sampling.top_k or len(logits), len(logits)))
    shares = likely.softmax(-1)
    shares[shares.cumsum(-1) - shares >= sampling.top_p] = 0  # the first always stays
    return int(tokens[torch.multinomial(shares, 1, generator=generator)])
