"""The language model as a judge: its scores are those of a plain forward pass, and sense outranks nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assistant.engines.local import language_model
from assistant.engines.local.language_model import TransformersLanguageModel
from assistant.errors import EngineError
from models.conversion import transformers_folder
from models.store import Store

PROMPT = "Text: Moby Dick. Herman Melville. Penguin Classics.\nQuestion: Who wrote it?\nAnswer:"
CONTINUATIONS = [" Herman Melville", " Penguin", " the dog ate my homework", " 1851", " M"]


@pytest.fixture(scope="module")
def folder(store: Store) -> Path:
    return transformers_folder(store.open("smollm2-135m-instruct"))


@pytest.fixture(scope="module")
def judge(folder: Path) -> TransformersLanguageModel:
    return TransformersLanguageModel(folder, threads=2)


@pytest.fixture(scope="module")
def exact(folder: Path) -> TransformersLanguageModel:
    """In float32, so that differences of rounding do not hide differences of method."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language_model, "fast_dtype", lambda: torch.float32)
        return TransformersLanguageModel(folder, threads=2)


def naive(judge: TransformersLanguageModel, prompt: str, continuation: str) -> float:
    """One forward pass over everything, without a cache or a batch."""
    asked, told = (judge._tokenizer(text)["input_ids"] for text in (prompt, continuation))
    with torch.inference_mode():
        likely = judge._model(torch.tensor([asked + told])).logits[0, len(asked) - 1 : -1].log_softmax(-1)
    return float(likely.gather(1, torch.tensor(told)[:, None]).mean())


def test_scores_equal_a_plain_forward_pass(exact: TransformersLanguageModel) -> None:
    for prompt in (PROMPT, PROMPT.replace("wrote", "published"), "Another"):
        scores = exact.score(prompt, CONTINUATIONS)
        assert scores == pytest.approx([naive(exact, prompt, text) for text in CONTINUATIONS], abs=1e-3)


def test_the_fast_type_is_near_the_exact_one(
    judge: TransformersLanguageModel, exact: TransformersLanguageModel
) -> None:
    assert judge.score(PROMPT, CONTINUATIONS) == pytest.approx(exact.score(PROMPT, CONTINUATIONS), abs=0.3)


def test_sense_outranks_nonsense(judge: TransformersLanguageModel) -> None:
    paris, banana, chair = judge.score("The capital of France is", [" Paris", " banana", " sitting on a chair"])
    assert paris > -1.0
    assert paris > chair > banana


@pytest.mark.parametrize(
    ("prompt", "continuations"), [("", [" a"]), ("a", []), ("a", [" b", ""]), ("a " * 9000, [" b"])]
)
@pytest.mark.filterwarnings("ignore:Token indices sequence length")
def test_what_cannot_be_scored_is_refused(
    judge: TransformersLanguageModel, prompt: str, continuations: list[str]
) -> None:
    with pytest.raises(ValueError, match="token"):
        judge.score(prompt, continuations)


def test_a_missing_or_damaged_model(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="assistant models fetch"):
        TransformersLanguageModel(tmp_path, threads=1)
