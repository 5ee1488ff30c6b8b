"""The sentiment of a text, by the real model."""

from __future__ import annotations

import math

import pytest

from assistant.engines.local.language_model import TransformersLanguageModel
from assistant.mind.finding.sentiment import LABELS, MOST_CHARACTERS, from_scores, sentiment
from models.conversion import transformers_folder
from models.store import Store


@pytest.fixture(scope="module")
def judge(store: Store) -> TransformersLanguageModel:
    return TransformersLanguageModel(transformers_folder(store.open("smollm2-135m-instruct")), threads=2)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love it! The best gift I ever got, thank you so much.", "positive"),
        ("Terrible service. I hate this place and want my money back.", "negative"),
    ],
)
def test_plain_moods_are_found(judge: TransformersLanguageModel, text: str, label: str) -> None:
    found = sentiment(text, judge)
    assert found.label == label
    assert sum(found.probabilities) == pytest.approx(1)
    assert found.probabilities[LABELS.index(label)] == max(found.probabilities)


def test_a_long_text_costs_no_more(judge: TransformersLanguageModel) -> None:
    text = "What a wonderful day. " * 200
    whole, beginning = sentiment(text, judge), sentiment(text[:MOST_CHARACTERS], judge)
    assert whole.probabilities == pytest.approx(beginning.probabilities, abs=0.01)


def test_probabilities_follow_from_likelihoods() -> None:
    found = from_scores([math.log(0.1), math.log(0.2), math.log(0.1)])
    assert found.label == "neutral"
    assert found.probabilities == pytest.approx((0.25, 0.5, 0.25))
    assert found.margin == pytest.approx(0.25)
    assert not found.sure
    assert from_scores([-1.0, -9.0, -9.0]).sure
    assert from_scores([-1000.0, -1001.0, -1002.0]).label == "negative"


def test_a_tie_is_never_sure() -> None:
    assert not from_scores([-1.0, -1.0, -5.0]).sure
