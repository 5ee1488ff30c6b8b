"""Which engine a profile opens: models in 4 bits once `assistant setup` was there, else in full precision."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assistant.engines.local import picture_model as assistant_seeing
from assistant.engines.local.language_model import TransformersLanguageModel
from assistant.engines.opening import ProfileEngines
from assistant.errors import EngineError
from models import fetch as fetching
from models import four_bits
from models.errors import CatalogueError
from models.fetch import fetch
from models.four_bits import make_four_bits
from models.store import Store
from rpiq.run import pipeline
from rpiq.runtime.linear import QuantLinear
from tests.assistant.engines.local.seers import photo, project_entry, write_cogvlm2
from tests.models.conftest import Shelf, shelf, store_of
from tests.models.tiny import write_entry

__all__ = ["shelf"]


@pytest.mark.makes_models
def test_the_judge_is_in_four_bits_after_setup(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bits, "SETTINGS", replace(four_bits.SETTINGS, samples=8, sequence_length=64))
    store = store_of(write_entry(shelf, tmp_path), tmp_path)
    fetch(store, "tiny")
    counts, scores = [], []
    for _ in range(2):
        judge = ProfileEngines(store, "tiny", threads=1).judge
        assert isinstance(judge, TransformersLanguageModel)
        counts.append(sum(isinstance(module, QuantLinear) for module in judge._model.modules()))
        scores.append(judge.score("abc", [" hello", "w"]))
        make_four_bits(store.open("tiny"))
    assert counts == [0, 2 * 7]
    assert scores[1] == pytest.approx(scores[0], abs=0.5)
    assert scores[1] != scores[0]


@pytest.fixture
def seeing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a tiny CogVLM2 that came with the project, in profile tiny."""
    monkeypatch.setattr(fetching, "PROJECT", tmp_path)
    store = store_of(project_entry(write_cogvlm2(tmp_path / "sees")), tmp_path)
    fetch(store, "sees")
    return store


def test_a_profile_with_a_picture_model_sees(seeing: Store) -> None:
    engines = ProfileEngines(seeing, "tiny", threads=1)
    assert engines.sees
    assert "".join(engines.eye.ask(photo(), "What is this?", style="short"))
    assert engines.eye is engines.eye
    engines.warm(["eye"])


def test_the_eye_is_in_four_bits_after_setup(seeing: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(pipeline, "quantize", lambda source, out, *_, **__: shutil.copytree(source, out))
    monkeypatch.setattr(four_bits, "PICTURES", seeing.open("sees") / "config.json")
    monkeypatch.setattr(assistant_seeing, "open_eye", lambda folder, *_, **__: opened.append(folder))
    for _ in range(2):
        assert ProfileEngines(seeing, "tiny").eye is None
        make_four_bits(seeing.open("sees"))
    assert opened == [seeing.folder("sees"), seeing.root / ".quantized" / "sees"]


def test_a_picture_model_too_large_for_the_memory_is_told(seeing: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(EngineError, match=r"sees takes .* and 0\.0 GB of memory are free.*assistant setup") as caught:
        ProfileEngines(seeing, "tiny").eye  # noqa: B018 - opens it
    assert "too little memory" in caught.value.spoken


def test_a_picture_model_that_was_not_fetched_is_told(seeing: Store) -> None:
    shutil.rmtree(seeing.folder("sees"))
    with pytest.raises(EngineError, match="assistant models fetch sees"):
        ProfileEngines(seeing, "tiny").eye  # noqa: B018


def test_a_profile_without_one_does_not_see(tmp_path: Path) -> None:
    assert not ProfileEngines(Store(tmp_path)).sees
    assert ProfileEngines(Store(tmp_path), picture_model=tmp_path).sees
    assert ProfileEngines(Store(tmp_path), "small").sees
    with pytest.raises(CatalogueError, match="no profile"):
        ProfileEngines(Store(tmp_path), "none").sees  # noqa: B018
