"""Files that are, almost are, and are not a picture."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from assistant.errors import PictureError
from assistant.picture.photo import LONGEST_SIDE, Photo, brighten, load_photo


def scene(width: int = 60, height: int = 40) -> NDArray[np.uint8]:
    """Grey, with a red corner at the upper left and a blue one at the upper right."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: height // 4, : width // 4] = (200, 30, 30)
    pixels[: height // 4, -width // 4 :] = (30, 30, 200)
    return pixels


def saved(path: Path, pixels: NDArray[np.uint8], **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def colour(photo: Photo, row: int, column: int) -> tuple[int, ...]:
    return tuple(int(value) for value in photo.pixels[row, column])


def refusal(path: Path) -> PictureError:
    """The refusal of `path`, having checked that it is one printed line and one or two sentences to be spoken."""
    with pytest.raises(PictureError) as caught:
        load_photo(path)
    error = caught.value
    assert "\n" not in str(error)
    assert str(path) in str(error)
    assert str(path) not in error.spoken
    assert error.spoken.endswith(".")
    assert len(error.spoken.split()) <= 25
    return error


def test_a_plain_picture_arrives_unchanged(tmp_path: Path) -> None:
    photo = load_photo(saved(tmp_path / "a.png", scene()))
    assert np.array_equal(photo.pixels, scene())
    assert photo.pixels.flags.c_contiguous
    assert (photo.width, photo.height) == (60, 40)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jpg", b"", "empty"),
        ("notes.jpg", b"Dear diary, this is no picture at all.\n", "not a picture"),
        ("drawing.png", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        ("film.jpg", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = refusal(path)
    assert said in str(error)
    assert said in error.spoken
    if content:
        assert "Save it as JPEG, PNG or WebP." in error.spoken


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in str(refusal(tmp_path / "nowhere.jpg"))


def test_a_directory(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path).spoken


def test_no_permission(tmp_path: Path) -> None:
    """Permissions do not bind root, who therefore becomes nobody for the moment of opening."""
    path = saved(tmp_path / "private.png", scene())
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        error = refusal(path)
    finally:
        if root:
            os.seteuid(0)
    assert "permission" in str(error)


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_an_animation_is_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(np.roll(scene(), shift, axis=1)) for shift in range(0, 30, 10)]
    path = tmp_path / f"wave.{kind}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    error = refusal(path)
    assert "animation" in error.spoken
    assert "Save one of its frames" in error.spoken


def test_a_still_gif_is_accepted(tmp_path: Path) -> None:
    assert colour(load_photo(saved(tmp_path / "still.gif", scene())), 0, 0) == pytest.approx((200, 30, 30), abs=8)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_truncated_jpeg(tmp_path: Path, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    whole = saved(tmp_path / "whole.jpg", noise).read_bytes()
    path = tmp_path / "half.jpg"
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert "damaged or incomplete" in refusal(path).spoken


def test_damage_anywhere_is_a_refusal_or_a_picture(tmp_path: Path) -> None:
    """No byte that goes wrong may lead to anything but a Photo or a PictureError."""
    random = np.random.default_rng(3)
    noise = random.integers(0, 255, (40, 60, 3), np.uint8)
    for kind in ("jpg", "png", "webp", "gif", "bmp"):
        whole = saved(tmp_path / f"whole.{kind}", noise).read_bytes()
        path = tmp_path / f"damaged.{kind}"
        refused = 0
        for _ in range(60):
            content = bytearray(whole)
            for place in random.integers(0, min(len(content), 400), 3):
                content[place] = random.integers(0, 256)
            path.write_bytes(content)
            try:
                load_photo(path)
            except PictureError:
                refused += 1
        assert refused > 0, kind


def png(path: Path, width: int, height: int, channels: int) -> Path:
    """A black PNG written row by row: Pillow would need the whole of it in memory."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    packer = zlib.compressobj(1)
    row = bytes(1 + width * channels)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    colour = {1: 0, 3: 2}[channels]
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, colour, 0, 0, 0])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


PEAK = """
import sys
from pathlib import Path
from assistant.errors import PictureError
from assistant.picture.photo import load_photo
try:
    print(load_photo(Path(sys.argv[1])).pixels.shape)
except PictureError as error:
    print(error.spoken)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
@pytest.mark.parametrize(
    ("side", "channels", "said", "most_megabytes"),
    [
        (20_000, 1, "The picture is too large: more than 64 megapixels. Use a smaller one.", 250),
        (9_000, 1, "The picture is too large: more than 64 megapixels. Use a smaller one.", 250),
        (8_000, 3, str((LONGEST_SIDE, LONGEST_SIDE, 3)), 600),
    ],
)
def test_memory_is_bounded(tmp_path: Path, side: int, channels: int, said: str, most_megabytes: int) -> None:
    path = png(tmp_path / "large.png", side, side, channels)
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    answer, peak = done.stdout.splitlines()
    assert answer == said
    assert int(peak) / 1024 < most_megabytes


def test_a_large_picture_is_reduced(tmp_path: Path) -> None:
    path = tmp_path / "panorama.jpg"
    saved(path, scene(4800, 1200))
    photo = load_photo(path)
    assert (photo.width, photo.height) == (LONGEST_SIDE, LONGEST_SIDE // 4)
    assert colour(photo, 0, 0) == pytest.approx((200, 30, 30), abs=8)


def test_cmyk_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.fromarray(scene()).convert("CMYK").save(path)
    photo = load_photo(path)
    assert colour(photo, 20, 30) == pytest.approx((128, 128, 128), abs=8)
    assert colour(photo, 2, 2) == pytest.approx((200, 30, 30), abs=40)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_not_clipped(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "deep.png"
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    cv2.imwrite(str(path), ramp if channels == 1 else np.dstack([ramp] * 3))
    row = load_photo(path).pixels[5, :, 0]
    assert row.astype(int) == pytest.approx(np.linspace(0, 255, 64), abs=1)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA"])
def test_other_modes_are_accepted(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(scene()).convert(mode).save(path)
    assert load_photo(path).pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_transparent_places_become_white(tmp_path: Path, kind: str) -> None:
    """White paper is what black letters on a transparent ground were made for."""
    layer = np.zeros((20, 30, 4), np.uint8)
    layer[5:15, 5:15, 3] = 255
    path = tmp_path / f"logo.{kind}"
    Image.fromarray(layer).save(path, **({"lossless": True} if kind == "webp" else {}))
    pixels = load_photo(path).pixels
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[10, 10]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("orientation", "red", "size"),
    [(1, (0, 0), (60, 40)), (3, (-1, -1), (60, 40)), (6, (0, -1), (40, 60)), (8, (-1, 0), (40, 60))],
)
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_exif_orientation_is_applied(
    tmp_path: Path, kind: str, orientation: int, red: tuple[int, int], size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = load_photo(saved(tmp_path / f"turned.{kind}", scene(), exif=exif))
    assert (photo.width, photo.height) == size
    assert colour(photo, *red) == pytest.approx((200, 30, 30), abs=12)


def test_a_dim_picture_is_brightened_and_a_bright_one_is_not() -> None:
    bright = Photo(scene(600, 400))
    assert brighten(bright) is bright
    dim = Photo((scene(600, 400) * 0.1).astype(np.uint8))
    lifted = brighten(dim).pixels
    assert lifted.max() == 255
    assert int(lifted[20, 20, 0]) - int(lifted[300, 300, 0]) > 50
