"""Real engines that do the same work once: a voice that is steady says the same words the same way, and what is heard in the same sound
or read in the same picture is the same each time.

For conversations in counted time, which take as long there whatever they take here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from assistant.engines.opening import ProfileEngines
from assistant.picture.page import Box, Page
from assistant.picture.photo import Photo
from assistant.picture.readers import Reader, TextFinder
from assistant.ports.engines import Recogniser, Speaker
from assistant.sound.samples import Sound, Utterance
from models.store import Store

_Made = TypeVar("_Made")


class RememberingEngines(ProfileEngines):
    """One for each test process. What was made is kept as it was, and may be changed by nobody."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(store, steady=True, threads=1, **options)
        self._made: dict[tuple[object, ...], Any] = {}

    @property
    def speaker(self) -> Speaker:
        return _Speaker(super().speaker, self._once)

    @property
    def recogniser(self) -> Recogniser:
        return _Recogniser(super().recogniser, self._once)

    @property
    def reader(self) -> Reader:
        return _Reader(super().reader, super().finder, self._once)

    @property
    def finder(self) -> TextFinder:
        return _Reader(super().reader, super().finder, self._once)

    def _once(self, key: tuple[object, ...], make: Callable[[], _Made]) -> _Made:
        if key not in self._made:
            self._made[key] = make()
        made: _Made = self._made[key]
        return made


_Once = Callable[[tuple[object, ...], Callable[[], Any]], Any]


class _Speaker:
    def __init__(self, real: Speaker, once: _Once) -> None:
        self._real, self._once = real, once

    def speak(self, text: str, speed: float) -> Iterator[Sound]:
        yield from self._once(("said", text, speed), lambda: [_kept(each) for each in self._real.speak(text, speed)])


class _Recogniser:
    def __init__(self, real: Recogniser, once: _Once) -> None:
        self._real, self._once = real, once

    def transcribe(self, sound: Sound) -> Utterance:
        key = ("heard", sound.rate, _digest(sound.samples))
        found: Utterance = self._once(key, lambda: self._real.transcribe(sound))
        return found


class _Reader:
    def __init__(self, reader: Reader, finder: TextFinder, once: _Once) -> None:
        self._reader, self._finder, self._once = reader, finder, once

    def read(self, photo: Photo) -> Page:
        key = ("read", photo.pixels.shape, _digest(photo.pixels))
        found: Page = self._once(key, lambda: self._reader.read(photo))
        return found

    def detect(self, photo: Photo) -> list[Box]:
        key = ("found", photo.pixels.shape, _digest(photo.pixels))
        return list(self._once(key, lambda: self._finder.detect(photo)))


def _kept(sound: Sound) -> Sound:
    sound.samples.flags.writeable = False
    return sound


def _digest(values: Any) -> bytes:
    return hashlib.sha256(values.tobytes()).digest()
