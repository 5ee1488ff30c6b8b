"""Better pictures on the user's way to an answer: help with aiming after a bad one, and the pages of a document, one by one.

How a frame is looked at is the work of `aiming.py`, what to say about it that of `guidance.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.conversation.aiming import Aiming
from assistant.conversation.turn import Turn
from assistant.mind.answering.reading_aloud import sentences_of
from assistant.picture.looking import Seen
from assistant.ports.events import Finished, Made
from assistant.sound.speaking import phrases

if TYPE_CHECKING:
    from assistant.conversation.dialogue import Dialogue

AIM_EVERY = 0.4
"""Seconds between two frames that are looked at while somebody aims."""
AIM_SECONDS, PAGE_SECONDS = 20.0, 60.0
"""How long somebody is helped to aim after a bad picture, and at what was announced."""


class Pages:
    """Aims for the dialogue, and keeps the pages that were read until they are to be forgotten."""

    def __init__(self, dialogue: Dialogue, aiming: Aiming) -> None:
        self._dialogue = dialogue
        self._aiming = aiming
        self._turn: Turn | None = None
        """What a better picture is wanted for; None for a page."""
        self._page_wanted = False
        """The picture that is being looked at is a page."""
        self.kept: list[Seen] = []
        self.open = False
        """Pages are being read: what is asked is asked about them."""

    def aim(self, turn: Turn | None, seconds: float) -> None:
        """Help to get a better picture, with which `turn` is answered; without one, of the next page."""
        self._turn = turn
        dialogue = self._dialogue
        dialogue.lookout.watch(True)
        unlike = self.kept[-1].photo if turn is None and self.kept else None
        self._aiming.start(dialogue.world.clock(), seconds, unlike)
        dialogue.timers.set("aim", AIM_EVERY)

    def left(self) -> float:
        """Seconds for which it still helps."""
        return self._aiming.left(self._dialogue.world.clock())

    def step(self) -> None:
        """Look at the next frame, if nobody speaks."""
        dialogue = self._dialogue
        if self._aiming.on and dialogue.camera_on:
            if dialogue.mouth.saying is None and dialogue.state not in ("hearing", "thinking"):
                self._aiming.step(dialogue.world.clock())
            dialogue.timers.set("aim", AIM_EVERY)

    def made(self, event: Made) -> bool:
        """A frame was looked at: say what follows from it; False when it is not ours."""
        if not self._aiming.made(event):
            return False
        dialogue, direction, photo = self._dialogue, self._aiming.direction, self._aiming.photo
        if direction is None or photo is None or dialogue.state in ("hearing", "thinking"):
            return True
        if not direction.capture:
            if dialogue.mouth.saying is None:
                dialogue.say(direction.words)
            return True
        turn, self._turn = self._turn, None
        self._aiming.stop()
        dialogue.mouth.signal("capture")
        dialogue.lookout.use(photo)
        if turn is not None:
            dialogue.retry(turn)
        else:
            self._page_wanted = True
        return True

    def finished(self, event: Finished) -> bool:
        """A look is over; False when it is not ours. Raises what went wrong in it."""
        return self._aiming.finished(event)

    @property
    def waiting(self) -> bool:
        """Whether a page is being looked at."""
        return self._page_wanted

    def looked(self) -> None:
        """A picture was looked at; if it is a page, it is kept and read."""
        if not self._page_wanted:
            return
        self._page_wanted = False
        dialogue, seen = self._dialogue, self._dialogue.lookout.seen
        if seen is None or seen.page is None or not seen.quality.usable:
            dialogue.say(seen.quality.spoken if seen else phrases.NO_PICTURE)
        else:
            self.kept.append(seen)
            number = phrases.PAGE.format(len(self.kept))
            dialogue.mouth.say([number, *sentences_of(seen.page), phrases.NEXT_PAGE], "reading")
            dialogue.speaking()
        self.aim(None, PAGE_SECONDS)

    def begin(self) -> None:
        """A document: its pages are read as they are shown."""
        self.kept = []
        self.next()

    def next(self) -> None:
        """The next page."""
        if not self._dialogue.camera_on:
            self._dialogue.answer(phrases.CAMERA_IS_OFF)
            return
        self.open = True
        self._dialogue.answer(phrases.NEXT_PAGE if self.kept else phrases.SHOW_THE_PAGE)
        self.aim(None, PAGE_SECONDS)

    def stop(self) -> None:
        """No more help and no more pages; those that were read are kept."""
        self._aiming.stop()
        self._turn = None
        self.open = self._page_wanted = False

    def forget(self) -> None:
        """Stop, and keep no page."""
        self.stop()
        self.kept = []
