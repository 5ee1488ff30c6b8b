"""How models that see are asked: CogVLM2 in its own words, all others through their chat template. One seer for each way.

A seer computes in the thread that calls it and can be stopped by an exception at any point. Threads are in `picture_model.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoConfig, BatchFeature, PreTrainedModel
from transformers.generation.streamers import BaseStreamer
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from assistant.engines.local.language_model import fast_dtype
from assistant.engines.local.prompts import MOST_TOKENS, instructed
from assistant.errors import EngineError
from assistant.ports.engines import Style
from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, ImageSession, Piece, Turn
from models.cogvlm2.configuration import Template
from models.cogvlm2.folder import is_cogvlm2
from models.cogvlm2.opening import open_model
from models.errors import ModelError, PromptError, Unsuitable
from rpiq import RpiqError, load
from rpiq.architectures.processor import read_processor
from rpiq.errors import ArchitectureError

_TEMPLATES: dict[Style, Template] = {"short": "vqa", "chat": "chat"}
"""Of CogVLM2."""
_FOR_A_PICTURE = 1_500_000_000
"""Bytes of a GPU that one picture of CogVLM2-19B and its answer take, on top of the weights."""
_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder writes for a letter of which not all tokens are there."""

log = logging.getLogger(__name__)
Turns = Sequence[tuple[str, str]]
Tell = Callable[[str], None]


class CogVLM2Seer:
    """CogVLM2, in full precision or in 4 bits (Protocol `Seer`). It remembers the last picture and what was said of it."""

    def __init__(self, model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor) -> None:
        self.model = model
        self._processor = processor
        self._seen: tuple[bytes, ImageSession] | None = None

    def write(self, image: Image.Image, question: str, history: Turns, style: Style, tell: Tell) -> None:
        """As `Seer`. A picture asked about before is not encoded again."""
        session = self._session(image)
        for piece in self._ask(session, question, [Turn(*turn) for turn in history], style):
            tell(piece.text)

    def _session(self, image: Image.Image) -> ImageSession:
        key = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest()
        if self._seen is None or self._seen[0] != key:
            self._seen = None  # frees its memory before the next takes more
            self._seen = (key, ImageSession(self.model, self._processor, image))
        return self._seen[1]

    @staticmethod
    def _ask(session: ImageSession, question: str, turns: list[Turn], style: Style) -> Iterator[Piece]:
        """Pieces of the answer, with as many of the last turns as the model has room for."""
        while True:
            try:
                return session.ask(question, turns, _TEMPLATES[style], MOST_TOKENS[style])
            except PromptError as error:
                if not turns:
                    raise
                log.info("the oldest turn is left out: %s", error)
                turns = turns[1:]


class TransformersSeer:
    """Any model of transformers for pictures and text with a chat template (Protocol `Seer`)."""

    def __init__(self, model: PreTrainedModel, processor: Any) -> None:
        self.model = model
        self._processor = processor
        self._context: int = getattr(model.config.get_text_config(), "max_position_embeddings", sys.maxsize)

    def write(self, image: Image.Image, question: str, history: Turns, style: Style, tell: Tell) -> None:
        """As `Seer`. The picture is encoded at each question."""
        inputs = BatchFeature(self._fitting(image, question, history, style)).to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            self.model.generate(  # type: ignore[operator]
                **inputs, streamer=_Pieces(self._processor, tell), do_sample=False, max_new_tokens=MOST_TOKENS[style]
            )

    def _fitting(self, image: Image.Image, question: str, history: Turns, style: Style) -> dict[str, Any]:
        """The model's inputs, with as many of the last turns as it has room for."""
        length = 0
        for first in range(len(history) + 1):
            inputs = self._inputs(image, question, history[first:], style)
            length = inputs["input_ids"].shape[1]
            if length + MOST_TOKENS[style] <= self._context:
                return inputs
        raise PromptError(
            f"the prompt takes {length} tokens and the answer up to {MOST_TOKENS[style]}, and the model has {self._context}; "
            "shorten the question"
        )

    def _inputs(self, image: Image.Image, question: str, history: Turns, style: Style) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        for asked, answered in history:
            messages += [_message("user", asked), _message("assistant", answered)]
        messages.append(_message("user", instructed(question, style)))
        messages[0]["content"].insert(0, {"type": "image", "image": image})
        return dict(
            self._processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            )
        )


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


class _Pieces(BaseStreamer):
    """Tokens as `generate` finds them → pieces of text, told."""

    def __init__(self, processor: Any, tell: Tell) -> None:
        self._processor, self._tell = processor, tell
        self._ids: list[int] | None = None
        self._told = ""

    def put(self, value: torch.Tensor) -> None:
        """The prompt first, then one token after the other."""
        if self._ids is None:
            self._ids = []
            return
        self._ids += value.flatten().tolist()
        text = str(self._processor.decode(self._ids, skip_special_tokens=True)).rstrip(_UNFINISHED)
        self._tell(text[len(self._told) :])
        self._told = text

    def end(self) -> None:
        """Nothing is held back."""


@dataclass(frozen=True)
class _Place:
    """Where a model computes, and in which type."""

    device: str
    dtype: torch.dtype


def open_seer(folder: Path, nf4: bool = False) -> CogVLM2Seer | TransformersSeer:
    """The model that sees in `folder`, with its way of being asked; arguments and errors as `picture_model.open_eye`."""
    where = _Place("cuda", torch.bfloat16) if torch.cuda.is_available() else _Place("cpu", fast_dtype())
    try:
        if is_cogvlm2(folder):
            model = open_model(folder, where.device, where.dtype, low_memory=_card_is_small(folder))
            return CogVLM2Seer(model, CogVLM2Processor.from_pretrained(folder))
        _check_that_it_sees(folder)
        processor = read_processor(folder)
        return TransformersSeer(
            load(folder, where.device, where.dtype, "nf4" if nf4 and _can_nf4() else None), processor
        )
    except (ArchitectureError, Unsuitable) as error:
        raise EngineError(
            f"{folder} holds no model that sees ({error}): give the folder of a vision-language model",
            "What should be my picture model cannot see pictures. Ask a caregiver to set up another one.",
        ) from error
    except (ModelError, RpiqError, OSError, ValueError, KeyError, RuntimeError) as error:
        said = " ".join(str(error).split())
        if isinstance(error.__cause__, ImportError):  # Qwen-VL's processor wants torchvision, for example
            raise EngineError(
                f"the picture model in {folder} needs a package that is not installed ({said}): pip install it",
                "A part of my picture model is missing. A caregiver must install it.",
            ) from error
        raise EngineError(
            f"cannot open the picture model in {folder} ({said}): run `assistant setup` with its profile",
            "My picture model is missing or damaged. A caregiver can mend it with: assistant setup.",
        ) from error


def _check_that_it_sees(folder: Path) -> None:
    """Unsuitable for a folder of another kind of model; one that cannot be read is told by whoever reads it."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError):
        return
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise Unsuitable(f"its config.json describes a model of type {config.model_type!r}, which takes no pictures")


def _card_is_small(folder: Path) -> bool:
    """Whether there is a GPU that cannot hold the whole model; then what looks at pictures is read from the files for each."""
    if not torch.cuda.is_available():
        return False
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return size + _FOR_A_PICTURE > torch.cuda.get_device_properties(0).total_memory


def _can_nf4() -> bool:
    if importlib.util.find_spec("bitsandbytes") is None:
        log.warning("the picture model is not in 4 bits, because bitsandbytes is missing: pip install bitsandbytes")
        return False
    return True
