"""The running assistant: real devices, threads and clock around one dialogue.

Everything that happens is put into one queue, and one thread works it off; the sound system's own threads never wait for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from queue import Empty, SimpleQueue

import psutil

from assistant.conversation.dialogue import Dialogue
from assistant.conversation.mouth import Speak
from assistant.conversation.workers import ThreadWorkers
from assistant.errors import AssistantError, EngineError
from assistant.picture.gate import REFUSALS
from assistant.picture.looking import Seen
from assistant.picture.photo import Photo
from assistant.ports.engines import EVERYDAY, Engines
from assistant.ports.events import Event, Quit
from assistant.ports.world import Camera, Loudspeaker, World
from assistant.settings.preferences import Preferences
from assistant.sound.samples import Sound
from assistant.sound.speaking.phrases import (
    ALL_RIGHT,
    GONE_WRONG,
    HEARD_NOTHING,
    NO_PICTURE,
    READY,
    STILL_WORKING,
    TOOK_TOO_LONG,
)
from assistant.sound.speaking.pronounce import as_spoken
from assistant.sound.speaking.voice import EspeakSpeaker, pieces

STANDING = (STILL_WORKING, HEARD_NOTHING, GONE_WRONG, ALL_RIGHT, NO_PICTURE, TOOK_TOO_LONG, *REFUSALS)
"""Said often, or when the processor has no time to make them: they are made at the start."""
LONGEST_WAIT = 1.0
"""Seconds after which the loop looks around even if nothing happens."""

log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Outside:
    """What the conversation is given by its owner, who opens and closes it."""

    events: SimpleQueue[Event]
    """Into which devices and triggers report, from any thread."""
    loudspeaker: Loudspeaker
    camera: Camera
    forget_sound: Callable[[], None]
    save: Callable[[Seen, str], str]
    """Writes a picture and the words about it where the user finds them; returns the folder's name."""
    remember: Callable[[Preferences], None]
    """The user changed preferences by a word."""
    look_around: Callable[[], Preferences | AssistantError | None]
    """Asked about once a second for preferences that were changed elsewhere."""


class Conversation:
    """One dialogue with one person, in real time."""

    def __init__(
        self,
        engines: Engines,
        preferences: Preferences,
        outside: Outside,
        note: Callable[[str, str], None] = lambda kind, text: None,
        ahead: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`note` and `ahead` as of `Dialogue`."""
        self._engines = engines
        self._preferences = preferences
        self._outside = outside
        self._clock = clock
        self._speak = voice(engines)
        world = World(
            loudspeaker=outside.loudspeaker,
            camera=outside.camera,
            workers=ThreadWorkers(outside.events.put, clock),
            clock=clock,
            now=lambda: datetime.now().astimezone(),
            battery=battery,
            save=outside.save,
            remember=self._keep_voice,
            forget=outside.forget_sound,
        )
        self.dialogue = Dialogue(world, engines, self._speak, preferences, note, ahead)

    def warm(self) -> None:
        """Open what nearly every question needs, and make what is said often.

        Errors: EngineError when an engine is missing.
        """
        self._engines.warm(EVERYDAY)
        speed = self.dialogue.mouth.speed
        sentences = [sentence for text in (READY, *STANDING) for sentence in pieces(text)]
        self.dialogue.mouth.keep({sentence: list(self._speak(sentence, speed)) for sentence in sentences})

    def run(self) -> Preferences | None:
        """Converse until `Quit`, which gives None, or until preferences ask for other devices or engines, which gives these."""
        self.dialogue.say(READY)
        looked = self._clock()
        while True:
            try:
                event = self._outside.events.get(timeout=self._wait())
            except Empty:
                pass
            else:
                if isinstance(event, Quit):
                    self.dialogue.stop()
                    return None
                self.dialogue.handle(event)
            if (deadline := self.dialogue.deadline) is not None and deadline <= self._clock():
                self.dialogue.tick()
            if self._clock() - looked >= LONGEST_WAIT:
                looked = self._clock()
                changed = self._outside.look_around()
                if isinstance(changed, AssistantError):
                    self.dialogue.say(changed.spoken)
                elif changed is not None and self._use(changed):
                    self.dialogue.stop()
                    return changed

    def _wait(self) -> float:
        deadline = self.dialogue.deadline
        return LONGEST_WAIT if deadline is None else min(max(deadline - self._clock(), 0.0), LONGEST_WAIT)

    def _use(self, changed: Preferences) -> bool:
        """Take these preferences on; whether that needs everything to be opened anew."""
        before, self._preferences = self._preferences, changed
        self.dialogue.use(changed)
        alike = replace(
            changed,
            answers=before.answers,
            voice=replace(changed.voice, speed=before.voice.speed, volume=before.voice.volume),
        )
        return alike != before

    def _keep_voice(self, speed: float, volume: float) -> None:
        self._preferences = replace(
            self._preferences, voice=replace(self._preferences.voice, speed=speed, volume=volume)
        )
        self._outside.remember(self._preferences)


def battery() -> tuple[int, bool] | None:
    """Percent of this machine's battery, and whether it is being charged; None without one."""
    found = psutil.sensors_battery()
    return None if found is None else (round(found.percent), bool(found.power_plugged))


class NoCamera:
    """`ports.Camera` where there is none."""

    def watch(self, on: bool) -> None:
        """Nothing to keep."""

    def sharpest(self) -> Photo | None:
        """None."""
        return None

    def newest(self) -> Photo | None:
        """None."""
        return None

    def switch(self, on: bool) -> None:
        """Nothing to let go of."""
