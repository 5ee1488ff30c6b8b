"""Helping somebody to aim the camera: looks at a frame now and then, until one is good enough or time is up.

What to say about a frame is decided in `guidance.py`, when it is said in `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from assistant.picture import gate
from assistant.picture.guidance import Direction, Guide
from assistant.picture.page import Box
from assistant.picture.photo import Photo
from assistant.picture.same_scene import same_scene
from assistant.ports.engines import Engines
from assistant.ports.events import Finished, Made
from assistant.ports.world import Camera, Workers


class Aiming:
    """One attempt after the other to get a good picture."""

    def __init__(self, camera: Camera, workers: Workers, engines: Engines) -> None:
        self._camera = camera
        self._workers = workers
        self._engines = engines
        self._guide: Guide | None = None
        self._unlike: Photo | None = None
        self._until = 0.0
        self._task: int | None = None
        self.direction: Direction | None = None
        """What follows from the last frame; None for nothing."""
        self.photo: Photo | None = None
        """The last frame."""

    @property
    def on(self) -> bool:
        return self._guide is not None

    def left(self, now: float) -> float:
        """Seconds until it is given up."""
        return max(0.0, self._until - now) if self.on else 0.0

    def start(self, now: float, limit: float, unlike: Photo | None = None) -> None:
        """Begin; after `limit` seconds it is given up. Frames like `unlike` (the page read before) are not looked at."""
        self.stop()
        self._unlike = unlike
        self._guide = Guide()
        self._until = now + limit

    def stop(self) -> None:
        """Enough; no frame is kept."""
        if self._task is not None:
            self._workers.cancel(self._task)
        self._task = self._guide = self.direction = self.photo = self._unlike = None

    def step(self, now: float) -> bool:
        """Look at the newest frame, unless one is being looked at; False when it is over."""
        if now >= self._until:
            self.stop()
        photo = self._camera.newest() if self.on and self._task is None else None
        if photo is not None and not (self._unlike and same_scene(self._unlike, photo)):
            self._task = self._workers.start("look", lambda: self._find(photo))
        return self.on

    def _find(self, photo: Photo) -> Iterator[object]:
        # In a picture that shows nothing there is nothing to find, and no model is asked.
        yield photo, self._engines.finder.detect(photo) if gate.judge(photo).usable else []

    def made(self, event: Made) -> bool:
        """A frame was looked at; False when it is not ours."""
        if event.task != self._task or not isinstance(event.piece, tuple) or self._guide is None:
            return False
        boxes: list[Box]
        self.photo, boxes = event.piece
        self.direction = self._guide.look(self.photo, boxes, event.at)
        return True

    def finished(self, event: Finished) -> bool:
        """The look is over; False when it is not ours. Raises what went wrong in it."""
        if event.task != self._task:
            return False
        self._task = None
        if event.error is not None:
            self.stop()
            raise event.error
        return True
