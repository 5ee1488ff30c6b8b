"""Codes written by the library itself, then placed, turned, blurred and spoiled as a hand-held picture does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from assistant.picture.barcode import ZxingBarcodeReader
from assistant.picture.photo import Photo

PRODUCT = "5901234123457"
LINK = "https://example.org/ä"


def drawn(text: str, kind: str, scale: int = 4) -> NDArray[np.uint8]:
    """A code in the middle of a warm white 600 x 800 picture."""
    code = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind))
    image = np.array(code.to_image(scale=scale))
    picture = np.full((600, 800, 3), (250, 245, 230), np.uint8)
    height, width = image.shape
    top, left = (600 - height) // 2, (800 - width) // 2
    picture[top : top + height, left : left + width] = image[..., None]
    return picture


def read(picture: NDArray[np.uint8]) -> list[tuple[str, str]]:
    return [(code.text, code.format) for code in ZxingBarcodeReader().codes(Photo(np.ascontiguousarray(picture)))]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (PRODUCT, "EAN13", "EAN-13"),
        ("96385074", "EAN8", "EAN-8"),
        ("LOT 42/B", "Code128", "Code 128"),
        (LINK, "QRCode", "QR Code"),
    ],
)
def test_reads_the_kinds_found_on_goods_and_posters(text: str, kind: str, name: str) -> None:
    assert read(drawn(text, kind)) == [(text, name)]


@pytest.mark.parametrize(("text", "kind"), [(PRODUCT, "EAN13"), (LINK, "QRCode")])
def test_reads_a_blurred_code(text: str, kind: str) -> None:
    blurred = cv2.GaussianBlur(drawn(text, kind), (0, 0), 1.6).astype(np.uint8)
    assert [found for found, _ in read(blurred)] == [text]


@pytest.mark.parametrize("angle", [12, 90, 180, 270, 200])
@pytest.mark.parametrize(("text", "kind"), [(PRODUCT, "EAN13"), (LINK, "QRCode")])
def test_reads_a_turned_code(text: str, kind: str, angle: float) -> None:
    turn = cv2.getRotationMatrix2D((400, 300), angle, 1.0)
    turned = cv2.warpAffine(drawn(text, kind), turn, (800, 600), borderValue=(250, 245, 230)).astype(np.uint8)
    assert [found for found, _ in read(turned)] == [text]


def test_the_box_surrounds_the_code() -> None:
    (code,) = ZxingBarcodeReader().codes(Photo(drawn(LINK, "QRCode")))
    across, down = code.box.middle
    assert (across, down) == pytest.approx((400, 300), abs=8)
    assert code.box.width == pytest.approx(code.box.height, abs=8)
    assert code.box.width > 80


def test_several_codes_come_from_top_to_bottom() -> None:
    both = np.vstack([drawn(LINK, "QRCode"), drawn(PRODUCT, "EAN13")])
    assert [found for found, _ in read(both)] == [LINK, PRODUCT]


@pytest.mark.parametrize(("donor", "expected"), [("4006381333931", []), ("9780306406157", [PRODUCT])])
def test_a_wrong_check_digit_is_refused(donor: str, expected: list[str]) -> None:
    """The last digit's seven modules are taken from another code: only an equal digit may still be read."""
    picture, other = drawn(PRODUCT, "EAN13"), drawn(donor, "EAN13")
    first = int(np.flatnonzero(picture[300, :, 0] < 128)[0])
    last_digit = slice(first + 4 * 85, first + 4 * 92)
    picture[:, last_digit] = other[:, last_digit]
    assert [found for found, _ in read(picture)] == expected


def test_a_blank_picture_holds_no_code() -> None:
    assert read(np.full((200, 300, 3), 200, np.uint8)) == []
