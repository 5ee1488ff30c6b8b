"""A tiny random model that sees, with its processor and a tokenizer of single characters; and tiny questions for it."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}:{% endif %}"
)
BOOKS = ("Emma", "Ulysses", "The Odyssey")
COLOURS = ("red", "lime", "blue")


def write_vision_model(folder: Path, wider: int = 1) -> Path:
    """A LLaVA whose answers depend on the picture and on the question; all of it so many times `wider`."""
    vocabulary = {"<s>": 0, "</s>": 1, "<unk>": 2, "<image>": 3}
    vocabulary |= {letter: 4 + number for number, letter in enumerate(string.printable)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern="", behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<s>"}
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}),
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, extra_special_tokens={"image_token": "<image>"}, **special),
        patch_size=4,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    seeing = CLIPVisionConfig(
        hidden_size=16 * wider,
        intermediate_size=32 * wider,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
    )
    writing = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32 * wider,
        intermediate_size=64 * wider,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=seeing, text_config=writing, image_token_index=3, vision_feature_layer=-1, image_seq_length=4
        )
    )
    for parameter in model.parameters():
        if parameter.dim() > 1:  # larger than usual, so that answers differ
            parameter.data.mul_(4)
    model.save_pretrained(folder)
    return folder


def write_questions(folder: Path, answers: Sequence[str] = BOOKS) -> Path:
    """`questions.jsonl` with two questions about each of three pictures; `answers` are those to the first of both."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for colour, answer in zip(COLOURS, answers, strict=True):
        Image.new("RGB", (12, 8), colour).save(folder / "images" / f"{colour}.png")
        about = {"image": f"images/{colour}.png", "category": "warm" if colour == "red" else "cold"}
        lines.append(about | {"question": "What is the title of this book?", "answers": [answer]})
        lines.append(about | {"question": "Is this a novel?", "answers": ["Yes"]})
    (folder / "questions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return folder
