"""What the user's word for the camera means, and what FFmpeg may open for it."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.devices.camera_sources import Address, Device, Film, Pictures, find_source
from assistant.errors import CameraError
from tests.paths import SAMPLES


def test_words_for_devices() -> None:
    assert find_source("0") == Device("/dev/video0")
    assert find_source(" 2 ") == Device("/dev/video2")
    assert find_source("/dev/video2") == Device("/dev/video2")
    assert find_source("logitech") == Device("logitech")
    assert find_source("a" * 300) == Device("a" * 300)


def test_words_for_files(tmp_path: Path) -> None:
    film = tmp_path / "walk.avi"
    film.write_bytes(b"x")
    assert find_source(str(film)) == Film(film)
    assert find_source(str(SAMPLES / "book-cover.jpg")) == Pictures((SAMPLES / "book-cover.jpg",))
    several = find_source(str(SAMPLES))
    assert isinstance(several, Pictures)
    assert [file.name for file in several.files] == ["book-cover.jpg", "parking-receipt.jpg", "parking-sign.jpg"]


@pytest.mark.parametrize(
    "word",
    [
        "",
        "  ",
        "ftp://host/x",
        "http://",
        "http://host:port/",
        "file:///etc/passwd",
        "/no/such",
        "~nobody-here/a.jpg",
        "/" + "a" * 300,
    ],
)
def test_what_can_never_be_a_camera_is_refused_aloud(word: str) -> None:
    with pytest.raises(CameraError) as caught:
        find_source(word)
    assert caught.value.spoken.endswith(".")
    assert "/" not in caught.value.spoken


def test_an_empty_folder_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no picture"):
        find_source(str(tmp_path))


def names(folder: Path, **cameras: tuple[str, int]) -> Path:
    """A copy of /sys/class/video4linux, by node: the camera's name, and the node's number within it."""
    for node, (name, index) in cameras.items():
        (folder / node).mkdir()
        (folder / node / "name").write_text(name + "\n")
        (folder / node / "index").write_text(f"{index}\n")
    return folder


def test_a_camera_is_found_by_its_name(tmp_path: Path) -> None:
    folder = names(
        tmp_path,
        video0=("Integrated Camera: IR", 1),
        video1=("HD Pro Webcam C920", 1),  # the second node of a camera gives no pictures
        video2=("HD Pro Webcam C920", 0),
        video10=("Integrated Camera: HD", 0),
    )
    assert Device("c920", folder).node() == Path("/dev/video2")
    assert Device("integrated", folder).node() == Path("/dev/video10")
    assert Device("brio", folder).node() is None
    with pytest.raises(CameraError) as caught:
        Device("brio", folder).open()
    assert "HD Pro Webcam C920" in caught.value.spoken


def test_a_missing_device_is_missing_and_a_file_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        Device("/dev/video97").open()
    assert caught.value.spoken == "I find no camera. Connect it."
    assert Device("/dev/video97").missing()
    with pytest.raises(CameraError, match="/dev/null") as caught:
        Device("/dev/null").open()
    assert "cannot be opened" in caught.value.spoken


def test_a_password_in_an_address_is_never_told() -> None:
    source = Address("http://anna:secret@127.0.0.1:9/video")
    with pytest.raises(CameraError) as caught:
        source.open()
    assert "secret" not in f"{caught.value} {caught.value.spoken} {source!r} {source.lost()}"


def test_a_host_outside_the_own_network_is_refused() -> None:
    with pytest.raises(CameraError, match="not in your own network"):
        Address("http://8.8.8.8/video").open()


class Visits:
    """A socket on loopback that counts who comes."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.received: list[bytes] = []
        self.answer = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.received.append(connection.recv(4096))
                connection.sendall(self.answer)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def visits() -> Iterator[Visits]:
    with closing(Visits()) as made:
        yield made


@pytest.fixture
def other() -> Iterator[Visits]:
    with closing(Visits()) as made:
        yield made


PLAY_LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n"


def test_a_play_list_in_place_of_a_film_opens_neither_sockets_nor_files(tmp_path: Path, visits: Visits) -> None:
    shutil.copy(SAMPLES / "book-cover.jpg", tmp_path / "inner.ts")
    for target in (f"http://127.0.0.1:{visits.port}/a.ts", str(tmp_path / "inner.ts")):
        (tmp_path / "list.mp4").write_text(PLAY_LIST.format(target))
        with pytest.raises(CameraError):
            find_source(str(tmp_path / "list.mp4")).open()
    assert visits.received == []


def test_a_redirection_and_a_play_list_lead_to_no_other_host(visits: Visits, other: Visits) -> None:
    elsewhere = f"http://127.0.0.1:{other.port}/x"
    body = PLAY_LIST.format(elsewhere).encode()
    visits.answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + elsewhere.encode() + b"\r\n\r\n"
    with pytest.raises(CameraError):
        Address(f"http://127.0.0.1:{visits.port}/video").open()
    visits.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-mpegurl\r\nContent-Length: %d\r\n\r\n" % len(body)
    visits.answer += body
    with pytest.raises(CameraError):
        Address(f"http://127.0.0.1:{visits.port}/video.m3u8").open()
    assert len(visits.received) >= 2
    assert other.received == []


def test_a_proxy_of_the_environment_is_not_asked(
    visits: Visits, other: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{other.port}")
    with pytest.raises(CameraError):
        Address(f"http://127.0.0.1:{visits.port}/video").open()
    assert visits.received
    assert other.received == []


def test_rtsp_is_spoken_to_that_host(visits: Visits) -> None:
    with pytest.raises(CameraError):
        Address(f"rtsp://localhost:{visits.port}/live").open()
    assert visits.received[0].startswith(b"OPTIONS rtsp://127.0.0.1")
    assert "protocol_whitelist" in os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
