"""Examples to train on: the marked tokens are the answer, on short pages and on long ones."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer

from assistant.mind.answer_reader.encoding import MARKS, tokens_of, windows, words_of
from assistant.mind.answer_reader.reader import TOKENS, _content
from assistant.picture.page import arrange
from scripts.make.prints.examples import VERDICTS, examples
from scripts.make.prints.kinds import kinds
from tests.assistant.picture.pages import line


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_str(_content(TOKENS).decode("utf-8"))
    found.no_padding()
    found.no_truncation()
    return found


def test_the_answer_is_where_it_is_said_to_be(tokenizer: Tokenizer) -> None:
    stream = examples(kinds(), tokenizer, random.Random(5))
    verdicts = set()
    for _ in range(200):
        one = next(stream)
        verdicts.add(VERDICTS[one.verdict])
        assert bool(one.spans) == (VERDICTS[one.verdict] != "absent")
        for first, last in one.spans:
            assert one.first <= first <= last < len(one.ids) - 1
            assert tokenizer.decode(one.ids[first : last + 1]).strip()
    assert verdicts == set(VERDICTS)


def test_a_page_in_tokens_gives_its_words_back(tokenizer: Tokenizer) -> None:
    page = arrange(
        [line("SALE ENDS", 40, 40, 60), line("Price:", 40, 160, 24), line("£4.20 each", 400, 160, 24)], 800, 300
    )
    tokens = tokens_of(page, tokenizer)
    names = [tokenizer.id_to_token(token.id) for token in tokens]
    assert {"[unused0]", "[unused3]"} <= set(names) or {"[unused0]", "[unused4]"} <= set(names)
    text, lines = words_of([token for token in tokens if token.line and token.line.text.startswith("£")][:1])
    assert text == "£4.20"
    assert [each.text for each in lines] == ["£4.20 each"]
    assert all(tokenizer.token_to_id(mark) is not None for mark in MARKS)


def test_every_word_of_a_long_page_is_in_a_window(tokenizer: Tokenizer) -> None:
    page = arrange([line(f"row {n} of many rows with words", 40, 40 + 30 * n, 20) for n in range(120)], 800, 3700)
    tokens = tokens_of(page, tokenizer)
    seen: set[int] = set()
    for window in windows("which row is it", tokens, tokenizer):
        assert len(window.ids) <= 384
        seen |= set(range(window.offset, window.offset + len(window.ids) - window.first - 1))
    assert seen == set(range(len(tokens)))
