"""A conversation in a simulated world: sounds, pictures and device events from a script, in counted time.

The listener, the dialogue, the mouth and all engines are the real ones; only the devices and the clock are not. A script gives
the same transcript each time, which is what developers and bug reports need. Scripts are read in `script.py`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from assistant.conversation.dialogue import Dialogue
from assistant.conversation.mouth import Speak
from assistant.picture.photo import Photo
from assistant.ports.engines import Engines
from assistant.ports.events import DeviceBack, DeviceLost, DeviceName, Event, Finished, Made, Played
from assistant.ports.world import World
from assistant.settings.preferences import Preferences
from assistant.sound.hearing.listener import Listener
from assistant.sound.mixer import Mixer
from assistant.sound.samples import HEARING_RATE, Sound, resample

STEP = 0.02
"""Seconds of the world between two looks at it."""
LATENCY = 0.06
"""Seconds from the loudspeaker's queue through the air to the microphone's, as with usual sound cards."""
TAKES: Mapping[str, float] = {"hear": 0.35, "look": 0.5, "answer": 0.05, "voice": 0.1}
"""Seconds that work of each lane takes there, whatever it takes here; about what two processor cores need."""
MIDNIGHT = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - a simulated noon, which is in no zone

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Noted:
    """A line of the transcript."""

    at: float
    kind: str
    text: str


class SimulatedWorkers:
    """`ports.Workers` that work at once and report after the time that it would take."""

    def __init__(self, clock: Callable[[], float], takes: Mapping[str, float] = TAKES) -> None:
        self._clock = clock
        self._takes = takes
        self._numbers = itertools.count(1)
        self._order = itertools.count()
        self._free: dict[str, float] = {}
        self._due: list[tuple[float, int, Event]] = []
        self._cancelled: set[int] = set()

    def start(self, lane: str, work: Callable[[], Iterator[object]]) -> int:
        """As `ports.Workers`."""
        task = next(self._numbers)
        at = max(self._clock(), self._free.get(lane, 0.0))
        error: Exception | None = None
        try:
            for piece in work():
                at += self._takes.get(lane, 0.1)
                self._add(Made(at, task, piece))
        except Exception as raised:  # told to whoever started it
            error = raised
        self._free[lane] = at
        self._add(Finished(at, task, error))
        return task

    def cancel(self, task: int) -> None:
        """As `ports.Workers`."""
        self._cancelled.add(task)

    def due(self) -> Iterator[Event]:
        """What is to be reported by now."""
        while self._due and self._due[0][0] <= self._clock():
            event = heapq.heappop(self._due)[2]
            if isinstance(event, Made | Finished) and event.task not in self._cancelled:
                yield event

    def _add(self, event: Made | Finished) -> None:
        heapq.heappush(self._due, (event.at, next(self._order), event))


class SimulatedCamera:
    """`ports.Camera` that sees what it is shown."""

    def __init__(self) -> None:
        self.shown: Photo | None = None
        self.connected = True
        self.on = True
        self._watching = False

    def watch(self, on: bool) -> None:
        """As `ports.Camera`."""
        self._watching = on

    def sharpest(self) -> Photo | None:
        """As `ports.Camera`."""
        return self.newest()

    def newest(self) -> Photo | None:
        """As `ports.Camera`."""
        return self.shown if self.on and self.connected and self._watching else None

    def switch(self, on: bool) -> None:
        """As `ports.Camera`."""
        self.on = on


class _Air:
    """What reaches the microphone: voices and noises at their times, and an echo of the loudspeaker."""

    def __init__(self, echo: float) -> None:
        self.echo = echo
        self._late = np.zeros(round(LATENCY * HEARING_RATE), np.float32)
        self._coming = np.zeros(0, np.float32)

    def add(self, sound: Sound, gain: float = 1.0) -> None:
        """Heard from now on, over whatever else is."""
        samples = resample(sound, HEARING_RATE).samples * gain
        if len(samples) > len(self._coming):
            self._coming = np.pad(self._coming, (0, len(samples) - len(self._coming)))
        self._coming[: len(samples)] += samples

    @property
    def busy(self) -> bool:
        """Whether there is more to come."""
        return bool(len(self._coming))

    def through(self, played: Samples) -> Samples:
        """What the microphone hears while the loudspeaker plays `played`."""
        count = len(played)
        echoes = np.concatenate((self._late, played))
        self._late = echoes[count:]
        heard, self._coming = self._coming[:count], self._coming[count:]
        mixed = np.pad(heard, (0, count - len(heard))) + self.echo * echoes[:count]
        return np.clip(mixed, -1, 1).astype(np.float32)


class Simulation:
    """A world with a conversation in it. Time passes only in `run`."""

    def __init__(
        self,
        engines: Engines,
        speak: Speak,
        preferences: Preferences,
        echo: float = 0.1,
        note: Callable[[Noted], None] = lambda noted: None,
        takes: Mapping[str, float] = TAKES,
        ahead: bool = True,
    ) -> None:
        """`echo`: how loudly the microphone hears the loudspeaker, 0 to 1."""
        self.time = 0.0
        self.camera = SimulatedCamera()
        self.air = _Air(echo)
        self.saved: list[str] = []
        self._note = note
        self._lost: set[DeviceName] = set()
        self._waiting: list[Event] = []
        self.workers = SimulatedWorkers(lambda: self.time, takes)
        self.mixer = Mixer()
        self.listener = Listener.chosen(preferences.listening)
        world = World(
            loudspeaker=self.mixer,
            camera=self.camera,
            workers=self.workers,
            clock=lambda: self.time,
            now=lambda: MIDNIGHT + timedelta(seconds=self.time),
            battery=lambda: None,
            save=self._save,
            remember=lambda speed, volume: None,
            forget=self.listener.reset,
        )
        self.dialogue = Dialogue(world, engines, speak, preferences, self.noted, ahead)

    def noted(self, kind: str, text: str) -> None:
        """Something for the transcript."""
        self._note(Noted(round(self.time, 2), kind, text))

    def happen(self, event: Event) -> None:
        """An event from outside, now."""
        self._waiting.append(event)

    def lose(self, device: DeviceName, spoken: str) -> None:
        """A device is unplugged."""
        self._lost.add(device)
        self.camera.connected = "camera" not in self._lost
        self.happen(DeviceLost(self.time, device, spoken))

    def regain(self, device: DeviceName) -> None:
        """It is plugged in again."""
        self._lost.discard(device)
        self.camera.connected = "camera" not in self._lost
        self.happen(DeviceBack(self.time, device))

    def run(self, seconds: float = 0.0, until: Callable[[], bool] | None = None) -> bool:
        """Let this time pass, or as much of it as it takes until `until` holds; whether it does."""
        end = self.time + seconds
        while self.time < end - STEP / 2:
            self._step()
            if until is not None and until():
                return True
        return until is None

    @property
    def silent(self) -> bool:
        """Nothing is said, thought about or heard."""
        return (
            self.dialogue.mouth.saying is None and self.dialogue.state in ("asleep", "attending") and not self.air.busy
        )

    def _step(self) -> None:
        self.time = round(self.time + STEP, 4)
        steps = [self.mixer.pull()[1] for _ in range(round(STEP * 100))]
        played = np.concatenate(steps)
        self._waiting += [Played(self.time, number) for number in self.mixer.finished()]
        audible = np.zeros_like(played) if "loudspeaker" in self._lost else played
        heard = self.air.through(audible)
        if "microphone" not in self._lost:
            self._waiting += self.listener.hear(heard, played, self.time)
        self._waiting += self.workers.due()
        while self._waiting:
            self.dialogue.handle(self._waiting.pop(0))
        deadline = self.dialogue.deadline
        if deadline is not None and deadline <= self.time:
            self.dialogue.tick()

    def _save(self, _: object, words: str) -> str:
        self.saved.append(words)
        return "of this simulation"
