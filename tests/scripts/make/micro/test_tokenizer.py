"""The micro model's tokenizer: a word is a token, and any text comes back as it was."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from scripts.make.micro import books
from scripts.make.micro.tokenizer import make_tokenizer, vocabulary_size


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """Written and read again."""
    folder = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(folder)
    read: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return read


TEXTS = (
    "Question: Who wrote this book? Short answer:",
    "Silent Winter River",
    "2017",
    "An unknown sentence, with commas; CAPITALS & 12,5 %.",
    "  blanks \n\t and lines\n",
    "Grüße, naïve façade — 日本語 🙂",
    "",
)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_a_word_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    for word in (*books.OPENINGS, *books.ENDINGS, *books.LAST_NAMES, *books.COLOURS):
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1
        assert len(tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1
    assert len(tokenizer("1987", add_special_tokens=False)["input_ids"]) == 4


def test_special_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1, 2)
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    assert len(tokenizer) <= vocabulary_size(tokenizer)
    assert vocabulary_size(tokenizer) % 64 == 0
