"""A small language model that reads: a question and a page in, the words that answer it out, or yes, no, or that they are not there.

22 million weights in 8 bits, trained on made pages alone (`scripts/make/answer_reader`). It proposes; what is said is decided in
`finding/ranking.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from assistant.errors import EngineError
from assistant.mind.answer_reader.encoding import Token, Window, tokens_of, windows, words_of
from assistant.picture.page import Line, Page

MOST = 3
"""Spans that are proposed."""
LONGEST = 48
"""Tokens of one."""

_Logs = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Words of the page that may answer."""

    text: str
    lines: tuple[Line, ...]
    belief: float
    """Log-likelihood of its beginning and its end, given that there is an answer."""


@dataclass(frozen=True)
class Opinion:
    """What the reader makes of one question and one page."""

    found: tuple[Found, ...]
    """The likeliest first, none within another; empty where nothing is written."""
    span: float
    """Probability that words of the page answer; with the next three it makes 1."""
    yes: float
    no: float
    absent: float


NOTHING = Opinion((), 0.0, 0.0, 0.0, 1.0)


MODEL, TOKENS = "reader.onnx", "tokenizer.json"
SHA256 = {
    MODEL: "f68fa85077c54501c0096473cb18a19cf60b586b033ea783e84d006a543e980c",
    TOKENS: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def ask(question: str, page: Page) -> Opinion:
    """What the reader makes of `question`; a long page is read in parts, and the part with the surest answer counts.

    20 to 60 ms on one core. Raises EngineError where its files are damaged.
    """
    tokenizer = _tokenizer()
    tokens = tokens_of(page, tokenizer)
    if not any(token.line for token in tokens):
        return NOTHING
    parts = [_part(window, tokens) for window in windows(question, tokens, tokenizer)]
    best = min(parts, key=lambda part: part.absent)
    found = sorted((each for part in parts for each in _weighed(part)), key=lambda each: -each.belief)
    return Opinion(tuple(_apart(found)[:MOST]), best.span, best.yes, best.no, best.absent)


def _part(window: Window, tokens: Sequence[Token]) -> Opinion:
    ids = np.array([window.ids], np.int64)
    segments = np.zeros_like(ids)
    segments[0, window.first : -1] = 1
    inputs: dict[str, Any] = {"ids": ids, "segments": segments, "mask": np.ones_like(ids)}
    begin, end, verdict = (each[0].astype(np.float64) for each in _network().run(None, inputs))
    begin, end = _logs(begin[window.first : -1]), _logs(end[window.first : -1])
    found = []
    for first, last, belief in _spans(begin, end):
        text, lines = words_of(tokens[window.offset + first : window.offset + last + 1])
        if text:
            found.append(Found(text, lines, belief))
    span, yes, no, absent = map(float, np.exp(_logs(verdict)))
    return Opinion(tuple(found), span, yes, no, absent)


def _content(name: str) -> bytes:
    content = (resources.files(__package__) / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise EngineError(
            f"{name} in {__package__} is damaged (its sha256 is not the expected one). Install the assistant again.",
            "The reader of answers is damaged. The assistant must be installed again.",
        )
    return content


@lru_cache(maxsize=1)
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(_content(MODEL), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_str(_content(TOKENS).decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _logs(logits: _Logs) -> _Logs:
    """Log-softmax."""
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _spans(begin: _Logs, end: _Logs) -> list[tuple[int, int, float]]:
    """The likeliest first and last tokens, none over another."""
    both = begin[:, None] + end[None, :]
    both = np.where(np.triu(np.tril(np.ones_like(both, bool), LONGEST)), both, -np.inf)
    found: list[tuple[int, int, float]] = []
    for place in np.argsort(both, axis=None)[::-1][: 20 * MOST]:
        first, last = divmod(int(place), both.shape[1])
        if np.isfinite(both[first, last]) and all(last < a or first > b for a, b, _ in found):
            found.append((first, last, float(both[first, last])))
        if len(found) == MOST:
            break
    return found


def _weighed(part: Opinion) -> list[Found]:
    """Beliefs made comparable between the parts of a page."""
    there = float(np.log(max(1e-9, 1 - part.absent)))
    return [Found(each.text, each.lines, each.belief + there) for each in part.found]


def _apart(found: list[Found]) -> list[Found]:
    """Once each: parts of a page overlap."""
    return list({(each.text, each.lines): each for each in reversed(found)}.values())[::-1]
