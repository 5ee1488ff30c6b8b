"""The picture model that comes with the project, through the command: spoken and typed questions about a cover of no real book."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from assistant.engines.local import families
from assistant.engines.opening import ProfileEngines
from assistant.mind.answering.asking import ask_in_writing
from assistant.picture.looking import look
from assistant.picture.page import Page, arrange
from assistant.picture.photo import Photo, load_photo
from assistant.sound.samples import write_wav
from models.cogvlm2 import ImageSession
from models.fetch import fetch
from models.four_bits import make_four_bits
from models.store import Store
from tests.paths import SAMPLES

MODEL, COVERS = SAMPLES / "micro-cogvlm2", SAMPLES / "covers"

pytestmark = [
    pytest.mark.skipif(not (MODEL / "model.safetensors").is_file(), reason=f"needs {MODEL}"),
    pytest.mark.usefixtures("store"),
]


def asked_about_the_first_cover() -> dict[str, dict[str, Any]]:
    """By category."""
    rows = [json.loads(line) for line in (COVERS / "calibration.jsonl").read_text("utf-8").splitlines()]
    return {row["category"]: row for row in rows if row["image"] == rows[0]["image"]}


def right(row: dict[str, Any], record: dict[str, Any]) -> bool:
    return bool(record["seen"].strip(". ").lower() == row["answers"][0].lower())


def test_typed_questions_are_answered_from_one_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[int] = []

    class Counted(ImageSession):
        def __init__(self, *arguments: Any) -> None:
            looks.append(1)
            super().__init__(*arguments)

    monkeypatch.setattr(families, "ImageSession", Counted)
    asked = asked_about_the_first_cover()
    rows = [asked[category] for category in ("colour", "counting", "genre")]
    questions = [word for row in rows for word in ("--text", row["question"])]
    options = ["ask", "--silent", "--image", str(COVERS / rows[0]["image"]), "--picture-model", str(MODEL)]
    assert main([*options, *questions, "--json", "-"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert sum(right(row, record) for row, record in zip(rows, records, strict=True)) >= 2
    assert looks == [1]


def test_it_answers_as_well_in_the_four_bits_of_setup(tmp_path: Path) -> None:
    models = Store(tmp_path)
    assert fetch(models, "micro-cogvlm2") == "fetched"
    folder = make_four_bits(models.open("micro-cogvlm2"))
    engines = ProfileEngines(models, "micro", threads=1)
    asked = asked_about_the_first_cover()
    rows = [asked[category] for category in ("colour", "counting", "genre")]
    photo = load_photo(COVERS / rows[0]["image"])
    said = ["".join(engines.eye.ask(photo, row["question"], style="short")).strip() for row in rows]
    assert sum(text.lower() == row["answers"][0].lower() for text, row in zip(said, rows, strict=True)) >= 2
    assert json.loads((folder / "config.json").read_text("utf-8"))["quantization_config"]


def test_a_spoken_question_is_answered(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = asked_about_the_first_cover()["colour"]
    write_wav(
        tmp_path / "question.wav", list(ProfileEngines(store).speaker.speak("What is the colour of the cover?", 0.9))
    )
    options = ["ask", "--silent", "--image", str(COVERS / row["image"]), "--audio", str(tmp_path / "question.wav")]
    assert main([*options, "--picture-model", str(MODEL), "--json", "-"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert right(row, record)
    assert record["answer"].lower() == f"as far as i can see: {row['answers'][0].lower()}."


def test_a_year_that_the_reader_reads_otherwise_is_told(store: Store) -> None:
    """The reader is made to read the digits of the year in another order."""
    row = asked_about_the_first_cover()["year"]
    year = row["answers"][0]
    other = year[:2] + year[3] + year[2] if year[2] != year[3] else year[:2] + f"{(int(year[2:]) + 10) % 100:02}"
    engines = ProfileEngines(store, picture_model=MODEL)
    reader = engines.reader

    class Misreading:
        def read(self, photo: Photo) -> Page:
            page = reader.read(photo)
            lines = [replace(line, text=line.text.replace(year, other)) for line in page.lines]
            return arrange(lines, page.width, page.height)

    engines._opened["reader"] = Misreading()
    seen = look(load_photo(COVERS / row["image"]), engines)
    answer = ask_in_writing("In what year was this book published?", seen, engines).answer
    assert answer.seen.strip(". ") == year
    assert answer.text == f"The picture model says {year}, but I read {other}. Please check."
