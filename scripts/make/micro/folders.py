"""Writes what the others make: a folder of covers with questions, and the folder of a trained model.

Both are layouts that the rest of the project reads: `rpiq evaluate --task ocr-vqa` and `CogVLM2ForConditionalGeneration`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor
from rpiq.formats.gguf_source import no_progress_bars
from scripts.make.micro.examples import Cover

_PICTURE_COLOURS = 32
"""Of a picture file: one ground and one ink, with what is between them."""


def write_covers(folder: Path, covers: Sequence[Cover], name: str = "questions.jsonl") -> int:
    """`images/0001.png` and so on, and a file with one question in a line; returns the number of questions.

    A line holds image, question, answers (of one text), and category.
    """
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, cover in enumerate(covers, 1):
        file = pictures / f"{number:04}.png"
        cover.picture.quantize(_PICTURE_COLOURS).save(file, optimize=True)
        lines += [
            json.dumps(
                {
                    "image": f"{pictures.name}/{file.name}",
                    "question": one.question,
                    "answers": [one.answer],
                    "category": one.category,
                }
            )
            for one in cover.asked
        ]
    (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return len(lines)


def write_model(folder: Path, model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor) -> None:
    """config.json, bfloat16 safetensors, tokenizer and processor. The model is of bfloat16 afterwards."""
    with no_progress_bars():
        model.bfloat16().save_pretrained(folder)
    processor.save_pretrained(folder)
