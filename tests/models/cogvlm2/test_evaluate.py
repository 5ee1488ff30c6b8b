"""The way of an engineer: `rpiq evaluate --task ocr-vqa` finds the family by its entry point and asks in its own words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.cogvlm2 import Conversation
from rpiq.cli.main import main
from tests.models.cogvlm2.tiny import picture, processor_of, tiny_model

QUESTIONS = ("What is the title of this book?", "Who wrote this book?")


@pytest.mark.makes_models
def test_rpiq_asks_for_short_answers(tmp_path: Path) -> None:
    model = tiny_model(max_position_embeddings=512)
    processor = processor_of(model.config)
    folder, data, result = tmp_path / "model", tmp_path / "questions.jsonl", tmp_path / "result.json"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)  # type: ignore[no-untyped-call]
    picture().save(tmp_path / "book.png")
    wanted = []
    for question in QUESTIONS:
        inputs = processor(Conversation(question, picture(), template="vqa"))
        ids = model.generate(**inputs, max_new_tokens=128, do_sample=False)
        wanted.append(processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())
    rows = [
        {"image": "book.png", "question": question, "answers": [answer]}
        for question, answer in zip(QUESTIONS, (wanted[0], "no such answer"), strict=True)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--task", "ocr-vqa", "--data", str(data), "--json", str(result), "--device", "cpu"]
    assert main(["evaluate", str(folder), *options]) == 0
    assert json.loads(result.read_text())["overall"]["exact"] == 1 / 2
