"""One thing that was said to the assistant, from its sound to its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent
from assistant.picture.looking import Seen
from assistant.sound.samples import Sound, Utterance


@dataclass
class Turn:
    """Something that was said to the assistant, on its way to an answer. It may be worked on ahead of its end."""

    sound: Sound | None
    called: bool
    """By the wake word, the button or in writing, or following an answer at once: it is meant for the assistant."""
    committed: bool = False
    """It is known to be whole; before that nothing of it may be noticed."""
    utterance: Utterance | None = None
    intent: Intent | None = None
    looked: bool = False
    """The picture was chosen; it is not looked for a second time, though the hand that holds it moves on."""
    seen: Seen | None = None
    """The picture it is answered from."""
    tries: int = 0
    """How often a better picture was asked for."""
    parts: list[Answer] = field(default_factory=list)
    given: int = 0
    """Parts that are being said."""
    complete: bool = False
    hearing: int | None = None
    thinking: int | None = None
    error: Exception | None = None
    """What went wrong ahead of its end."""
