"""Prompts, tokens and pixels: as the reference has them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models.cogvlm2 import CogVLM2Config, CogVLM2Processor, Conversation, Turn
from models.cogvlm2.processing import STD
from models.errors import PromptError
from tests.models.cogvlm2.tiny import BOS, EOS, PAD, picture, processor_of


@pytest.fixture(scope="module")
def referring(reference: Path) -> CogVLM2Processor:
    """The processor of the fixture's model."""
    return processor_of(CogVLM2Config.from_dict(json.loads((reference / "config.json").read_text())))


def test_conversations_are_the_references(reference: Path, referring: CogVLM2Processor) -> None:
    listed = json.loads((reference / "conversations.json").read_text())
    assert referring.image_tokens == listed["image_tokens"]
    conversations = []
    for case in listed["cases"]:
        history = tuple(Turn(question, answer) for question, answer in case["history"])
        image = picture() if case["has_image"] else None
        conversation = Conversation(case["query"], image, history, case["template_given"], case["answer"])
        assert conversation.prompt("chat") == case["prompt"]
        batch = referring(conversation)
        for name in ("input_ids", "token_type_ids", "attention_mask", "position_ids", "labels"):
            assert (batch[name][0].tolist() if name in batch else None) == case[name], name
        assert ("pixel_values" in batch) == case["has_image"]
        conversations.append(conversation)
    together = referring(conversations)
    for row, case in enumerate(listed["cases"]):
        assert together["input_ids"][row, -len(case["input_ids"]) :].tolist() == case["input_ids"]


def test_pixels_are_the_references(reference: Path, referring: CogVLM2Processor) -> None:
    tensors = load_file(reference / "preprocess.safetensors")
    names = [name.removeprefix("source.") for name in tensors if name.startswith("source.")]
    differences = []
    for name in names:
        ours = referring.pixels(Image.fromarray(tensors[f"source.{name}"].numpy()))
        differences.append((ours - tensors[f"pixel_values.{name}"]).abs())
    # Pillow before 13 resizes across first, 13 begins with the cheaper direction, and both round in between: in the tall
    # picture of the references, which Pillow 13 made, that is up to 4 of 255 levels.
    exact = [difference.max() <= 1e-6 for difference in differences]
    assert sum(exact) >= len(names) - 1 >= 4
    assert max(float(difference.max()) for difference in differences) <= 4.1 / 255 / min(STD)
    assert max(float(difference.mean()) for difference in differences) <= 0.005


def test_prompts_of_each_template() -> None:
    asked = Conversation("Two?", history=(Turn("One?", "Yes."),))
    assert asked.prompt("chat") == "Question: One? Answer: Yes.\nQuestion: Two? Answer:"
    assert asked.prompt("vqa") == "Question: One? Short answer: Yes.\nQuestion: Two? Short answer:"
    assert asked.prompt("base") == "Two?"
    assert Conversation("Two?", template="base").prompt("chat") == "Two?"
    with pytest.raises(PromptError, match="no template 'poem'"):
        asked.prompt("poem")


def test_rows_are_padded_on_the_left(processor: CogVLM2Processor) -> None:
    batch = processor([Conversation("a", picture(), template="base", answer="b"), Conversation("a", template="base")])
    image = 6 * [PAD]
    assert batch["input_ids"].tolist() == [[BOS, *image, 97, 98, EOS], [*8 * [PAD], BOS, 97]]
    assert batch["token_type_ids"].tolist() == [[0, *6 * [1], 0, 0, 0], 10 * [0]]
    assert batch["attention_mask"].tolist() == [10 * [1], [*8 * [0], 1, 1]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 2, 2, 2, 3, 4, 5, 6], [*8 * [0], 1, 2]]
    assert batch["labels"].tolist() == [[*8 * [-100], 98, EOS], 10 * [-100]]
    assert batch["pixel_values"].shape == (1, 3, 16, 16)
    assert set(batch) == {*processor.model_input_names, "labels"}


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_pictures_of_every_mode(processor: CogVLM2Processor, mode: str) -> None:
    pixels = processor.pixels(picture().convert(mode))
    assert (pixels.shape, pixels.dtype) == ((3, 16, 16), torch.float32)


def test_saved_and_read_again(processor: CogVLM2Processor, tmp_path: Path) -> None:
    processor.save_pretrained(tmp_path)
    again = CogVLM2Processor.from_pretrained(tmp_path)
    assert again.to_dict() == processor.to_dict()
    asked = Conversation("Straße?", picture())
    assert torch.equal(again(asked)["input_ids"], processor(asked)["input_ids"])


def test_the_context_is_counted_in_positions(processor: CogVLM2Processor) -> None:
    """Begin, begin of image, patches, end of image: 4, then text; though the image takes 6 tokens."""
    room = processor.max_position_embeddings - 4
    batch = processor(Conversation(room * "a", picture(), template="base"))
    assert int(batch["position_ids"].max()) == processor.max_position_embeddings - 1
    with pytest.raises(PromptError, match="takes 129 positions and the model has 128"):
        processor(Conversation((room + 1) * "a", picture(), template="base"))


def test_no_conversation_is_told(processor: CogVLM2Processor) -> None:
    with pytest.raises(PromptError, match="no conversation"):
        processor([])


def said(role: str, *parts: str | Image.Image) -> dict[str, Any]:
    kinds = ["text" if isinstance(part, str) else "image" for part in parts]
    return {"role": role, "content": [{"type": k, k: part} for k, part in zip(kinds, parts, strict=True)]}


def test_messages_become_a_conversation() -> None:
    image = picture()
    messages = [said("user", image, "One?"), {"role": "assistant", "content": "Yes."}, said("user", "T", "wo?")]
    assert Conversation.from_messages(messages, "vqa") == Conversation("Two?", image, (Turn("One?", "Yes."),), "vqa")
    learned = Conversation.from_messages([*messages, said("assistant", "No.")])
    assert (learned.question, learned.answer) == ("Two?", "No.")
    assert Conversation.from_messages([{"role": "user", "content": "Hi"}]) == Conversation("Hi")


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([said("user", picture(), picture(), "Which?")], "2 images in one conversation"),
        ([said("user", picture(), "A"), said("assistant", "B"), said("user", picture(), "C")], "2 images"),
        ([said("user", "What?", picture())], "image is not at the start"),
        ([said("user", "A"), said("assistant", "B"), said("user", picture(), "C")], "image is not at the start"),
        ([said("system", "Be kind."), said("user", "A")], "roles are system, user"),
        ([], "roles are missing"),
        ([{"role": "user", "content": [{"type": "video", "video": "x"}]}], "something else than texts and PIL images"),
        ([{"role": "user", "content": [{"type": "image", "image": "x.png"}]}], "something else than texts"),
    ],
)
def test_messages_that_the_model_cannot_take_are_told(messages: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(PromptError, match=told):
        Conversation.from_messages(messages)
