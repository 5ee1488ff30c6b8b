"""The processor of a model that sees, read from its folder; it makes tensors of a picture and a question.

Models that transformers knows are asked through their own chat template. A family that wants a prompt of its own has a
processor with a method `vqa`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from transformers import AutoProcessor, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from rpiq.architectures.blocks import open_config
from rpiq.errors import ArchitectureError, CheckpointError

if TYPE_CHECKING:
    from PIL.Image import Image


@runtime_checkable
class OwnPrompt(Protocol):
    """A processor that knows how its family is asked for a short answer."""

    def vqa(self, image: Image, question: str) -> Mapping[str, Any]:
        """The model's inputs, `input_ids` `[1, tokens]` among them; the model generates the answer after these."""


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
