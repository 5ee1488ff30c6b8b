"""The running assistant: real devices, threads and clock around one dialogue.

Everything that happens is put into one queue, and one thread works it off; the sound system's own threads never wait for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Protocol

import psutil

from assistant.ask import Seen
from assistant.dialogue import Dialogue, World
from assistant.errors import AssistantError, EngineError
from assistant.events import Event, Quit
from assistant.gate import REFUSALS
from assistant.mouth import Speak
from assistant.phrases import ALL_RIGHT, GONE_WRONG, HEARD_NOTHING, NO_PICTURE, READY, STILL_WORKING, TOOK_TOO_LONG
from assistant.ports import Camera, Loudspeaker
from assistant.preferences import Preferences
from assistant.profiles import EVERYDAY, Engines
from assistant.pronounce import as_spoken
from assistant.sound import Sound
from assistant.voice import EspeakSpeaker
from assistant.workers import ThreadWorkers

STANDING = (STILL_WORKING, HEARD_NOTHING, GONE_WRONG, ALL_RIGHT, NO_PICTURE, TOOK_TOO_LONG, *REFUSALS)
"""Said often, or when the processor has no time to make them: they are made at the start."""
LONGEST_WAIT = 1.0
"""Seconds after which the loop looks around even if nothing happens."""

log = logging.getLogger(__name__)


class Trigger(Protocol):
    """A way to talk beside the wake word: a key, a pedal, a socket."""

    def start(self, report: Callable[[Event], None], clock: Callable[[], float]) -> None:
        """Begin to report."""

    def close(self) -> None:
        """Let go of what was taken."""


def voice(engines: Engines) -> Speak:
    """The voice of these engines; where it fails, espeak-ng speaks, so that the failure can be heard."""

    def speak(text: str, speed: float) -> Iterator[Sound]:
        said = as_spoken(text)
        begun = False
        try:
            for sound in engines.speaker.speak(said, speed):
                begun = True
                yield sound
        except EngineError:
            if begun:
                raise
            log.exception("the voice failed; speaking with espeak-ng")
            yield from EspeakSpeaker().speak(said, speed)

    return speak


class Conversation:
    """One process that holds microphone, loudspeaker and camera."""

    def __init__(
        self,
        engines: Engines,
        preferences: Preferences,
        loudspeaker: Loudspeaker,
        camera: Camera,
        save: Callable[[Seen, str], str],
        remember: Callable[[Preferences], None] = lambda preferences: None,
        note: Callable[[str, str], None] = lambda kind, text: None,
        ahead: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The devices report to `report`. `remember`: the user changed preferences by a word."""
        self._engines = engines
        self._preferences = preferences
        self._remember = remember
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._clock = clock
        self._speak = voice(engines)
        world = World(
            loudspeaker=loudspeaker,
            camera=camera,
            workers=ThreadWorkers(self.report, clock),
            clock=clock,
            now=lambda: datetime.now().astimezone(),
            battery=_battery,
            save=save,
            remember=self._keep_voice,
        )
        self.dialogue = Dialogue(world, engines, self._speak, preferences, note, ahead)

    def report(self, event: Event) -> None:
        """Something happened; from any thread, never waits."""
        self._events.put(event)

    def warm(self) -> None:
        """Open what nearly every question needs, and make what is said often.

        Errors: EngineError when an engine is missing.
        """
        self._engines.warm(EVERYDAY)
        speed = self.dialogue.mouth.speed
        self.dialogue.mouth.keep({text: list(self._speak(text, speed)) for text in (READY, *STANDING)})

    def run(self, look_around: Callable[[], Preferences | AssistantError | None] = lambda: None) -> None:
        """Converse until `Quit`. `look_around` is asked about once a second for changed preferences."""
        self.dialogue.say(READY)
        looked = self._clock()
        while True:
            try:
                event = self._events.get(timeout=self._wait())
            except Empty:
                pass
            else:
                if isinstance(event, Quit):
                    self.dialogue.stop()
                    return
                self.dialogue.handle(event)
            if (deadline := self.dialogue.deadline) is not None and deadline <= self._clock():
                self.dialogue.tick()
            if self._clock() - looked >= LONGEST_WAIT:
                looked = self._clock()
                self._use(look_around())

    def _wait(self) -> float:
        deadline = self.dialogue.deadline
        return LONGEST_WAIT if deadline is None else min(max(deadline - self._clock(), 0.0), LONGEST_WAIT)

    def _use(self, changed: Preferences | AssistantError | None) -> None:
        if isinstance(changed, AssistantError):
            self.dialogue.say(changed.spoken)
        elif changed is not None and changed != self._preferences:
            self._preferences = changed
            self.dialogue.use(changed)

    def _keep_voice(self, speed: float, volume: float) -> None:
        self._preferences = replace(
            self._preferences, voice=replace(self._preferences.voice, speed=speed, volume=volume)
        )
        self._remember(self._preferences)


def _battery() -> tuple[int, bool] | None:
    found = psutil.sensors_battery()
    return None if found is None else (round(found.percent), bool(found.power_plugged))
