"""What is in front of the user: the sharpest recent frame is read ahead of the question, and not again while nothing changed.

Frames come from the camera, what becomes of them from `picture.looking`; when to look is decided in `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.picture.looking import Seen
from assistant.picture.photo import Photo
from assistant.picture.same_scene import same_scene
from assistant.ports.events import Finished, Made
from assistant.ports.world import Camera, Clock, Workers
from assistant.sound.speaking import phrases

FRESH_SECONDS = 3.0
"""A picture in which something was read stands for the present one so long, however the hand that holds it trembles."""


class Lookout:
    """The picture of the present question."""

    def __init__(self, camera: Camera, workers: Workers, clock: Clock, look: Callable[[Photo], Seen]) -> None:
        self._camera = camera
        self._workers = workers
        self._clock = clock
        self._look = look
        self.seen: Seen | None = None
        """The last picture that was looked at."""
        self.on = True
        """The user wants the camera on."""
        self.lost = ""
        """What is said of a camera that stopped working; empty of one that works."""
        self._task: int | None = None
        self._photo: Photo | None = None
        """Being looked at."""
        self._taken = 0.0
        """When the last picture that was looked at was chosen."""

    @property
    def out_of_use(self) -> str:
        """Why there is no picture, in words; empty where there may be one."""
        return self.lost if self.on else phrases.CAMERA_IS_OFF

    @property
    def busy(self) -> bool:
        return self._task is not None

    def watch(self, on: bool) -> None:
        """Keep the camera's frames, or forget them."""
        self._camera.watch(on)

    def begin(self, anew: bool = False) -> bool:
        """Look at what is there now, unless it is what was looked at already; False while the camera has no frame.

        anew: also then, because a single figure may have changed, which two frames do not show for sure.
        """
        photo = self._present()
        if photo is None:
            return False
        if anew:
            self.use(photo)
            return True
        known = self._photo or (self.seen.photo if self.seen else None)
        if known is None or not same_scene(known, photo):
            self.use(photo)
        return True

    def settle(self, anew: bool = False) -> bool:
        """As `begin`, at the end of the question: what was read while it was asked is good enough."""
        if anew:
            return self.begin(anew)
        fresh = self._clock() - self._taken < FRESH_SECONDS
        if fresh and (
            self.busy or (self.seen and self.seen.quality.usable and self.seen.page and self.seen.page.lines)
        ):
            return True
        return self.begin()

    def use(self, photo: Photo) -> None:
        """Look at this picture."""
        self.leave_off()
        look = self._look

        def work() -> Iterator[object]:
            yield look(photo)

        self._photo, self._taken = photo, self._clock()
        self._task = self._workers.start("look", work)

    def discard(self) -> None:
        """What was seen last is not good enough: the next question is answered from a new picture."""
        self.leave_off()
        self.seen = None

    def made(self, event: Made) -> bool:
        """A picture was looked at; False when it is not ours."""
        if event.task != self._task or not isinstance(event.piece, Seen):
            return False
        self.seen = event.piece
        self._task = self._photo = None
        return True

    def finished(self, event: Finished) -> bool:
        """The look is over; False when it is not ours. Raises what went wrong in it."""
        if event.task != self._task:
            return False
        self._task = self._photo = None
        if event.error is not None:
            raise event.error
        return True

    def leave_off(self) -> None:
        """Nobody wants the present look any more."""
        if self._task is not None:
            self._workers.cancel(self._task)
        self._task = self._photo = None

    def forget(self) -> None:
        """Keep no picture and nothing that was read."""
        self.leave_off()
        self._camera.watch(False)
        self.seen = None

    def _present(self) -> Photo | None:
        """The sharpest frame of what the camera sees now: a sharper one of what it saw a second ago is of no use."""
        sharpest, newest = self._camera.sharpest(), self._camera.newest()
        if sharpest is None or newest is None:
            return newest
        return sharpest if same_scene(sharpest, newest) else newest
