"""The assistant's eye: a vision-language model asked in a thread of its own, so that it can be stopped at any moment.

Pieces of the answer go through a queue, and every module of the model looks at a flag before it computes. How the families of
models are asked is in `seers.py`, what is asked and what becomes of the answer in `ask.py`.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

import torch
from PIL import Image
from torch import nn

from assistant.engines import Style
from assistant.errors import AssistantError, EngineError, QuestionError
from assistant.eyes import Photo
from models.errors import PromptError

_LEAVE_SECONDS = 3.0
"""Most that the end of the program waits for models to leave off; they take a tenth of a second, a busy machine longer."""


class StoppedError(Exception):
    """Nobody wants this answer any more; raised inside the model and caught around it."""


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


class Answering:
    """An answer while it is being written (Protocol `AnswerStream`)."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[str | Exception | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._over = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = None if self._over else self._pieces.get()
        if piece is None or self.stopped:
            self._over = True
            raise StopIteration
        if isinstance(piece, Exception):
            self._over = True
            raise piece
        return piece

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """As `AnswerStream`."""
        self._stopped.set()
        self._pieces.put(None)

    def tell(self, piece: str) -> None:
        """For the thread that writes: one piece more."""
        if self.stopped:
            raise StoppedError
        if piece:
            self._pieces.put(piece)

    def leave(self, error: Exception | None = None) -> None:
        """For the thread that writes: there will be no more, and why if it should be more."""
        self._pieces.put(error)
        self._left.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the model has left off, which after `stop` may be a little later; whether it has."""
        return self._left.wait(seconds)


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
        arguments = (answering, Image.fromarray(photo.pixels), question, tuple(history), style)
        _unfinished.add(answering)
        # Whoever ends the program does not wait for an answer.
        threading.Thread(target=self._work, args=arguments, name="seeing", daemon=True).start()
        return answering

    def _work(
        self,
        answering: Answering,
        image: Image.Image,
        question: str,
        history: Sequence[tuple[str, str]],
        style: Style,
    ) -> None:
        failure: Exception | None = None
        with self._turn:
            self._now = answering
            try:
                if not answering.stopped:
                    self._seer.write(image, question, history, style, answering.tell)
            except StoppedError:
                pass
            except Exception as error:  # raised again where the answer is read
                failure = _explained(error)
            finally:
                self._now = None
        answering.leave(failure)
        _unfinished.discard(answering)

    def _look_up(self, *_: object) -> None:
        """Before a module computes. Modules without parts of their own are the finest steps there are."""
        if self._now is not None and self._now.stopped:
            raise StoppedError


_unfinished: set[Answering] = set()


def stop_all() -> None:
    """End every answer that is being written."""
    for answering in tuple(_unfinished):
        answering.stop()


def _leave_off() -> None:
    """At the end of the program: a thread that is still computing then would tear the process down with an abort."""
    stop_all()
    for answering in tuple(_unfinished):
        answering.wait(_LEAVE_SECONDS)


atexit.register(_leave_off)


def open_eye(folder: Path, threads: int, nf4: bool = False) -> SeeingModel:
    """The model that sees in `folder`, on the GPU where there is one. `threads` as of PyTorch, for the whole process.

    nf4: quantize it while it is loaded, if it is not in 4 bits and bitsandbytes is installed.
    EngineError when the folder does not hold a model that can be opened, or one that does not see.
    """
    from assistant.seers import open_seer

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
