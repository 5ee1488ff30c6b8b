"""What is in front of the user: the sharpest recent frame is read ahead of the question, and not again while nothing changed.

Frames come from the camera, what becomes of them from `ask.look`; when to look is decided in `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.ask import Seen
from assistant.events import Finished, Made
from assistant.eyes import Photo
from assistant.looking import same_scene
from assistant.ports import Camera, Workers


class Lookout:
    """The picture of the present question, and the one before it."""

    def __init__(self, camera: Camera, workers: Workers, look: Callable[[Photo], Seen]) -> None:
        self._camera = camera
        self._workers = workers
        self._look = look
        self.seen: Seen | None = None
        """The last picture that was looked at."""
        self.before: Seen | None = None
        """The one before it, of another scene."""
        self._task: int | None = None
        self._photo: Photo | None = None
        """Being looked at."""
        self._held = False

    @property
    def busy(self) -> bool:
        return self._task is not None

    def watch(self, on: bool) -> None:
        """Keep the camera's frames, or forget them."""
        self._camera.watch(on)

    def begin(self) -> bool:
        """Look at what is there now, unless it is what was looked at already; False while the camera has no frame."""
        if self._held:
            return True
        photo = self._present()
        if photo is None:
            return False
        known = self._photo or (self.seen.photo if self.seen else None)
        if known is not None and same_scene(known, photo):
            return True
        self.use(photo)
        return True

    def use(self, photo: Photo) -> None:
        """Look at this picture."""
        self.leave_off()
        look = self._look

        def work() -> Iterator[object]:
            yield look(photo)

        self._photo = photo
        self._task = self._workers.start("look", work)

    def hold(self, on: bool) -> None:
        """Whether what was seen is what questions are about, wherever the camera looks now: a page of a document."""
        self._held = on

    def made(self, event: Made) -> bool:
        """A picture was looked at; False when it is not ours."""
        if event.task != self._task or not isinstance(event.piece, Seen):
            return False
        # A picture of which nothing could be made is no picture to compare with.
        if self.seen is not None and self.seen.quality.usable:
            self.before = self.seen
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
        self.seen = self.before = None
        self._held = False

    def _present(self) -> Photo | None:
        """The sharpest frame of what the camera sees now: a sharper one of what it saw a second ago is of no use."""
        sharpest, newest = self._camera.sharpest(), self._camera.newest()
        if sharpest is None or newest is None:
            return newest
        return sharpest if same_scene(sharpest, newest) else newest
