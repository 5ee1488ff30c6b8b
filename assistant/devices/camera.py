"""The camera: keeps the frames of the last moment while somebody asks for them, and notices when it stops working.

One thread reads (`_Reading`), another watches over it and reports, so that a read that hangs is only given up. What a
source is and why it cannot be opened is known to `camera_sources.py`. Frames live in memory only.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from assistant.devices.camera_sources import Capture, Frame, Source, find_source
from assistant.errors import CameraError
from assistant.picture.measures import sharpness
from assistant.picture.photo import LONGEST_SIDE, Photo
from assistant.ports.events import DeviceBack, DeviceLost, Event
from assistant.ports.world import Clock

KEPT_SECONDS = 1.5
"""How long a frame is kept."""
SECONDS_A_FRAME, IDLE_SECONDS_A_FRAME = 0.1, 0.5
"""Between two frames that are decoded, while frames are kept and while they are not (all others are skipped undecoded)."""
MOST_BYTES = 100_000_000
"""All frames that are kept; 1.5 s of 1920 x 1080 are 93 MB."""

SILENT_SECONDS, FIRST_SECONDS = 1.0, 6.0
"""Without a frame for this long the camera is lost; before its first frame it may take longer: sensors start slowly."""
FROZEN_SECONDS = 3.0
"""A live camera whose frames are alike to the last bit for this long hangs: a sensor's noise never repeats."""
FROZEN_SPREAD = 8
"""Range of grey levels up to which a still frame is no fault: darkness under a lens cap has no noise after compression."""
RETRY_SECONDS = 1.0
TICK_SECONDS = 0.2
MOST_HUNG = 3
"""Readings that hang in the driver at one time; while there are so many, no other is begun."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    at: float
    frame: Frame
    sharpness: float


class _Reading:
    """One capture, from opening to release, in a thread of its own. It may be given up at any moment, also if it hangs."""

    def __init__(
        self,
        source: Source,
        clock: Clock,
        watching: Callable[[], bool],
        keep: Callable[[_Kept], None],
        before: _Reading | None,
    ) -> None:
        """Begins when the reading `before` has let go of the device, or takes too long to."""
        self._source, self._clock, self._watching, self._keep, self._before = source, clock, watching, keep, before
        self.began = self.grabbed = self.changed = self._first = clock()
        self.frame: Frame | None = None
        """The last frame that was decoded; it stays when the reading is over."""
        self.fault: CameraError | None = None
        """Why it ended by itself."""
        self._given_up = threading.Event()
        self.thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self.thread.start()

    def give_up(self) -> None:
        """Let go of the device as soon as the running read returns; nothing is kept any more."""
        self._given_up.set()

    def _run(self) -> None:
        if self._before is not None:
            self._before.thread.join(timeout=SILENT_SECONDS)
            self._before = None
        try:
            capture = self._source.open()
        except CameraError as error:
            self.fault = error
            return
        except cv2.error:
            log.exception("the camera could not be opened")
            self.fault = self._source.lost()
            return
        try:
            self._read(capture)
        except cv2.error:
            log.exception("the camera failed while reading")
            self.fault = self._source.lost()
        finally:
            capture.release()

    def _read(self, capture: Capture) -> None:
        decoded = self._clock() - IDLE_SECONDS_A_FRAME
        while not self._given_up.is_set():
            if not capture.grab():
                self.fault = self._source.lost()
                return
            now = self.grabbed = self._clock()
            watching = self._watching()
            if self.frame is not None and now - decoded < (SECONDS_A_FRAME if watching else IDLE_SECONDS_A_FRAME):
                continue
            good, frame = capture.retrieve()
            if not good:
                continue  # a damaged frame; if all are, `changed` stands still
            # A regular beat, so that a camera of 30 frames a second is not read at 7.5.
            decoded = decoded + SECONDS_A_FRAME if now - decoded < 2 * SECONDS_A_FRAME else now
            if self.frame is None:
                self._first = self.changed = now
            elif not _alike(self.frame, frame):
                self.changed = now
            self.frame = frame
            if watching and not self._given_up.is_set():
                self._keep(_Kept(now, frame, sharpness(frame)))

    def trouble(self, now: float) -> CameraError | None:
        """What is wrong with it at the time `now`."""
        if self.fault is not None:
            return self.fault
        patience = FIRST_SECONDS if self.frame is None else SILENT_SECONDS
        if now - max(self.grabbed, self.began) > patience or not self.thread.is_alive():
            return self._source.lost()
        if self.frame is not None and self._source.missing():
            return self._source.lost()
        if self._source.live and self.frame is not None and self._frozen(self.frame, now):
            return CameraError(
                "the camera sends the same frame again and again: restart it",
                "The camera's picture stands still. Unplug it and connect it again.",
            )
        return None

    def _frozen(self, frame: Frame, now: float) -> bool:
        return now - self.changed >= FROZEN_SECONDS and not _dark(frame)

    def runs(self) -> bool:
        """Whether it gives frames beyond doubt: one frame of a live camera may be the last that it had before it froze."""
        if self.frame is None:
            return False
        return not self._source.live or self.changed > self._first or _dark(self.frame)


def _dark(frame: Frame) -> bool:
    return int(frame.max()) - int(frame.min()) <= FROZEN_SPREAD


def _alike(first: Frame, second: Frame) -> bool:
    """Whether two frames do not differ in a single bit."""
    return np.array_equal(first[::16, ::16], second[::16, ::16]) and np.array_equal(first, second)


class WatchedCamera:
    """A camera that is opened again when it fails (Protocol `Camera`). One in a process."""

    def __init__(self, source: Source, report: Callable[[Event], None], clock: Clock) -> None:
        """Begins at once. `report` is called from the thread that watches: `DeviceLost` also if the first opening fails."""
        self._source, self._report, self._clock = source, report, clock
        self._lock = threading.Lock()  # held for moments only, never while anything is read
        self._kept: deque[_Kept] = deque()
        self._watching = False
        self._on = True
        self._lost = False
        self._told = False
        """Whether the loss was reported, since the camera was switched on."""
        self._tried = clock()
        self._hung: list[_Reading] = []
        self._reading: _Reading | None = self._begin()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._watch_over, name="camera watch", daemon=True)
        self._watch.start()

    def watch(self, on: bool) -> None:
        """Whether to keep the frames of the last `KEPT_SECONDS`; switched off, all are forgotten."""
        with self._lock:
            self._watching = on
            if not on:
                self._kept.clear()

    def newest(self) -> Photo | None:
        """The newest of the frames kept."""
        kept = self._fresh()
        return _photo(kept[-1].frame) if kept else None

    def sharpest(self) -> Photo | None:
        """The sharpest of the frames kept; None where there is none."""
        kept = self._fresh()
        return _photo(max(kept, key=lambda each: each.sharpness).frame) if kept else None

    def switch(self, on: bool) -> None:
        """Let go of the device, so that its light goes out, or take it again. Waits for neither."""
        with self._lock:
            if on == self._on:
                return
            self._on, self._told = on, False
            if on:
                self._tried, self._reading = self._clock(), self._begin()
            else:
                self._drop()

    def close(self) -> None:
        """Let go of the device for good, and wait a moment for its release."""
        with self._lock:
            reading, self._on = self._reading, False
            self._drop()
        self._closed.set()
        self._watch.join()
        if reading is not None:
            reading.thread.join(timeout=2.0)

    def _begin(self) -> _Reading:
        before = self._hung[-1] if self._hung else None
        return _Reading(self._source, self._clock, lambda: self._watching, self._keep, before)

    def _drop(self) -> None:
        """Give the reading up and forget its frames (under the lock)."""
        if self._reading is not None:
            self._reading.give_up()
            self._hung.append(self._reading)
            self._reading = None
        self._kept.clear()

    def _keep(self, kept: _Kept) -> None:
        with self._lock:
            if not self._watching or self._reading is None or threading.current_thread() is not self._reading.thread:
                return
            self._kept.append(kept)
            while len(self._kept) > 1 and (
                kept.at - self._kept[0].at > KEPT_SECONDS or len(self._kept) * kept.frame.nbytes > MOST_BYTES
            ):
                self._kept.popleft()

    def _fresh(self) -> list[_Kept]:
        oldest = self._clock() - KEPT_SECONDS
        with self._lock:
            return [each for each in self._kept if each.at >= oldest]

    def _watch_over(self) -> None:
        while not self._closed.wait(TICK_SECONDS):
            with self._lock:
                event = self._check(self._clock()) if self._on else None
            if event is not None:
                self._report(event)

    def _check(self, now: float) -> Event | None:
        """One step of the watch (under the lock): what there is to report, and the next attempt if it is time."""
        self._hung = [each for each in self._hung if each.thread.is_alive()]
        if self._reading is None:
            if now - self._tried >= RETRY_SECONDS and len(self._hung) < MOST_HUNG:
                self._tried, self._reading = now, self._begin()
            return None
        trouble = self._reading.trouble(now)
        if trouble is not None:
            self._lost = True
            self._drop()
            if self._told:
                return None
            self._told = True
            log.warning("camera lost: %s", trouble)
            return DeviceLost(now, "camera", trouble.spoken)
        if self._lost and self._reading.runs():
            self._lost = self._told = False
            return DeviceBack(now, "camera")
        return None


def _photo(frame: Frame) -> Photo:
    """A frame as a picture: red green blue, its longest side at most `LONGEST_SIDE`."""
    height, width = frame.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1:
        size = (round(width * scale), round(height * scale))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return Photo(np.ascontiguousarray(frame[..., ::-1]))


def open_camera(source: str, report: Callable[[Event], None], clock: Clock) -> WatchedCamera:
    """The camera that the user calls `source` (see `sources.find_source`), and keep it open from now on.

    A camera that is missing or taken is reported as `DeviceLost` and looked for. Raises CameraError for a `source` that
    can never be one.
    """
    return WatchedCamera(find_source(source), report, clock)
