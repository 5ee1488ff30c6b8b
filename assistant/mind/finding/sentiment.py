"""Is a text negative, neutral or positive? The language model says how likely each of the three words is as an answer.

The prompt is the paper's. The words alone decide, never a voice or a face; wording the result is the work of `phrases.py`.
How often it is right, for the catalogue's small model: docs/results/sentiment-cpu.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from assistant.ports.engines import LanguageModel

LABELS = ("negative", "neutral", "positive")
PROMPT = "Question: What's the sentiment of the given text? Choices are {labels}. Text: {text} Answer:"
MOST_CHARACTERS = 2000
"""The mood of a text shows in its beginning; more would only take longer."""
SURE_MARGIN = 0.5
"""Chosen on the validation tweets, where no lower margin was right more often than 55 times in 100."""


@dataclass(frozen=True)
class Sentiment:
    """What a text sounds like."""

    label: str
    """The likeliest of `LABELS`."""
    probabilities: tuple[float, float, float]
    """Of each of `LABELS`, adding up to 1."""
    margin: float
    """By how much the first label is more probable than the second, 0 to 1."""

    @property
    def sure(self) -> bool:
        """Whether to say it without reservation."""
        return self.margin >= SURE_MARGIN


def sentiment(text: str, model: LanguageModel) -> Sentiment:
    """The sentiment of `text`, of which the first `MOST_CHARACTERS` are considered."""
    prompt = PROMPT.format(labels=", ".join(LABELS), text=" ".join(text.split())[:MOST_CHARACTERS])
    return from_scores(model.score(prompt, [f" {label}" for label in LABELS]))


def from_scores(scores: list[float]) -> Sentiment:
    """The sentiment that follows from the log-likelihood (nats) of each of `LABELS`."""
    shares = [math.exp(score - max(scores)) for score in scores]
    negative, neutral, positive = (share / sum(shares) for share in shares)
    _, second, first = sorted((negative, neutral, positive))
    label = LABELS[scores.index(max(scores))]
    return Sentiment(label, (negative, neutral, positive), first - second)
