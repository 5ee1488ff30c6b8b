"""The conversation by ear: which event leads to what, and the order in which things happen.

Events come in one at a time (`handle`), time passes (`tick`), and what follows is said by the mouth, looked at by the lookout or
worked on by the workers; nothing here waits. Stop outranks everything, and every wait has a limit. The states are kept by
`floor.py`; the way of what was said to its answer is `turns.py`; what orders do is in `orders.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from assistant.conversation.aiming import Aiming
from assistant.conversation.floor import Floor, State
from assistant.conversation.lookout import Lookout
from assistant.conversation.memory import Memory
from assistant.conversation.mouth import Mouth, Speak
from assistant.conversation.orders import Reach, forget_all, obey, stop
from assistant.conversation.pages import Pages
from assistant.conversation.turns import LIMIT_SECONDS, Turns
from assistant.errors import AssistantError, VoiceError
from assistant.picture.looking import look
from assistant.ports.engines import Engines
from assistant.ports.events import (
    DeviceBack,
    DeviceLost,
    DeviceName,
    Event,
    Finished,
    Made,
    Played,
    Pressed,
    Released,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Trouble,
    Typed,
    Woken,
)
from assistant.ports.world import World
from assistant.settings.preferences import Preferences
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking import phrases

ATTEND_SECONDS = 8.0
"""How long a question may let wait for itself after the wake word or the button."""
HEARING_SECONDS = 35.0
"""The longest wait for the end of speech; the listener ends it earlier, unless it is gone."""

log = logging.getLogger(__name__)


class Dialogue:
    """One conversation with one person."""

    def __init__(
        self,
        world: World,
        engines: Engines,
        speak: Speak,
        preferences: Preferences,
        note: Callable[[str, str], None] = lambda kind, text: None,
        ahead: bool = True,
    ) -> None:
        """`note` hears of everything that happens, in words; `ahead`: whether to work on what is perhaps not whole yet."""
        self._note = note
        self._ahead = ahead
        self.mouth = Mouth(speak, world.loudspeaker, world.workers, preferences.voice.speed, note)
        self.lookout = Lookout(world.camera, world.workers, world.clock, lambda photo: look(photo, engines))
        self.memory = Memory()
        self._floor = floor = Floor(world, self.mouth, preferences, note)
        self._pages = Pages(
            floor,
            self.lookout,
            self.memory,
            Aiming(world.camera, world.workers, engines),
            lambda turn: self._turns.retry(turn),
        )
        self._turns = Turns(
            floor, self.lookout, self._pages, self.memory, engines, lambda intent: obey(self._reach, intent), note
        )
        self._reach = Reach(world, engines, floor, self.mouth, self.lookout, self._pages, self.memory, self._turns)
        self._lost: set[DeviceName] = set()
        self._released = False
        self.use(preferences)

    # What happens

    @property
    def state(self) -> State:
        return self._floor.state

    def use(self, preferences: Preferences) -> None:
        """Other preferences from now on."""
        self._floor.preferences = preferences
        self.mouth.earcons = preferences.answers.earcons
        if self.mouth.speed != preferences.voice.speed:
            self.mouth.quicken(preferences.voice.speed)
        self._floor.world.loudspeaker.volume = preferences.voice.volume

    def handle(self, event: Event) -> None:
        """Something happened. Whatever goes wrong is said; nothing is raised."""
        try:
            self._happened(event)
        except Exception as error:
            self._fail(error)
        self._settle()

    @property
    def deadline(self) -> float | None:
        """When `tick` wants to be called next."""
        return self._floor.timers.next

    def tick(self) -> None:
        """Time has passed."""
        for name in self._floor.timers.due():
            try:
                self._ring(name)
            except Exception as error:
                self._fail(error)
        self._settle()

    def say(self, text: str) -> None:
        """Say something that nobody asked for."""
        self._floor.say(text)

    def stop(self) -> None:
        """Silence, and nothing of what was asked goes on."""
        stop(self._reach)

    def _happened(self, event: Event) -> None:
        match event:
            case Woken():
                self._call()
            case Pressed():
                self._released = False
                self._call(pressed=True)
            case Released():
                self._released = True
                if self._turns.paused is not None:
                    self._end_hearing(self._turns.paused)
            case SpeechStarted():
                self._start_hearing()
            case SpeechPaused(sound=sound):
                self._pause_hearing(sound)
            case SpeechResumed():
                self._turns.paused = None
                if self.state == "hearing":
                    self._turns.drop_ahead()
            case SpeechEnded(sound=sound):
                self._end_hearing(sound)
            case Typed(text=text):
                self._turns.submit(Utterance(text, 1.0))
            case Played():
                self.mouth.played(event)
            case Made():
                self._made(event)
            case Finished():
                self._finished(event)
            case Trouble(spoken=spoken):
                self.say(spoken)
            case DeviceLost(device=device, spoken=spoken):
                self._lose(device, spoken)
            case DeviceBack(device=device):
                self._regain(device)
            case _:
                pass

    def _ring(self, name: str) -> None:
        """A wait is over."""
        match name:
            case "attending":
                self._floor.give_up_waiting()
            case "hearing":
                self._turns.nothing_heard()
            case "life":
                self._floor.give_sign_of_life()
            case "limit":
                self._turns.drop_all()
                self._floor.answer(phrases.TOOK_TOO_LONG)
            case "frame":
                self._turns.look_for_frame()
            case "aim":
                self._pages.step()
            case "keep":
                if self.state in ("asleep", "attending"):
                    forget_all(self._reach)
                else:
                    self._floor.timers.set("keep", LIMIT_SECONDS)

    # Listening

    def _call(self, pressed: bool = False) -> None:
        """The wake word or the button: whatever is being said falls silent, and a question is waited for.

        Who pressed a button wanted silence; a wake word may have been misheard, and what was said goes on if nothing follows.
        """
        self._turns.drop_ahead()
        if self.mouth.saying is not None:
            self.mouth.pause(held=pressed)
        self.mouth.signal("listening")
        self.lookout.watch(self.lookout.on)
        self._floor.called = True
        self._floor.attend(ATTEND_SECONDS)

    def _start_hearing(self) -> None:
        floor = self._floor
        self._turns.paused = None
        if floor.state == "asleep" and floor.preferences.listening.mode != "always":
            return
        if floor.state != "attending":
            floor.called = False
        if self.mouth.saying is not None:
            self.mouth.pause()
        floor.attend_left = floor.timers.clear("attending")
        floor.timers.set("hearing", HEARING_SECONDS)
        floor.become("hearing")
        if self.lookout.on and self._ahead:
            self.lookout.watch(True)
            if not self.lookout.begin():
                self._turns.await_frame()

    def _pause_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._turns.drop_ahead()
        self._turns.paused = sound
        if self._ahead:
            self._turns.begin_ahead(sound)
        if self._released:
            self._end_hearing(sound)

    def _end_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._released, self._turns.paused = False, None
        self._floor.timers.clear("hearing")
        self._turns.commit(sound)

    # Work that is done

    def _made(self, event: Made) -> None:
        if self.mouth.made(event):
            return
        if self.lookout.made(event):
            self._pages.looked()
            self._turns.looked()
        elif not self._pages.made(event):
            self._turns.made(event)

    def _finished(self, event: Finished) -> None:
        if not (self.mouth.finished(event) or self._pages.finished(event) or self._look_finished(event)):
            self._turns.finished(event)

    def _look_finished(self, event: Finished) -> bool:
        try:
            return self.lookout.finished(event)
        except Exception:
            if self._turns.answering or self._pages.waiting:
                raise
            # Nobody asked yet. Who asks will have it looked at again, and hear of it if it fails again.
            log.exception("a picture could not be looked at ahead of a question")
            return True

    # Devices

    def _lose(self, device: DeviceName, spoken: str) -> None:
        self._lost.add(device)
        self._note("lost", device)
        if device == "loudspeaker":
            return  # nobody would hear it; it is said when it is back
        if device == "camera":
            self.lookout.lost = spoken
        if device == "microphone" and self.state in ("hearing", "attending"):
            self._turns.drop_ahead()
            self._floor.timers.clear("hearing")
            if self.mouth.saying is not None:
                self.mouth.resume()
            self._floor.become("speaking")
        self.mouth.signal("error")
        self.say(spoken)

    def _regain(self, device: DeviceName) -> None:
        if device in self._lost:
            self._lost.remove(device)
            if device == "camera":
                self.lookout.lost = ""
            self._note("back", device)
            self.say(phrases.BACK[device])

    # Between the states

    def _fail(self, error: Exception) -> None:
        """Something went wrong: what was being done is over, and the user hears of it."""
        known = isinstance(error, AssistantError)
        if not known:
            # The trace holds places in the program, and nothing that was said or seen.
            log.error("mistake in the program", exc_info=error)
        self._turns.drop_all()
        self._floor.end_waiting()
        self.lookout.leave_off()
        self.mouth.signal("error")
        self._note("error", str(error))
        if isinstance(error, VoiceError):
            self.mouth.stop()
            self._floor.rest(self._pages.left())
            return
        spoken = phrases.NO_MEMORY if isinstance(error, MemoryError) else phrases.GONE_WRONG
        self._floor.answer(error.spoken if isinstance(error, AssistantError) else spoken)

    def _settle(self) -> None:
        """After every event: who has finished speaking listens again."""
        self._floor.say_later()
        if self.state == "speaking" and self.mouth.saying is None and not self._turns.answering:
            self._floor.rest(self._pages.left())
