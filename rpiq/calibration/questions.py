"""Reads questions about pictures in three formats: OCR-VQA's dataset.json, VLMEvalKit's TSV, and JSON lines.

Nothing is decoded here (`rpiq/calibration/picture_files.py`), and nothing answered (`rpiq/evaluate/ocr_vqa.py`).
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from rpiq.errors import EvaluationError

INSTRUCTION = "Answer the question using a single word or phrase."
"""VLMEvalKit puts it behind every question of OCR-VQA, after a line break."""
_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif")
_TEST_SPLIT = 3
"""As OCR-VQA numbers them: 1 training, 2 validation, 3 test."""
_LONGEST_REFERENCE = 64
"""Characters. A shorter cell of a TSV's column `image` is the index of the row that has the picture."""
_NO_CATEGORY = "none"
_KINDS = {
    "author": r"\b(wrote|written by|writer|author)\b",
    "edition": r"\b(edition|version)\b",
    "year": r"\byear\b",
    "genre": r"\bgenre\b|\b(type|kind|category) of\b",
    "title": r"\b(title|name) of\b|\bwhat book is this\b",
}


@dataclass(frozen=True)
class Question:
    """One question about one picture."""

    id: str
    """Unique in its file."""
    where: str
    """Its place in the file, for messages."""
    picture: Path | str
    """A file, or base64 text."""
    text: str
    answers: tuple[str, ...]
    """Each of them is right."""
    category: str
    """As the data say; of a book in dataset.json its genre."""

    @property
    def kind(self) -> str:
        """What is asked for: yes-no, author, edition, year, genre, title, or other."""
        if {answer.strip().lower() for answer in self.answers} <= {"yes", "no"}:
            return "yes-no"
        return next((kind for kind, words in _KINDS.items() if re.search(words, self.text.lower())), "other")


@dataclass(frozen=True)
class Questions:
    """What one file asks."""

    file: Path
    sha256: str
    """Of the file's bytes; pictures that lie beside it are not in it."""
    asked: tuple[Question, ...]


def read_questions(path: Path, limit: int | None = None) -> Questions:
    """The questions in a file, or in a folder that holds one such file:

    * `dataset.json` of OCR-VQA, of which the test split is taken, with the pictures beside it as `images/ID.jpg` or the like;
    * a .tsv of VLMEvalKit (`OCRVQA_TESTCORE.tsv`): columns index, question, answer, image or image_path, perhaps category;
    * a .jsonl file (`questions.jsonl`) of objects with image, question, answers, and perhaps category.

    limit: the first so many only. EvaluationError for no or several files, a row that is malformed, a picture that is missing.
    """
    file = _file(path)
    readers: dict[str, Callable[[Path, str], Iterator[Question]]] = {
        ".json": _dataset,
        ".tsv": _table,
        ".jsonl": _lines,
    }
    if file.suffix not in readers:
        raise EvaluationError(f"{file} is none of dataset.json, .tsv and .jsonl; give one of these")
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file} cannot be read ({error}); give the data set's own file") from error
    asked = tuple(islice(readers[file.suffix](file, text), limit))
    if not asked:
        raise EvaluationError(f"{file} holds no questions to ask; give the data set's own file")
    _check(file, asked)
    return Questions(file, hashlib.sha256(data).hexdigest(), asked)


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [file for file in (path / "dataset.json", path / "questions.jsonl") if file.is_file()]
    found += sorted(path.glob("*.tsv"))
    if not found:
        raise EvaluationError(f"{path} holds no dataset.json, .tsv or questions.jsonl; give the folder of the data set")
    if len(found) > 1:
        raise EvaluationError(f"{path} holds {', '.join(file.name for file in found)}; give one of these files")
    return found[0]


def _check(file: Path, asked: tuple[Question, ...]) -> None:
    seen: set[str] = set()
    for question in asked:
        if question.id in seen:
            raise EvaluationError(
                f"{question.where}: another question has the index {question.id}, too; number them anew"
            )
        seen.add(question.id)
    first_about: dict[Path, Question] = {}
    for question in asked:
        if isinstance(question.picture, Path):
            first_about.setdefault(question.picture, question)
    missing = [picture for picture in first_about if not picture.is_file()]
    if missing:
        raise EvaluationError(
            f"{first_about[missing[0]].where}: the picture {missing[0]} is missing ({len(missing)} of the {len(first_about)} "
            f"pictures are that {file.name} asks about); get them again"
        )


def _dataset(file: Path, text: str) -> Iterator[Question]:
    books = _json(text, str(file))
    if not isinstance(books, dict):
        raise EvaluationError(f"{file} holds no object of books by their ids; give OCR-VQA's own file")
    for book_id, book in books.items():
        place = f"{file}: book {book_id}"
        if not isinstance(book, dict) or not isinstance(book.get("split"), int):
            raise EvaluationError(f'{place} has no "split"; give OCR-VQA\'s own file')
        if book["split"] != _TEST_SPLIT:
            continue
        questions, answers = _texts(book, "questions", place), _texts(book, "answers", place)
        if len(questions) != len(answers):
            raise EvaluationError(f"{place} has {len(questions)} questions and {len(answers)} answers; correct it")
        picture = _beside(file, book_id, PurePath(_text(book, "imageURL", place)).suffix)
        genre = _text(book, "genre", place)
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            yield Question(
                f"{book_id}/{number}", f"{place}, question {number + 1}", picture, question, (answer,), genre
            )


def _beside(file: Path, book_id: str, suffix: str) -> Path:
    """The picture of a book: with the suffix of its address, as the data set's own script stores it, or another one."""
    named = [file.parent / "images" / f"{book_id}{one}" for one in (suffix, *_SUFFIXES)]
    return next((path for path in named if path.is_file()), named[0])


def _table(file: Path, text: str) -> Iterator[Question]:
    rows = _rows(file, text)
    pictures = {row.get("index"): row.get("image") for _, row in rows}
    for place, row in rows:
        picture: Path | str
        if row.get("image"):
            picture = _text(row, "image", place)
            if len(picture) <= _LONGEST_REFERENCE:
                reference, picture = picture, pictures.get(picture) or ""
                if len(picture) <= _LONGEST_REFERENCE:
                    raise EvaluationError(
                        f"{place}: its image is that of row {reference}, which has none; get the file again"
                    )
        else:
            paths = _literals(_text(row, "image_path", place), place)
            if len(paths) != 1:
                raise EvaluationError(f"{place}: {len(paths)} paths in image_path, where one is wanted; correct it")
            picture = file.parent / paths[0]
        yield Question(
            _text(row, "index", place),
            place,
            picture,
            _text(row, "question", place),
            _literals(_text(row, "answer", place), place),
            row.get("category") or row.get("split") or _NO_CATEGORY,
        )


def _rows(file: Path, text: str) -> list[tuple[str, dict[str, str]]]:
    """Each row with its place. All are read at once, since a row may refer to any other."""
    usual = csv.field_size_limit(sys.maxsize)  # pictures are longer than the module expects of a field
    rows: list[tuple[str, dict[str, str]]] = []
    reader = csv.DictReader(StringIO(text, newline=""), delimiter="\t")
    try:
        for row in reader:
            if None in row or None in row.values():
                raise EvaluationError(f"{file}:{reader.line_num} has not as many columns as the first line; correct it")
            rows.append((f"{file}:{reader.line_num}", row))
    except csv.Error as error:
        raise EvaluationError(f"{file}:{reader.line_num} cannot be read ({error}); get the file again") from error
    finally:
        csv.field_size_limit(usual)
    return rows


def _literals(cell: str, place: str) -> tuple[str, ...]:
    """A cell of a TSV: one text, or a list of them as Python writes it."""
    if cell.startswith("[") and cell.endswith("]"):
        try:
            values = ast.literal_eval(cell)
        except (ValueError, SyntaxError):  # a text that happens to stand in brackets
            return (cell,)
        if not values:
            raise EvaluationError(f"{place} has an empty list where a text is wanted; correct it")
        if isinstance(values, list):
            return tuple(str(value) for value in values)
    return (cell,)


def _lines(file: Path, text: str) -> Iterator[Question]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        values = _json(line, place)
        if not isinstance(values, dict):
            raise EvaluationError(f"{place} holds no JSON object; write one in each line")
        yield Question(
            str(number),
            place,
            file.parent / _text(values, "image", place),
            _text(values, "question", place),
            _texts(values, "answers", place),
            _text(values, "category", place) if "category" in values else _NO_CATEGORY,
        )


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise EvaluationError(f"{place} is not JSON ({error}); correct it") from error


def _text(values: dict[str, Any], name: str, place: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise EvaluationError(f'{place} has no text as its "{name}"; correct it')
    return value


def _texts(values: dict[str, Any], name: str, place: str) -> tuple[str, ...]:
    value = values.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise EvaluationError(f'{place} has no list of texts as its "{name}"; correct it')
    return tuple(value)
