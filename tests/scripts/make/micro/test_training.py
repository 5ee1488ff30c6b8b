"""Training of a tiny one: it learns, it goes on bit for bit, and it refuses what it cannot go on from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, Conversation, Turn
from models.cogvlm2.processing import NOT_LEARNED
from scripts.make.micro.folders import write_model
from scripts.make.micro.packing import answer_logits, pack
from scripts.make.micro.scoring import held_out_covers, score
from scripts.make.micro.training import Plan, Size, Trainer, TrainingError

TINY = Size(hidden_size=64, intermediate_size=64, layers=1, vision_layers=1, patch_size=16, image_size=32)
PLAN = Plan(steps=8, covers=2, rising=2, reading=0.5)


def trainer(plan: Plan = PLAN) -> Trainer:
    return Trainer(plan, TINY, torch.device("cpu"))


def run(one: Trainer, until: int) -> list[float]:
    """The losses."""
    losses: list[float] = []

    def progress(step: int, loss: float) -> bool:
        losses.append(loss)
        return step < until

    assert one.run(progress, workers=0) == (until == PLAN.steps)
    return losses


@pytest.mark.makes_models
def test_it_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Cut off both while it learns to read and while questions are asked."""
    whole = trainer()
    losses = run(whole, PLAN.steps)
    file, told = tmp_path / "training.safetensors", []
    for until in (3, 6, PLAN.steps):
        one = trainer()
        if file.exists():
            one.resume(file)
        told += run(one, until)
        one.seconds += 10
        one.save(file)
    assert told == losses
    assert one.seconds == 30
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(one.model.state_dict()[name], weight), name


@pytest.mark.makes_models
def test_a_few_steps_lower_both_losses() -> None:
    reading = run_all(Plan(steps=30, covers=4, rising=5, reading=1.0))
    assert sum(reading[-5:]) < 0.95 * sum(reading[:5])
    answers = run_all(Plan(steps=30, covers=4, rising=5, reading=0.0))
    assert sum(answers[-5:]) < 0.7 * sum(answers[:5])


def run_all(plan: Plan) -> list[float]:
    losses: list[float] = []

    def progress(step: int, loss: float) -> bool:
        losses.append(loss)
        return True

    trainer(plan).run(progress, workers=0)
    return losses


def test_another_training_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    trainer().save(file)
    with pytest.raises(TrainingError, match="of a training with other options"):
        trainer(Plan(steps=9, covers=2)).resume(file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="cannot be read"):
        trainer().resume(file)


def test_a_packed_question_gets_the_numbers_of_its_own_row() -> None:
    one = trainer()
    cover = held_out_covers(1, seed=0)[0]
    conversations = [
        Conversation(asked.question, cover.picture, history, answer=asked.answer)
        for asked, history in zip(cover.asked, ((), (Turn("Why?", "So."),), *4 * ((),)), strict=True)
    ]
    one.model.eval()
    pixels = one.processor.pixels(cover.picture)[None]
    with torch.no_grad():
        packed, right = answer_logits(one.model, pack(one.processor, [conversations]), pixels)
        at = 0
        for conversation in conversations:
            inputs = one.processor(conversation)
            labels = inputs.pop("labels")[0]
            learned = (labels != NOT_LEARNED).nonzero().flatten()
            alone = one.model(**inputs).logits[0, learned - 1]
            assert torch.equal(right[at : at + len(learned)], labels[learned])
            torch.testing.assert_close(packed[at : at + len(learned)], alone, atol=1e-4, rtol=1e-4)
            at += len(learned)
    assert at == len(right)


def test_the_folder_opens_and_is_scored(tmp_path: Path) -> None:
    one = trainer()
    write_model(tmp_path / "model", one.model, one.processor)
    model = CogVLM2ForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert model.dtype == torch.bfloat16
    scores = score(model, CogVLM2Processor.from_pretrained(tmp_path / "model"), held_out_covers(2, seed=0))
    assert scores["overall"].asked == 12
    assert scores["author"].asked == 2


def test_widths_are_whole_groups_of_64() -> None:
    model = Trainer(Plan(), Size(), torch.device("cpu")).model
    widths = {one.in_features for one in model.modules() if isinstance(one, torch.nn.Linear)}
    assert all(width % 64 == 0 for width in widths)
