"""The reference's numbers for a tiny CogVLM2, and a random one for where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor
from tests.models.cogvlm2.tiny import processor_of, tiny_model


@pytest.fixture(scope="session")
def reference(shared: Path) -> Path:
    """Weights, inputs and every intermediate tensor; its README has the tolerances."""
    folder = shared / "fixtures" / "cogvlm2-tiny"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    return folder


@pytest.fixture(scope="session")
def native(reference: Path) -> CogVLM2ForConditionalGeneration:
    """The reference's weights in our model."""
    model: CogVLM2ForConditionalGeneration = CogVLM2ForConditionalGeneration.from_pretrained(reference)
    return model


@pytest.fixture(scope="session")
def model() -> CogVLM2ForConditionalGeneration:
    return tiny_model()


@pytest.fixture(scope="session")
def processor(model: CogVLM2ForConditionalGeneration) -> CogVLM2Processor:
    return processor_of(model.config)
