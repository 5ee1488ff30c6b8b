"""The conversation: a state machine that alone knows what follows from what.

Events come in one at a time (`handle`), time passes (`tick`), and what follows is said by the mouth, looked at by the lookout or
worked on by the workers; nothing here waits. Stop outranks everything, and every wait has a limit. Answers about a picture
are made in `replies.py`, aiming the camera is in `aiming.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Literal

from assistant.conversation.aiming import Aiming
from assistant.conversation.lookout import Lookout
from assistant.conversation.mouth import Kind, Mouth, Speak
from assistant.conversation.orders import ORDERS
from assistant.conversation.pages import AIM_SECONDS, Pages
from assistant.conversation.timers import Timers
from assistant.conversation.turn import Turn
from assistant.errors import AssistantError, VoiceError
from assistant.mind.answering.reading_aloud import shortened
from assistant.mind.answering.replies import ABOUT_PICTURES, reply, whole
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent, interpret
from assistant.mind.understanding.question import sounds_meant
from assistant.picture.looking import Seen, look
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

State = Literal["asleep", "attending", "hearing", "thinking", "speaking"]

AGAIN_SECONDS = 1.5
"""For so long something that was interrupted waits, after words that were not understood, to hear them again in silence."""
ATTEND_SECONDS = 8.0
"""How long a question may let wait for itself after the wake word or the button."""
LIFE_SECONDS = 4.0
"""Without an answer for this long, something is said; and again after twice the time."""
LIMIT_SECONDS, EYE_LIMIT_SECONDS = 20.0, 90.0
"""The longest wait for an answer; a picture model on a slow machine takes its time, and signs of life are given."""
HEARING_SECONDS = 35.0
"""The longest wait for the end of speech; the listener ends it earlier, unless it is gone."""
FRAME_SECONDS = 2.0
"""The longest wait for a picture from a camera that works."""
KEPT_SECONDS = 600.0
"""After this time without a word, pictures, answers and pages are forgotten."""
MOST_TRIES = 2
"""Better pictures that are asked for before it is left at what was said."""
DROWNED = 0.4
"""Confidence below which words said over the assistant's own are not believed, but for `URGENT` ones."""
URGENT = ("stop", "pause", "cancel")
DESTRUCTIVE = ("forget",)
"""What cannot be undone is asked back when it was not heard well. (Short orders seldom are, so all others are simply done.)"""

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
        self.world = world
        self._engines = engines
        self.preferences = preferences
        self._note = note
        self._ahead = ahead
        self.state: State = "asleep"
        self.mouth = Mouth(speak, world.loudspeaker, world.workers, preferences.voice.speed, note)
        self.lookout = Lookout(world.camera, world.workers, world.clock, lambda photo: look(photo, engines))
        self.pages = Pages(self, Aiming(world.camera, world.workers, engines))
        self.timers = Timers(world.clock)
        self._lost: dict[DeviceName, str] = {}
        self.camera_on = True
        self._released = False
        self._paused: Sound | None = None
        """What was said up to the pause that the voice is in."""
        self._coming: Turn | None = None
        """Being said, and worked on ahead of its end."""
        self._unheard: list[Turn] = []
        """Said, and not understood yet."""
        self._turn: Turn | None = None
        """Being answered."""
        self.given_last: Turn | None = None
        """Answered last."""
        self.history: list[tuple[str, str]] = []
        """Questions and answers, for what refers to them."""
        self.asked_back: Intent | None = None
        """What the user is asked to confirm."""
        self._later: list[str] = []
        """What is to be said when the user has finished speaking."""
        self.called = False
        """The user has just called the assistant."""
        self._attend_left = self._frame_until = 0.0
        self.use(preferences)

    # What happens

    def use(self, preferences: Preferences) -> None:
        """Other preferences from now on."""
        self.preferences = preferences
        self.mouth.earcons = preferences.answers.earcons
        if self.mouth.speed != preferences.voice.speed:
            self.mouth.quicken(preferences.voice.speed)
        self.world.loudspeaker.volume = preferences.voice.volume

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
        return self.timers.next

    def tick(self) -> None:
        """Time has passed."""
        for name in self.timers.due():
            try:
                self._ring(name)
            except Exception as error:
                self._fail(error)
        self._settle()

    def say(self, text: str) -> None:
        """Say something that nobody asked for."""
        if self.state == "hearing":
            self._later.append(text)
            return
        self.mouth.notice(text)
        if self.state == "asleep":
            self.become("speaking")

    def _happened(self, event: Event) -> None:
        match event:
            case Woken():
                self._call()
            case Pressed():
                self._released = False
                self._call(pressed=True)
            case Released():
                self._released = True
                if self._paused is not None:
                    self._end_hearing(self._paused)
            case SpeechStarted():
                self._start_hearing()
            case SpeechPaused(sound=sound):
                self._pause_hearing(sound)
            case SpeechResumed():
                self._paused = None
                if self.state == "hearing":
                    self._drop(self._coming)
                    self._coming = None
            case SpeechEnded(sound=sound):
                self._end_hearing(sound)
            case Typed(text=text):
                self.submit(Utterance(text, 1.0))
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
                self._give_up_waiting()
            case "hearing":
                self._drop(self._coming)
                self._coming = None
                self._nothing(Turn(None, False))
            case "life":
                if self.state == "thinking":
                    self.mouth.notice(phrases.STILL_WORKING)
                self.timers.set("life", 2 * LIFE_SECONDS)
            case "limit":
                self._drop_all()
                self.answer(phrases.TOOK_TOO_LONG)
            case "frame":
                self._wait_for_frame()
            case "aim":
                self.pages.step()
            case "keep":
                if self.state in ("asleep", "attending"):
                    self.forget()
                else:
                    self.timers.set("keep", LIMIT_SECONDS)

    # Listening

    def _call(self, pressed: bool = False) -> None:
        """The wake word or the button: whatever is being said falls silent, and a question is waited for.

        Who pressed a button wanted silence; a wake word may have been misheard, and what was said goes on if nothing follows.
        """
        self._drop(self._coming)
        self._coming = None
        if self.mouth.saying is not None:
            self.mouth.pause(held=pressed)
        self.mouth.signal("listening")
        self.lookout.watch(self.camera_on)
        self.called = True
        self.timers.set("attending", ATTEND_SECONDS)
        self.become("attending")

    def _start_hearing(self) -> None:
        self._paused = None
        if self.state == "asleep" and self.preferences.listening.mode != "always":
            return
        if self.state != "attending":
            self.called = False
        if self.mouth.saying is not None:
            self.mouth.pause()
        self._attend_left = self.timers.clear("attending")
        self.timers.set("hearing", HEARING_SECONDS)
        self.become("hearing")
        if self.camera_on and self._ahead:
            self.lookout.watch(True)
            if not self.lookout.begin():
                self.timers.set("frame", 0.1)
                self._frame_until = self.world.clock() + FRAME_SECONDS

    def _pause_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._drop(self._coming)
        self._coming, self._paused = None, sound
        if self._ahead:
            self._coming = self._hear(sound)
        if self._released:
            self._end_hearing(sound)

    def _end_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._released, self._paused = False, None
        self.timers.clear("hearing")
        turn, self._coming = self._coming or self._hear(sound), None
        self.mouth.signal("thinking")
        turn.committed = True
        self._unheard.append(turn)
        self.become("thinking")
        self._begin_waiting()
        self._take(turn)

    def _hear(self, sound: Sound) -> Turn:
        turn = Turn(sound, self.called)
        recogniser = self._engines

        def work() -> Iterator[object]:
            yield recogniser.recogniser.transcribe(sound)

        turn.hearing = self.world.workers.start("hear", work)
        return turn

    def _give_up_waiting(self) -> None:
        """Nobody said anything."""
        if self.mouth.saying is not None and not self.mouth.held:
            self._go_on_speaking()
            return
        if self.called:
            self.mouth.signal("asleep")
        self._sleep()

    def _go_on_speaking(self) -> None:
        self.mouth.resume()
        self.become("speaking")

    def _sleep(self) -> None:
        self.timers.clear("attending")
        self.called = False
        self.lookout.watch(False)
        self.become("asleep")

    # A turn

    def submit(self, utterance: Utterance, intent: Intent | None = None) -> None:
        """Answer words that need not be heard any more."""
        if self.mouth.saying is not None:
            self.mouth.pause()
        self.become("thinking")
        self._begin_waiting()
        self._take(Turn(None, True, True, utterance, intent))

    def _take(self, turn: Turn) -> None:
        """Do what can be done for `turn` now, and what may be done of it."""
        if turn.error is not None and turn.committed:
            raise turn.error
        if turn.utterance is None:
            return
        if turn.intent is None:
            turn.intent = interpret(turn.utterance.text)
            self._note("heard", f"{turn.utterance.text} ({turn.intent.name}, {turn.utterance.confidence:.2f})")
        if not turn.committed:
            if turn.intent.name in ABOUT_PICTURES and self.lookout.seen is not None and not self.lookout.busy:
                self._think(turn, turn.intent, self.lookout.seen)
        elif turn is self._turn or self._accept(turn, turn.utterance, turn.intent):
            if turn.intent.name in ABOUT_PICTURES:
                self._about_picture(turn, turn.intent)
            else:
                self._turn = None
                self._end_waiting()
                self.obey(turn.intent)

    def _accept(self, turn: Turn, utterance: Utterance, intent: Intent) -> bool:
        """Whether to do what was said. If so, nobody wants what was asked before it."""
        if turn in self._unheard:
            self._unheard.remove(turn)
        if not self._meant(turn, utterance, intent):
            self._drop(turn)
            self._nothing(turn)
            return False
        self._drop(self._turn)
        self._turn = turn
        self.timers.set("keep", KEPT_SECONDS)
        if intent.name in DESTRUCTIVE and utterance.confidence < self.preferences.answers.confirm_below:
            self._turn = None
            self.asked_back = intent
            self.answer(phrases.DID_YOU_SAY.format(intent.text.rstrip(".!?")))
            return False
        if intent.name in ABOUT_PICTURES:
            self.mouth.stop()
        return True

    def _meant(self, turn: Turn, utterance: Utterance, intent: Intent) -> bool:
        """Whether it was said to the assistant: talk in the room is not."""
        if intent.name == "nothing":
            return False
        if self.mouth.saying is not None and utterance.confidence < DROWNED and intent.name not in URGENT:
            return False
        return turn.called or intent.name != "ask" or sounds_meant(intent.text)

    def _nothing(self, turn: Turn) -> None:
        """There was a voice or a noise, but nothing to do."""
        self._end_waiting()
        if self.mouth.saying is not None and not self.mouth.held:
            # Perhaps a word of command, drowned in the assistant's own voice.
            if turn.utterance and turn.utterance.text:
                self.timers.set("attending", AGAIN_SECONDS)
                self.become("attending")
            else:
                self._go_on_speaking()
        elif self._turn is not None or self._unheard:
            self._begin_waiting()
            self.become("thinking")
        elif turn.called and turn.committed:
            self.answer(phrases.HEARD_NOTHING)
        elif self._attend_left > 0:
            self.timers.set("attending", self._attend_left)
            self.become("attending")
        else:
            self._sleep()

    def _about_picture(self, turn: Turn, intent: Intent) -> None:
        """Find the picture, then answer."""
        if not self.camera_on:
            self._finish(turn, phrases.CAMERA_IS_OFF)
            return
        if "camera" in self._lost:
            self._finish(turn, self._lost["camera"])
            return
        if turn.given:
            return
        self.lookout.watch(True)
        turn.looked = turn.looked or self.pages.open or self.lookout.settle(anew=intent.name == "compare")
        if not turn.looked:
            if "frame" not in self.timers:
                self.timers.set("frame", 0.1)
                self._frame_until = self.world.clock() + FRAME_SECONDS
            return
        if self.lookout.busy or self.lookout.seen is None:
            return
        self._think(turn, intent, self.lookout.seen)
        self._give(turn)

    def _wait_for_frame(self) -> None:
        turn = self._turn
        if self.lookout.begin():
            if turn is not None:
                turn.looked = True
        elif self.world.clock() < self._frame_until:
            self.timers.set("frame", 0.1)
        elif turn is not None and self.state == "thinking":
            self._finish(turn, phrases.NO_PICTURE)

    def _think(self, turn: Turn, intent: Intent, seen: Seen) -> None:
        if turn.seen is seen:
            return
        if turn.thinking is not None:
            self.world.workers.cancel(turn.thinking)
        engines, history = self._engines, tuple(self.history)
        before, pages = self.lookout.earlier(seen), tuple(self.pages.kept)
        turn.seen, turn.parts, turn.given, turn.complete = seen, [], 0, False
        turn.thinking = self.world.workers.start("answer", lambda: reply(intent, seen, before, pages, engines, history))

    def _give(self, turn: Turn) -> None:
        """Say the parts of the answer that are there and not said yet."""
        if self._turn is not turn or not turn.looked or not turn.intent or not turn.utterance or not turn.seen:
            return
        for part in turn.parts[turn.given :]:
            most = 10_000 if whole(turn.intent, turn.seen) else self.preferences.answers.sentences
            first, rest = shortened(part.text, most)
            if turn.given:
                self.mouth.add(first, close=False)
            else:
                self._end_waiting()
                asked = self._asked(turn.utterance, turn.intent)
                more = [phrases.THERE_IS_MORE] if rest else []
                kind: Kind = "reading" if turn.intent.name in ("read", "headings") else "answer"
                self.mouth.say([*asked, *first, *more], kind, rest, open_=True)
                self.speaking()
            turn.given += 1
        if turn.complete and turn.given:
            self.mouth.add([])
            self._conclude(turn, turn.seen)

    def _asked(self, utterance: Utterance, intent: Intent) -> list[str]:
        """What was understood, which is said before the answer if it is doubtful."""
        if utterance.confidence >= self.preferences.answers.confirm_below:
            return []
        return [phrases.NOT_HEARD_WELL.format(f"{intent.text.rstrip('.?! ')}?")]

    def _conclude(self, turn: Turn, seen: Seen) -> None:
        """An answer is whole."""
        self._turn = None
        self.given_last = turn
        abstained = all(part.abstained for part in turn.parts)
        if turn.intent is not None and turn.intent.name == "ask" and not abstained:
            said = " ".join(part.seen for part in turn.parts if part.seen) or " ".join(part.text for part in turn.parts)
            self.history.append((turn.intent.text, said))
        if seen.quality.usable:
            self.lookout.note_answered(seen)
        elif abstained and turn.tries < MOST_TRIES:
            self.pages.aim(turn, AIM_SECONDS)

    def _finish(self, turn: Turn, text: str) -> None:
        """An answer that needs no thought."""
        self._drop(turn)
        self._turn = None
        self.answer(text)

    def retry(self, turn: Turn) -> None:
        """Answer `turn` once more, from the picture that is being looked at now."""
        self._turn = Turn(None, True, True, turn.utterance, turn.intent, looked=True, tries=turn.tries + 1)
        self.become("thinking")
        self._begin_waiting()

    def answer(self, *sentences: str) -> None:
        self._end_waiting()
        self.mouth.say(sentences)
        self.speaking()

    def _turns(self) -> list[Turn]:
        """All that were begun and are not answered."""
        return [turn for turn in (self._coming, *self._unheard, self._turn) if turn is not None]

    def _drop_all(self) -> None:
        for turn in self._turns():
            self._drop(turn)
        self._coming = self._turn = None
        self._unheard = []

    def _drop(self, turn: Turn | None) -> None:
        """Nobody wants this turn any more."""
        if turn is not None:
            for task in (turn.hearing, turn.thinking):
                if task is not None:
                    self.world.workers.cancel(task)
            if turn.thinking is not None and not turn.complete:
                self._engines.leave_off()

    # Work that is done

    def _made(self, event: Made) -> None:
        if self.mouth.made(event):
            return
        if self.lookout.made(event):
            self._looked()
        elif not self.pages.made(event):
            for turn in self._turns():
                if event.task == turn.hearing and isinstance(event.piece, Utterance):
                    turn.utterance = event.piece
                    self._take(turn)
                elif event.task == turn.thinking and isinstance(event.piece, Answer):
                    turn.parts.append(event.piece)
                    if turn.committed:
                        self._give(turn)
                    elif len(turn.parts) == 1 and turn.utterance and turn.intent:
                        self.mouth.prepare(" ".join([*self._asked(turn.utterance, turn.intent), event.piece.text]))

    def _finished(self, event: Finished) -> None:
        if self.mouth.finished(event) or self.pages.finished(event) or self._look_finished(event):
            return
        for turn in self._turns():
            if event.task not in (turn.hearing, turn.thinking):
                continue
            turn.complete = turn.complete or event.task == turn.thinking
            turn.error = event.error
            if event.error is not None and turn.committed:
                raise event.error
            self._give(turn)

    def _look_finished(self, event: Finished) -> bool:
        try:
            return self.lookout.finished(event)
        except Exception:
            if self._turn is not None or self.pages.waiting:
                raise
            # Nobody asked yet. Who asks will have it looked at again, and hear of it if it fails again.
            log.exception("a picture could not be looked at ahead of a question")
            return True

    def _looked(self) -> None:
        """A picture was looked at."""
        self.pages.looked()
        for turn in self._turns():
            self._take(turn)

    # Orders

    def obey(self, intent: Intent) -> None:
        """Do what needs no picture."""
        ORDERS[intent.name](self, intent)

    def beside(self, *sentences: str) -> None:
        """Say something short, and go on with what was being said."""
        if self.mouth.saying is not None:
            self.mouth.notice(" ".join(sentences))
            self.speaking()
        else:
            self.answer(*sentences)

    def go_on(self) -> None:
        """Go on with what was being said, or say that an order was heard."""
        if self.mouth.saying is not None:
            self.mouth.resume()
            self.speaking()
        else:
            self.answer(phrases.ALL_RIGHT)

    def stop(self) -> None:
        """Silence, and nothing of what was asked goes on."""
        self.mouth.stop()
        self.pages.stop()
        self._drop_all()
        self.asked_back = None
        self._end_waiting()
        self._rest()

    def forget(self) -> None:
        """Keep nothing of what was said, seen and read."""
        self._drop_all()
        self.mouth.forget()
        self.lookout.forget()
        self.pages.forget()
        self.world.forget()
        self.given_last = self.asked_back = None
        self.history, self._later = [], []
        self.timers.clear_all()
        self._paused = None
        self.called = False
        self.become("asleep")

    def privacy(self) -> str:
        """What becomes of what is said, seen and read."""
        there = self._engines.asks
        return phrases.PRIVACY_ELSEWHERE.format(there) if there else phrases.PRIVACY

    # Devices

    def _lose(self, device: DeviceName, spoken: str) -> None:
        self._lost[device] = spoken
        self._note("lost", device)
        if device == "loudspeaker":
            return  # nobody would hear it; it is said when it is back
        if device == "microphone" and self.state in ("hearing", "attending"):
            self._drop(self._coming)
            self._coming = None
            self.timers.clear("hearing")
            if self.mouth.saying is not None:
                self.mouth.resume()
            self.become("speaking")
        self.mouth.signal("error")
        self.say(spoken)

    def _regain(self, device: DeviceName) -> None:
        if self._lost.pop(device, None) is not None:
            self._note("back", device)
            self.say(phrases.BACK[device])

    # Between the states

    def _fail(self, error: Exception) -> None:
        """Something went wrong: what was being done is over, and the user hears of it."""
        known = isinstance(error, AssistantError)
        if not known:
            # The trace holds places in the program, and nothing that was said or seen.
            log.error("mistake in the program", exc_info=error)
        self._drop_all()
        self._end_waiting()
        self.lookout.leave_off()
        self.mouth.signal("error")
        self._note("error", str(error))
        if isinstance(error, VoiceError):
            self.mouth.stop()
            self._rest()
            return
        spoken = phrases.NO_MEMORY if isinstance(error, MemoryError) else phrases.GONE_WRONG
        self.answer(error.spoken if isinstance(error, AssistantError) else spoken)

    def speaking(self) -> None:
        """Something is being said. While the user speaks, it waits."""
        if self.state == "hearing":
            self.mouth.pause()
        else:
            self.become("speaking")

    def _settle(self) -> None:
        """After every event: who has finished speaking listens again."""
        if self._later and self.state != "hearing":
            said, self._later = " ".join(self._later), []
            self.say(said)
        if self.state == "speaking" and self.mouth.saying is None and self._turn is None:
            self._rest()

    def _rest(self) -> None:
        """Nothing is to be done: a question may follow at once, later only after the wake word."""
        self._end_waiting()
        follow_up = self.preferences.listening.follow_up_seconds
        helping = self.pages.left()
        if not helping and (self.preferences.listening.mode == "always" or follow_up <= 0):
            self._sleep()
        else:
            self.called = False
            self.timers.set("attending", max(follow_up, helping))
            self.become("attending")

    def _begin_waiting(self) -> None:
        limit = EYE_LIMIT_SECONDS if self._engines.sees else LIMIT_SECONDS
        self.timers.set("life", LIFE_SECONDS)
        self.timers.set("limit", limit)

    def _end_waiting(self) -> None:
        self.timers.clear("life", "limit", "frame")

    def become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._note("state", state)
        for waiting in ("attending", "hearing"):
            if state != waiting:
                self.timers.clear(waiting)
