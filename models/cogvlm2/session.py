"""Questions about one picture, one after the other: the picture is encoded once, and what the cache knows is not computed again.

Answers come token by token and can be stopped between two tokens. They are those of `generate`: always the likeliest token.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from PIL.Image import Image
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from models.cogvlm2.configuration import Template
from models.cogvlm2.conversation import Conversation, Turn
from models.cogvlm2.modeling import CogVLM2ForConditionalGeneration
from models.cogvlm2.processing import CogVLM2Processor, Row
from models.errors import PromptError

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder writes for a letter of which not all tokens are there."""


@dataclass(frozen=True)
class Piece:
    """One token of an answer."""

    token_id: int
    text: str
    """What it adds to the text: nothing while a letter is not complete."""


@dataclass(frozen=True)
class _Known:
    """Tokens whose keys and values are in the cache; both grow together. A step that failed may have left more in some layers."""

    ids: list[int]
    cache: DynamicCache

    def start_of(self, ids: Sequence[int]) -> _Known:
        """As much as is known of `ids`, less the last, whose logits are wanted: a cache of its own, which shares the memory."""
        same = next((at for at, (a, b) in enumerate(zip(self.ids, ids, strict=False)) if a != b), len(self.ids))
        length = min(same, len(ids) - 1)
        layers = [copy.copy(cast(DynamicLayer, layer)) for layer in self.cache.layers]
        for layer in layers:  # they grow by concatenation, so what they share is never written to
            layer.crop(length - layer.get_seq_length())
        twin = copy.copy(self.cache)
        twin.layers = [*layers]
        return _Known(list(ids[:length]), twin)


class ImageSession:
    """A picture that has been looked at."""

    def __init__(self, model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor, image: Image) -> None:
        """Encodes the picture: the only time that the vision tower and the vision experts run."""
        self._model, self._processor, self._image = model, processor, image
        row = processor.row(Conversation("", image))
        self._prefix = 1 + processor.image_tokens
        """Tokens that every prompt begins with: the begin token and the image."""
        self._known = _Known([], DynamicCache(config=model.config))
        self._step(
            self._known,
            row.input_ids[: self._prefix],
            row.positions[: self._prefix],
            token_type_ids=torch.tensor([row.token_type_ids[: self._prefix]], device=model.device),
            pixel_values=processor.pixels(image)[None].to(model.device),
        )

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        template: Template | None = None,
        max_new_tokens: int = 2048,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Piece]:
        """The answer, as it is written; the token that ends it is not told. It ends early after `max_new_tokens`, at the end
        of the model's context, or when `stopped`, which is asked before each token, says so.

        The longest common beginning with the prompt and answer before is kept, so repeat `history` as it was.
        PromptError when the prompt is empty, or longer than the context.
        """
        row = self._processor.row(Conversation(question, self._image, tuple(history), template))
        if len(row.input_ids) == self._prefix:
            raise PromptError("the question is empty; ask something")
        room = self._processor.max_position_embeddings - row.positions[-1]
        return self._answer(row, min(max_new_tokens, room), stopped)

    def _answer(self, row: Row, most: int, stopped: Callable[[], bool]) -> Iterator[Piece]:
        self._known = known = self._known.start_of(row.input_ids)
        ids, positions = row.input_ids[len(known.ids) :], row.positions[len(known.ids) :]
        written: list[int] = []
        told = ""
        while len(written) < most and not stopped():
            token = self._step(known, ids, positions)
            if token in self._model.config.stop_ids:
                return
            written.append(token)
            text = self._text(written)
            yield Piece(token, text[len(told) :])
            told = text
            ids, positions = (token,), (positions[-1] + 1,)

    @torch.no_grad()
    def _step(self, known: _Known, ids: Sequence[int], positions: Sequence[int], **image: Tensor) -> int:
        """Add `ids` to what is known; the likeliest token to follow. `image`: the arguments of the model about the picture."""
        device = self._model.device
        output = self._model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            past_key_values=known.cache,
            use_cache=True,
            logits_to_keep=1,
            **image,
        )
        known.ids.extend(ids)
        return int(output.logits[0, -1].argmax())

    def _text(self, ids: list[int]) -> str:
        """Without a letter at the end that is not complete."""
        text = self._processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text).rstrip(_UNFINISHED)
