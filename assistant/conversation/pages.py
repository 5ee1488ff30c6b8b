"""Better pictures on the user's way to an answer: help with aiming after a bad one, and the pages of a document, one by one.

How a frame is looked at is the work of `aiming.py`, what to say about it that of `picture/guidance.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from assistant.conversation.aiming import Aiming
from assistant.conversation.floor import Floor
from assistant.conversation.lookout import Lookout
from assistant.conversation.memory import Memory
from assistant.conversation.turn import Turn
from assistant.mind.answering.reading_aloud import sentences_of
from assistant.ports.events import Finished, Made
from assistant.sound.speaking import phrases

AIM_EVERY = 0.4
"""Seconds between two frames that are looked at while somebody aims."""
AIM_SECONDS, PAGE_SECONDS = 20.0, 60.0
"""How long somebody is helped to aim after a bad picture, and at what was announced."""


class Pages:
    """Aims for the conversation, and has the pages kept that were read until they are to be forgotten."""

    def __init__(
        self, floor: Floor, lookout: Lookout, memory: Memory, aiming: Aiming, retry: Callable[[Turn], None]
    ) -> None:
        """`retry` answers a turn once more, from the picture that is being looked at then."""
        self._floor = floor
        self._lookout = lookout
        self._memory = memory
        self._aiming = aiming
        self._retry = retry
        self._turn: Turn | None = None
        """What a better picture is wanted for; None for a page."""
        self._page_wanted = False
        """The picture that is being looked at is a page."""
        self.open = False
        """Pages are being read: what is asked is asked about them."""

    def aim(self, turn: Turn | None, seconds: float) -> None:
        """Help to get a better picture, with which `turn` is answered; without one, of the next page."""
        self._turn = turn
        self._lookout.watch(True)
        kept = self._memory.pages
        unlike = kept[-1].photo if turn is None and kept else None
        self._aiming.start(self._floor.world.clock(), seconds, unlike)
        self._floor.timers.set("aim", AIM_EVERY)

    def left(self) -> float:
        """Seconds for which it still helps."""
        return self._aiming.left(self._floor.world.clock())

    def step(self) -> None:
        """Look at the next frame, if nobody speaks."""
        if self._aiming.on and self._lookout.on:
            if self._floor.mouth.saying is None and self._floor.state not in ("hearing", "thinking"):
                self._aiming.step(self._floor.world.clock())
            self._floor.timers.set("aim", AIM_EVERY)

    def made(self, event: Made) -> bool:
        """A frame was looked at: say what follows from it; False when it is not ours."""
        if not self._aiming.made(event):
            return False
        floor, direction, photo = self._floor, self._aiming.direction, self._aiming.photo
        if direction is None or photo is None or floor.state in ("hearing", "thinking"):
            return True
        if not direction.capture:
            if floor.mouth.saying is None:
                floor.say(direction.words)
            return True
        turn, self._turn = self._turn, None
        self._aiming.stop()
        floor.mouth.signal("capture")
        self._lookout.use(photo)
        if turn is not None:
            self._retry(turn)
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
        seen = self._lookout.seen
        if seen is None or seen.page is None or not seen.quality.usable:
            self._floor.say(seen.quality.spoken if seen else phrases.NO_PICTURE)
        else:
            self._memory.keep_page(seen)
            number = phrases.PAGE.format(len(self._memory.pages))
            self._floor.mouth.say([number, *sentences_of(seen.page), phrases.NEXT_PAGE], "reading")
            self._floor.speaking()
        self.aim(None, PAGE_SECONDS)

    def begin(self) -> None:
        """A document: its pages are read as they are shown."""
        self._memory.pages = []
        self.next()

    def next(self) -> None:
        """The next page."""
        if not self._lookout.on:
            self._floor.answer(phrases.CAMERA_IS_OFF)
            return
        self.open = True
        self._floor.answer(phrases.NEXT_PAGE if self._memory.pages else phrases.SHOW_THE_PAGE)
        self.aim(None, PAGE_SECONDS)

    def stop(self) -> None:
        """No more help and no more pages; those that were read are kept."""
        self._aiming.stop()
        self._turn = None
        self.open = self._page_wanted = False
