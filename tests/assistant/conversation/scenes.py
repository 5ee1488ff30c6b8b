"""A simulated world for tests: real engines, a user with a voice, and what is to be heard of the assistant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assistant.conversation.running import voice
from assistant.conversation.simulation.simulator import TAKES, Noted, Simulation
from assistant.engines.opening import ProfileEngines
from assistant.picture.photo import Photo, load_photo
from assistant.ports.events import Typed
from assistant.settings.preferences import Preferences
from scripts.stress.faulty import Faulty
from tests.paths import SAMPLES


def picture(name: str) -> Photo:
    return load_photo(SAMPLES / name)


def covered() -> Photo:
    return Photo(np.random.default_rng(1).integers(0, 4, (480, 640, 3)).astype(np.uint8))


class Scene:
    """One conversation in a simulated world."""

    def __init__(
        self,
        engines: ProfileEngines,
        shown: Photo | None = None,
        takes: Mapping[str, float] = TAKES,
        ahead: bool = True,
        **listening: Any,
    ) -> None:
        """`shown`: what the camera sees; `listening`: preferences of that name."""
        self.engines = Faulty(engines)
        self.noted: list[Noted] = []
        usual = Preferences()
        preferences = replace(usual, listening=replace(usual.listening, **listening))
        # Faulty does what engines do, and is no subclass because its engines are those of another.
        given: Any = self.engines
        self.world = Simulation(given, voice(given), preferences, note=self.noted.append, takes=takes, ahead=ahead)
        self.world.camera.shown = shown
        self._engines = engines

    @property
    def dialogue(self) -> Any:
        return self.world.dialogue

    @property
    def state(self) -> str:
        return str(self.world.dialogue.state)

    def user_says(self, text: str, wait: bool = True) -> None:
        """A voice says `text`; `wait`: until the assistant has answered."""
        for sound in self._engines.speaker.speak(text, 1.0):
            self.world.air.add(sound)
            self.world.run(sound.seconds)
        if wait:
            self.settle()

    def wake(self) -> None:
        self.user_says("Okay Nabu.", wait=False)
        assert self.world.run(1.0, lambda: self.state == "attending")
        self.world.run(0.3)

    def type(self, text: str, wait: bool = True) -> str:
        """Words in writing; what is said then."""
        self.world.happen(Typed(self.world.time, text))
        self.world.run(0.1)
        if wait:
            self.settle()
        return self.said()

    def settle(self, limit: float = 90.0) -> None:
        """Until the assistant is silent."""
        self.world.run(0.8)
        assert self.world.run(limit, lambda: self.world.silent), f"still {self.state} after {limit} s"

    def until(self, holds: Callable[[], bool], limit: float = 30.0) -> float:
        """How long it takes until this holds."""
        start = self.world.time
        assert holds() or self.world.run(limit, holds), f"not within {limit} s, {self.state}: {self.noted[-5:]}"
        return self.world.time - start

    def said(self) -> str:
        """What was said since it was last asked."""
        said = " ".join(each.text for each in self.noted if each.kind == "says")
        self.noted.clear()
        return said

    def signals(self) -> list[str]:
        return [each.text for each in self.noted if each.kind == "signal"]

    @property
    def audible(self) -> bool:
        """Whether the loudspeaker is putting anything out."""
        return not self.world.mixer.idle
