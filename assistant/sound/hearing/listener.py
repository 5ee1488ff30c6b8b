"""From what the microphone hears to events: echo taken away, the wake word, and where speech begins, pauses and ends.

Pure: it has no threads, devices or clock, so that a simulation can use it in counted time. The devices are in
`microphone.py` and `loudspeaker.py`; what is said in the speech finds out `recogniser.py`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray
from pywebrtc_audio import NoiseSuppressor

from assistant.settings.preferences import Listening
from assistant.sound.hearing.echo import AUDIBLE, ECHO_DELAY, EchoCanceller
from assistant.sound.hearing.events import HeardEvent, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted, Woken
from assistant.sound.hearing.speech import FRAME, Frame, Happening, ListenerOptions, Speech, What
from assistant.sound.hearing.wakeword import SENSITIVITIES, WakeWord
from assistant.sound.samples import HEARING_RATE, Sound
from assistant.sound.tape import Tape, likeness

Samples = NDArray[np.float32]

STEP = HEARING_RATE // 100
"""Samples of 10 ms: what echo cancellation and the wake word take at a time."""
CONTEXT, STATE = 64, (1, 1, 128)
"""Samples before those that Silero judges that it sees too, and the shape of each half of its memory."""
NOISE_LEVEL = 1
"""Noise suppression of 12 dB, for the voice detector alone: the recogniser knows noise better than what is left of it."""
NOISE_DELAY = 96
"""Samples by which noise suppression is late (measured with a click)."""
ECHO_SECONDS = 0.4
"""What was played in the time before may be heard as echo: the devices' own delay, the way through the air, the room."""

_NOTHING = Sound(np.zeros(0, np.float32), HEARING_RATE)
_USUAL = ListenerOptions()


class Listener:
    """Hears one microphone. Not to be shared between threads."""

    def __init__(
        self,
        wake: WakeWord | None,
        echo: bool = True,
        options: ListenerOptions = _USUAL,
    ) -> None:
        """`wake`: None to be always attentive. `echo`: whether the microphone may hear the loudspeaker."""
        self._options = options
        self._wake = wake
        self._echo = EchoCanceller(options.echo_rest) if echo else None
        self._delay = ECHO_DELAY if echo else 0
        self.reset()

    @classmethod
    def chosen(cls, listening: Listening) -> Listener:
        """One that listens as the user prefers."""
        wake = WakeWord(listening.wake_word, SENSITIVITIES[listening.sensitivity]) if listening.mode == "wake" else None
        return cls(wake, listening.echo_cancellation, ListenerOptions(end=listening.end_silence_seconds))

    def reset(self) -> None:
        """Forget all sound. What is known of the room's echo stays: it holds no sound."""
        if self._echo:
            self._echo.reset()
        self._noise = NoiseSuppressor(HEARING_RATE, 1, NOISE_LEVEL)
        self._silero = _Silero()
        self._tape = Tape(self._options.longest + self._options.lead + 2 * self._options.end)
        self._played = Tape(1.0 + ECHO_SECONDS)
        self._speech = Speech(self._options, 0, self._is_echo)
        self._recent: deque[Frame] = deque(maxlen=self._options.wake_frames)
        self._unjudged = np.zeros(0, np.float32)
        self._said = _NOTHING
        self._silent_since = -HEARING_RATE
        self._loudest: deque[float] = deque(maxlen=HEARING_RATE // STEP)
        if self._wake:
            self._wake.reset()

    def hear(self, block: Samples, played: Samples, now: float) -> list[HeardEvent]:
        """What happened in `block`, which the microphone heard while the loudspeaker put out `played`.

        Both are `[n * 160]` at 16 kHz, zeros for silence. `now`: when the block ended, on the clock of the events.
        Errors: ValueError for other lengths.
        """
        if len(block) != len(played) or len(block) % STEP:
            raise ValueError(f"{len(block)} samples heard, {len(played)} played: want as many of both, and whole 10 ms")
        clear = self._echo.process(block, played) if self._echo else block
        quiet = self._noise.process(clear)
        events: list[HeardEvent] = []
        sounds = bool(np.abs(played).max(initial=0.0) > AUDIBLE)
        end = self._tape.end + len(block) + self._delay
        for at in range(0, len(block), STEP):
            step = slice(at, at + STEP)
            self._tape.append(clear[step])
            self._played.append(played[step])
            self._loudest.append(_energy(block[step]))
            if sounds and np.abs(played[step]).max() > AUDIBLE:
                self._silent_since = self._tape.end
            self._unjudged = np.concatenate((self._unjudged, quiet[step]))
            for what, position in self._happenings(clear[step]):
                events.append(self._event(what, now - (end - position) / HEARING_RATE))
        return events

    def _happenings(self, step: Samples) -> Iterator[Happening]:
        yield from self._judged()
        if self._wake and self._wake.heard(step):
            yield from self._woken()

    def _judged(self) -> Iterator[Happening]:
        """What the next frame of Silero shows, if there is sound enough for one.

        It sees every frame: what it says of one depends on all that it has seen, also on silence many seconds before.
        """
        if len(self._unjudged) < FRAME:
            return
        samples, self._unjudged = self._unjudged[:FRAME], self._unjudged[FRAME:]
        options, likely = self._options, self._silero(samples)
        end = self._tape.end - len(self._unjudged) - NOISE_DELAY
        playing = self._echo is not None and end - self._silent_since < options.playing_tail * HEARING_RATE
        if playing and _decibels(_energy(samples)) < _decibels(max(self._loudest)) + options.left:
            likely = 0.0
        frame = Frame(end, likely, playing)
        self._recent.append(frame)
        yield from self._speech.judge(frame)

    def _woken(self) -> Iterator[Happening]:
        """The wake word, and the voice that already goes on after it; what was said before is no part of it."""
        yield "woken", self._tape.end
        self._said = _NOTHING
        cut = self._tape.end - round(self._options.wake_cut * HEARING_RATE)
        self._speech = Speech(self._options, max(0, cut), self._is_echo)
        for frame in self._recent:
            yield from self._speech.judge(frame)

    def _is_echo(self, first: int, last: int) -> bool:
        """Whether the tape from `first` to `last` is what the loudspeaker played a moment before."""
        first = max(first, last - HEARING_RATE)
        before = self._played.cut(first - round(ECHO_SECONDS * HEARING_RATE), last)
        return likeness(self._tape.cut(first, last), before) > self._options.alike

    def _event(self, what: What, at: float) -> HeardEvent:
        match what:
            case "woken":
                return Woken(at)
            case "started":
                return SpeechStarted(at)
            case "resumed":
                return SpeechResumed(at)
            case "paused":
                self._said = Sound(self._tape.cut(self._speech.first, self._speech.last), HEARING_RATE)
                return SpeechPaused(at, self._said)
            case "ended":
                said, self._said = self._said, _NOTHING
                return SpeechEnded(at, said)


def _energy(samples: Samples) -> float:
    """Mean square."""
    return float(np.dot(samples, samples)) / len(samples)


def _decibels(energy: float) -> float:
    """Of full scale, of a mean square."""
    return 10 * math.log10(energy + 1e-12)


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
