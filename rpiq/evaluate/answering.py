"""Answers a question about a picture with a loaded model; which question it is, and whether it is right, others know.

Models that transformers knows are asked through their own chat template. A family that wants a prompt of its own has a
processor with a method `vqa`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from transformers import AutoProcessor, BatchFeature, PreTrainedModel, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from rpiq.architectures.blocks import open_config
from rpiq.calibration.questions import INSTRUCTION
from rpiq.errors import ArchitectureError, CheckpointError

if TYPE_CHECKING:
    from PIL.Image import Image

_NEW_TOKENS = 128
"""Longer than any title of a book that could still be right."""


class Answerer(Protocol):
    """Whatever can be asked."""

    def answer(self, image: Image, question: str) -> str:
        """The answer to `question` about `image`, 8-bit RGB."""


@runtime_checkable
class OwnPrompt(Protocol):
    """A processor that knows how its family is asked for a short answer."""

    def vqa(self, image: Image, question: str) -> Mapping[str, Any]:
        """The model's inputs, `input_ids` `[1, tokens]` among them; the model generates the answer after these."""


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


def _open(folder: Path) -> Any:
    """As transformers finds it; for a published folder that names no model type, as its family says."""
    if (folder / "config.json").is_file() and not (folder / "processor_config.json").is_file():
        found = PROCESSOR_MAPPING.get(type(open_config(folder)), None)
        if found is not None:
            processor_class: Any = found
            return processor_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_processor(folder: Path) -> Any:
    """The processor in `folder`, for `VisionModel`. Runs no code of the folder.

    CheckpointError when there is none, or it is damaged; ArchitectureError for one that takes no pictures, or knows no chat.
    """
    try:
        processor = _open(folder)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise CheckpointError(
            f"{folder} holds no processor that can be read ({error}); get the model's own files again"
        ) from error
    if isinstance(processor, OwnPrompt):
        return processor
    if not isinstance(processor, ProcessorMixin) or not hasattr(processor, "image_processor"):
        raise ArchitectureError(f"{folder} has no processor for pictures; give the folder of a model that sees")
    if processor.chat_template is None:
        raise ArchitectureError(f"{folder} has no chat template; copy the model's own chat_template.jinja into it")
    return processor
