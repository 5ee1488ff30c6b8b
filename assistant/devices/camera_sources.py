"""Where the camera's frames come from: a device, an address in the user's own network, a film, or pictures.

A `Source` is what the user's word for the camera means; opening it gives a `Capture`, or a `CameraError` with the reason.
Threads, watching and opening again are the camera's work (`camera.py`). Frames are `[height, width, 3]` uint8, blue green
red as OpenCV gives them, and never reach the disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import itertools
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.errors import CameraError, PictureError
from assistant.picture.photo import load_photo

Frame = NDArray[np.uint8]

OPEN_SECONDS, READ_SECONDS = 3.0, 1.5
"""After which FFmpeg gives up connecting to an address, or waiting for its next frame."""
PICTURE_SECONDS = 3.0
"""How long each picture of a folder is shown."""
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
WIDTH, HEIGHT = 1920, 1080
"""What a device is asked for; it takes the nearest it knows. Small print needs it: the usual 640 x 480 does not do."""

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
"""The variable through which alone OpenCV hands options to FFmpeg."""
_FILM_OPTIONS = (
    # Containers that hold all of their frames, and files alone: a play list must open neither other files nor sockets.
    "protocol_whitelist;file|format_whitelist;avi,mov,matroska,mpegts,mpeg,mjpeg,mpegvideo,h264,hevc,asf,flv,ogg"
)
_HTTP_OPTIONS = (
    # No proxy, no other host by a redirection or a play list; no buffering, since old frames are of no use.
    "protocol_whitelist;http,tcp|format_whitelist;mpjpeg,mjpeg,mpegts,mov,matroska"
    "|max_redirects;0|http_proxy;none|fflags;nobuffer"
)
_RTSP_OPTIONS = "rtsp_transport;tcp|protocol_whitelist;rtsp,tcp|format_whitelist;rtsp|fflags;nobuffer"

_REQUEST_BUFFERS = 0xC0145608
"""VIDIOC_REQBUFS of linux/videodev2.h, which fails with EBUSY while another program takes pictures."""

_UNREADABLE = "It must be a number, a device such as /dev/video0, a camera's name, a film, pictures, or an address."


class Capture(Protocol):
    """What gives frames: the part of `cv2.VideoCapture` that is used."""

    def grab(self) -> bool:
        """Wait for the next frame; False when there will be none."""

    def retrieve(self) -> tuple[bool, Any]:
        """Whether the frame that was grabbed could be decoded, and the Frame."""

    def release(self) -> None:
        """Let go of the device."""


class Source(Protocol):
    """What the user's word for the camera means."""

    live: bool
    """Whether frames come from a sensor, so that no two are alike to the last bit."""

    def open(self) -> Capture:
        """A fresh capture. Raises CameraError with the reason why there is none."""

    def lost(self) -> CameraError:
        """Why an open capture gives no more frames."""

    def missing(self) -> bool:
        """Whether what was opened is certainly no longer there."""


def find_source(word: str) -> Source:
    """What `word` means: "0", "/dev/video2", part of a camera's name, a film, pictures, http:// or rtsp://.

    Raises CameraError for what can never be a camera; a device that is only missing is found out when it is opened.
    """
    word = word.strip()
    if not word:
        raise CameraError(f"no camera is named. {_UNREADABLE}", "No camera is set. Choose one in the settings.")
    if "://" in word:
        return _address(word)
    if word.isdecimal():
        return Device(f"/dev/video{int(word)}")
    if word.startswith("/dev/"):
        return Device(word)
    path = _existing(word)
    if path is None:
        if "/" not in word:
            return Device(word)
        raise CameraError(
            f"{word}: there is no such file or folder. Check the name.",
            "I cannot find the file that stands in for the camera. Check its name.",
        )
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix.lower() in PICTURES)
        if not files:
            raise CameraError(
                f"{path}: no picture in this folder. Put JPEG or PNG files there.",
                "The folder that stands in for the camera holds no pictures. Put some there.",
            )
        return Pictures(tuple(files))
    return Pictures((path,)) if path.suffix.lower() in PICTURES else Film(path)


def _existing(word: str) -> Path | None:
    """The file or folder of this name, if there is one."""
    with contextlib.suppress(OSError, RuntimeError):  # too long a name, nobody's home
        path = Path(word).expanduser()
        return path if path.is_dir() or path.is_file() else None
    return None


def _address(word: str) -> Source:
    try:
        parts = urlsplit(word)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, SplitResult("", "", "", "", "")
    if parts.scheme not in ("http", "rtsp") or not host:
        raise CameraError(
            "the camera's address must be http://host/path or rtsp://host/path. Correct it in the settings.",
            "The camera's address is not one I can use. It must begin with http or rtsp.",
        )
    return Address(word)


@dataclass(frozen=True)
class Device:
    """A camera of this machine (Video4Linux)."""

    word: str
    """Its node under /dev, or a part of its name."""
    names: Path = Path("/sys/class/video4linux")
    live = True

    def node(self) -> Path | None:
        """The device's node, which may change when it is plugged in again; None while it is missing."""
        if self.word.startswith("/dev/"):
            path = Path(self.word)
            return path if path.exists() else None
        matching = [node for node, name in self._named() if self.word.lower() in name.lower()]
        return Path("/dev") / matching[0] if matching else None

    def _named(self) -> list[tuple[str, str]]:
        """Nodes with their cameras' names. Of the nodes of one camera the first takes pictures, so it comes first."""
        found: list[tuple[int, int, str, str]] = []
        for folder in self.names.glob("video*"):
            with contextlib.suppress(OSError, ValueError):  # pulled out while we look
                index = int((folder / "index").read_text())
                found.append((index, int(folder.name[5:]), folder.name, (folder / "name").read_text().strip()))
        return [(node, name) for _, _, node, name in sorted(found)]

    def open(self) -> Capture:
        node = self.node()
        if node is None:
            raise self._absent()
        wanted = [cv2.CAP_PROP_FRAME_WIDTH, WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT]
        compressed = [cv2.CAP_PROP_FOURCC, int(cv2.VideoWriter.fourcc(*"MJPG"))]  # else USB is too slow for that size
        _be_quiet()
        for options in (compressed + wanted, wanted, []):  # not every driver takes every wish
            capture = cv2.VideoCapture(str(node), cv2.CAP_V4L2, options)
            if capture.isOpened():
                return capture
            capture.release()
        raise _refused(node)

    def _absent(self) -> CameraError:
        there = sorted({name for _, name in self._named()})
        if there and not self.word.startswith("/dev/"):
            known = ", ".join(there)
            return CameraError(
                f"no camera is called {self.word!r}; there are: {known}. Choose one of them.",
                f"I find no camera called {self.word}, but {known}. Choose it in the settings.",
            )
        return CameraError(f"no camera {self.word}: connect it", "I find no camera. Connect it.")

    def lost(self) -> CameraError:
        if self.missing():
            return CameraError(f"camera {self.word} is gone: connect it", "The camera is unplugged. Connect it again.")
        return CameraError(
            f"camera {self.word} gives no pictures: unplug it and connect it again",
            "The camera stopped. Unplug it and connect it again.",
        )

    def missing(self) -> bool:
        return self.node() is None


def _refused(node: Path) -> CameraError:
    """Why the device at `node` cannot be opened."""
    number = 0
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        number = error.errno or 0
    else:
        try:
            # One buffer of the kind V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP; it is given back by closing.
            fcntl.ioctl(descriptor, _REQUEST_BUFFERS, np.array([1, 1, 1, 0, 0], np.uint32).tobytes())
        except OSError as error:
            number = error.errno or 0
        finally:
            os.close(descriptor)
    if number == errno.EBUSY:
        return CameraError(
            f"{node}: another program uses this camera. Close that program.",
            "Another program is using the camera. Close that program.",
        )
    if number in (errno.EACCES, errno.EPERM):
        return CameraError(
            f"{node}: no permission. Add this account to the group video (sudo usermod -aG video $USER) and log in again.",
            "I am not allowed to use the camera. Add this account to the group called video.",
        )
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return CameraError(f"no camera {node}: connect it", "I find no camera. Connect it.")
    return CameraError(
        f"{node}: not a camera that can be opened ({os.strerror(number) if number else 'refused'}). Choose another.",
        "That camera cannot be opened. Connect it again, or choose another one.",
    )


@dataclass(frozen=True, repr=False)
class Address:
    """A camera in the user's own network: a telephone or an IP camera. Its address may hold a password."""

    url: str
    live = True

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def open(self) -> Capture:
        parts = urlsplit(self.url)
        options = _HTTP_OPTIONS if parts.scheme == "http" else _RTSP_OPTIONS
        # Connected by number, so that the host that was checked is the host that is asked.
        number = self._own_number(parts)
        shown = f"[{number}]" if ":" in number else number
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        port = f":{parts.port}" if parts.port else ""
        capture = _ffmpeg(parts._replace(netloc=f"{login}{shown}{port}").geturl(), options)
        if capture is None:
            raise CameraError(
                f"the camera at {self.host} gives no video: check that it is on and its address is right",
                "I cannot reach the camera at its address. Check that it is switched on.",
            )
        return capture

    def _own_number(self, parts: SplitResult) -> str:
        """The host's numeric address, which must be of this machine or of a private network."""
        try:
            found = socket.getaddrinfo(self.host, parts.port or 80, type=socket.SOCK_STREAM)
        except OSError as error:
            raise CameraError(
                f"the camera's host {self.host} is not known ({error}): check its address and the network",
                "I cannot find the camera in the network. Check that it is switched on.",
            ) from error
        number = str(found[0][4][0])
        if ipaddress.ip_address(number.partition("%")[0]).is_global:
            raise CameraError(
                f"{self.host} is not in your own network: give a camera's address there",
                "That camera is not in your own network, so I do not use it. Choose another one.",
            )
        return number

    def lost(self) -> CameraError:
        return CameraError(
            f"the camera at {self.host} sends no more: check that it is on and in reach",
            "The camera in the network stopped. Check that it is switched on.",
        )

    def missing(self) -> bool:
        return False  # known only by reading


def _ffmpeg(name: str, options: str) -> cv2.VideoCapture | None:
    # One variable for the whole process: another camera opened in the same instant must not be of another kind.
    os.environ[_OPTIONS] = options
    _be_quiet()
    limits = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * OPEN_SECONDS)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * READ_SECONDS)),
    ]
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, limits)
    if capture.isOpened():
        return capture
    capture.release()
    return None


def _be_quiet() -> None:
    """OpenCV and FFmpeg print to the terminal by themselves, FFmpeg addresses with passwords; we report ourselves."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Film:
    """A video file in place of a camera, shown at its own pace, over and over."""

    path: Path
    live = False

    def open(self) -> Capture:
        return _FilmCapture(self)

    def start(self) -> cv2.VideoCapture:
        """The film from its beginning."""
        capture = _ffmpeg(str(self.path.resolve()), _FILM_OPTIONS)
        if capture is None:
            raise CameraError(
                f"{self.path}: not a film that can be opened. Use MP4, MKV or AVI.",
                "I cannot open the film that stands in for the camera. Use another file.",
            )
        return capture

    def lost(self) -> CameraError:
        return CameraError(
            f"{self.path}: the film cannot be read any more. Copy it again.",
            "The film that stands in for the camera cannot be read any more. Copy it again.",
        )

    def missing(self) -> bool:
        return not self.path.exists()


class _FilmCapture:
    def __init__(self, film: Film) -> None:
        self._film = film
        self._capture = film.start()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._pause = 1 / rate if 1 <= rate <= 120 else 0.1
        self._due = time.monotonic()

    def grab(self) -> bool:
        now = time.monotonic()
        self._due = max(self._due + self._pause, now - self._pause)  # at its own pace, without haste after a delay
        time.sleep(max(self._due - now, 0.0))
        if self._capture.grab():
            return True
        self._capture.release()
        try:
            self._capture = self._film.start()
        except CameraError:
            return False
        return self._capture.grab()

    def retrieve(self) -> tuple[bool, Any]:
        return self._capture.retrieve()

    def release(self) -> None:
        self._capture.release()


@dataclass(frozen=True)
class Pictures:
    """Pictures in place of a camera: one is shown as a still, several each for `PICTURE_SECONDS`, over and over."""

    files: Sequence[Path]
    live = False

    def open(self) -> Capture:
        return _Stills(self.files)

    def lost(self) -> CameraError:
        return CameraError(
            "the pictures that stand in for the camera are gone: copy them again",
            "The pictures that stand in for the camera are gone. Copy them again.",
        )

    def missing(self) -> bool:
        return not all(file.exists() for file in self.files)


class _Stills:
    def __init__(self, files: Sequence[Path]) -> None:
        self._next: Iterator[Path] = itertools.cycle(files)
        self._frame = self._load()
        self._alone = len(files) == 1
        self._until = time.monotonic() + PICTURE_SECONDS

    def _load(self) -> Frame:
        file = next(self._next)
        try:
            return np.ascontiguousarray(load_photo(file).pixels[..., ::-1])
        except PictureError as error:
            raise CameraError(str(error), error.spoken) from error

    def grab(self) -> bool:
        time.sleep(0.05)
        if not self._alone and time.monotonic() >= self._until:
            try:
                self._frame = self._load()
            except CameraError:
                return False
            self._until = time.monotonic() + PICTURE_SECONDS
        return True

    def retrieve(self) -> tuple[bool, Frame]:
        return True, self._frame

    def release(self) -> None:
        """Nothing is held."""
