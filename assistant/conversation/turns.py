"""The way of what was said to an answer: heard, understood, meant for the assistant or not, thought about, given, remembered.

A turn may be worked on before it is known to be whole; nothing of that is noticed until it is. What an order does is in `orders.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from assistant.conversation.floor import Floor
from assistant.conversation.lookout import Lookout
from assistant.conversation.memory import Memory
from assistant.conversation.pages import AIM_SECONDS, Pages
from assistant.conversation.turn import Turn
from assistant.conversation.wording import did_you_say, doubt, kind_of, worded
from assistant.mind.answering.replies import ABOUT_PICTURES
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent, interpret
from assistant.mind.understanding.question import sounds_meant
from assistant.picture.looking import Seen
from assistant.ports.engines import Engines
from assistant.ports.events import Finished, Made
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking import phrases

LIMIT_SECONDS, EYE_LIMIT_SECONDS = 20.0, 90.0
"""The longest wait for an answer; a picture model on a slow machine takes its time, and signs of life are given."""
FRAME_SECONDS = 2.0
"""The longest wait for a picture from a camera that works."""
KEPT_SECONDS = 600.0
"""After this time without a word, pictures, answers and pages are forgotten."""
MOST_TRIES = 2
"""Better pictures that are asked for before it is left at what was said."""
DROWNED = 0.4
"""Confidence below which words said over the assistant's own are not believed, but for `URGENT` ones."""
URGENT = ("stop", "pause", "cancel")

log = logging.getLogger(__name__)


class Turns:
    """All that was said and is not answered yet: at most one that is being said, some not understood yet, one being answered."""

    def __init__(
        self,
        floor: Floor,
        lookout: Lookout,
        pages: Pages,
        memory: Memory,
        engines: Engines,
        obey: Callable[[Intent], None],
        note: Callable[[str, str], None],
    ) -> None:
        """`obey` does what needs no picture; `note` hears of what was understood."""
        self._floor = floor
        self._lookout = lookout
        self._pages = pages
        self._memory = memory
        self._engines = engines
        self._obey = obey
        self._note = note
        self._workers = floor.world.workers
        self._coming: Turn | None = None
        """Being said, and worked on ahead of its end."""
        self._unheard: list[Turn] = []
        """Said, and not understood yet."""
        self._now: Turn | None = None
        """Being answered."""
        self.last: Turn | None = None
        """Answered last."""
        self.paused: Sound | None = None
        """What was said up to the pause that the voice is in."""
        self._frame_until = 0.0

    # Hearing

    def begin_ahead(self, sound: Sound) -> None:
        """Work on what is perhaps whole."""
        self._coming = self._hear(sound)

    def drop_ahead(self) -> None:
        """It was not the whole, or nobody wants it."""
        self._drop(self._coming)
        self._coming = None

    def commit(self, sound: Sound) -> None:
        """This is the whole of what was said: answer it."""
        turn, self._coming = self._coming or self._hear(sound), None
        self._floor.mouth.signal("thinking")
        turn.committed = True
        self._unheard.append(turn)
        self._wait()
        self._take(turn)

    def nothing_heard(self) -> None:
        """The end of a voice never came."""
        self.drop_ahead()
        self._nothing(Turn(None, False))

    def _hear(self, sound: Sound) -> Turn:
        turn = Turn(sound, self._floor.called)
        engines = self._engines

        def work() -> Iterator[object]:
            yield engines.recogniser.transcribe(sound)

        turn.hearing = self._workers.start("hear", work)
        return turn

    # Understanding

    def submit(self, utterance: Utterance, intent: Intent | None = None) -> None:
        """Answer words that need not be heard any more."""
        if self._floor.mouth.saying is not None:
            self._floor.mouth.pause()
        self._wait()
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
            if turn.intent.name in ABOUT_PICTURES and self._lookout.seen is not None and not self._lookout.busy:
                self._think(turn, turn.intent, self._lookout.seen)
        elif turn is self._now or self._accept(turn, turn.utterance, turn.intent):
            if turn.intent.name in ABOUT_PICTURES:
                self._about_picture(turn, turn.intent)
            else:
                self._now = None
                self._floor.end_waiting()
                self._obey(turn.intent)

    def _accept(self, turn: Turn, utterance: Utterance, intent: Intent) -> bool:
        """Whether to do what was said. If so, nobody wants what was asked before it."""
        if turn in self._unheard:
            self._unheard.remove(turn)
        if not self._meant(turn, utterance, intent):
            self._drop(turn)
            self._nothing(turn)
            return False
        self._drop(self._now)
        self._now = turn
        self._floor.timers.set("keep", KEPT_SECONDS)
        if self._memory.ask_back(intent, utterance.confidence, self._floor.preferences.answers.confirm_below):
            self._now = None
            self._floor.answer(did_you_say(intent))
            return False
        if intent.name in ABOUT_PICTURES:
            self._floor.mouth.stop()
        return True

    def _meant(self, turn: Turn, utterance: Utterance, intent: Intent) -> bool:
        """Whether it was said to the assistant: talk in the room is not."""
        if intent.name == "nothing":
            return False
        if self._floor.mouth.saying is not None and utterance.confidence < DROWNED and intent.name not in URGENT:
            return False
        return turn.called or intent.name != "ask" or sounds_meant(intent.text)

    def _nothing(self, turn: Turn) -> None:
        """There was a voice or a noise, but nothing to do."""
        words = turn.utterance.text if turn.utterance else ""
        waited_for = self._now is not None or bool(self._unheard)
        self._floor.nothing_said(words, waited_for, turn.called and turn.committed, self._limit)

    # Answering

    def _about_picture(self, turn: Turn, intent: Intent) -> None:
        """Find the picture, then answer."""
        if self._lookout.out_of_use:
            self._finish(turn, self._lookout.out_of_use)
            return
        if turn.given:
            return
        self._lookout.watch(True)
        turn.looked = turn.looked or self._pages.open or self._lookout.settle(anew=intent.name == "compare")
        if not turn.looked:
            if "frame" not in self._floor.timers:
                self.await_frame()
            return
        if self._lookout.busy or self._lookout.seen is None:
            return
        self._think(turn, intent, self._lookout.seen)
        self._give(turn)

    def await_frame(self) -> None:
        """The camera has no picture yet: look again in a moment, until it is too late."""
        self._floor.timers.set("frame", 0.1)
        self._frame_until = self._floor.world.clock() + FRAME_SECONDS

    def look_for_frame(self) -> None:
        """Whether there is one by now."""
        turn = self._now
        if self._lookout.begin():
            if turn is not None:
                turn.looked = True
        elif self._floor.world.clock() < self._frame_until:
            self._floor.timers.set("frame", 0.1)
        elif turn is not None and self._floor.state == "thinking":
            self._finish(turn, phrases.NO_PICTURE)

    def _think(self, turn: Turn, intent: Intent, seen: Seen) -> None:
        if turn.seen is seen:
            return
        if turn.thinking is not None:
            self._workers.cancel(turn.thinking)
        turn.seen, turn.parts, turn.given, turn.complete = seen, [], 0, False
        answer = self._memory.reply(intent, seen, self._engines)
        turn.thinking = self._workers.start("answer", lambda: answer)

    def _give(self, turn: Turn) -> None:
        """Say the parts of the answer that are there and not said yet."""
        if self._now is not turn or not turn.looked or not turn.intent or not turn.utterance or not turn.seen:
            return
        mouth = self._floor.mouth
        for part in turn.parts[turn.given :]:
            first, rest = worded(part, turn.intent, turn.seen, self._floor.preferences.answers.sentences)
            if turn.given:
                mouth.add(first, close=False)
            else:
                self._floor.end_waiting()
                asked = self._doubt(turn.utterance, turn.intent)
                more = [phrases.THERE_IS_MORE] if rest else []
                mouth.say([*asked, *first, *more], kind_of(turn.intent), rest, open_=True)
                self._floor.speaking()
            turn.given += 1
        if turn.complete and turn.given:
            mouth.add([])
            self._conclude(turn, turn.intent, turn.seen)

    def _doubt(self, utterance: Utterance, intent: Intent) -> list[str]:
        return doubt(intent, utterance.confidence, self._floor.preferences.answers.confirm_below)

    def _conclude(self, turn: Turn, intent: Intent, seen: Seen) -> None:
        """An answer is whole."""
        self._now = None
        self.last = turn
        given = self._memory.conclude(intent, seen, turn.parts)
        if given.abstained and not seen.quality.usable and turn.tries < MOST_TRIES:
            self._pages.aim(turn, AIM_SECONDS)

    def _finish(self, turn: Turn, text: str) -> None:
        """An answer that needs no thought."""
        self._drop(turn)
        self._now = None
        self._floor.answer(text)

    def retry(self, turn: Turn) -> None:
        """Answer `turn` once more, from the picture that is being looked at now."""
        self._now = Turn(None, True, True, turn.utterance, turn.intent, looked=True, tries=turn.tries + 1)
        self._wait()

    # What the workers report

    def made(self, event: Made) -> None:
        """A piece of what a turn waits for."""
        for turn in self._all():
            if event.task == turn.hearing and isinstance(event.piece, Utterance):
                turn.utterance = event.piece
                self._take(turn)
            elif event.task == turn.thinking and isinstance(event.piece, Answer):
                turn.parts.append(event.piece)
                if turn.committed:
                    self._give(turn)
                elif len(turn.parts) == 1 and turn.utterance and turn.intent:
                    ahead = [*self._doubt(turn.utterance, turn.intent), event.piece.text]
                    self._floor.mouth.prepare(" ".join(ahead))

    def finished(self, event: Finished) -> None:
        """Its work is over. Raises what went wrong in it, if the turn is known to be whole."""
        for turn in self._all():
            if event.task not in (turn.hearing, turn.thinking):
                continue
            turn.complete = turn.complete or event.task == turn.thinking
            turn.error = event.error
            if event.error is not None and turn.committed:
                raise event.error
            self._give(turn)

    def looked(self) -> None:
        """A picture was looked at."""
        for turn in self._all():
            self._take(turn)

    # Leaving off

    @property
    def answering(self) -> bool:
        return self._now is not None

    def drop_all(self) -> None:
        """Nobody wants anything of what was said."""
        for turn in self._all():
            self._drop(turn)
        self._coming = self._now = None
        self._unheard = []

    def forget(self) -> None:
        """Nor to refer to what was answered; no sound is kept."""
        self.drop_all()
        self.last = self.paused = None

    def _all(self) -> list[Turn]:
        """All that were begun and are not answered."""
        return [turn for turn in (self._coming, *self._unheard, self._now) if turn is not None]

    def _drop(self, turn: Turn | None) -> None:
        if turn is not None:
            for task in (turn.hearing, turn.thinking):
                if task is not None:
                    self._workers.cancel(task)
            if turn.thinking is not None and not turn.complete:
                self._engines.leave_off()

    @property
    def _limit(self) -> float:
        return EYE_LIMIT_SECONDS if self._engines.sees else LIMIT_SECONDS

    def _wait(self) -> None:
        self._floor.begin_waiting(self._limit)
