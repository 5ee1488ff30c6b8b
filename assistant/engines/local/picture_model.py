"""The assistant's eye: a vision-language model asked in a thread of its own, so that it can be stopped at any moment.

Pieces of the answer go through a queue (`streamed_answer.py`), and every module of the model looks at a flag before it computes. How the
families of models are asked is in `families.py`, what is asked and what becomes of the answer in `mind/answering`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import nn

from assistant.engines.local.streamed_answer import Answering, StoppedError
from assistant.errors import AssistantError, EngineError, QuestionError
from assistant.picture.photo import Photo
from assistant.ports.engines import Style
from models.errors import PromptError


class Seer(Protocol):
    """A model with its way of being asked. It knows nothing of threads."""

    @property
    def model(self) -> nn.Module:
        """Of which every module will be watched."""

    def write(
        self,
        image: Image.Image,
        question: str,
        history: Sequence[tuple[str, str]],
        style: Style,
        tell: Callable[[str], None],
    ) -> None:
        """Write the answer and `tell` it piece by piece; `tell`, and any module of the model, may raise StoppedError.

        PromptError when the question alone is longer than the model's context.
        """


class SeeingModel:
    """One model that sees, answering one question at a time (Protocol `VisionLanguageModel`)."""

    def __init__(self, seer: Seer) -> None:
        self._seer = seer
        self._turn = threading.Lock()
        self._now: Answering | None = None
        for module in seer.model.modules():
            if next(module.children(), None) is None:
                module.register_forward_pre_hook(self._look_up)

    def ask(
        self, photo: Photo, question: str, history: Sequence[tuple[str, str]] = (), style: Style = "chat"
    ) -> Answering:
        """As `VisionLanguageModel`; an answer that is still being written when another question comes is finished first.

        From the stream: QuestionError when the question is too long for the model, EngineError when it fails.
        """
        answering = Answering()
        image = Image.fromarray(photo.pixels)
        turns = tuple(history)
        answering.begin("seeing", lambda: self._write(answering, image, question, turns, style), _explained)
        return answering

    def _write(
        self,
        answering: Answering,
        image: Image.Image,
        question: str,
        history: Sequence[tuple[str, str]],
        style: Style,
    ) -> None:
        with self._turn:
            self._now = answering
            try:
                if not answering.stopped:
                    self._seer.write(image, question, history, style, answering.tell)
            finally:
                self._now = None

    def _look_up(self, *_: object) -> None:
        """Before a module computes. Modules without parts of their own are the finest steps there are."""
        if self._now is not None and self._now.stopped:
            raise StoppedError


def open_eye(folder: Path, threads: int, nf4: bool = False) -> SeeingModel:
    """The model that sees in `folder`, on the GPU where there is one. `threads` as of PyTorch, for the whole process.

    nf4: quantize it while it is loaded, if it is not in 4 bits and bitsandbytes is installed.
    EngineError when the folder does not hold a model that can be opened, or one that does not see.
    """
    from assistant.engines.local.families import open_seer

    torch.set_num_threads(threads)
    return SeeingModel(open_seer(folder, nf4))


def _explained(error: Exception) -> Exception:
    """What can be mended as an error of the assistant; a mistake of ours as it is."""
    if isinstance(error, AssistantError):
        return error
    if isinstance(error, PromptError):
        return QuestionError(f"the picture model cannot take the question: {error}", "Ask a shorter question.")
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return EngineError(
            f"the picture model ran out of memory ({error}): close other programs, or use a smaller profile",
            "There is too little memory for the picture model. Close other programs.",
        )
    return error
