"""The conversation: a state machine that alone knows what follows from what.

Events come in one at a time (`handle`), time passes (`tick`), and what follows is said by the mouth, looked at by the lookout or
worked on by the workers; nothing here waits. Stop outranks everything, and every wait has a limit. Answers about a picture
are made in `replies.py`, aiming the camera is in `aiming.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from assistant.aiming import Aiming
from assistant.ask import Seen, look
from assistant.errors import AssistantError, VoiceError
from assistant.events import (
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
    Typed,
    Woken,
)
from assistant.lookout import Lookout
from assistant.mind.grounding import Answer
from assistant.mind.intents import Intent, interpret
from assistant.mind.question import sounds_meant
from assistant.mouth import Mouth, Speak
from assistant.phrases import (
    ALL_RIGHT, AT_THE_END, AT_THE_START, BACK, BATTERY, CAMERA_IS_OFF, CAMERA_NOW_OFF, CAMERA_NOW_ON, DID_YOU_SAY,
    FASTEST_ALREADY, FORGOTTEN, GONE_WRONG, HEARD_NOTHING, HELP, LOUDEST_ALREADY, NEXT_PAGE, NO_BATTERY, NO_MORE,
    NO_NUMBERS, NO_PAGES, NO_PICTURE, NOT_HEARD_WELL, NOT_UNDERSTOOD_NO, NOTHING_SAID_YET, NOTHING_TO_SAVE,
    NOTHING_TO_SPELL, PAGE, PAGES_KEPT, PRIVACY, QUIETEST_ALREADY, SAVED, SHOW_THE_PAGE, SLOWEST_ALREADY, STILL_WORKING,
    THERE_IS_MORE, TIME, TOOK_TOO_LONG,
)  # fmt: skip
from assistant.ports import Camera, Clock, Loudspeaker, Workers
from assistant.preferences import FASTEST, SLOWEST, Preferences
from assistant.profiles import Engines
from assistant.reading import number_by_number, position, printed_words, sentences_of, shortened, spelled
from assistant.replies import ABOUT_PICTURES, reply, whole
from assistant.sound import Sound, Utterance

State = Literal["asleep", "attending", "hearing", "thinking", "speaking"]

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
PAUSED_SECONDS = 300.0
"""How long a reading that was paused is kept."""
KEPT_SECONDS = 600.0
"""After this time without a word, pictures, answers and pages are forgotten."""
AIM_EVERY = 0.4
"""Seconds between two frames that are looked at while somebody aims."""
AIM_SECONDS, PAGE_SECONDS = 20.0, 60.0
"""How long somebody is helped to aim after a bad picture, and for a page that was announced."""
MOST_TRIES = 2
"""Better pictures that are asked for before it is left at what was said."""
SPEED_STEP, VOLUME_STEP = 0.25, 0.15
DESTRUCTIVE = ("forget", "camera_off")
"""What is asked back when it was not heard well."""
BESIDE = ("louder", "quieter", "slower", "faster", "time", "battery", "where")
"""What does not end what is being said."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
    """Everything around the conversation."""

    loudspeaker: Loudspeaker
    camera: Camera
    workers: Workers
    clock: Clock
    now: Callable[[], datetime]
    """Time of day."""
    battery: Callable[[], tuple[int, bool] | None]
    """Percent, and whether it is being charged; None without a battery."""
    save: Callable[[Seen, str], str]
    """Writes a picture and the words about it to the disk, because the user said so; returns the folder's name."""
    remember: Callable[[float, float], None]
    """Speed and volume of the voice were changed by a word, and are to stay so."""


@dataclass
class Turn:
    """Something that was said to the assistant, on its way to an answer. It may be worked on ahead of its end."""

    sound: Sound | None
    called: bool
    """By the wake word, the button or in writing, or following an answer at once: it is meant for the assistant."""
    committed: bool = False
    """It is known to be whole; before that nothing of it may be noticed."""
    utterance: Utterance | None = None
    intent: Intent | None = None
    looked: bool = False
    """The picture was chosen; it is not looked for a second time, though the hand that holds it moves on."""
    seen: Seen | None = None
    """The picture it is answered from."""
    tries: int = 0
    """How often a better picture was asked for."""
    parts: list[Answer] = field(default_factory=list)
    given: int = 0
    """Parts that are being said."""
    complete: bool = False
    hearing: int | None = None
    thinking: int | None = None
    error: Exception | None = None
    """What went wrong ahead of its end."""


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
        self._world = world
        self._engines = engines
        self._preferences = preferences
        self._note = note
        self._ahead = ahead
        self.state: State = "asleep"
        self.mouth = Mouth(speak, world.loudspeaker, world.workers, preferences.voice.speed, note)
        self.lookout = Lookout(world.camera, world.workers, world.clock, lambda photo: look(photo, engines))
        self.aiming = Aiming(world.camera, world.workers, engines)
        self._timers: dict[str, float] = {}
        self._lost: dict[DeviceName, str] = {}
        self._camera_on = True
        self._released = False
        self.use(preferences)
        self._forget()

    # What happens

    def use(self, preferences: Preferences) -> None:
        """Other preferences from now on."""
        self._preferences = preferences
        self.mouth.earcons = preferences.answers.earcons
        if self.mouth.speed != preferences.voice.speed:
            self.mouth.quicken(preferences.voice.speed)
        self._world.loudspeaker.volume = preferences.voice.volume

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
        return min(self._timers.values(), default=None)

    def tick(self) -> None:
        """Time has passed."""
        now = self._world.clock()
        for name in [name for name, at in self._timers.items() if at <= now]:
            if self._timers.pop(name, None) is not None:
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
            self._become("speaking")

    def _happened(self, event: Event) -> None:
        match event:
            case Woken() | Pressed():
                self._released = False
                self._call()
            case Released():
                self._released = True
            case SpeechStarted():
                self._start_hearing()
            case SpeechPaused(sound=sound):
                self._pause_hearing(sound)
            case SpeechResumed():
                if self.state == "hearing":
                    self._drop(self._coming)
                    self._coming = None
            case SpeechEnded(sound=sound):
                self._end_hearing(sound)
            case Typed(text=text):
                self._submit(Utterance(text, 1.0))
            case Played():
                self.mouth.played(event)
            case Made():
                self._made(event)
            case Finished():
                self._finished(event)
            case DeviceLost(device=device, spoken=spoken):
                self._lose(device, spoken)
            case DeviceBack(device=device):
                self._regain(device)
            case _:
                pass

    def _ring(self, name: str) -> None:
        """A wait is over."""
        match name:
            case "attend":
                self._give_up_waiting()
            case "hearing":
                self._drop(self._coming)
                self._coming = None
                self._nothing(Turn(None, False))
            case "life":
                if self.state == "thinking":
                    self.mouth.notice(STILL_WORKING)
                self._set("life", 2 * LIFE_SECONDS)
            case "limit":
                self._drop(self._turn)
                self._turn = None
                self._answer(TOOK_TOO_LONG)
            case "frame":
                self._wait_for_frame()
            case "aim":
                self._aim()
            case "keep":
                if self.state in ("asleep", "attending"):
                    self._forget()
                else:
                    self._set("keep", LIMIT_SECONDS)

    # Listening

    def _call(self) -> None:
        """The wake word or the button: whatever is being said falls silent, and a question is waited for."""
        self._drop(self._coming)
        self._coming = None
        if self.mouth.saying is not None:
            self.mouth.pause()
        self.mouth.signal("listening")
        self.lookout.watch(self._camera_on)
        self._called = True
        self._set("attend", ATTEND_SECONDS)
        self._become("attending")

    def _start_hearing(self) -> None:
        if self.state == "asleep":
            if self._preferences.listening.mode != "always":
                return
        if self.state != "attending":
            self._called = False
        if self.mouth.saying is not None:
            self.mouth.pause()
        self._attend_until = self._timers.pop("attend", 0.0)
        self._set("hearing", HEARING_SECONDS)
        self._become("hearing")
        if self._camera_on and self._ahead:
            self.lookout.watch(True)
            if not self.lookout.begin():
                self._set("frame", 0.1)
                self._frame_until = self._world.clock() + FRAME_SECONDS

    def _pause_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._drop(self._coming)
        self._coming = None
        if self._ahead:
            self._coming = self._hear(sound)
        if self._released:
            self._end_hearing(sound)

    def _end_hearing(self, sound: Sound) -> None:
        if self.state != "hearing":
            return
        self._released = False
        self._clear("hearing")
        turn, self._coming = self._coming or self._hear(sound), None
        self.mouth.signal("thinking")
        turn.committed = True
        self._become("thinking")
        self._begin_waiting()
        self._take(turn)

    def _hear(self, sound: Sound) -> Turn:
        turn = Turn(sound, self._called)
        recogniser = self._engines

        def work() -> Iterator[object]:
            yield recogniser.recogniser.transcribe(sound)

        turn.hearing = self._world.workers.start("hear", work)
        return turn

    def _give_up_waiting(self) -> None:
        """Nobody said anything."""
        if self._called and self.mouth.saying is not None:
            self.mouth.resume()
            self._become("speaking")
            return
        if self._called:
            self.mouth.signal("asleep")
        self._sleep()

    def _sleep(self) -> None:
        self._clear("attend")
        self._called = False
        self.lookout.watch(False)
        self._become("asleep")

    # A turn

    def _submit(self, utterance: Utterance, intent: Intent | None = None) -> None:
        """Answer words that need not be heard any more."""
        if self.mouth.saying is not None:
            self.mouth.pause()
        self._become("thinking")
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
                self._think(turn, self.lookout.seen)
            return
        if turn is not self._turn:
            if not self._meant(turn):
                self._drop(turn)
                self._nothing(turn)
                return
            self._drop(self._turn)
            self._turn = turn
            self._timers["keep"] = self._world.clock() + KEPT_SECONDS
            if self._doubted(turn, turn.intent):
                return
        if turn.intent.name in ABOUT_PICTURES:
            self.mouth.stop()
            self._about_picture(turn)
        else:
            self._turn = None
            self._end_waiting()
            self._obey(turn.intent)

    def _meant(self, turn: Turn) -> bool:
        """Whether it was said to the assistant: talk in the room is not."""
        assert turn.intent is not None
        if turn.intent.name == "nothing":
            return False
        return turn.called or turn.intent.name != "ask" or sounds_meant(turn.intent.text)

    def _nothing(self, turn: Turn) -> None:
        """There was a voice or a noise, but nothing to do."""
        self._end_waiting()
        if self.mouth.saying is not None:
            self.mouth.resume()
            self._become("speaking")
        elif self._turn is not None:
            self._begin_waiting()
            self._become("thinking")
        elif turn.called and turn.committed:
            self._answer(HEARD_NOTHING)
        elif self._attend_until > self._world.clock():
            self._timers["attend"] = self._attend_until
            self._become("attending")
        else:
            self._sleep()

    def _doubted(self, turn: Turn, intent: Intent) -> bool:
        """Ask back before something that cannot be undone, if it was not heard well."""
        assert turn.utterance is not None
        if intent.name not in DESTRUCTIVE or turn.utterance.confidence >= self._preferences.answers.confirm_below:
            return False
        self._turn = None
        self._end_waiting()
        self._asked_back = intent
        self._answer(DID_YOU_SAY.format(intent.text.rstrip(".!?")))
        return True

    def _about_picture(self, turn: Turn) -> None:
        """Find the picture, then answer."""
        if not self._camera_on:
            self._finish(turn, CAMERA_IS_OFF)
            return
        if turn.given:
            return
        self.lookout.watch(True)
        turn.looked = turn.looked or self._document or self.lookout.settle()
        if not turn.looked:
            if "frame" not in self._timers:
                self._set("frame", 0.1)
                self._frame_until = self._world.clock() + FRAME_SECONDS
            return
        if self.lookout.busy or self.lookout.seen is None:
            return
        self._think(turn, self.lookout.seen)
        self._give(turn)

    def _wait_for_frame(self) -> None:
        turn = self._turn
        if self.lookout.begin():
            if turn is not None:
                turn.looked = True
        elif self._world.clock() < self._frame_until:
            self._set("frame", 0.1)
        elif turn is not None and self.state == "thinking":
            self._finish(turn, self._lost.get("camera", NO_PICTURE))

    def _think(self, turn: Turn, seen: Seen) -> None:
        if turn.seen is seen:
            return
        if turn.thinking is not None:
            self._world.workers.cancel(turn.thinking)
        assert turn.intent is not None
        intent, engines, history = turn.intent, self._engines, tuple(self._history)
        before, pages = self.lookout.earlier(seen), tuple(self._pages)
        turn.seen, turn.parts, turn.given, turn.complete = seen, [], 0, False
        turn.thinking = self._world.workers.start(
            "answer", lambda: reply(intent, seen, before, pages, engines, history)
        )

    def _give(self, turn: Turn) -> None:
        """Say the parts of the answer that are there and not said yet."""
        if not turn.committed or self._turn is not turn or not turn.intent or not turn.utterance or not turn.seen:
            return
        for part in turn.parts[turn.given :]:
            most = 10_000 if whole(turn.intent, turn.seen) else self._preferences.answers.sentences
            first, rest = shortened(part.text, most)
            if turn.given:
                self.mouth.add(first, close=False)
            else:
                self._end_waiting()
                doubtful = turn.utterance.confidence < self._preferences.answers.confirm_below
                asked = [NOT_HEARD_WELL.format(f"{turn.intent.text.rstrip('.?! ')}?")] if doubtful else []
                more = [THERE_IS_MORE] if rest else []
                kind = "reading" if turn.intent.name in ("read", "headings") else "answer"
                self.mouth.say([*asked, *first, *more], kind, rest, open_=True)
                self._speaking()
            turn.given += 1
        if turn.complete and turn.given:
            self.mouth.add([])
            self._conclude(turn)

    def _conclude(self, turn: Turn) -> None:
        """An answer is whole."""
        assert turn.seen is not None
        self._turn = None
        self._given = turn
        abstained = all(part.abstained for part in turn.parts)
        if turn.intent is not None and turn.intent.name == "ask" and not abstained:
            said = " ".join(part.seen for part in turn.parts if part.seen) or " ".join(part.text for part in turn.parts)
            self._history.append((turn.intent.text, said))
        if turn.seen.quality.usable:
            self.lookout.note_answered(turn.seen)
        elif abstained and turn.tries < MOST_TRIES:
            self._start_aiming(turn, AIM_SECONDS)

    def _finish(self, turn: Turn, text: str) -> None:
        """An answer that needs no thought."""
        self._drop(turn)
        self._turn = None
        self._answer(text)

    def _answer(self, *sentences: str) -> None:
        self._end_waiting()
        self.mouth.say(sentences)
        self._speaking()

    def _drop(self, turn: Turn | None) -> None:
        """Nobody wants this turn any more."""
        if turn is not None:
            for task in (turn.hearing, turn.thinking):
                if task is not None:
                    self._world.workers.cancel(task)
            if turn.thinking is not None and not turn.complete:
                self._engines.leave_off()

    # Work that is done

    def _made(self, event: Made) -> None:
        if self.mouth.made(event):
            return
        if self.lookout.made(event):
            self._looked()
        elif self.aiming.made(event):
            self._directed()
        else:
            for turn in (self._coming, self._turn):
                if turn is not None and event.task == turn.hearing and isinstance(event.piece, Utterance):
                    turn.utterance = event.piece
                    self._take(turn)
                elif turn is not None and event.task == turn.thinking and isinstance(event.piece, Answer):
                    turn.parts.append(event.piece)
                    if turn.committed:
                        self._give(turn)
                    elif len(turn.parts) == 1:
                        self.mouth.prepare(event.piece.text)

    def _finished(self, event: Finished) -> None:
        if self.mouth.finished(event) or self.lookout.finished(event) or self.aiming.finished(event):
            return
        for turn in (self._coming, self._turn):
            if turn is None or event.task not in (turn.hearing, turn.thinking):
                continue
            turn.complete = turn.complete or event.task == turn.thinking
            turn.error = event.error
            if event.error is not None and turn.committed:
                raise event.error
            self._give(turn)

    def _looked(self) -> None:
        """A picture was looked at."""
        if self._page_wanted:
            self._read_page()
        for turn in (self._coming, self._turn):
            if turn is not None:
                self._take(turn)

    # Aiming the camera

    def _start_aiming(self, turn: Turn | None, limit: float) -> None:
        """Help to get a better picture, with which `turn` is answered; without one, of the next page."""
        self._aimed_for = turn
        self.lookout.watch(True)
        self.aiming.start(self._world.clock(), limit, self._pages[-1].photo if turn is None and self._pages else None)
        self._set("aim", AIM_EVERY)

    def _aim(self) -> None:
        if not self.aiming.on or not self._camera_on:
            return
        if self.mouth.saying is None and self.state not in ("hearing", "thinking"):
            self.aiming.step(self._world.clock())
        self._set("aim", AIM_EVERY)

    def _directed(self) -> None:
        direction, photo = self.aiming.direction, self.aiming.photo
        if direction is None or self.state in ("hearing", "thinking") or photo is None:
            return
        if not direction.capture:
            if self.mouth.saying is None:
                self.say(direction.words)
            return
        self.aiming.stop()
        self.mouth.signal("capture")
        turn, self._aimed_for = self._aimed_for, None
        self.lookout.use(photo)
        if turn is not None and turn.intent is not None:
            self._turn = Turn(None, True, True, turn.utterance, turn.intent, looked=True, tries=turn.tries + 1)
            self._become("thinking")
            self._begin_waiting()
        else:
            self._page_wanted = True

    def _read_page(self) -> None:
        """A page of a document was looked at: it is kept and read."""
        self._page_wanted = False
        seen = self.lookout.seen
        if seen is None or seen.page is None or not seen.quality.usable:
            self.say(seen.quality.spoken if seen else NO_PICTURE)
        else:
            self._pages.append(seen)
            self.mouth.say([PAGE.format(len(self._pages)), *sentences_of(seen.page), NEXT_PAGE], "reading")
            self._speaking()
        self._start_aiming(None, PAGE_SECONDS)

    # Orders

    def _obey(self, intent: Intent) -> None:
        """Do what needs no picture."""
        getattr(self, f"_do_{intent.name}")(intent)

    def _beside(self, *sentences: str) -> None:
        """Say something short, and go on with what was being said."""
        if self.mouth.saying is not None:
            self.mouth.notice(" ".join(sentences))
            self._speaking()
        else:
            self._answer(*sentences)

    def _go_on(self) -> None:
        """Go on with what was being said, or say that an order was heard."""
        if self.mouth.saying is not None:
            self.mouth.resume()
            self._speaking()
        else:
            self._answer(ALL_RIGHT)

    def _do_stop(self, _: Intent) -> None:
        self.stop()

    def stop(self) -> None:
        """Silence, and nothing of what was asked goes on."""
        self.mouth.stop()
        self.aiming.stop()
        for turn in (self._coming, self._turn):
            self._drop(turn)
        self._coming = self._turn = self._asked_back = self._aimed_for = None
        self._page_wanted = self._document = False
        self._end_waiting()
        self._rest()

    def _do_cancel(self, _: Intent) -> None:
        self.stop()
        self._answer(ALL_RIGHT)

    def _do_pause(self, _: Intent) -> None:
        if self.mouth.saying is None:
            self._answer(NOTHING_SAID_YET if self.mouth.last is None else ALL_RIGHT)
            return
        self.mouth.pause()
        self.mouth.signal("done")
        self._called = False
        self._set("attend", PAUSED_SECONDS)
        self._become("attending")

    def _do_resume(self, _: Intent) -> None:
        before = self.mouth.reading if self.mouth.reading and not self.mouth.reading.over else self.mouth.last
        if self.mouth.saying is None and before is not None and not before.over:
            self.mouth.go(before, before.at)
            self._speaking()
        elif self.mouth.saying is None:
            self._do_more(_)
        else:
            self._go_on()

    def _do_repeat(self, _: Intent) -> None:
        if self.mouth.again():
            self._speaking()
        else:
            self._answer(NOTHING_SAID_YET)

    _do_again = _do_repeat

    def _do_more(self, _: Intent) -> None:
        saying = self.mouth.last
        if saying is None or not saying.rest:
            self._answer(NOTHING_SAID_YET if saying is None else NO_MORE)
            return
        most = max(self._preferences.answers.sentences, 1)
        now, rest = saying.rest[:most], saying.rest[most:]
        self.mouth.say([*now, *([THERE_IS_MORE] if rest else [])], saying.kind, rest)
        self._speaking()

    def _do_next(self, _: Intent) -> None:
        if self.mouth.step(1):
            self._speaking()
        elif self._document:
            self._next_page()
        else:
            self._answer(NOTHING_SAID_YET if self.mouth.last is None else AT_THE_END)

    def _do_previous(self, _: Intent) -> None:
        if self.mouth.step(-1):
            self._speaking()
        else:
            self._answer(NOTHING_SAID_YET if self.mouth.last is None else AT_THE_START)

    def _do_slower(self, _: Intent) -> None:
        self._speed(-SPEED_STEP)

    def _do_faster(self, _: Intent) -> None:
        self._speed(SPEED_STEP)

    def _speed(self, by: float) -> None:
        speed = min(max(self.mouth.speed + by, SLOWEST), FASTEST)
        if speed == self.mouth.speed:
            self._beside(FASTEST_ALREADY if by > 0 else SLOWEST_ALREADY)
            return
        self.mouth.quicken(speed)
        self._world.remember(speed, self._world.loudspeaker.volume)
        self._go_on()

    def _do_louder(self, _: Intent) -> None:
        self._volume(VOLUME_STEP)

    def _do_quieter(self, _: Intent) -> None:
        self._volume(-VOLUME_STEP)

    def _volume(self, by: float) -> None:
        loudspeaker = self._world.loudspeaker
        # Never quite silent: who cannot hear it could not find the way back.
        volume = min(max(loudspeaker.volume + by, VOLUME_STEP), 1.0)
        if volume == loudspeaker.volume:
            self._beside(LOUDEST_ALREADY if by > 0 else QUIETEST_ALREADY)
            return
        loudspeaker.volume = volume
        self._world.remember(self.mouth.speed, volume)
        self._go_on()

    def _do_spell(self, intent: Intent) -> None:
        said = spelled(intent.argument or self._said_words())
        self._answer(*said) if said else self._answer(NOTHING_TO_SPELL)

    def _do_digits(self, _: Intent) -> None:
        said = number_by_number(self._said_words())
        self._answer(*said) if said else self._answer(NO_NUMBERS)

    def _said_words(self) -> str:
        """What is meant by "that": of a reading the sentence heard last, of an answer the words that stand in the picture."""
        saying = self.mouth.last
        if saying is not None and saying.kind == "reading":
            return saying.sentences[min(saying.at, len(saying.sentences) - 1)]
        return printed_words(self._given.parts[0]) if self._given and self._given.parts else ""

    def _do_where(self, intent: Intent) -> None:
        saying = self.mouth.saying or self.mouth.last
        if saying is not None and saying.kind == "reading" and saying.sentences:
            self._beside(position(saying.at, saying.sentences))
        else:
            self._submit(Utterance(intent.text, 1.0), replace(intent, name="ask"))

    def _do_time(self, _: Intent) -> None:
        now = self._world.now()
        self._beside(TIME.format(f"{now:%H:%M}", f"{now:%A}, {now.day} {now:%B}"))

    def _do_battery(self, _: Intent) -> None:
        found = self._world.battery()
        self._beside(BATTERY.format(found[0], ", charging" if found[1] else "") if found else NO_BATTERY)

    def _do_help(self, _: Intent) -> None:
        self._answer(*shortened(HELP, 100)[0])

    def _do_privacy(self, _: Intent) -> None:
        self._answer(*shortened(PRIVACY, 100)[0])

    def _do_forget(self, _: Intent) -> None:
        self._forget()
        self._answer(FORGOTTEN)

    def _forget(self) -> None:
        """Keep nothing of what was said, seen and read."""
        self.mouth.forget()
        self.lookout.forget()
        self.aiming.stop()
        for turn in (getattr(self, "_coming", None), getattr(self, "_turn", None)):
            self._drop(turn)
        self._coming: Turn | None = None
        """Being said, and worked on ahead of its end."""
        self._turn: Turn | None = None
        """Being answered."""
        self._given: Turn | None = None
        """Answered last."""
        self._asked_back: Intent | None = None
        self._aimed_for: Turn | None = None
        self._page_wanted = False
        self._document = False
        """Pages are being read: what is asked is asked about them."""
        self._pages: list[Seen] = []
        self._history: list[tuple[str, str]] = []
        self._later: list[str] = []
        """What is to be said when the user has finished speaking."""
        self._called = False
        self._frame_until = self._attend_until = 0.0
        self._timers.clear()
        self._become("asleep")

    def _do_camera_off(self, _: Intent) -> None:
        self._camera_on = False
        self.lookout.forget()
        self._world.camera.switch(False)
        self._answer(CAMERA_NOW_OFF)

    def _do_camera_on(self, _: Intent) -> None:
        self._camera_on = True
        self._world.camera.switch(True)
        self._answer(CAMERA_NOW_ON)

    def _do_repair(self, intent: Intent) -> None:
        """What was understood was wrong: forget that it was asked, and do what was meant."""
        if self._given is not None and self._history and self._given.intent is not None:
            if self._history[-1][0] == self._given.intent.text:
                self._history.pop()
        if not intent.text:
            self._do_no(intent)
            return
        self._submit(Utterance(intent.text, 1.0))

    def _do_yes(self, _: Intent) -> None:
        asked, self._asked_back = self._asked_back, None
        if asked is not None:
            self._obey(asked)
        else:
            self._go_on()

    def _do_no(self, _: Intent) -> None:
        asked, self._asked_back = self._asked_back, None
        self._answer(ALL_RIGHT if asked is not None else NOT_UNDERSTOOD_NO)

    def _do_save(self, _: Intent) -> None:
        seen = self.lookout.seen
        if seen is None:
            self._answer(NOTHING_TO_SAVE)
            return
        words = " ".join(self.mouth.last.sentences) if self.mouth.last else ""
        folder = self._world.save(seen, words)
        self.mouth.signal("done")
        self._answer(SAVED.format(folder))

    def _do_guide(self, _: Intent) -> None:
        if not self._camera_on:
            self._answer(CAMERA_IS_OFF)
            return
        self._answer(ALL_RIGHT)
        asked = Intent("ask", "What does it say?")
        self._start_aiming(Turn(None, True, utterance=Utterance(asked.text, 1.0), intent=asked), PAGE_SECONDS)

    def _do_document(self, _: Intent) -> None:
        self._pages = []
        self._next_page()

    def _next_page(self) -> None:
        if not self._camera_on:
            self._answer(CAMERA_IS_OFF)
            return
        self._document = True
        self._answer(NEXT_PAGE if self._pages else SHOW_THE_PAGE)
        self._start_aiming(None, PAGE_SECONDS)

    def _do_finish(self, _: Intent) -> None:
        self._document = False
        self.aiming.stop()
        count = len(self._pages)
        self._answer(PAGES_KEPT.format(f"{count} page{'' if count == 1 else 's'}") if count else NO_PAGES)

    # Devices

    def _lose(self, device: DeviceName, spoken: str) -> None:
        self._lost[device] = spoken
        self._note("lost", device)
        if device == "loudspeaker":
            return  # nobody would hear it; it is said when it is back
        if device == "microphone" and self.state in ("hearing", "attending"):
            self._drop(self._coming)
            self._coming = None
            self._clear("hearing")
            if self.mouth.saying is not None:
                self.mouth.resume()
            self._become("speaking")
        self.mouth.signal("error")
        self.say(spoken)

    def _regain(self, device: DeviceName) -> None:
        if self._lost.pop(device, None) is not None:
            self._note("back", device)
            self.say(BACK[device])

    # Between the states

    def _fail(self, error: Exception) -> None:
        """Something went wrong: what was being done is over, and the user hears of it."""
        known = isinstance(error, AssistantError)
        if not known:
            # The trace holds places in the program, and nothing that was said or seen.
            log.error("mistake in the program", exc_info=error)
        for turn in (self._coming, self._turn):
            self._drop(turn)
        self._coming = self._turn = None
        self._end_waiting()
        self.lookout.leave_off()
        self.mouth.signal("error")
        self._note("error", str(error))
        if isinstance(error, VoiceError):
            self.mouth.stop()
            self._rest()
            return
        self._answer(error.spoken if isinstance(error, AssistantError) else GONE_WRONG)

    def _speaking(self) -> None:
        """Something is being said. While the user speaks, it waits."""
        if self.state == "hearing":
            self.mouth.pause()
        else:
            self._become("speaking")

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
        follow_up = self._preferences.listening.follow_up_seconds
        if self._preferences.listening.mode == "always" and not self.aiming.on:
            self._sleep()
        elif follow_up <= 0 and not self.aiming.on:
            self._sleep()
        else:
            self._called = False
            self._set("attend", max(follow_up, self.aiming.left(self._world.clock())))
            self._become("attending")

    def _begin_waiting(self) -> None:
        limit = EYE_LIMIT_SECONDS if self._engines.sees else LIMIT_SECONDS
        self._set("life", LIFE_SECONDS)
        self._set("limit", limit)

    def _end_waiting(self) -> None:
        for name in ("life", "limit", "frame"):
            self._clear(name)

    def _set(self, name: str, seconds: float) -> None:
        self._timers[name] = self._world.clock() + seconds

    def _clear(self, name: str) -> None:
        self._timers.pop(name, None)

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._note("state", state)
        if state != "attending":
            self._clear("attend")
