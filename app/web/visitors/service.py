"""What all requests share: the engines, the lines before them, who is there, and the settings.

Computing is done in threads, by the errands of a line (`line.py`); everything else here runs in the event loop and does not wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal

from app import saving, settings
from app.engines import open_engines, same_engines
from app.web.visitors.device_voice import DeviceVoice
from app.web.visitors.line import Line, Place
from app.web.visitors.sessions import Session, Sessions
from assistant.conversation.exchange import Exchange, Piece
from assistant.conversation.running import battery, voice
from assistant.engines.opening import ProfileEngines
from assistant.errors import AssistantError
from assistant.picture.guidance import Direction
from assistant.picture.photo import Photo
from assistant.ports.engines import EVERYDAY
from assistant.settings.preferences import Preferences
from assistant.sound.samples import Sound
from models.errors import ModelError

State = Literal["getting ready", "ready", "not ready"]

HEAD_START = 5.0
"""Seconds by which a question goes before pictures that are looked at ahead of one: somebody waits for its answer."""
TIDY_SECONDS = 60.0
_LOOK_SECONDS = 1.0
"""How often the settings file is looked at."""

log = logging.getLogger(__name__)


class Service:
    """The assistant behind the web."""

    def __init__(self, places: settings.Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Opens no engine yet. Errors: SettingsError when the settings file is wrong."""
        self.places = places
        self.preferences = settings.load(places.file)
        self.engines: ProfileEngines = open_engines(places, self.preferences)
        self.state: State = "getting ready"
        self.problem = ""
        """Why it is not ready, and what to do."""
        self.sessions = Sessions(self._exchange, clock)
        self.answers = Line()
        """Questions, and pictures that are looked at ahead of one."""
        self.voices = Line()
        """Sentences to be made into sound."""
        self.frames = Line(most=4)
        """Frames of somebody who aims a camera: one that would have to wait long is of no use any more."""
        self.loudspeaker = DeviceVoice(lambda: (self.preferences.devices.loudspeaker, self.preferences.voice.volume))
        self._watch = settings.Watch(places.file)
        self._clock = clock
        self._looked = clock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Gets ready and keeps tidy, while inside."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self.warm()), asyncio.create_task(self._tidy())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def warm(self) -> None:
        """Open what nearly every question needs. What keeps it from that is in `problem`."""
        self.state, self.problem = "getting ready", ""
        engines = self.engines
        try:
            await asyncio.to_thread(engines.warm, EVERYDAY)
        except Exception as error:
            known = isinstance(error, AssistantError | ModelError)
            if known:
                log.error("not ready: %s", error)
            else:
                log.error("mistake in the program", exc_info=error)
            if engines is self.engines:
                self.state = "not ready"
                self.problem = str(error) if known else "something went wrong in the program; its log says where"
            return
        if engines is self.engines:
            self.state = "ready"

    def models_changed(self) -> None:
        """There may be other models in the store now: get ready again, if it is not. From any thread."""
        if self.state == "not ready":
            asyncio.run_coroutine_threadsafe(self.warm(), self._loop)

    def refresh(self) -> None:
        """Take on what was changed in the settings file; a mistake in it leaves the settings as they are."""
        if self._clock() - self._looked < _LOOK_SECONDS:
            return
        self._looked = self._clock()
        changed = self._watch.changed()
        try:
            if isinstance(changed, AssistantError):
                raise changed
            if changed is not None:
                self.use(changed)
        except AssistantError as error:
            log.warning("the settings are left as they were: %s", error)

    def use(self, preferences: Preferences) -> None:
        """Other settings from now on; conversations go on. Call it from the event loop.

        Errors: SettingsError where another machine is to be asked and something for it is missing; nothing is changed then.
        """
        if not same_engines(self.preferences, preferences):
            self.engines = open_engines(self.places, preferences)
            self._warming = asyncio.get_running_loop().create_task(self.warm())
        self.preferences = preferences
        self.sessions.change(lambda exchange: exchange.use(self.engines, preferences.answers))

    def _exchange(self, local: bool) -> Exchange:
        answers = self.preferences.answers
        return Exchange(self.engines, answers, saving.save if local else None, battery if local else lambda: None)

    async def ask(
        self,
        session: Session,
        picture: Callable[[], Photo] | None,
        words: Callable[[], str | Sound],
        speed: float,
        at: int | None,
    ) -> AsyncIterator[Place | Piece]:
        """The answer piece by piece. `picture` and `words` decode what was sent, when their turn has come.

        Errors: as `Exchange.ask`, those of `picture` and `words`, and of `line.py`.
        """
        self.refresh()
        exchange = session.exchange

        def work() -> Iterator[Piece]:
            if picture is not None:
                exchange.show(picture())
            yield from exchange.ask(words(), speed, at)

        errand = self.answers.enter(work, self.engines.leave_off, HEAD_START)
        session.begin(errand)
        async for piece in errand:
            yield piece
        self.sessions.make_room(session)

    async def look(self, session: Session, picture: Callable[[], Photo]) -> AsyncIterator[Place | Exchange]:
        """Look at a picture ahead of the question; the conversation, which has seen it, comes last."""
        self.refresh()
        exchange = session.exchange

        def work() -> Iterator[Exchange]:
            exchange.show(picture())
            exchange.look()
            yield exchange

        errand = self.answers.enter(work)
        session.begin_look(errand)
        async for piece in errand:
            yield piece
        self.sessions.make_room(session)

    async def aim(self, session: Session, frame: Callable[[], Photo], restart: bool) -> Direction | None:
        """What to say to somebody who aims a camera. Errors: LineFullError when there is no time for this frame."""
        at = self._clock()

        def work() -> Iterator[Direction | None]:
            yield session.exchange.aim(frame(), at, restart)

        async for piece in self.frames.enter(work):
            if not isinstance(piece, Place):
                return piece
        return None

    async def speak(self, text: str, speed: float) -> list[Sound]:
        """The sound of `text`, sentence by sentence."""
        speak = voice(self.engines)
        return [piece async for piece in self.voices.enter(lambda: speak(text, speed)) if isinstance(piece, Sound)]

    async def play(self, session: Session, sounds: list[Sound]) -> None:
        """Have this machine's loudspeaker say it, for `session`; comes back when it has been heard, or silenced.

        Errors: EngineError when there is no loudspeaker.
        """
        await self.loudspeaker.play(session, sounds)

    async def announce(self, text: str) -> None:
        """Have this machine say `text` to whoever is near. Errors: those of the voice and the loudspeaker, and of `line.py`."""
        await self.loudspeaker.play(self, await self.speak(text, 1.0))

    def silence(self, session: Session) -> None:
        """What this machine is saying for `session` ends."""
        self.loudspeaker.stop(session)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            self.sessions.tidy()
