"""Answers a question about a picture with a loaded model; which question it is, and whether it is right, others know.

Models that transformers knows are asked through their own chat template. A family that wants a prompt of its own has a
processor with a method `vqa`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers import BatchFeature, PreTrainedModel

from rpiq.architectures.processor import OwnPrompt
from rpiq.calibration.questions import INSTRUCTION

if TYPE_CHECKING:
    from PIL.Image import Image

_NEW_TOKENS = 128
"""Longer than any title of a book that could still be right."""


class Answerer(Protocol):
    """Whatever can be asked."""

    def answer(self, image: Image, question: str) -> str:
        """The answer to `question` about `image`, 8-bit RGB."""


class VisionModel:
    """An `Answerer`: a model that sees, with its processor. Greedy, so that the same question has the same answer."""

    def __init__(self, model: PreTrainedModel, processor: Any) -> None:
        self._model, self._processor = model, processor

    def answer(self, image: Image, question: str) -> str:
        """As `Answerer`; at most 128 tokens."""
        inputs = BatchFeature(dict(self._inputs(image, question))).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            ids = self._model.generate(**inputs, do_sample=False, max_new_tokens=_NEW_TOKENS)  # type: ignore[operator]
        return str(self._processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)).strip()

    def _inputs(self, image: Image, question: str) -> Mapping[str, Any]:
        if isinstance(self._processor, OwnPrompt):
            return self._processor.vqa(image, question)
        content = [{"type": "image", "image": image}, {"type": "text", "text": f"{question}\n{INSTRUCTION}"}]
        inputs: Mapping[str, Any] = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        return inputs
