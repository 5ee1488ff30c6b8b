"""The engines behind the assistant, as small Protocols. Which of them a machine uses: `engines/opening.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from assistant.picture.photo import Photo
from assistant.picture.readers import Readers
from assistant.sound.hearing.words import Recogniser
from assistant.sound.samples import Sound

__all__ = [
    "EVERYDAY",
    "AnswerStream",
    "EngineName",
    "Engines",
    "LanguageModel",
    "Recogniser",
    "Speaker",
    "Style",
    "VisionLanguageModel",
]


class Speaker(Protocol):
    """Text to speech."""

    def speak(self, text: str, speed: float) -> Iterator[Sound]:
        """One Sound for each sentence of `text`, as soon as it is made; `speed` 0.5 to 3 times the usual."""


class LanguageModel(Protocol):
    """A language model used as a judge: it scores texts and writes nothing."""

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-likelihood per token (nats) of each continuation after `prompt`."""


EngineName = Literal["recogniser", "speaker", "reader", "barcodes", "judge", "judge elsewhere", "eye"]
EVERYDAY: tuple[EngineName, ...] = ("recogniser", "speaker", "reader", "barcodes")
"""What nearly every question needs. The judge and the eye are opened only when a question does."""
Style = Literal["short", "chat"]
"""How a question is put to a model that sees: for a word or two, or for sentences."""


class AnswerStream(Protocol):
    """An answer while it is being written: an iterator over its pieces. It may be stopped from any thread."""

    def __iter__(self) -> Iterator[str]:
        """Itself."""

    def __next__(self) -> str:
        """The next piece, as soon as it is known; waits for it. What went wrong in the model is raised here."""

    def stop(self) -> None:
        """End it now: whoever waits for a piece is let go at once, and the model leaves off as soon as it can."""


class VisionLanguageModel(Protocol):
    """A model that sees the picture. It works in a thread of its own."""

    def ask(
        self, photo: Photo, question: str, history: Sequence[tuple[str, str]] = (), style: Style = "chat"
    ) -> AnswerStream:
        """The answer to `question` about `photo`, begun and not waited for; `history` holds earlier (question, answer) pairs."""


class Engines(Readers, Protocol):
    """All engines of one profile. Each is opened when it is first asked for, which raises EngineError where it is missing."""

    @property
    def recogniser(self) -> Recogniser: ...

    @property
    def speaker(self) -> Speaker: ...

    @property
    def judge(self) -> LanguageModel: ...

    @property
    def eye(self) -> VisionLanguageModel: ...

    @property
    def sees(self) -> bool:
        """Whether there is a model that sees."""

    @property
    def asks(self) -> str:
        """The other machine that is asked, by name or number; empty when nothing leaves this one."""

    def leave_off(self) -> None:
        """Nobody waits for the picture model any more; what it was writing ends."""

    def warm(self, names: Sequence[EngineName] = ...) -> None:
        """Open these engines, and run each once, so that the first question is not the slow one."""
