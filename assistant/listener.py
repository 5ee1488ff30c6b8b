"""From what the microphone hears to events: echo taken away, the wake word, and where speech begins, pauses and ends.

Pure: it has no threads, devices or clock, so that a simulation can use it in counted time. The devices are in
`microphone.py` and `loudspeaker.py`; what is said in the speech finds out `ears.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray
from pywebrtc_audio import AudioProcessor, NoiseSuppressor

from assistant.events import Event, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted, Woken
from assistant.sound import HEARING_RATE, Sound
from assistant.wakeword import WakeWord

Samples = NDArray[np.float32]

STEP = HEARING_RATE // 100
"""Samples of 10 ms: what echo cancellation and the wake word take at a time."""
FRAME, CONTEXT, STATE = 512, 64, (1, 1, 128)
"""Samples that Silero judges at a time, those before them that it sees too, and the shape of each half of its memory."""
NOISE_LEVEL = 1
"""Noise suppression of 12 dB, for the voice detector alone: the recogniser knows noise better than what is left of it."""
AUDIBLE = 1e-4
"""What the loudspeaker plays is silence below this."""
ECHO_DELAY, NOISE_DELAY = 128, 96
"""Samples by which echo cancellation, and noise suppression after it, are late (measured with a click)."""


@dataclass(frozen=True)
class ListenerOptions:
    """When speech begins and ends. Times in seconds; probabilities are those of Silero."""

    start: float = 0.5
    """A frame at least this likely is voice."""
    start_playing: float = 0.5
    """The same while the assistant itself is heard: what is left of its voice is not to start speech."""
    stay: float = 0.35
    """Once somebody speaks, a frame less likely than this is silence."""
    onset_frames: int = 4
    """Frames of 32 ms of voice, on balance, that make speech; fewer are a click or a knock."""
    onset_frames_playing: int = 4
    """The same while the assistant itself is heard."""
    onset_frames_learning: int = 8
    """The same while the assistant is heard for the first time, and the echo of the room has yet to be learnt."""
    learning: float = 1.5
    """Sound of its own that it takes to learn the echo."""
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
    left_playing: float = -22.0
    """Decibels. A frame of which less than this is left, by the loudest 10 ms of the last second at the microphone, is
    no voice while the assistant itself is heard: echo cancellation leaves faint pieces that Silero takes for speech."""
    playing_tail: float = 0.4
    """For how long after the loudspeaker fell silent its echo may be heard."""


class Listener:
    """Hears one microphone. Not to be shared between threads."""

    def __init__(
        self,
        wake: WakeWord | None,
        echo: bool = True,
        options: ListenerOptions = ListenerOptions(),
    ) -> None:
        """`wake`: None to be always attentive. `echo`: whether the microphone may hear the loudspeaker."""
        self._options = options
        self._wake = wake
        self._echo = AudioProcessor(HEARING_RATE, 1, echo_cancellation=True, high_pass_filter=True) if echo else None
        self._delay = ECHO_DELAY if echo else 0
        self._played = 0
        self.reset()

    def reset(self) -> None:
        """Forget all sound. What is known of the room's echo stays: it holds no sound."""
        self._noise = NoiseSuppressor(HEARING_RATE, 1, NOISE_LEVEL)
        self._silero = _Silero()
        self._tape = _Tape(self._options.longest + self._options.lead + 2 * self._options.end)
        self._turn = _Turn(self._options, 0)
        self._recent: deque[_Frame] = deque(maxlen=self._options.wake_frames)
        self._unjudged = np.zeros(0, np.float32)
        self._silent_since = -HEARING_RATE
        self._loudest: deque[float] = deque(maxlen=HEARING_RATE // STEP)
        if self._wake:
            self._wake.reset()

    def hear(self, block: Samples, played: Samples, now: float) -> list[Event]:
        """What happened in `block`, which the microphone heard while the loudspeaker put out `played`.

        Both are `[n * 160]` at 16 kHz, zeros for silence. `now`: when the block ended, on the clock of the events.
        Errors: ValueError for other lengths.
        """
        if len(block) != len(played) or len(block) % STEP:
            raise ValueError(f"{len(block)} samples heard, {len(played)} played: want as many of both, and whole 10 ms")
        clear = self._echo.process(block, played) if self._echo else block
        quiet = self._noise.process(clear)
        events: list[Event] = []
        end = self._tape.end + len(block) + self._delay
        for at in range(0, len(block), STEP):
            step = slice(at, at + STEP)
            self._tape.append(clear[step])
            self._loudest.append(_level(block[step]))
            if np.abs(played[step]).max() > AUDIBLE:
                self._silent_since = self._tape.end
                self._played += STEP
            self._unjudged = np.concatenate((self._unjudged, quiet[step]))
            happened = [*self._judged(), *(self._woken() if self._wake and self._wake.heard(clear[step]) else ())]
            events += [self._event(each, now - (end - position) / HEARING_RATE) for each, position in happened]
        return events

    def _judged(self) -> Iterator[_Happening]:
        """What the next frame of Silero shows, if there is sound enough for one."""
        if len(self._unjudged) < FRAME:
            return
        samples, self._unjudged = self._unjudged[:FRAME], self._unjudged[FRAME:]
        options, likely = self._options, self._silero(samples)
        end = self._tape.end - len(self._unjudged) - NOISE_DELAY
        if self._echo is None or end - self._silent_since > options.playing_tail * HEARING_RATE:
            frame = _Frame(end, likely, options.start, options.onset_frames)
        else:
            if _level(samples) < max(self._loudest) + options.left_playing:
                likely = 0.0
            learning = self._played < options.learning * HEARING_RATE
            onset_frames = options.onset_frames_learning if learning else options.onset_frames_playing
            frame = _Frame(end, likely, options.start_playing, onset_frames)
        self._recent.append(frame)
        yield from self._turn.judge(frame)

    def _woken(self) -> Iterator[_Happening]:
        """The wake word, and the voice that already goes on after it; what was said before is no part of it."""
        yield "woken", self._tape.end
        cut = self._tape.end - round(self._options.wake_cut * HEARING_RATE)
        self._turn = _Turn(self._options, max(0, cut))
        for frame in self._recent:
            yield from self._turn.judge(frame)

    def _event(self, what: _What, at: float) -> Event:
        match what:
            case "woken":
                return Woken(at)
            case "started":
                return SpeechStarted(at)
            case "resumed":
                return SpeechResumed(at)
            case "paused":
                self._said = Sound(self._tape.cut(self._turn.first, self._turn.last), HEARING_RATE)
                return SpeechPaused(at, self._said)
            case "ended":
                said, self._said = self._said, _NOTHING
                return SpeechEnded(at, said)


_What = Literal["woken", "started", "paused", "resumed", "ended"]
_Happening = tuple[_What, int]
"""What happened, and where on the tape."""
_NOTHING = Sound(np.zeros(0, np.float32), HEARING_RATE)


@dataclass(frozen=True)
class _Frame:
    """Silero's judgement of 32 ms."""

    end: int
    """Where on the tape it ends."""
    likely: float
    """Probability of voice."""
    start: float
    """The probability from which it is voice."""
    onset_frames: int
    """How many of these make speech."""


class _Turn:
    """Where one stretch of speech begins, pauses, goes on and ends; positions are samples on the tape."""

    def __init__(self, options: ListenerOptions, floor: int) -> None:
        """Sound before `floor` belongs to something else."""
        self._options = options
        self._begin(floor)

    def _begin(self, floor: int) -> None:
        self._floor = floor
        self._voiced = 0  # frames of voice on balance before speech has started, in a row while it is paused
        self._onset = self._voice_end = floor
        self._state: Literal["silent", "speaking", "paused"] = "silent"
        self.first = self.last = floor
        """The stretch of tape that holds what was said, known from the pause on."""

    def judge(self, frame: _Frame) -> Iterator[_Happening]:
        """What happened up to the end of `frame`, which follows the one judged before."""
        if self._state == "silent":
            yield from self._wait(frame)
            return
        if self._state == "speaking":
            if frame.likely >= self._options.stay:
                self._voice_end = frame.end
            elif self._silence(frame) >= self._options.pause:
                yield from self._pause(frame)
        elif frame.likely >= frame.start:
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

    def _wait(self, frame: _Frame) -> Iterator[_Happening]:
        if frame.likely < frame.start:
            self._voiced = max(0, self._voiced - 1)
            return
        if not self._voiced:
            self._onset = frame.end - FRAME
        self._voiced += 1
        if self._voiced >= frame.onset_frames:
            self._state, self._voice_end = "speaking", frame.end
            yield "started", self._onset

    def _silence(self, frame: _Frame) -> float:
        """Seconds since the voice ended, to the nearest frame."""
        return (frame.end - self._voice_end + FRAME / 2) / HEARING_RATE

    def _pause(self, frame: _Frame) -> Iterator[_Happening]:
        self._state, self._voiced = "paused", 0
        lead = round(self._options.lead * HEARING_RATE)
        self.first, self.last = max(self._floor, self._onset - lead), frame.end
        yield "paused", self._voice_end

    def _end(self, floor: int) -> Iterator[_Happening]:
        yield "ended", self._voice_end
        self._begin(floor)


def _level(samples: Samples) -> float:
    """Root mean square in decibels of full scale."""
    return float(10 * np.log10(np.mean(samples * samples) + 1e-12))


class _Silero:
    """Silero's voice detector (v6, which faster-whisper carries), a frame at a time."""

    def __init__(self) -> None:
        self._session = get_vad_model().session
        self._window = np.zeros((1, CONTEXT + FRAME), np.float32)
        self._h = self._c = np.zeros(STATE, np.float32)

    def __call__(self, frame: Samples) -> float:
        """Probability of voice in the `[512]` samples that follow those of the last call."""
        self._window = np.concatenate((self._window[:, -CONTEXT:], frame[None]), axis=1)
        inputs = {"input": self._window, "h": self._h, "c": self._c}
        likely, self._h, self._c = self._session.run(None, inputs)
        return float(likely.squeeze())


class _Tape:
    """The last seconds of sound, found by their position since the beginning."""

    def __init__(self, seconds: float) -> None:
        self._samples = np.zeros(round(seconds * HEARING_RATE), np.float32)
        self.end = 0
        """Samples that were appended so far."""

    def append(self, block: Samples) -> None:
        at = np.arange(self.end, self.end + len(block)) % len(self._samples)
        self._samples[at] = block
        self.end += len(block)

    def cut(self, first: int, last: int) -> Samples:
        """A copy of the samples from `first` up to `last`, as far as they are still there."""
        first = max(first, 0, self.end - len(self._samples))
        return self._samples[np.arange(first, min(last, self.end)) % len(self._samples)]
