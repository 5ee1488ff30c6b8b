"""Which engine a profile opens: the language model in 4 bits once `assistant setup` was there, else in full precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.language import TransformersLanguageModel
from assistant.profiles import Engines
from models import four_bits
from models.fetch import fetch
from models.four_bits import make_four_bits
from rpiq.linear import QuantLinear
from tests.models.conftest import Shelf, shelf, store_of
from tests.models.tiny import write_entry

__all__ = ["shelf"]


def test_the_judge_is_in_four_bits_after_setup(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bits, "SETTINGS", replace(four_bits.SETTINGS, samples=8, sequence_length=64))
    store = store_of(write_entry(shelf, tmp_path), tmp_path)
    fetch(store, "tiny")
    counts, scores = [], []
    for _ in range(2):
        judge = Engines(store, "tiny", threads=1).judge
        assert isinstance(judge, TransformersLanguageModel)
        counts.append(sum(isinstance(module, QuantLinear) for module in judge._model.modules()))
        scores.append(judge.score("abc", [" hello", "w"]))
        make_four_bits(store.open("tiny"))
    assert counts == [0, 2 * 7]
    assert scores[1] == pytest.approx(scores[0], abs=0.5)
    assert scores[1] != scores[0]
