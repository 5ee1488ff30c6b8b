"""Rows to learn from: which covers, questions and prompts a step sees follows from the seed and the step's number alone.

So a run that was cut off goes on with what it would have seen. Drawing is in `covers.py`, tensors are made in `packing.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from PIL.Image import Image
from torch import Tensor
from torch.utils.data import Dataset

from models.cogvlm2 import CogVLM2Processor, Conversation, Turn
from models.cogvlm2.configuration import Template
from scripts.make.micro.asking import Asked, questions_about
from scripts.make.micro.books import Book, draw_book
from scripts.make.micro.covers import Printed, draw_cover
from scripts.make.micro.packing import Packed, pack
from scripts.make.micro.reading import printed_at

_CHAT = 0.25
"""Share of the questions that are put with the chat template; the others with that for short answers."""
_FOLLOWING = 0.1
"""Share of the questions that follow another one about the same cover."""


@dataclass(frozen=True)
class Cover:
    """A picture, what is on it, and one question of each category."""

    picture: Image
    book: Book
    printed: tuple[Printed, ...]
    asked: tuple[Asked, ...]


def make_cover(chance: random.Random, held_out: bool) -> Cover:
    """A cover by chance; `held_out`: with a title and an author that are never trained on."""
    book = draw_book(chance, held_out)
    picture, printed = draw_cover(book, chance)
    return Cover(picture, book, printed, tuple(questions_about(book, chance)))


@dataclass(frozen=True)
class Batch:
    """What one step learns from."""

    pixel_values: Tensor
    """float32 `[covers, 3, side, side]`."""
    printed: Tensor
    """float32 `[covers, rows, labels]`, as `reading.printed_at` has it."""
    packed: Packed | None
    """The questions; None in a step that only reads."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        packed = None if self.packed is None else self.packed.to(device)
        return Batch(self.pixel_values.to(device), self.printed.to(device), packed)


class Examples(Dataset[Batch]):
    """The batch of each step, by its number from 0."""

    def __init__(self, processor: CogVLM2Processor, rows: int, covers: int, reading_steps: int, seed: int) -> None:
        """rows: of image tokens; covers: in one batch; reading_steps: so many steps at the start ask nothing."""
        self._processor, self._rows, self._covers = processor, rows, covers
        self._reading_steps, self._seed = reading_steps, seed

    def __getitem__(self, step: int) -> Batch:
        chance = random.Random(f"train {self._seed} {step}")
        covers = [make_cover(chance, held_out=False) for _ in range(self._covers)]
        pixels = torch.stack([self._processor.pixels(cover.picture) for cover in covers])
        printed = printed_at([cover.printed for cover in covers], self._rows)
        asks = step >= self._reading_steps
        packed = pack(self._processor, [_conversations(cover, chance) for cover in covers]) if asks else None
        return Batch(pixels, printed, packed)


def _conversations(cover: Cover, chance: random.Random) -> list[Conversation]:
    conversations = []
    for asked in cover.asked:
        template: Template = "chat" if chance.random() < _CHAT else "vqa"
        before = chance.choice(cover.asked)
        history = (Turn(before.question, before.answer),) if chance.random() < _FOLLOWING else ()
        conversations.append(Conversation(asked.question, cover.picture, history, template, asked.answer))
    return conversations
