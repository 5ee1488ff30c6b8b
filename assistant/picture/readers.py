"""What this room needs of engines, as small Protocols: text recognition, finding text, codes."""

from __future__ import annotations

from typing import Protocol

from assistant.picture.barcode import Barcode
from assistant.picture.page import Box, Page
from assistant.picture.photo import Photo


class Reader(Protocol):
    """Optical character recognition."""

    def read(self, photo: Photo) -> Page:
        """Everything written in `photo`, in reading order, whichever way up it is."""


class TextFinder(Protocol):
    """Detection of text alone, quick enough to aim a camera by."""

    def detect(self, photo: Photo) -> list[Box]:
        """Where text lies, a box for each line, in pixels of `photo`; unread, so upside down does not matter."""


class BarcodeReader(Protocol):
    """Barcodes and QR codes."""

    def codes(self, photo: Photo) -> list[Barcode]:
        """Codes found in `photo`."""


class Readers(Protocol):
    """All that looks at print; each may be opened when it is first asked for, which may raise an EngineError."""

    @property
    def reader(self) -> Reader: ...

    @property
    def finder(self) -> TextFinder: ...

    @property
    def barcodes(self) -> BarcodeReader: ...
