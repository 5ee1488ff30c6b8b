"""Perplexity in its two protocols against a direct computation, and sentiment on answers that are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rpiq.calibration.text import read_tokenizer
from rpiq.errors import EvaluationError
from rpiq.evaluate.memory import weight_bytes
from rpiq.evaluate.perplexity import AUTOGPTQ_WINDOW, joined_rows, perplexity, perplexity_autogptq, read_text
from rpiq.evaluate.sentiment import read_tweets, sentiment
from rpiq.runtime.loading import load
from tests.rpiq.tiny import CONFIGS, write_model, write_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # OPT has learned positions, and fewer than the window of AutoGPTQ's protocol.
    return write_model(tmp_path_factory.mktemp("model"), CONFIGS["llama"])


@pytest.fixture(scope="module")
def model(folder: Path) -> PreTrainedModel:
    return load(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    return read_tokenizer(folder)


def losses(model: PreTrainedModel, ids: list[int]) -> list[float]:
    """Of each token but the first, one window at a time."""
    with torch.inference_mode():
        scores = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return [-float(scores[at, token]) for at, token in enumerate(ids[1:])]


def test_the_usual_protocol(tmp_path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    text = read_text(write_text(tmp_path / "text.txt", words=100))
    ids = [int(word[1:]) + 3 for word in text.split()]
    found = perplexity(model, tokenizer, text, window=30)
    wanted = [loss for start in (0, 30, 60) for loss in losses(model, ids[start : start + 30])]
    assert (found.protocol, found.windows, found.tokens) == ("usual", 3, 87)
    assert found.nll == pytest.approx(sum(wanted) / len(wanted), rel=1e-5)
    assert found.value == pytest.approx(math.exp(found.nll))
    assert perplexity(model, tokenizer, text, window=30, limit=1).nll == pytest.approx(sum(wanted[:29]) / 29, rel=1e-5)


def test_autogptqs_protocol(tmp_path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """The first token is replaced, and only the second half of a window counts."""
    text = read_text(write_text(tmp_path / "text.txt", words=1100))
    ids = [int(word[1:]) + 3 for word in text.split()]
    found = perplexity_autogptq(model, tokenizer, text)
    wanted = []
    for start in (0, AUTOGPTQ_WINDOW):
        wanted += losses(model, [0, *ids[start + 1 : start + AUTOGPTQ_WINDOW]])[AUTOGPTQ_WINDOW // 2 :]
    assert (found.protocol, found.windows, found.tokens) == ("autogptq", 2, 2 * 255)
    assert found.nll == pytest.approx(sum(wanted) / len(wanted), rel=1e-5)


def test_a_text_shorter_than_a_window(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(EvaluationError, match="3 tokens, less than one window of 2,048"):
        perplexity(model, tokenizer, "w1 w2 w3")


def test_progress_reaches_the_end(tmp_path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    steps: list[tuple[int, int]] = []
    text = read_text(write_text(tmp_path / "text.txt", words=100))
    perplexity(model, tokenizer, text, window=30, progress=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_rows_are_joined_as_the_usual_recipe_does() -> None:
    assert joined_rows(" \n = A = \n \n text \n") == "\n\n = A = \n\n\n\n\n text \n"


def test_the_recipe_on_the_real_file(shared: Path) -> None:
    import hashlib

    joined = joined_rows(read_text(shared / "data/wikitext2/wiki.test.raw"))
    digest = "696cca6b65a171b0a358a4be6732cdfdf2dd6164a32e20fd70e3c13fc4dfae83"
    assert hashlib.sha256(joined.encode()).hexdigest() == digest


def test_weights_are_counted_once(model: PreTrainedModel) -> None:
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    names = {name: tensor.nbytes for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    unsaved = {id(buffer): buffer.nbytes for name, buffer in model.named_buffers() if name not in names}
    assert 0 < sum(unsaved.values()) < 1000, "rotary frequencies"
    assert sum(names.values()) <= weight_bytes(model) <= sum(names.values()) + sum(unsaved.values())


class Answers:
    """A model that always answers with one word of a tokenizer whose words are the labels."""

    device = torch.device("cpu")
    generation_config = None

    def __init__(self, token: int, vocabulary: int = 96) -> None:
        self._token, self._vocabulary = token, vocabulary

    def __call__(self, input_ids: torch.Tensor, **_: Any) -> Any:
        scores = torch.zeros(*input_ids.shape, self._vocabulary)
        scores[..., self._token] = 9
        return type("Output", (), {"logits": scores, "past_key_values": None})


class Words:
    """Each of the three labels is one token; everything else is one as well."""

    _words = ("negative", "neutral", "positive", "nothing")

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [self._words.index(word) if word in self._words else 3 for word in text.split()]}

    def decode(self, ids: torch.Tensor, **_: Any) -> str:
        return " ".join(self._words[int(token)].upper() for token in ids)


@pytest.mark.parametrize(("token", "accuracy", "unanswered"), [(0, 0.5, 0.0), (2, 0.25, 0.0), (3, None, 1.0)])
def test_sentiment_counts(token: int, accuracy: float | None, unanswered: float) -> None:
    tweets = [("a", 0), ("b", 0), ("c", 1), ("d", 2)]
    found = sentiment(Answers(token), Words(), tweets)  # type: ignore[arg-type]
    assert (found.tweets, found.unanswered) == (4, unanswered)
    assert found.generation_accuracy == (accuracy or 0.0)
    if accuracy is not None:
        assert found.likelihood_accuracy == accuracy


class Spoken:
    """Prompts are the words of the tiny tokenizer; the labels are of one, two and three of them; remembers what is decoded."""

    _labels: ClassVar = {" negative": [5], " neutral": [9, 7], " positive": [8, 3, 6]}

    def __init__(self) -> None:
        self.answers: list[list[int]] = []

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        words = text.partition("Text: ")[2].split()
        return {
            "input_ids": self._labels.get(text)
            or [10, 11] + [int(word[1:]) + 3 for word in words if word[1:].isdigit()]
        }

    def decode(self, ids: list[int], **_: Any) -> str:
        self.answers.append(ids)
        return "neutral"


@pytest.mark.parametrize("architecture", ["llama", "opt"])
def test_sentiment_is_what_whole_texts_give(tmp_path: Path, architecture: str) -> None:
    """Going on from the cache gives the answers of transformers' own generation, and the likelihoods of whole texts."""
    real = load(write_model(tmp_path, CONFIGS[architecture]), dtype=torch.float32)
    tokenizer = Spoken()
    texts = ["w1 w2 w40", "w3", "w50 w60 w70 w80", "w5 w5", "w7 w30"]
    prompts = [tokenizer(f"Text: {text} Answer:")["input_ids"] for text in texts]
    labels = []
    for prompt in prompts:
        whole = [sum(losses(real, prompt + answer)[len(prompt) - 1 :]) for answer in Spoken._labels.values()]
        labels.append(whole.index(min(whole)))
    found = sentiment(real, tokenizer, list(zip(texts, labels, strict=True)))  # type: ignore[arg-type]
    assert found.likelihood_accuracy == 1
    assert found.generation_accuracy == labels.count(1) / 5
    for prompt, answer in zip(prompts, tokenizer.answers, strict=True):
        ids = torch.tensor([prompt])
        wanted = real.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=5, do_sample=False)  # type: ignore[operator]
        assert answer == wanted[0, len(prompt) :].tolist()


def test_tweets_are_read_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "test_text.txt").write_text("one \u2028 line\ntwo\nthree", "utf-8")
    (tmp_path / "test_labels.txt").write_text("0\n2\n1\n", "utf-8")
    (tmp_path / "val_text.txt").write_text("not this", "utf-8")
    wanted = [("one \u2028 line", 0), ("two", 2), ("three", 1)]
    assert read_tweets(tmp_path) == read_tweets(tmp_path / "test_text.txt") == wanted
    assert read_tweets(tmp_path, limit=2) == wanted[:2]


@pytest.mark.parametrize(
    ("labels", "message"), [("0\n", "has 2 lines"), ("0\n7", "other labels than"), (None, "cannot be read")]
)
def test_tweets_that_cannot_be_used(tmp_path: Path, labels: str | None, message: str) -> None:
    (tmp_path / "a_text.txt").write_text("one\ntwo", "utf-8")
    if labels is not None:
        (tmp_path / "a_labels.txt").write_text(labels, "utf-8")
    with pytest.raises(EvaluationError, match=message):
        read_tweets(tmp_path / "a_text.txt")
    with pytest.raises(EvaluationError, match="not named"):
        read_tweets(tmp_path / "a.txt")


def test_an_empty_folder_has_no_tweets(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds 0 test sets"):
        read_tweets(tmp_path)
