"""Questions in each of three formats, what is wrong with them in one line, and their pictures."""

from __future__ import annotations

import base64
import csv
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rpiq.calibration import picture_files
from rpiq.calibration.picture_files import open_picture
from rpiq.calibration.questions import Question, read_questions
from rpiq.errors import EvaluationError
from tests.rpiq.tiny_vision import write_questions

BOOK = {
    "imageURL": "http://images.example.com/images/I/51.jpg",
    "title": "Emma",
    "authorName": "Jane Austen",
    "genre": "Literature & Fiction",
    "questions": ["Who wrote this book?", "Is this book related to Romance?"],
    "answers": ["Jane Austen", "No"],
    "split": 3,
}


def picture_bytes(size: tuple[int, int] = (300, 200), kind: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(stream, kind)
    return stream.getvalue()


def write_dataset(folder: Path, books: Any) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(books), "utf-8")
    return folder


def write_table(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_the_data_sets_own_format(tmp_path: Path) -> None:
    """The test split alone; a picture may have another suffix than its address."""
    books = {
        "0001": BOOK,
        "0002": BOOK | {"split": 1},
        "0003": BOOK | {"genre": "Cookbooks", "questions": ["Which year?"]},
    }
    books["0003"]["answers"] = ["1999"]
    write_dataset(tmp_path, books)
    (tmp_path / "images/0001.jpg").touch()
    (tmp_path / "images/0003.gif").touch()
    found = read_questions(tmp_path)
    assert found.file == tmp_path / "dataset.json"
    assert [(one.id, one.category, one.kind, one.answers) for one in found.asked] == [
        ("0001/0", "Literature & Fiction", "author", ("Jane Austen",)),
        ("0001/1", "Literature & Fiction", "yes-no", ("No",)),
        ("0003/0", "Cookbooks", "year", ("1999",)),
    ]
    assert [one.picture for one in found.asked] == [
        tmp_path / "images" / name for name in ("0001.jpg", "0001.jpg", "0003.gif")
    ]
    assert read_questions(tmp_path / "dataset.json", limit=1).asked == found.asked[:1]


def test_a_table_with_its_pictures(tmp_path: Path) -> None:
    """A picture is given once and referred to by other rows, before it and after; an answer may be a list."""
    encoded = base64.b64encode(picture_bytes()).decode()
    assert len(encoded) > 131_072, "longer than csv allows by default"
    rows = [
        {
            "index": "7",
            "image": "8",
            "question": 'A "quoted"\nquestion?',
            "answer": "[Untitled]",
            "category": "History",
        },
        {"index": "8", "image": encoded, "question": "What is the title of this book?", "answer": "['Emma', 'EMMA']"},
        {
            "index": "9",
            "image": "8",
            "question": "What type of book is this?",
            "answer": "Novel",
            "category": "Medical",
        },
    ]
    rows[1]["category"] = ""
    before = csv.field_size_limit()
    found = read_questions(write_table(tmp_path / "OCRVQA_TESTCORE.tsv", rows)).asked
    assert csv.field_size_limit() == before
    assert [one.id for one in found] == ["7", "8", "9"]
    assert [one.answers for one in found] == [("[Untitled]",), ("Emma", "EMMA"), ("Novel",)]
    assert [one.category for one in found] == ["History", "none", "Medical"]
    assert [one.kind for one in found] == ["other", "title", "genre"]
    assert found[0].text == 'A "quoted"\nquestion?'
    assert found[1].where.endswith("TESTCORE.tsv:4")
    assert {open_picture(one.picture, one.where).size for one in found} == {(300, 200)}


def test_a_table_with_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    row = {"index": "1", "question": "Which edition is it?", "answer": "2", "split": "test"}
    write_table(tmp_path / "x.tsv", [row | {"image_path": "a.png"}, row | {"index": "2", "image_path": "['a.png']"}])
    found = read_questions(tmp_path).asked
    assert [(one.picture, one.category, one.kind) for one in found] == [(tmp_path / "a.png", "test", "edition")] * 2


def test_json_lines(tmp_path: Path) -> None:
    found = read_questions(write_questions(tmp_path))
    assert found == read_questions(tmp_path / "questions.jsonl")
    first = found.asked[0]
    assert first == Question(
        "1",
        f"{tmp_path / 'questions.jsonl'}:1",
        tmp_path / "images/red.png",
        "What is the title of this book?",
        ("Emma",),
        "warm",
    )
    assert len(found.asked) == 6
    assert len(found.sha256) == 64


def test_our_own_questions_can_be_read(shared: Path) -> None:
    found = read_questions(shared / "data/ocr_vqa_images").asked
    assert len(found) == 130
    assert {one.category for one in found} == {"book", "label", "sign", "receipt", "document"}
    for one in found[::10]:
        assert max(open_picture(one.picture, one.where).size) <= 1280


@pytest.mark.parametrize(
    ("book", "message"),
    [
        (BOOK | {"split": "test"}, 'book 1 has no "split"'),
        (BOOK | {"split": 2}, "holds no questions to ask"),
        (BOOK | {"answers": ["Jane Austen"]}, "book 1 has 2 questions and 1 answers"),
        (BOOK | {"questions": "Who?"}, 'no list of texts as its "questions"'),
        (BOOK | {"genre": None}, 'no text as its "genre"'),
        (BOOK, r"book 1, question 1: the picture .*images/1.jpg is missing \(1 of the 1 pictures"),
        ([], "book 1 has no"),
    ],
)
def test_a_dataset_that_cannot_be_used(tmp_path: Path, book: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_questions(write_dataset(tmp_path, {"1": book}))


ROW = {"index": "1", "image": "x" * 80, "question": "Who?", "answer": "I"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW], r"x.tsv:3: another question has the index 1"),
        ([ROW | {"image": "5"}], r"x.tsv:2: its image is that of row 5, which has none"),
        ([ROW | {"image": ""}], r'x.tsv:2 has no text as its "image_path"'),
        ([ROW | {"answer": " "}], r'x.tsv:2 has no text as its "answer"'),
        ([ROW | {"answer": "[]"}], r"x.tsv:2 has an empty list"),
        ([ROW | {"image": "", "image_path": "['a.png', 'b.png']"}], "2 paths in image_path"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_questions(write_table(tmp_path / "x.tsv", rows))


@pytest.mark.parametrize("line", ["1\tb", "1\tb\tc\td"])
def test_a_table_with_ragged_rows(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.tsv").write_text(f"index\tquestion\tanswer\n{line}\n", "utf-8")
    with pytest.raises(EvaluationError, match=r"x.tsv:2 has not as many columns"):
        read_questions(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"questions.jsonl:1 is not JSON"),
        ("[]", r"questions.jsonl:1 holds no JSON object"),
        ('{"image": "a.png", "question": 3}', r'questions.jsonl:1 has no text as its "question"'),
        ('{"image": "a.png", "question": "Who?", "answers": []}', r'no list of texts as its "answers"'),
        ('{"image": "a.png", "question": "Who?", "answers": ["I"]}', "a.png is missing"),
        ("", "holds no questions to ask"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "questions.jsonl").write_text(line, "utf-8")
    with pytest.raises(EvaluationError, match=message):
        read_questions(tmp_path)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"holds no dataset.json, .tsv or questions.jsonl"):
        read_questions(tmp_path)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_questions(tmp_path / "nowhere.tsv")
    with pytest.raises(EvaluationError, match=r"is none of dataset.json"):
        read_questions(tmp_path / "questions.csv")
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")
    with pytest.raises(EvaluationError, match=r"latin.jsonl cannot be read"):
        read_questions(tmp_path / "latin.jsonl")
    write_questions(tmp_path)
    (tmp_path / "OCRVQA_TESTCORE.tsv").touch()
    with pytest.raises(EvaluationError, match=r"holds questions.jsonl, OCRVQA_TESTCORE.tsv; give one"):
        read_questions(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no picture", picture_bytes(kind="JPEG")[:2000], picture_bytes()[:2000]])
def test_a_damaged_picture_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(
        EvaluationError, match=rf"^x.jsonl:3: the picture {re.escape(str(tmp_path))}/a.jpg cannot be read"
    ):
        open_picture(tmp_path / "a.jpg", "x.jsonl:3")
    with pytest.raises(EvaluationError, match=r"^x.tsv:3: the picture cannot be read"):
        open_picture(base64.b64encode(data).decode(), "x.tsv:3")


def test_text_that_is_not_base64_is_named() -> None:
    with pytest.raises(EvaluationError, match=r"^x.tsv:3: the picture cannot be read"):
        open_picture("!" * 80, "x.tsv:3")


@pytest.mark.makes_models
@pytest.mark.parametrize("side", [9_000, 20_000])
def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path, side: int) -> None:
    """Beyond our limit, and beyond the one where Pillow itself refuses: one bit a pixel, so a file of a few kB."""
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    assert side * side > picture_files.MOST_PIXELS
    with pytest.raises(EvaluationError, match=r"bomb.png has .*more than 64,000,000"):
        open_picture(tmp_path / "bomb.png", "x.jsonl:1")


def test_a_picture_becomes_upright_and_rgb(tmp_path: Path) -> None:
    turned = Image.new("L", (12, 8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif)
    picture = open_picture(tmp_path / "a.jpg", "x.jsonl:1")
    assert (picture.size, picture.mode) == ((8, 12), "RGB")
