"""ProfileEngines that fail on demand, for the soak and for tests of faults: everything else about them is real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from assistant.engines.opening import ProfileEngines
from assistant.picture.photo import Photo
from assistant.sound.samples import Sound, Utterance


class Faulty:
    """`Engines`, of which any can be made to fail."""

    def __init__(self, engines: ProfileEngines) -> None:
        self._engines = engines
        self.faults: dict[str, Exception] = {}
        """What each raises from now on."""
        self.raised: Counter[str] = Counter()
        """How often each did."""
        self.reads = 0
        """Pictures that were read."""
        self.heard: Utterance | None = None
        """What the recogniser is to understand, whatever was said."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engines, name)

    def _fail(self, name: str) -> None:
        if name in self.faults:
            self.raised[name] += 1
            raise self.faults[name]

    @property
    def recogniser(self) -> Any:
        return self

    @property
    def reader(self) -> Any:
        return self

    @property
    def finder(self) -> Any:
        return self

    @property
    def speaker(self) -> Any:
        return self

    def transcribe(self, sound: Sound) -> Utterance:
        self._fail("recogniser")
        return self.heard or self._engines.recogniser.transcribe(sound)

    def read(self, photo: Photo) -> Any:
        self._fail("reader")
        self.reads += 1
        return self._engines.reader.read(photo)

    def detect(self, photo: Photo) -> Any:
        self._fail("reader")
        return self._engines.finder.detect(photo)

    def speak(self, text: str, speed: float) -> Iterator[Sound]:
        self._fail("speaker")
        return self._engines.speaker.speak(text, speed)
