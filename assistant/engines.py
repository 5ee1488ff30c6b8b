"""The engines behind the assistant, as small Protocols. Which of them a machine uses: `profiles.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from assistant.barcode import Barcode
from assistant.eyes import Photo
from assistant.page import Page
from assistant.sound import Sound, Utterance


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


class BarcodeReader(Protocol):
    """Barcodes and QR codes."""

    def codes(self, photo: Photo) -> list[Barcode]:
        """Codes found in `photo`."""


class LanguageModel(Protocol):
    """A language model used as a judge: it scores texts and writes nothing."""

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-likelihood per token (nats) of each continuation after `prompt`."""


class VisionLanguageModel(Protocol):
    """A model that sees the picture. No profile has one yet: it comes with the CogVLM2 work."""

    def ask(self, photo: Photo, question: str, history: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Pieces of the answer as they are generated; `history` holds earlier (question, answer) pairs."""
