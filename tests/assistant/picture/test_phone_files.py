"""What telephones and scanners make: HEIC, AVIF, TIFF, WebP, and documents page by page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont

from assistant.errors import PictureError
from assistant.picture import paper
from assistant.picture.looking import look
from assistant.picture.photo import LONGEST_SIDE, Photo, load_photo
from assistant.picture.reading.reader import RapidOcrReader
from models.store import Store

FILES = Path(__file__).parent / "files"


def note(*texts: str) -> Image.Image:
    sheet = Image.new("RGB", (640, 320), (240, 238, 230))
    for number, text in enumerate(texts):
        ImageDraw.Draw(sheet).text((40, 60 + 110 * number), text, (20, 40, 20), ImageFont.load_default(size=52))
    return sheet


def refusal(path: Path, page: int = 1) -> PictureError:
    with pytest.raises(PictureError) as caught:
        load_photo(path, page)
    assert str(path) in str(caught.value)
    assert str(path) not in caught.value.spoken
    return caught.value


def document(path: Path, *pages: str) -> Path:
    """A PDF of pages of one line of text each, written by hand."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} /MediaBox [0 0 595 842] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        lines = "".join(
            f"BT /F1 14 Tf 72 {720 - 30 * row} Td ({line}) Tj ET " for row, line in enumerate(text.split("|"))
        )
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * number} 0 R >>")
        objects.append(f"<< /Length {len(lines)} >> stream\n{lines}\nendstream")
    return assembled(path, objects)


def assembled(path: Path, objects: list[str], trailer: str = "") -> Path:
    body, places = "%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj {each} endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_bytes((body + end).encode("latin-1"))
    return path


@pytest.fixture(scope="module")
def reader(store: Store) -> RapidOcrReader:
    return RapidOcrReader(store.open("pp-ocrv6-small"), threads=1)


@pytest.mark.parametrize("name", ["shed.heic", "two.heic"])
def test_a_heic_of_a_telephone_is_read(name: str, reader: RapidOcrReader) -> None:
    photo = load_photo(FILES / name)
    assert (photo.width, photo.height) == (640, 320)
    assert reader.read(photo).text == "GARDEN SHED\nKey under the pot"


@pytest.mark.parametrize("suffix", ["avif", "webp", "tiff"])
def test_other_kinds_of_file_hold_the_same_picture(suffix: str, tmp_path: Path) -> None:
    drawn = note("GARDEN SHED", "Key under the pot")
    drawn.save(tmp_path / f"note.{suffix}")
    found = load_photo(tmp_path / f"note.{suffix}").pixels.astype(int)
    assert np.abs(found - np.asarray(drawn).astype(int)).mean() < 3


@pytest.mark.parametrize("suffix", ["avif", "webp", "tiff"])
def test_a_picture_is_turned_once(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    note("TOP").save(tmp_path / f"note.{suffix}", exif=exif)
    photo = load_photo(tmp_path / f"note.{suffix}")
    assert (photo.width, photo.height) == (320, 640)


def test_of_a_scan_of_several_pages_the_first_is_taken(tmp_path: Path) -> None:
    note("ONE").save(tmp_path / "scan.tiff", save_all=True, append_images=[note("TWO")])
    assert np.array_equal(load_photo(tmp_path / "scan.tiff").pixels, np.asarray(note("ONE")))


@pytest.mark.parametrize("suffix", ["avif", "webp", "gif"])
def test_an_animation_is_no_picture(suffix: str, tmp_path: Path) -> None:
    note("ONE").save(tmp_path / f"film.{suffix}", save_all=True, append_images=[note("TWO")])
    assert refusal(tmp_path / f"film.{suffix}").spoken.startswith("That file is an animation")


def test_a_film_in_a_heic_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "film.heic").write_bytes((FILES / "shed.heic").read_bytes().replace(b"ftypheic", b"ftyphevc", 1))
    assert refusal(tmp_path / "film.heic").spoken.startswith("That file is an animation")


@pytest.mark.parametrize("kept", [40, 700, 3000])
def test_a_torn_heic_is_damaged(kept: int, tmp_path: Path) -> None:
    (tmp_path / "torn.heic").write_bytes((FILES / "shed.heic").read_bytes()[:kept])
    assert "damaged" in refusal(tmp_path / "torn.heic").spoken


def test_text_of_a_document_is_taken_as_it_is(tmp_path: Path, reader: RapidOcrReader) -> None:
    """Exactly, and no reader is asked: the letters of a document are not guessed."""

    class Readers:
        @property
        def reader(self) -> RapidOcrReader:
            raise AssertionError("a reader was asked")

    path = document(tmp_path / "letter.pdf", "Dear Ms Lee,|Your reference is BX0O1lI-77.", "Second page")
    photo = load_photo(path)
    assert (photo.page, photo.pages, photo.height) == (1, 2, LONGEST_SIDE)
    page = look(photo, Readers()).page  # type: ignore[arg-type]
    assert page is not None
    assert page.text == "Dear Ms Lee,\nYour reference is BX0O1lI-77."
    ink = photo.pixels[
        page.lines[1].box.top : page.lines[1].box.bottom, page.lines[1].box.left : page.lines[1].box.right
    ]
    assert ink.min() < 80, "the box lies where the text is drawn"
    assert load_photo(path, 2).lines[0].text == "Second page"


def test_a_scanned_document_is_read(tmp_path: Path, reader: RapidOcrReader) -> None:
    note("GARDEN SHED", "Key under the pot").save(tmp_path / "scan.pdf")
    photo = load_photo(tmp_path / "scan.pdf")
    assert photo.lines == ()
    assert reader.read(photo).text == "GARDEN SHED\nKey under the pot"


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = document(tmp_path / "letter.pdf", "One", "Two")
    assert refusal(path, 3).spoken == "There is no page 3. The document has 2."
    assert refusal(path, 0).spoken == "There is no page 0. The document has 2."
    note("X").save(tmp_path / "note.png")
    assert refusal(tmp_path / "note.png", 2).spoken == "That is a single picture, without pages."


def test_a_thousand_pages_cost_no_more_than_the_one_asked_for(tmp_path: Path) -> None:
    made = pypdfium2.PdfDocument.new()
    for _ in range(1000):
        made.new_page(300, 400)
    made.save(tmp_path / "long.pdf")
    photo = load_photo(tmp_path / "long.pdf", 1000)
    assert (photo.page, photo.pages, photo.width) == (1000, 1000, 1500)


def test_a_locked_document_is_called_so(tmp_path: Path) -> None:
    secret = "(" + "x" * 32 + ")"
    lock = f"/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O {secret} /U {secret} >> /ID [(a) (b)]"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>"]  # fmt: skip
    assert "password" in refusal(assembled(tmp_path / "locked.pdf", objects, lock)).spoken


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.7\n1 0 obj<</OpenAction 2 0 R>>", b"%PDF-" + bytes(5000)])
def test_a_torn_document_is_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "torn.pdf").write_bytes(content)
    assert "damaged" in refusal(tmp_path / "torn.pdf").spoken


def test_a_document_that_ends_its_process_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = document(tmp_path / "letter.pdf", "One")
    monkeypatch.setattr(paper.sys, "executable", "/bin/false")
    assert refusal(path).spoken == "That page is too complicated for me. Save it as a picture."


def test_an_endless_page_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setattr(paper.sys, "executable", str(slow))
    monkeypatch.setattr(paper, "SECONDS", 0.2)
    assert "too complicated" in refusal(document(tmp_path / "letter.pdf", "One")).spoken


def test_a_document_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.picture.photo.MOST_PDF_BYTES", 200)
    assert "too large" in refusal(document(tmp_path / "letter.pdf", "One")).spoken


def test_a_photo_that_is_mirrored_is_a_photo_still() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(Photo(pixels).mirrored().pixels[:, ::-1], pixels)
