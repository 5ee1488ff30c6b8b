"""Opens the pictures of an evaluation or a calibration, within bounds. What is asked about them is nobody's affair here.

Pillow is imported when the first picture is opened: nothing else in rpiq needs it.
"""

from __future__ import annotations

import base64
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rpiq.errors import EvaluationError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 64_000_000
"""A picture with more is refused from its header, before anything is decoded."""
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What is opened, by Pillow's names."""


def open_picture(picture: Path | str, where: str) -> Image:
    """The picture in a file, or in base64 text, as 8-bit RGB, turned as its metadata says; of several frames the first.

    where: what the picture belongs to, for messages. EvaluationError when it cannot be read, is damaged, or is larger than
    `MOST_PIXELS`.
    """
    from PIL import Image, ImageOps

    name = f"{where}: the picture" + (f" {picture}" if isinstance(picture, Path) else "")
    try:
        stream = picture.open("rb") if isinstance(picture, Path) else BytesIO(base64.b64decode(picture, validate=True))
        with stream, warnings.catch_warnings():
            # Our own limit is stricter than Pillow's warning; odd metadata is no reason to bother anybody.
            warnings.simplefilter("ignore")
            Image.init()  # registers every format: `formats` may name only registered ones
            with Image.open(stream, formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise EvaluationError(
                        f"{name} has {opened.width} x {opened.height} pixels, more than {MOST_PIXELS:,}; make it smaller"
                    )
                return ImageOps.exif_transpose(opened).convert("RGB")
    except Image.DecompressionBombError as error:
        raise EvaluationError(f"{name} has more than {MOST_PIXELS:,} pixels; make it smaller") from error
    except (OSError, SyntaxError, ValueError) as error:  # how Pillow's plug-ins report a damaged file
        raise EvaluationError(f"{name} cannot be read ({error}); get it again") from error
