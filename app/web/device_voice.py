"""The loudspeaker of this machine, lent to one session at a time: for those whose answers the device itself is to speak."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from app.web.sessions import Session
from assistant.sound import Sound, play, silence


class DeviceVoice:
    """Says one thing after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._speaking: Session | None = None
        self._stopped = threading.Event()

    async def play(self, session: Session, sounds: Sequence[Sound]) -> None:
        """Comes back when it has been heard, or stopped. Errors: EngineError when there is no loudspeaker."""
        async with self._turn:
            self._speaking = session
            self._stopped.clear()
            try:
                await asyncio.to_thread(self._play, sounds)
            finally:
                self._speaking = None

    def _play(self, sounds: Sequence[Sound]) -> None:
        for sound in sounds:
            if not self._stopped.is_set():
                play(sound)

    def stop(self, session: Session) -> None:
        """Fall silent, if it is this session that is heard."""
        if self._speaking is session:
            self._stopped.set()
            silence()
