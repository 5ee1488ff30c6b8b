"""Where speech begins, pauses, goes on and ends, from how likely each 32 ms are to be voice.

How likely they are, and what was said, is found out by `listener.py` and `recogniser.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.sound.samples import HEARING_RATE

FRAME = 512
"""Samples that are judged at a time."""

What = Literal["woken", "started", "paused", "resumed", "ended"]
Happening = tuple[What, int]
"""What happened, and where on the tape."""


@dataclass(frozen=True)
class ListenerOptions:
    """When speech begins and ends. Times in seconds; probabilities are those of Silero."""

    start: float = 0.5
    """A frame at least this likely is voice."""
    stay: float = 0.35
    """Once somebody speaks, a frame less likely than this is silence."""
    onset_frames: int = 4
    """Frames of 32 ms of voice, on balance, that make speech; fewer are a click or a knock."""
    onset_frames_playing: int = 3
    """The same while the assistant itself is heard: what is left of its voice is kept out by `left` and `alike`."""
    resume_frames: int = 2
    """Frames of voice in a row that end a pause."""
    pause: float = 0.1
    """Silence after which speech has paused, so that hearing may begin. A false pause costs one hearing in vain: with 0.1 there
    were 4 in 54 questions and 14 in 28 recordings read aloud, with 0.2 there were 3 and 10, and as many words misheard."""
    end: float = 0.6
    """Silence after which speech is over (0.5 to 0.7)."""
    lead: float = 0.3
    """Sound kept from before the voice."""
    longest: float = 30.0
    """Speech is over after this time even if nobody falls silent: it is a television."""
    wake_cut: float = 0.2
    """Sound kept from before the moment at which the wake word is recognised, which is 0.07 to 0.25 s after its end."""
    wake_frames: int = 2
    """Frames before that moment that may be voice of what follows the word in one breath."""
    left: float = -20.0
    """Decibels. While the assistant itself is heard, a frame of which less is left, by the loudest 10 ms of the last second
    at the microphone, is no voice: echo cancellation leaves faint pieces that Silero takes for speech."""
    alike: float = 0.35
    """Speech does not start with a sound so much like what was just played (1 is the same): it is the echo of a room that has
    yet to be learnt. The seven echoes that got so far were at 0.40 to 0.71, 98 of 100 stretches of real voices below 0.33."""
    playing_tail: float = 0.4
    """For how long after the loudspeaker fell silent its echo may be heard."""
    echo_rest: float = 5.0
    """Echo cancellation rests so long after the loudspeaker fell silent, until it sounds again."""


@dataclass(frozen=True)
class Frame:
    """Silero's judgement of 32 ms."""

    end: int
    """Where on the tape it ends."""
    likely: float
    """Probability of voice."""
    playing: bool
    """Whether the assistant itself may be heard."""


class Speech:
    """Where one stretch of speech begins, pauses, goes on and ends; positions are samples on the tape."""

    def __init__(self, options: ListenerOptions, floor: int, is_echo: Callable[[int, int], bool]) -> None:
        """Sound before `floor` belongs to something else. `is_echo`: whether a stretch of tape is the assistant's own voice."""
        self._options = options
        self._is_echo = is_echo
        self.first = self.last = floor
        """The stretch of tape that holds what was said, known from the pause on."""
        self._begin(floor)

    def _begin(self, floor: int) -> None:
        self._floor = floor
        self._voiced = 0  # frames of voice on balance before speech has started, in a row while it is paused
        self._onset = self._voice_end = floor
        self._state: Literal["silent", "speaking", "paused"] = "silent"

    def judge(self, frame: Frame) -> Iterator[Happening]:
        """What happened up to the end of `frame`, which follows the one judged before."""
        if self._state == "silent":
            yield from self._wait(frame)
            return
        if self._state == "speaking":
            if frame.likely >= self._options.stay:
                self._voice_end = frame.end
            elif self._silence(frame) >= self._options.pause:
                yield from self._pause(frame)
        elif frame.likely >= self._options.start:
            self._voiced += 1
            if self._voiced >= self._options.resume_frames:
                self._state, self._voice_end = "speaking", frame.end
                yield "resumed", frame.end - self._voiced * FRAME
        else:
            self._voiced = 0
            if self._silence(frame) >= self._options.end:
                yield from self._end(self._voice_end)
                return
        if frame.end - self._onset >= self._options.longest * HEARING_RATE:
            if self._state == "speaking":
                yield from self._pause(frame)
            yield from self._end(frame.end)

    def _wait(self, frame: Frame) -> Iterator[Happening]:
        if frame.likely < self._options.start:
            self._voiced = max(0, self._voiced - 1)
            return
        if not self._voiced:
            self._onset = frame.end - FRAME
        self._voiced += 1
        needed = self._options.onset_frames_playing if frame.playing else self._options.onset_frames
        if self._voiced < needed:
            return
        if frame.playing and self._is_echo(self._onset, frame.end):
            self._voiced = 0
            return
        self._state, self._voice_end = "speaking", frame.end
        yield "started", self._onset

    def _silence(self, frame: Frame) -> float:
        """Seconds since the voice ended, to the nearest frame."""
        return (frame.end - self._voice_end + FRAME / 2) / HEARING_RATE

    def _pause(self, frame: Frame) -> Iterator[Happening]:
        self._state, self._voiced = "paused", 0
        lead = round(self._options.lead * HEARING_RATE)
        self.first, self.last = max(self._floor, self._onset - lead), frame.end
        yield "paused", self._voice_end

    def _end(self, floor: int) -> Iterator[Happening]:
        yield "ended", self._voice_end
        self._begin(floor)
