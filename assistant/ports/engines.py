"""The engines behind the assistant, as small Protocols. Which of them a machine uses: `engines/opening.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from assistant.picture.barcode import Barcode
from assistant.picture.page import Box, Page
from assistant.picture.photo import Photo
from assistant.sound.samples import Sound, Utterance


class Recogniser(Protocol):
    """Speech to text."""

    def transcribe(self, sound: Sound) -> Utterance:
        """Words spoken in `sound`; an empty text when there are none."""


class Speaker(Protocol):
    """Text to speech."""

    def speak(self, text: str, speed: float) -> Iterator[Sound]:
        """One Sound for each sentence of `text`, as soon as it is made; `speed` 0.5 to 3 times the usual."""


class Reader(Protocol):
    """Optical character recognition."""

    def read(self, photo: Photo) -> Page:
        """Everything written in `photo`, in reading order, whichever way up it is."""


class TextFinder(Protocol):
    """Detection of text alone, quick enough to aim a camera by."""

    def detect(self, photo: Photo) -> list[Box]:
        """Where text lies, a box for each line, in pixels of `photo`; unread, so upside down does not matter."""


class BarcodeReader(Protocol):
    """Barcodes and QR codes."""

    def codes(self, photo: Photo) -> list[Barcode]:
        """Codes found in `photo`."""


class LanguageModel(Protocol):
    """A language model used as a judge: it scores texts and writes nothing."""

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-likelihood per token (nats) of each continuation after `prompt`."""


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
