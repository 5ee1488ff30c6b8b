"""A page as the tokens a small language model reads: words in reading order, with marks for rows, gaps, blocks and large print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from assistant.picture.page import Line, Page
from assistant.picture.structure.lines import body_height

GAP, ROW, BLOCK, LARGE, HUGE, SMALL = "[unused0]", "[unused1]", "[unused2]", "[unused3]", "[unused4]", "[unused5]"
"""Between words far apart in one row; at the end of a row and of a block; before large, very large and small print."""
MARKS = (GAP, ROW, BLOCK, LARGE, HUGE, SMALL)
LENGTH = 384
"""Tokens of question and page together."""
STEP = 160
"""Tokens by which windows on a longer page are moved."""
_LARGE, _HUGE, _SMALL = 1.5, 2.4, 0.75
"""Heights of print from which it is marked, in heights of the page's ordinary print."""
_FAR = 1.2
"""White between two lines of a row, in heights, from which it is a gap."""


@dataclass(frozen=True)
class Token:
    """A piece of a word, or a mark."""

    id: int
    line: Line | None
    """None for a mark."""
    start: int
    end: int
    """Its letters in the line."""


def tokens_of(page: Page, tokenizer: Tokenizer) -> list[Token]:
    """Every word of the page, in reading order."""
    mark = {name: _known(tokenizer, name) for name in MARKS}
    body = body_height(page.blocks) or 1.0
    found: list[Token] = []
    for block in page.blocks:
        for row in block.rows:
            before: Line | None = None
            for line in row.lines:
                if before is not None and line.box.left - before.box.right > _FAR * line.height:
                    found.append(Token(mark[GAP], None, 0, 0))
                size = line.height / body
                if before is None and (size >= _LARGE or size <= _SMALL):
                    name = HUGE if size >= _HUGE else LARGE if size >= _LARGE else SMALL
                    found.append(Token(mark[name], None, 0, 0))
                encoded = tokenizer.encode(line.text, add_special_tokens=False)
                found += [Token(n, line, a, b) for n, (a, b) in zip(encoded.ids, encoded.offsets, strict=True)]
                before = line
            found.append(Token(mark[ROW], None, 0, 0))
        found[-1] = Token(mark[BLOCK], None, 0, 0)
    return found


def _known(tokenizer: Tokenizer, name: str) -> int:
    number = tokenizer.token_to_id(name)
    if number is None:
        raise ValueError(f"the tokenizer has no {name}: it is not that of the model")
    return int(number)


@dataclass(frozen=True)
class Window:
    """A part of a page behind a question."""

    ids: list[int]
    first: int
    """Where the page's tokens begin in `ids`."""
    offset: int
    """The number of the first of them on the page."""


def windows(question: str, tokens: Sequence[Token], tokenizer: Tokenizer, length: int = LENGTH) -> Iterator[Window]:
    """The question with the page; a long page in several parts that overlap."""
    asked = tokenizer.encode(question, add_special_tokens=False).ids[: length // 4]
    start, end = _known(tokenizer, "[CLS]"), _known(tokenizer, "[SEP]")
    head = [start, *asked, end]
    room = length - len(head) - 1
    offset = 0
    while True:
        part = tokens[offset : offset + room]
        yield Window([*head, *(token.id for token in part), end], len(head), offset)
        if offset + room >= len(tokens):
            return
        offset += room - STEP


def words_of(tokens: Sequence[Token]) -> tuple[str, tuple[Line, ...]]:
    """The printed words from the first to the last of `tokens`, each line's in full words, and the lines they stand in."""
    spans: dict[Line, tuple[int, int]] = {}
    for token in tokens:
        if token.line is not None:
            start, end = spans.get(token.line, (token.start, token.end))
            spans[token.line] = (min(start, token.start), max(end, token.end))
    return " ".join(_whole(line.text, *span) for line, span in spans.items()), tuple(spans)


def _whole(text: str, start: int, end: int) -> str:
    while start and not text[start - 1].isspace() and text[start - 1] not in ":=|(":
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[start:end]
