"""The loudspeaker of this machine, lent to one session at a time: for those whose answers the device itself is to speak."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from app.web.visitors.sessions import Session
from assistant.devices.loudspeaker import PortAudioLoudspeaker
from assistant.devices.sound_devices import find, gone, present
from assistant.errors import EngineError
from assistant.ports.events import Event, Played
from assistant.sound.samples import Sound, has_output, look_again, portaudio

STALLED_SECONDS = 2.0
"""A device that asks for no sound for so long is gone."""


class DeviceVoice:
    """Says one thing after the other."""

    def __init__(self, chosen: Callable[[], tuple[str, float]]) -> None:
        """`chosen`: a part of the device's name ("" for the default), and the volume, 0 to 1."""
        self._chosen = chosen
        self._turn = asyncio.Lock()
        self._speaking: object | None = None
        self._over = threading.Event()

    async def play(self, session: object, sounds: Sequence[Sound]) -> None:
        """Say it for `session`, or whoever else may stop it; comes back when it has been heard, or stopped.

        Errors: EngineError when there is no loudspeaker.
        """
        async with self._turn:
            self._speaking = session
            self._over.clear()
            try:
                await asyncio.to_thread(self._play, sounds)
            finally:
                self._speaking = None

    def stop(self, session: Session) -> None:
        """Fall silent, if it is this session that is heard."""
        if self._speaking is session:
            self._over.set()

    def _play(self, sounds: Sequence[Sound]) -> None:
        last = 0

        def report(event: Event) -> None:
            if isinstance(event, Played) and event.number >= last:
                self._over.set()

        wanted, volume = self._chosen()
        loudspeaker = PortAudioLoudspeaker(report)
        loudspeaker.volume = volume
        for sound in sounds:
            last = loudspeaker.play(sound)
        if not has_output():
            look_again()  # it may have been plugged in since
        try:
            loudspeaker.open(find("loudspeaker", wanted, present()).index)
        except portaudio().PortAudioError as error:
            raise EngineError(
                f"the sound device failed ({error}): check it and try again",
                "The loudspeaker failed. Connect it again.",
            ) from error
        opened = time.monotonic()
        try:
            while last and not self._over.wait(0.1):
                if time.monotonic() - max(opened, loudspeaker.ticked) > STALLED_SECONDS:
                    raise gone("loudspeaker", wanted)
        finally:
            loudspeaker.close()
