"""What is heard: the wake word, and a voice that begins, pauses, goes on and ends.

All times are seconds of one clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.sound.samples import Sound


@dataclass(frozen=True)
class Woken:
    """The wake word was heard."""

    at: float


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody speaks, for long enough to be a voice and no click."""

    at: float
    """When the voice began, which is a little before this was known."""


@dataclass(frozen=True)
class SpeechPaused:
    """The voice was silent for a moment. If it stays silent, `sound` is all that was said, so hearing may begin."""

    at: float
    """When the voice ended."""
    sound: Sound


@dataclass(frozen=True)
class SpeechResumed:
    """The voice goes on after a SpeechPaused: what was begun with its sound is not the whole."""

    at: float


@dataclass(frozen=True)
class SpeechEnded:
    """The voice is over, by silence or because it went on for too long. A SpeechPaused with the same sound came before."""

    at: float
    """When the voice ended."""
    sound: Sound


HeardEvent = Woken | SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded
