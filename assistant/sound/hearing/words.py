"""From a sound to the words that were said in it, by whichever recogniser there is."""

from __future__ import annotations

from typing import Protocol

from assistant.errors import SoundError
from assistant.sound.samples import Sound, Utterance


class Recogniser(Protocol):
    """Speech to text."""

    def transcribe(self, sound: Sound) -> Utterance:
        """Words spoken in `sound`; an empty text when there are none."""


def hear(sound: Sound, recogniser: Recogniser) -> Utterance:
    """The question spoken in `sound`.

    Errors: SoundError when nobody speaks in it.
    """
    utterance = recogniser.transcribe(sound)
    if not utterance.text:
        raise SoundError(
            f"no speech in {sound.seconds:.1f} s of sound: check the microphone and speak nearer to it",
            "I heard nothing. Please ask again, a little nearer to the microphone.",
        )
    return utterance
