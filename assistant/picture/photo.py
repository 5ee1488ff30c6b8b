"""Pictures: a file or a frame becomes a `Photo`, turned the right way and of bounded size.

Every way in which a file fails to be one still picture is refused here with a reason and one action. Whether the
picture shows anything that can be read is the picture gate's work (`gate.py`).
"""

from __future__ import annotations

import errno
import warnings
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from assistant.errors import PictureError
from assistant.picture import paper
from assistant.picture.page import Box, Line

MOST_PIXELS = 64_000_000
"""A picture with more is refused from its header, before anything is decoded: 64 megapixels are 256 MB while decoding,
and no camera of a phone or a laptop stores more unless asked to."""

LONGEST_SIDE = 2_000
"""Pixels. Larger pictures are reduced to this, which is the size at which the reader works (RapidOCR's max_side_len):
more would only be carried along."""

DIM_WHITE = 110.0
"""Grey level of the brightest parts below which a picture is dim: the usable evaluation pictures have 137 and more, the
same in a tenth of the light 99 and less."""

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF")
"""What is opened, by Pillow's names; anything else is refused."""
_SHOTS = ("MPO", "HEIF", "TIFF")
"""Formats in which several images are no animation: of the same shot (a depth view), or the pages of a scan. The first, or
the one that the file calls its primary, is the picture."""
_STILLS, _SEQUENCES = (b"heic", b"heix", b"mif1", b"avif"), (b"msf1", b"hevc", b"hevx")
"""Brands of HEIF files that hold pictures, and that hold a film."""

MOST_PDF_BYTES = 100_000_000

_SAVE_AS = "Save it as JPEG, PNG or WebP."


@dataclass(frozen=True)
class Photo:
    """One picture, upright according to its own metadata."""

    pixels: NDArray[np.uint8]
    """`[height, width, 3]`, red green blue, contiguous."""
    lines: tuple[Line, ...] = ()
    """What the document itself says stands here, where it does: nothing is left to read."""
    page: int = 1
    pages: int = 1
    """Which page of how many this is."""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def mirrored(self) -> Photo:
        """With left and right exchanged."""
        return replace(self, pixels=np.ascontiguousarray(self.pixels[:, ::-1]), lines=())


def load_photo(path: Path, page: int = 1) -> Photo:
    """Open one still picture, or `page` of a PDF document: upright, 8-bit RGB, its longest side at most `LONGEST_SIDE`.

    Grey, palette, CMYK, 16-bit and transparent (laid on white) pictures are accepted. Raises `PictureError` for a file
    that cannot be opened, is no picture, is damaged, has several frames, or has more than `MOST_PIXELS`; memory stays
    bounded because all but damage is seen in the header.
    """
    try:
        with path.open("rb") as file:
            return _read(file, str(path), page)
    except OSError as error:
        raise _unopened(str(path), error) from error


def photo_of(data: bytes, name: str = "the picture", page: int = 1) -> Photo:
    """The picture in `data`, a file's content that never was on the disk; as `load_photo`. `name` is for the error's words."""
    try:
        return _read(BytesIO(data), name, page)
    except OSError as error:  # from a decoder
        raise _damaged(name, error) from error


def _read(file: BinaryIO, name: str, page: int) -> Photo:
    head = file.read(512)
    if not head:
        raise PictureError(
            f"{name}: the file is empty (0 bytes). Take or copy the picture again.",
            "The picture file is empty. Take the picture again.",
        )
    file.seek(0)
    if head.startswith(b"%PDF-"):
        return _paper(file.read(MOST_PDF_BYTES + 1), name, page)
    if page != 1:
        raise PictureError(
            f"{name}: a picture, which has no page {page}. Leave the page out.",
            "That is a single picture, without pages.",
        )
    if head[4:8] == b"ftyp" and head[8:12] in _SEQUENCES:
        raise _animation(name)
    try:
        with warnings.catch_warnings():
            # Our own limit is stricter than Pillow's warning; odd metadata is no reason to bother anybody.
            warnings.simplefilter("ignore")
            Image.init()  # registers every format: `formats` may name only registered ones
            pi_heif.register_heif_opener(thumbnails=False)
            with Image.open(file, formats=FORMATS) as image:
                _refuse_from_header(name, image)
                return Photo(_upright_rgb(image))
    except UnidentifiedImageError as error:
        raise (
            _damaged(name, "nothing in it can be opened") if head[8:12] in _STILLS else _no_picture(name, head)
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, "far too many pixels") from error
    except (SyntaxError, ValueError) as error:  # how Pillow's plug-ins report a damaged file
        raise _damaged(name, error) from error


def _refuse_from_header(name: str, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large(name, f"{width} x {height} pixels")
    if getattr(image, "is_animated", False) and image.format not in _SHOTS:
        raise _animation(name)


def _upright_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Decode (JPEG at a reduced scale where that suffices), reduce, turn, and convert to `[height, width, 3]` RGB."""
    # Skips work inside the JPEG decoder, by 2, 4 or 8, never below the size asked for; other formats ignore it.
    image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    image.load()
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.mode == "P":  # palette indices cannot be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits (also when Pillow holds it in 32), scaled to 8: Pillow's own conversion clips all above 255."""
    grey = Image.fromarray(np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8))
    if "exif" in image.info:
        grey.info["exif"] = image.info["exif"]
    return grey


def _animation(name: str) -> PictureError:
    return PictureError(
        f"{name}: an animation, not one picture. Save one of its frames as JPEG or PNG.",
        "That file is an animation, not one picture. Save one of its frames as a picture.",
    )


def _no_picture(name: str, head: bytes) -> PictureError:
    """The refusal of a file that is none of `FORMATS`, naming what it is where its first bytes say so."""
    kind = "not a picture this assistant can open"
    if head[4:8] == b"ftyp":
        kind = "a video"
    elif b"<svg" in head.lower():
        kind = "an SVG drawing, not a picture"
    return PictureError(f"{name}: {kind}. {_SAVE_AS}", f"That file is {kind}. {_SAVE_AS}")


def _paper(data: bytes, name: str, page: int) -> Photo:
    """A page of a PDF document; opened in a process of its own (`paper.py`), which may not take what it wants."""
    if len(data) > MOST_PDF_BYTES:
        raise PictureError(
            f"{name}: a PDF document of more than {MOST_PDF_BYTES // 1_000_000} MB. Save the page you need by itself.",
            "That document is too large. Save the page you need by itself.",
        )
    found = paper.page_of(data, page, LONGEST_SIDE)
    if isinstance(found, paper.Refusal):
        printed, spoken = _REFUSED[found.reason]
        raise PictureError(
            f"{name}: {printed.format(page=page, pages=found.pages)}", spoken.format(page=page, pages=found.pages)
        )
    pixels = np.frombuffer(found.rgb, np.uint8).reshape(found.height, found.width, 3)
    lines = tuple(
        Line(text, Box(left, top, right, bottom), 1.0, float(bottom - top))
        for text, left, top, right, bottom in found.lines
    )
    return Photo(pixels, lines, page, found.pages)


_REFUSED = {
    "locked": (
        "a PDF document with a password. Save it without one.",
        "That document is locked with a password. Save it without one.",
    ),
    "damaged": (
        "the PDF document is damaged or incomplete. Copy or save it again.",
        "That document is damaged or incomplete. Copy it again.",
    ),
    "no such page": (
        "there is no page {page}; the document has {pages}. Name another.",
        "There is no page {page}. The document has {pages}.",
    ),
    "too long": (
        "the page takes too much time or memory to draw. Save it as a picture.",
        "That page is too complicated for me. Save it as a picture.",
    ),
}
"""In print and aloud."""


def _too_large(name: str, size: str) -> PictureError:
    limit = f"{MOST_PIXELS // 1_000_000} megapixels"
    return PictureError(
        f"{name}: too large ({size}; at most {limit}). Reduce it first.",
        f"The picture is too large: more than {limit}. Use a smaller one.",
    )


def _damaged(name: str, error: Exception | str) -> PictureError:
    return PictureError(
        f"{name}: the picture is damaged or incomplete ({error}). Copy or take it again.",
        "The picture file is damaged or incomplete. Take the picture again.",
    )


def _unopened(name: str, error: OSError) -> PictureError:
    """The refusal that fits an operating system's error; one without a number comes from a decoder: damage."""
    if error.errno is None:
        return _damaged(name, error)
    said = {
        errno.ENOENT: ("there is no such file. Check the name.", "I cannot find that picture. Check its name."),
        errno.EISDIR: ("this is a folder. Name one picture in it.", "That is a folder. Name one picture in it."),
        errno.EACCES: (
            "no permission to read it. Change the file's permissions.",
            "I am not allowed to open that picture. Change its permissions.",
        ),
    }
    printed, spoken = said.get(
        error.errno,
        (
            f"cannot be read ({error.strerror}). Copy it to another place.",
            "I cannot read that picture file. Copy it to another place.",
        ),
    )
    return PictureError(f"{name}: {printed}", spoken)


def brighten(photo: Photo) -> Photo:
    """A dim picture with its darkest and brightest parts spread over the whole range; a bright one as it is.

    Smoothed a little first, because spreading a tenth of the light also spreads the sensor's noise tenfold.
    """
    smooth = cv2.GaussianBlur(photo.pixels, (0, 0), 1.0)
    sample = smooth[::4, ::4]
    low, high = float(np.percentile(sample.min(axis=2), 1)), float(np.percentile(sample.max(axis=2), 99.5))
    if high > DIM_WHITE:
        return photo
    spread = (smooth.astype(np.float32) - low) * (255 / max(high - low, 1.0))
    return Photo(np.clip(spread, 0, 255).astype(np.uint8))
