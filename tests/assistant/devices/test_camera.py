"""The camera on real films, pictures and an MJPEG server on loopback; a made-up capture only for a read that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import cv2
import numpy as np
import pytest

from assistant.devices.camera import KEPT_SECONDS, MOST_HUNG, WatchedCamera, open_camera
from assistant.devices.camera_sources import Frame
from assistant.errors import CameraError
from assistant.picture.measures import sharpness
from assistant.picture.photo import LONGEST_SIDE, load_photo
from assistant.ports.events import DeviceBack, DeviceLost, Event
from tests.assistant.devices.ip_camera import IpCamera
from tests.paths import SAMPLES

pytestmark = pytest.mark.realtime

SOON = 20.0
"""Seconds within which everything here happens, also on a busy machine."""


class Reports:
    """What the camera reported."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Event] = SimpleQueue()
        self.report = self._queue.put

    def next(self) -> Event:
        return self._queue.get(timeout=SOON)

    def none_for(self, seconds: float) -> bool:
        try:
            self._queue.get(timeout=seconds)
        except Empty:
            return True
        return False


@pytest.fixture
def reports() -> Reports:
    return Reports()


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true value of `what`."""
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def sample(name: str = "book-cover.jpg") -> Frame:
    return np.ascontiguousarray(load_photo(SAMPLES / name).pixels[..., ::-1])


def test_a_picture_is_a_camera_that_stands_still(reports: Reports) -> None:
    with closing(open_camera(str(SAMPLES / "book-cover.jpg"), reports.report, time.monotonic)) as camera:
        assert camera.newest() is None  # nobody watches
        camera.watch(True)
        photo = wait_for(camera.newest)
        assert np.array_equal(photo.pixels, load_photo(SAMPLES / "book-cover.jpg").pixels)
        assert reports.none_for(4.0)  # standing still is no fault of a picture
        camera.watch(False)
        assert camera.newest() is None
        assert camera.sharpest() is None


def film(path: Path, frames: list[Frame], rate: float = 20.0) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def test_a_film_gives_its_frames_and_the_sharpest_is_chosen(tmp_path: Path, reports: Reports) -> None:
    clear = cv2.resize(sample(), (640, 960))
    frames = [clear if number % 20 < 10 else cv2.GaussianBlur(clear, (0, 0), 4) for number in range(40)]
    with closing(open_camera(str(film(tmp_path / "f.avi", frames)), reports.report, time.monotonic)) as camera:
        camera.watch(True)
        time.sleep(2 * KEPT_SECONDS)  # past the end of the film, which begins again
        photos = [(camera.sharpest(), camera.newest()) for _ in range(20) if time.sleep(0.1) is None]
        least = 0.8 * sharpness(np.ascontiguousarray(clear))
        assert sum(best is not None and sharpness(best.pixels) > least for best, _ in photos) >= 15
        assert any(new is not None and sharpness(new.pixels) < least for _, new in photos)
        assert len(camera._kept) <= 1 + round(KEPT_SECONDS * 10)


def test_a_large_frame_is_reduced(tmp_path: Path, reports: Reports) -> None:
    large = cv2.resize(sample("parking-sign.jpg"), (2400, 1800))
    with closing(open_camera(str(film(tmp_path / "f.avi", [large] * 5)), reports.report, time.monotonic)) as camera:
        camera.watch(True)
        photo = wait_for(camera.newest)
        assert (photo.width, photo.height) == (LONGEST_SIDE, 1500)
        assert abs(float(photo.pixels.mean(axis=(0, 1))[0] - large[..., 2].mean())) < 3  # red is red


def test_what_is_no_film_is_lost_aloud_and_found_when_it_is_mended(tmp_path: Path, reports: Reports) -> None:
    path = tmp_path / "f.avi"
    path.write_bytes(b"not a film" * 100)
    with closing(open_camera(str(path), reports.report, time.monotonic)):
        lost = reports.next()
        assert isinstance(lost, DeviceLost)
        assert lost.spoken == "I cannot open the film that stands in for the camera. Use another file."
        film(tmp_path / "new.avi", [sample()] * 5).replace(path)
        assert isinstance(reports.next(), DeviceBack)


def test_a_missing_device_is_said_once_and_the_assistant_runs_without(reports: Reports) -> None:
    with closing(open_camera("/dev/video97", reports.report, time.monotonic)) as camera:
        lost = reports.next()
        assert lost == DeviceLost(lost.at, "camera", "I find no camera. Connect it.")
        camera.watch(True)
        assert camera.sharpest() is None
        assert reports.none_for(2.5)  # looked for silently
        camera.switch(False)
        camera.switch(True)
        assert isinstance(reports.next(), DeviceLost)  # said again to who asks for it again


@pytest.fixture
def server() -> Iterator[IpCamera]:
    with closing(IpCamera(cv2.resize(sample(), (320, 480)))) as made:
        yield made


@pytest.fixture
def stream(server: IpCamera, reports: Reports) -> Iterator[WatchedCamera]:
    with closing(open_camera(server.url, reports.report, time.monotonic)) as camera:
        camera.watch(True)
        wait_for(camera.newest)
        yield camera


def test_frames_of_a_stream_are_fresh_and_few(stream: WatchedCamera, server: IpCamera) -> None:
    time.sleep(2 * KEPT_SECONDS)
    assert 5 <= len(stream._kept) <= 1 + round(KEPT_SECONDS * 10)
    server.show(np.full((480, 320, 3), 200, np.uint8))
    changed = time.monotonic()
    wait_for(lambda: float(np.median(stream.newest().pixels)) > 190)  # type: ignore[union-attr]
    assert time.monotonic() - changed < 3.0  # no queue of old frames


@pytest.mark.parametrize("fault", ["hang", "cut"])
def test_a_stream_that_stops_is_lost_within_two_seconds_and_comes_back(
    fault: str, stream: WatchedCamera, server: IpCamera, reports: Reports
) -> None:
    server.mode = fault
    began = time.monotonic()
    lost = reports.next()
    assert isinstance(lost, DeviceLost)
    assert lost.spoken == "The camera in the network stopped. Check that it is switched on."
    assert lost.at - began < 4.0  # on an idle machine 1.2 s
    assert stream.newest() is None
    assert reports.none_for(1.5)
    server.mode = "run"
    assert isinstance(reports.next(), DeviceBack)
    wait_for(stream.newest)


def test_a_stream_that_repeats_one_frame_is_lost_until_another_comes(
    stream: WatchedCamera, server: IpCamera, reports: Reports
) -> None:
    server.mode = "freeze"
    lost = reports.next()
    assert isinstance(lost, DeviceLost)
    assert "stands still" in lost.spoken
    assert reports.none_for(5.0)  # the same frame again is no return
    server.mode = "run"
    assert isinstance(reports.next(), DeviceBack)


def test_darkness_may_stand_still(stream: WatchedCamera, server: IpCamera, reports: Reports) -> None:
    server.mode = "dark"
    assert reports.none_for(5.0)


def test_switched_off_the_camera_is_let_go_and_silent(
    stream: WatchedCamera, server: IpCamera, reports: Reports
) -> None:
    assert server.watchers == 1
    stream.switch(False)
    wait_for(lambda: server.watchers == 0)
    assert stream.newest() is None
    assert reports.none_for(2.5)
    stream.switch(True)
    wait_for(stream.newest)
    assert server.watchers == 1
    assert reports.none_for(0.5)


def test_the_end_lets_go_of_everything(server: IpCamera, reports: Reports) -> None:
    before = threading.active_count()
    camera = open_camera(server.url, reports.report, time.monotonic)
    wait_for(lambda: server.watchers == 1)
    camera.close()
    wait_for(lambda: server.watchers == 0 and threading.active_count() <= before)


class Hanging:
    """A source whose driver hangs after some frames, as a real one does that lost its USB host."""

    live = True

    def __init__(self) -> None:
        self.opened = 0
        self.hangs = True
        self.released = 0
        self.let_go = threading.Event()

    def open(self) -> Hanging:
        self.opened += 1
        self._left = 5
        return self

    def grab(self) -> bool:
        time.sleep(0.03)
        self._left -= 1
        if self._left < 0 and self.hangs:
            self.let_go.wait()
        return True

    def retrieve(self) -> tuple[bool, Frame]:
        return True, np.random.default_rng().integers(0, 255, (48, 64, 3), np.uint8)

    def release(self) -> None:
        self.released += 1

    def lost(self) -> CameraError:
        return CameraError("it hangs", "The camera stopped. Unplug it and connect it again.")

    def missing(self) -> bool:
        return False


def test_a_read_that_hangs_is_given_up_and_threads_do_not_pile_up(reports: Reports) -> None:
    source = Hanging()
    with closing(WatchedCamera(source, reports.report, time.monotonic)) as camera:
        camera.watch(True)
        assert isinstance(reports.next(), DeviceLost)
        assert camera.newest() is None
        wait_for(lambda: source.opened == MOST_HUNG)
        time.sleep(3.0)
        assert source.opened == MOST_HUNG
        source.hangs = False
        source.let_go.set()
        wait_for(lambda: source.released == MOST_HUNG)
        wait_for(camera.newest)
        assert isinstance(reports.next(), DeviceBack)


@pytest.mark.parametrize("name", ["book-cover.jpg", "parking-receipt.jpg", "parking-sign.jpg"])
@pytest.mark.parametrize("noise", [(1, 4), (4, 1), (4, 4)])
def test_the_sharper_frame_of_a_scene_is_known_also_in_noise(name: str, noise: tuple[int, int]) -> None:
    clear = load_photo(SAMPLES / name).pixels
    slanted = np.eye(9, dtype=np.float32) / 9
    spoiled = [
        cv2.GaussianBlur(clear, (0, 0), 1.5),
        cv2.blur(clear, (9, 1)),
        cv2.blur(clear, (1, 9)),
        cv2.filter2D(clear, -1, slanted),
    ]
    random = np.random.default_rng(3)

    def noisy(pixels: Any, sigma: int) -> Any:
        return np.clip(pixels + random.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)

    best = sharpness(noisy(clear, noise[0]))
    assert all(sharpness(noisy(each, noise[1])) < best for each in spoiled)
