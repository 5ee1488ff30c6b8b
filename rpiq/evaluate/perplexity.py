"""Perplexity of a model on a text, in two protocols that must not be compared with each other.

`perplexity` is the usual one; `perplexity_autogptq` that of AutoGPTQ, which the RPIQ paper uses (equation 24).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rpiq.calibration.text import prefix_ids
from rpiq.errors import EvaluationError

AUTOGPTQ_WINDOW = 512


@dataclass(frozen=True)
class Perplexity:
    """The result of one protocol."""

    protocol: str
    """usual, or autogptq."""
    value: float
    nll: float
    """Mean negative log-likelihood of the tokens that count, in nats: its exponential is `value`."""
    windows: int
    window: int
    """Tokens in each."""
    tokens: int
    """That were predicted and count."""


def read_text(file: Path) -> str:
    """A text file, as it is. EvaluationError when it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file} cannot be read as text ({error}); give a UTF-8 text file") from error


def joined_rows(raw: str) -> str:
    """A WikiText `.raw` file as the usual recipe has it: the data set's rows joined by two line breaks.

    A row is a line with its line break, or nothing for a blank line, which the raw file writes as a blank and a line break.
    """
    lines = raw.removesuffix("\n").split("\n")
    return "\n\n".join(line + "\n" if line.strip() else "" for line in lines)


def perplexity(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    window: int = 2048,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Perplexity:
    """The usual protocol: all of the text in a row of tokens, cut into windows that do not overlap; every token but the
    first of a window counts. What the tokenizer puts before a text stands once, at the very beginning.

    limit: most windows. progress: called with windows done and windows in all. EvaluationError for a text that is too short.
    """
    ids = prefix_ids(tokenizer) + _ids(tokenizer, text)
    return _measure("usual", model, _windows(ids, window, limit), 0, progress)


def perplexity_autogptq(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Perplexity:
    """AutoGPTQ's protocol: windows of 512 tokens whose first is replaced by the begin-of-text token, if there is one; only
    the second half of each counts. The mean over windows of their mean losses, as all have equally many tokens.

    Arguments and errors as `perplexity`.
    """
    windows = _windows([int(token) for token in tokenizer(text, verbose=False)["input_ids"]], AUTOGPTQ_WINDOW, limit)
    # Its code scores the tokens before it puts the begin-of-text token in, so that only the input changes.
    if tokenizer.bos_token_id is not None:
        windows[:, 0] = int(tokenizer.bos_token_id)
    return _measure("autogptq", model, windows, AUTOGPTQ_WINDOW // 2, progress)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return [int(token) for token in tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]


def _windows(ids: list[int], window: int, limit: int | None) -> Tensor:
    count = len(ids) // window
    if count == 0:
        raise EvaluationError(
            f"the text has {len(ids):,} tokens, less than one window of {window:,}; give a longer one"
        )
    if limit is not None:
        count = min(count, limit)
    return torch.tensor(ids[: count * window], dtype=torch.int64).view(count, window)


def _measure(
    protocol: str, model: PreTrainedModel, windows: Tensor, first: int, progress: Callable[[int, int], None] | None
) -> Perplexity:
    """Position `first` of a window is the first whose next token counts."""
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for number, ids in enumerate(windows, 1):
            row = ids[None].to(model.device)
            logits = model(input_ids=row, use_cache=False).logits[0, first:-1].float()
            total += float(cross_entropy(logits, row[0, first + 1 :], reduction="sum"))
            tokens += len(logits)
            if progress is not None:
                progress(number, len(windows))
    nll = total / tokens
    if not math.isfinite(nll):
        raise EvaluationError("the model's likelihoods are not finite; it is damaged, or its dtype is too narrow")
    return Perplexity(protocol, math.exp(nll), nll, len(windows), windows.shape[1], tokens)
