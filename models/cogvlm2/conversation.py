"""A conversation about at most one picture, and the words in which it is put to the model.

The prompts are the published ones: no system text, no chat headers, no space after the last colon. Tokens are made of them in
`processing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from models.cogvlm2.configuration import Template
from models.errors import PromptError

_ANSWER = {"chat": "Answer:", "vqa": "Short answer:"}


@dataclass(frozen=True)
class Turn:
    """A question that was answered."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """What is asked, and what was said before."""

    question: str
    image: Image | None = None
    """What the whole conversation is about."""
    history: tuple[Turn, ...] = ()
    """The oldest turn first."""
    template: Template | None = None
    """None: the model's own, which is chat."""
    answer: str | None = None
    """To be learned, in training."""

    def prompt(self, template: str) -> str:
        """The text that follows the image; `template` where the conversation names none. Base leaves the history out."""
        chosen = self.template or template
        if chosen == "base":
            return self.question
        if chosen not in _ANSWER:
            raise PromptError(f"there is no template {chosen!r}; use chat, vqa or base")
        ask = _ANSWER[chosen]
        past = "".join(f"Question: {turn.question} {ask} {turn.answer}\n" for turn in self.history)
        return f"{past}Question: {self.question} {ask}"

    @classmethod
    def from_messages(cls, messages: Sequence[Mapping[str, Any]], template: Template | None = None) -> Conversation:
        """From messages as chat models take them: roles user and assistant by turns, an answer to be learned at the end or not.

        A content is a text, or parts `{"type": "text", "text": ...}` and, as the very first of all, one
        `{"type": "image", "image": ...}`. PromptError when there is another image, or one elsewhere.
        """
        roles = [str(message.get("role")) for message in messages]
        if not roles or roles != [("user", "assistant")[index % 2] for index in range(len(roles))]:
            raise PromptError(
                f"roles are {', '.join(roles) or 'missing'}; let user and assistant take turns, user first"
            )
        parts = [_parts(message.get("content")) for message in messages]
        images = [
            (turn, place) for turn, row in enumerate(parts) for place, part in enumerate(row) if isinstance(part, Image)
        ]
        if len(images) > 1:
            raise PromptError(f"{len(images)} images in one conversation; CogVLM2 takes one, ask about each on its own")
        if images not in ([], [(0, 0)]):
            raise PromptError("the image is not at the start; put it first in the first message")
        image = parts[0].pop(0) if images else None
        texts = ["".join(str(part) for part in row) for row in parts]
        answer = texts.pop() if len(texts) % 2 == 0 else None
        turns = tuple(Turn(texts[at], texts[at + 1]) for at in range(0, len(texts) - 1, 2))
        return cls(texts[-1], image, turns, template, answer)


def _parts(content: object) -> list[Any]:
    """Texts and images of one message, in order."""
    if isinstance(content, str):
        return [content]
    found: list[Any] = []
    for part in content if isinstance(content, list | tuple) else [content]:
        kind = part.get("type") if isinstance(part, Mapping) else None
        value = part.get(str(kind)) if isinstance(part, Mapping) else None
        if not (kind == "text" and isinstance(value, str)) and not (kind == "image" and isinstance(value, Image)):
            raise PromptError("a message holds something else than texts and PIL images; convert it first")
        found.append(value)
    return found
