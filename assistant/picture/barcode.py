"""Barcodes and QR codes in a picture, decoded by zxing-cpp.

What their content means is found in `codes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import zxingcpp

from assistant.picture.page import Box
from assistant.picture.photo import Photo


@dataclass(frozen=True)
class Barcode:
    """One code."""

    text: str
    """Its content: digits for a product code, any text for a QR code."""
    format: str
    """The symbology's standard name: EAN-13, QR Code, ..."""
    box: Box
    gs1: bool = False
    """Whether the content is marked as GS1's, as "(01)09501101530003(17)290630"."""


class ZxingBarcodeReader:
    """`engines.BarcodeReader` by zxing-cpp: every symbology it knows, turned, mirrored or light on dark.

    Only codes whose check digit or error correction agrees are returned: a wrong product is worse than none.
    Takes about 40 ms for a megapixel on one core, and needs no model file.
    """

    def codes(self, photo: Photo) -> list[Barcode]:
        """Codes found in `photo`, from the top of the picture to the bottom; boxes in its pixels."""
        # Grey, because the library takes three channels for blue green red.
        grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)
        found = [
            Barcode(code.text, str(code.format), _box(code.position), code.content_type == zxingcpp.ContentType.GS1)
            for code in zxingcpp.read_barcodes(grey)
        ]
        return sorted(found, key=lambda code: (code.box.top, code.box.left))


def _box(position: zxingcpp.Position) -> Box:
    """The upright rectangle around the four corners of a code that may lie at any angle."""
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    return Box(min(across), min(down), max(across), max(down))
