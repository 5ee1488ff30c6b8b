"""Conversations to the tensors that the model takes: tokens with their types and positions, and pixels.

The words of a prompt are in `conversation.py`, the rule for positions in `tokens.py`. Files are transformers' usual ones:
processor_config.json and the tokenizer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, PreTrainedTokenizerFast, ProcessorMixin

from models.cogvlm2 import folder
from models.cogvlm2.configuration import CogVLM2Config
from models.cogvlm2.conversation import Conversation
from models.cogvlm2.tokens import IMAGE, TEXT, position_ids
from models.errors import Corrupt, PromptError

MEAN = (0.48145466, 0.4578275, 0.40821073)
"""Of CLIP's pixels, red, green, blue, between 0 and 1."""
STD = (0.26862954, 0.26130258, 0.27577711)
NOT_LEARNED = -100
"""The label at which the loss does not look."""


@dataclass(frozen=True)
class Row:
    """One conversation in tokens, without padding; all of one length."""

    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The answer and the token that ends it; NOT_LEARNED before."""
    positions: tuple[int, ...]


class CogVLM2Processor(ProcessorMixin):
    """Makes the model's inputs; callable."""

    def __init__(  # positional, because the base class looks for no others
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int = 1344,
        image_tokens: int = 2306,
        max_position_embeddings: int = 8192,
        template_version: str = "chat",
        bos_token_id: int = 128000,
        eos_token_id: int = 128001,
        pad_token_id: int = 128002,
    ) -> None:
        """image_size: pixels a side; image_tokens: positions of an image, begin and end included."""
        self.image_size = image_size
        self.image_tokens = image_tokens
        self.max_position_embeddings = max_position_embeddings
        self.template_version = template_version
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        self.pad_token_id = pad_token_id
        super().__init__(tokenizer)  # type: ignore[no-untyped-call]

    @classmethod
    def for_config(cls, config: CogVLM2Config, tokenizer: PreTrainedTokenizerBase) -> CogVLM2Processor:
        """The processor of a model that has none of its own: the published folder holds a tokenizer only."""
        return cls(
            tokenizer,
            config.vision.image_size,
            config.image_tokens,
            config.max_position_embeddings,
            config.template_version,
            config.bos_token_id,
            config.stop_ids[0],
            config.pad_token_id,
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **_: Any) -> CogVLM2Processor:  # type: ignore[override]
        """The processor of a folder, published or written by `save_pretrained`. The options of transformers, which are about
        networks and foreign code, are not needed.

        Corrupt when a file is missing or damaged; Unsuitable for another model.
        """
        path = Path(pretrained_model_name_or_path)
        try:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
        # What the tokenizer's own reader lets through on a damaged file is a bare Exception.
        except Exception as error:
            line = " ".join(str(error).split())
            raise Corrupt(f"{path} holds no tokenizer that can be read ({line}); get the model again") from error
        if not (path / "processor_config.json").is_file():
            return cls.for_config(folder.read_config(path, quantized=True)[0], tokenizer)
        processor: CogVLM2Processor = cls.from_args_and_dict(
            [tokenizer], folder.read_json(path / "processor_config.json")
        )
        return processor

    @property
    def model_input_names(self) -> list[str]:
        """Names of what a call makes, without labels."""
        return ["input_ids", "token_type_ids", "position_ids", "attention_mask", "pixel_values"]

    def __call__(self, conversations: Conversation | Sequence[Conversation]) -> BatchFeature:
        """Inputs of `CogVLM2ForConditionalGeneration` for one conversation or several, padded on the left.

        input_ids, token_type_ids, position_ids, attention_mask: int64 `[rows, length]`; pixel_values: float32
        `[images, 3, side, side]`, where there is an image; labels like input_ids, where there is an answer.
        PromptError when a conversation is longer than the model's context.
        """
        several = (conversations,) if isinstance(conversations, Conversation) else tuple(conversations)
        if not several:
            raise PromptError("no conversation is given; give at least one")
        rows = [self.row(conversation) for conversation in several]
        types = _padded([row.token_type_ids for row in rows], TEXT)
        mask = _padded([(1,) * len(row.input_ids) for row in rows], 0)
        data = {
            "input_ids": _padded([row.input_ids for row in rows], self.pad_token_id),
            "token_type_ids": types,
            "position_ids": position_ids(types, mask),
            "attention_mask": mask,
        }
        if images := [self.pixels(c.image) for c in several if c.image is not None]:
            data["pixel_values"] = torch.stack(images)
        if any(conversation.answer is not None for conversation in several):
            data["labels"] = _padded([row.labels for row in rows], NOT_LEARNED)
        return BatchFeature(data)

    def vqa(self, image: Image.Image, question: str) -> BatchFeature:
        """Inputs for a short answer to one question about one picture, as `rpiq evaluate --task ocr-vqa` asks."""
        return self(Conversation(question, image, template="vqa"))

    def answered(self, image: Image.Image, question: str, answer: str) -> BatchFeature:
        """The same with the answer, and labels: what `rpiq quantize` calibrates with."""
        return self(Conversation(question, image, template="vqa", answer=answer))

    def row(self, conversation: Conversation) -> Row:
        """The tokens of one conversation. PromptError when it is longer than the model's context."""
        image = 0 if conversation.image is None else self.image_tokens
        prompt = self._ids(conversation.prompt(self.template_version))
        answer = [] if conversation.answer is None else [*self._ids(conversation.answer), self.eos_token_id]
        ids = [self.bos_token_id, *image * [self.pad_token_id], *prompt, *answer]
        types = [TEXT, *image * [IMAGE], *(len(prompt) + len(answer)) * [TEXT]]
        positions = position_ids(torch.tensor([types]))[0].tolist()
        if positions[-1] >= self.max_position_embeddings:
            raise PromptError(
                f"the prompt takes {positions[-1] + 1} positions and the model has {self.max_position_embeddings}; "
                "leave out the oldest turns or shorten the question"
            )
        labels = [*(len(ids) - len(answer)) * [NOT_LEARNED], *answer]
        return Row(tuple(ids), tuple(types), tuple(labels), tuple(positions))

    def pixels(self, image: Image.Image) -> Tensor:
        """`[3, side, side]` float32 of a picture of any size and mode; its proportions are not kept, as in the published code."""
        side = (self.image_size, self.image_size)
        small = image.convert("RGB").resize(side, Image.Resampling.BICUBIC)
        values = torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255
        return (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _padded(rows: Sequence[Sequence[int]], filling: int) -> Tensor:
    """int64 `[rows, longest]`, padded on the left, so that all answers begin at the same index."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*(longest - len(row)) * [filling], *row] for row in rows])
