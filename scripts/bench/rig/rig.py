"""The real conversation on virtual devices, with a log of everything that happens and when.

Only the microphone, the loudspeaker and the camera's sensor are not real: Conversation, SoundCard, Listener, WatchedCamera and
all engines are those of `assistant listen`. Both ways of working (ahead of the end of speech, or not) share them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np

from assistant.conversation.running import Conversation, Outside
from assistant.devices.camera import WatchedCamera
from assistant.devices.soundcard import SoundCard
from assistant.engines.opening import ProfileEngines
from assistant.errors import CameraError
from assistant.picture.page import Page
from assistant.picture.photo import Photo
from assistant.picture.readers import Reader
from assistant.ports.engines import LanguageModel, Recogniser, Speaker
from assistant.ports.events import Event, Pressed, Quit, SpeechEnded, Typed
from assistant.settings.preferences import Preferences
from assistant.sound.hearing.listener import Listener
from assistant.sound.hearing.speech import ListenerOptions
from assistant.sound.hearing.wakeword import WakeWord
from assistant.sound.samples import Sound, Utterance
from scripts.bench.rig.questions import Question, Spoken
from scripts.bench.rig.recording import Track, track
from tests.assistant.devices.pulse import PulseServer

FRAMES_A_SECOND = 30
"""Of the sensor; the camera decodes ten of them a second."""
NOISE = 2.0
"""Of the sensor: standard deviation of each pixel, of 255."""
NOISY_FRAMES = 8
SETTLING = 2.5
"""Seconds before a question about another picture, in which the camera forgets the last one."""
AFTER_PRESS = 0.5
"""Seconds from the button to the voice: its earcon is over."""
LONGEST_ANSWER = 12.0
"""Seconds after the end of speech; what is longer is stopped, and has no time of its end."""


@dataclass(frozen=True)
class Logged:
    """One thing that happened."""

    at: float
    kind: str
    """event, note, play, cue, or model."""
    name: str
    value: Any = None
    """The event, the words, the sound, or the time at which the model was done."""


class Log(list[Logged]):
    """Everything that happened, from any thread."""

    def add(self, kind: str, name: str, value: Any = None, at: float | None = None) -> None:
        self.append(Logged(time.monotonic() if at is None else at, kind, name, value))


class _Events(SimpleQueue[Event]):
    """The queue of one conversation, which writes down what is put into it."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def put(self, item: Event, block: bool = True, timeout: float | None = None) -> None:
        self._log.add("event", type(item).__name__, item)
        super().put(item)


class _Loudspeaker:
    """`ports.Loudspeaker` that writes down what it is given."""

    def __init__(self, real: Any, log: Log) -> None:
        self._real, self._log = real, log

    def play(self, sound: Sound) -> int:
        self._log.add("play", "", sound)
        return int(self._real.play(sound))

    def cue(self, sound: Sound) -> None:
        self._log.add("cue", "", sound)
        self._real.cue(sound)

    def pause(self) -> None:
        self._real.pause()

    def resume(self) -> None:
        self._real.resume()

    def stop(self) -> None:
        self._real.stop()

    @property
    def volume(self) -> float:
        return float(self._real.volume)

    @volume.setter
    def volume(self, value: float) -> None:
        self._real.volume = value


class TimedEngines(ProfileEngines):
    """ProfileEngines that write down when each of them worked."""

    log: Log

    @property
    def recogniser(self) -> Recogniser:
        return _Timed(super().recogniser, self.log)

    @property
    def reader(self) -> Reader:
        return _Timed(super().reader, self.log)

    @property
    def speaker(self) -> Speaker:
        return _Timed(super().speaker, self.log)

    @property
    def judge(self) -> LanguageModel:
        return _Timed(super().judge, self.log)


class _Timed:
    def __init__(self, real: Any, log: Log) -> None:
        self._real, self._log = real, log

    def _time(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return work()
        finally:
            self._log.add("model", name, time.monotonic(), began)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def transcribe(self, sound: Sound) -> Utterance:
        heard: Utterance = self._time("hear", lambda: self._real.transcribe(sound))
        return heard

    def read(self, photo: Photo) -> Page:
        page: Page = self._time("read", lambda: self._real.read(photo))
        return page

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        scores: list[float] = self._time("judge", lambda: self._real.score(prompt, continuations))
        return scores

    def speak(self, text: str, speed: float) -> Iterator[Sound]:
        sounds = self._real.speak(text, speed)
        while (sound := self._time("speak", lambda: next(sounds, None))) is not None:
            yield sound


class Sensor:
    """A `sources.Source` that sees what it is shown, as compressed frames with a sensor's noise, all in memory."""

    live = True

    def __init__(self) -> None:
        self._frames = [np.zeros(0, np.uint8)]
        self.show(Photo(np.full((480, 640, 3), 128, np.uint8)))

    def show(self, photo: Photo) -> None:
        """From the next frame on."""
        random = np.random.default_rng(0)
        bgr = photo.pixels[..., ::-1].astype(np.float32)
        noisy = [bgr + NOISE * random.standard_normal(bgr.shape, np.float32) for _ in range(NOISY_FRAMES)]
        self._frames = [
            cv2.imencode(".jpg", np.clip(np.rint(each), 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            for each in noisy
        ]

    def open(self) -> Sensor:
        self._turn, self._next = 0, time.monotonic()
        return self

    def grab(self) -> bool:
        self._next += 1 / FRAMES_A_SECOND
        time.sleep(max(0.0, self._next - time.monotonic()))
        return True

    def retrieve(self) -> tuple[bool, Any]:
        self._turn += 1
        return True, cv2.imdecode(self._frames[self._turn % NOISY_FRAMES], cv2.IMREAD_COLOR)

    def release(self) -> None:
        """Nothing to let go of."""

    def lost(self) -> CameraError:
        return CameraError("the sensor of the bench is gone: a mistake in the bench", "The camera is gone.")

    def missing(self) -> bool:
        return False


@dataclass(frozen=True)
class Observed:
    """What one question brought about."""

    question: Question
    spoken: Spoken
    began: float
    """When the player of the question was started."""
    over: float
    """When the answer was over, or no longer waited for."""
    answered: bool
    """Whether the answer ended by itself."""
    air: Track
    heard: Track
    """What the loudspeaker played."""
    log: tuple[Logged, ...]


@dataclass
class _Way:
    """One way of working: a conversation with its queue."""

    events: _Events
    conversation: Conversation
    thread: threading.Thread = field(init=False)


class Rig:
    """Conversations on one sound card and one camera, one for each way of working; one at a time is attended to."""

    def __init__(
        self, pulse: PulseServer, engines: TimedEngines, preferences: Preferences, ways: dict[str, bool]
    ) -> None:
        """`ways`: by their names, whether they work ahead of the end of speech."""
        self.log = engines.log
        self._pulse = pulse
        self._preferences = preferences
        self._current = next(iter(ways))
        self.sensor = Sensor()
        listening = preferences.listening
        self.end_silence = listening.end_silence_seconds
        self.listener = Listener(
            WakeWord(listening.wake_word),
            listening.echo_cancellation,
            ListenerOptions(end=listening.end_silence_seconds),
        )
        self.card = SoundCard(self.listener, self._report)
        self.card.start()
        self.camera = WatchedCamera(self.sensor, self._report, time.monotonic)
        self._ways = {name: self._way(engines, ahead) for name, ahead in ways.items()}

    def _way(self, engines: TimedEngines, ahead: bool) -> _Way:
        events = _Events(self.log)
        outside = Outside(
            events=events,
            loudspeaker=_Loudspeaker(self.card.loudspeaker, self.log),
            camera=self.camera,
            forget_sound=self.card.forget,
            save=lambda seen, words: "",
            remember=lambda preferences: None,
            look_around=lambda: None,
        )
        note = lambda kind, text: self.log.add("note", kind, text)  # noqa: E731
        return _Way(events, Conversation(engines, self._preferences, outside, note, ahead))

    def _report(self, event: Event) -> None:
        self._ways[self._current].events.put(event)

    def start(self) -> None:
        """Make what is said often, and say hello, in each way."""
        for name, way in self._ways.items():
            self._current = name
            way.conversation.warm()
            way.thread = threading.Thread(target=way.conversation.run, name=name, daemon=True)
            way.thread.start()
            _wait(lambda way=way: self._rests(way), 20.0)

    def close(self) -> None:
        """End all conversations and let go of the devices."""
        for way in self._ways.values():
            way.events.put(Quit(time.monotonic()))
            way.thread.join(5.0)
        self.camera.close()
        self.card.close()

    def begin(self, way: str, photo: Photo) -> None:
        """From now on in this way, about this picture; nothing goes on of what was before."""
        self._ways[self._current].events.put(Typed(time.monotonic(), "stop"))
        self._current = way
        self.sensor.show(photo)
        self._report(Typed(time.monotonic(), "stop"))
        time.sleep(SETTLING)

    def ask(self, question: Question, spoken: Spoken) -> Observed:
        """Press the button, say it, and wait for the answer; what is to interrupt is said into a reading, without a button."""
        way = self._ways[self._current]
        if question.kind == "interruption":
            self._report(Typed(time.monotonic(), "What does it say?"))
            _wait(lambda: not self.card.loudspeaker.idle, 20.0)
            time.sleep(1.5)
        with self._pulse.recording("air") as air, self._pulse.recording() as heard:
            if question.kind != "interruption":
                self._report(Pressed(time.monotonic()))
                time.sleep(AFTER_PRESS)
            first = len(self.log)
            with self._pulse.saying(spoken.room) as began:
                _wait(lambda: any(_is(each, SpeechEnded) for each in self.log[first:]), spoken.room.seconds)
                _wait(lambda: self._rests(way), LONGEST_ANSWER)
            over = time.monotonic()
            answered = self._rests(way)
            if not answered:
                self._report(Typed(time.monotonic(), "stop"))
            time.sleep(0.3)
        log = tuple(self.log[first:])
        return Observed(question, spoken, began, over, answered, track(air.blocks()), track(heard.blocks()), log)

    def _rests(self, way: _Way) -> bool:
        """Whether nothing is said, thought about or heard."""
        dialogue = way.conversation.dialogue
        idle = dialogue.state in ("asleep", "attending") and dialogue.mouth.saying is None
        return idle and way.events.empty() and self.card.loudspeaker.idle


def _is(logged: Logged, kind: type[Event]) -> bool:
    return logged.kind == "event" and isinstance(logged.value, kind)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    """Until `condition` holds, or this time is over."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


@contextlib.contextmanager
def open_rig(
    pulse: PulseServer, engines: TimedEngines, preferences: Preferences, ways: dict[str, bool]
) -> Iterator[Rig]:
    """A rig that is started, and closed at the end."""
    rig = Rig(pulse, engines, preferences, ways)
    try:
        rig.start()
        yield rig
    finally:
        rig.close()
