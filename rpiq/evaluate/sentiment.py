"""Sentiment of tweets with the RPIQ paper's prompt (its section 4.2): by the likelihood of the labels, and by generation.

The files are those of tweet_sentiment_multilingual: one tweet a line, and beside it one label (0, 1, 2) a line.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rpiq.errors import EvaluationError

LABELS = ("negative", "neutral", "positive")
PROMPT = "Question: What's the sentiment of the given text? Choices are {labels}. Text: {text} Answer:"
_TEXT, _LABELS = "_text.txt", "_labels.txt"
_NEW_TOKENS = 5
"""Of the generated answer: the longest label with a word before it."""


@dataclass(frozen=True)
class Sentiment:
    """Both ways of asking, on the same tweets."""

    tweets: int
    likelihood_accuracy: float
    """Share of tweets whose label is the likeliest of the three after the prompt."""
    generation_accuracy: float
    """Share of tweets whose label is the first that the greedily generated answer names."""
    unanswered: float
    """Share of tweets after which the generated answer names no label; they count as wrong."""


def tweets_file(path: Path) -> Path:
    """The file of tweets that `path` means: itself, or the test split in that folder. EvaluationError for none or several."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"test*{_TEXT}")) or sorted(path.glob(f"*{_TEXT}"))
    if len(found) != 1:
        raise EvaluationError(f"{path} holds {len(found)} test sets; give one file *{_TEXT} of it")
    return found[0]


def read_tweets(path: Path, limit: int | None = None) -> list[tuple[str, int]]:
    """Tweets with their labels, from `NAME_text.txt` with `NAME_labels.txt` beside it, or the test split of a folder.

    EvaluationError when there is no such pair, or its files do not match.
    """
    path = tweets_file(path)
    if not path.name.endswith(_TEXT):
        raise EvaluationError(
            f"{path} is not named *{_TEXT}; give the tweets, with the labels beside them in *{_LABELS}"
        )
    labels_path = path.with_name(path.name.removesuffix(_TEXT) + _LABELS)
    texts, labels = _lines(path), _lines(labels_path)
    if len(texts) != len(labels):
        raise EvaluationError(f"{path} has {len(texts)} lines, {labels_path} {len(labels)}; get both again")
    if not set(labels) <= {"0", "1", "2"}:
        raise EvaluationError(f"{labels_path} holds other labels than 0, 1 and 2; give the data set's own file")
    return [(text, int(label)) for text, label in zip(texts, labels, strict=True)][:limit]


def sentiment(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tweets: list[tuple[str, int]],
    progress: Callable[[int, int], None] | None = None,
) -> Sentiment:
    """How often the model is right. progress: called with tweets done and tweets in all. EvaluationError for no tweets."""
    if not tweets:
        raise EvaluationError("there are no tweets to judge; give a file with at least one")
    answers = [[int(token) for token in tokenizer(f" {one}", add_special_tokens=False)["input_ids"]] for one in LABELS]
    likely = named = silent = 0
    with torch.inference_mode():
        for number, (text, label) in enumerate(tweets, 1):
            prompt = [int(t) for t in tokenizer(PROMPT.format(labels=", ".join(LABELS), text=text))["input_ids"]]
            # The prompt is read once: what is asked of it afterwards goes on from the cache.
            read = model(input_ids=torch.tensor([prompt], device=model.device), use_cache=True)
            scores = [_likelihood(model, read, answer) for answer in answers]
            likely += scores.index(max(scores)) == label
            answer = _first_label(str(tokenizer.decode(_greedy(model, read), skip_special_tokens=True)))
            named += answer == label
            silent += answer is None
            if progress is not None:
                progress(number, len(tweets))
    count = len(tweets)
    return Sentiment(count, likely / count, named / count, silent / count)


def _likelihood(model: PreTrainedModel, read: Any, answer: list[int]) -> float:
    """log p(answer | prompt), the sum over its tokens; `read` is the model's output for the prompt, and is left as it is."""
    logits = read.logits[0, -1:].float()
    if len(answer) > 1:
        before = torch.tensor([answer[:-1]], device=model.device)
        more = model(input_ids=before, past_key_values=deepcopy(read.past_key_values), use_cache=True).logits[0].float()
        logits = torch.cat((logits, more))
    picked = logits.log_softmax(-1).gather(1, torch.tensor(answer, device=logits.device)[:, None])
    return float(picked.sum())


def _greedy(model: PreTrainedModel, read: Any) -> list[int]:
    """The likeliest tokens after the prompt, one after the other; goes on in the cache of `read`."""
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    tokens = [int(read.logits[0, -1].argmax())]
    while len(tokens) < _NEW_TOKENS and tokens[-1] not in (ends if isinstance(ends, list) else [ends]):
        last = torch.tensor([tokens[-1:]], device=model.device)
        read = model(input_ids=last, past_key_values=read.past_key_values, use_cache=True)
        tokens.append(int(read.logits[0, -1].argmax()))
    return tokens


def _first_label(answer: str) -> int | None:
    at = {label: answer.lower().find(label) for label in LABELS}
    found = [label for label in LABELS if at[label] >= 0]
    return LABELS.index(min(found, key=lambda label: at[label])) if found else None


def _lines(path: Path) -> list[str]:
    """As the data set counts them: other line separators inside a tweet do not end it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}); give the data set's own file") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]
