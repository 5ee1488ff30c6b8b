"""How many questions about generated covers a model answers exactly right, by category.

Greedy, several questions at once; `rpiq evaluate --task ocr-vqa` asks the same one by one. The covers: `examples.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, Conversation
from models.cogvlm2.configuration import Template
from scripts.make.micro.examples import Cover, make_cover

_AT_ONCE = 8
"""Covers in one call of the model."""
_NEW_TOKENS = 16


@dataclass(frozen=True)
class Score:
    """Of one category, or all."""

    right: int
    asked: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.right / self.asked


def held_out_covers(count: int, seed: int) -> list[Cover]:
    """Covers with titles and authors that are never trained on, one after the other; the first are the same for any count."""
    chance = random.Random(f"held out {seed}")
    return [make_cover(chance, held_out=True) for _ in range(count)]


def training_covers(count: int, seed: int) -> list[Cover]:
    """As training sees them, for calibration."""
    chance = random.Random(f"calibration {seed}")
    return [make_cover(chance, held_out=False) for _ in range(count)]


def score(
    model: CogVLM2ForConditionalGeneration,
    processor: CogVLM2Processor,
    covers: Sequence[Cover],
    template: Template = "vqa",
) -> dict[str, Score]:
    """By category in alphabetical order, and last `overall`."""
    right: dict[str, list[bool]] = {}
    for start in range(0, len(covers), _AT_ONCE):
        asked = [(cover.picture, one) for cover in covers[start : start + _AT_ONCE] for one in cover.asked]
        inputs = processor([Conversation(one.question, picture, template=template) for picture, one in asked])
        with torch.inference_mode():
            ids = model.generate(**inputs.to(model.device, model.dtype), max_new_tokens=_NEW_TOKENS, do_sample=False)  # type: ignore[misc]
        said = processor.tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for answer, (_, one) in zip(said, asked, strict=True):
            right.setdefault(one.category, []).append(answer.strip() == one.answer)
    scores = {category: Score(sum(right[category]), len(right[category])) for category in sorted(right)}
    return scores | {"overall": Score(sum(s.right for s in scores.values()), sum(s.asked for s in scores.values()))}
