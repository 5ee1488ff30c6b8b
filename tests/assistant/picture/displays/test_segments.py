"""The network for segments, on displays and print drawn by other means than those it was trained on."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from assistant.errors import EngineError
from assistant.picture.displays import segments
from assistant.picture.displays.segments import DISPLAY, SIGNS, log_likelihood, read
from tests.assistant.picture.displays.drawn import display, printed


@pytest.mark.parametrize(("ink", "glass"), [(40, 190), (230, 15)], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("text", ["12.5", "-4.7", "20:09", "88", "1036", "0.3", "179", "65.92"])
def test_a_display_is_known_and_read_to_the_point(text: str, ink: int, glass: int) -> None:
    [reading] = read([display(text, ink, glass)])
    assert reading.display >= DISPLAY
    assert reading.text == text


@pytest.mark.parametrize("text", ["12.50", "07/2026", "Total 48", "1036", "$9.39", "EXIT"])
def test_print_is_no_display(text: str) -> None:
    [reading] = read([printed(text)])
    assert reading.display < DISPLAY


def test_nothing_is_asked_of_no_crop_and_the_smallest_crop_is_no_display() -> None:
    assert read([]) == []
    assert read([np.zeros((1, 1), np.uint8)])[0].display < DISPLAY


def test_the_probabilities_of_all_texts_add_up_to_one() -> None:
    random = np.random.default_rng(3)
    steps = np.log(random.dirichlet(np.ones(3), 4)).astype(np.float32)
    texts = ["".join(text) for length in range(5) for text in product(SIGNS[:2], repeat=length)]
    assert sum(np.exp(log_likelihood(steps, text)) for text in texts) == pytest.approx(1.0, abs=1e-5)


def test_a_damaged_file_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SHA256", "0" * 64)
    segments._network.cache_clear()
    try:
        with pytest.raises(EngineError, match="damaged"):
            read([display("1")])
    finally:
        segments._network.cache_clear()


def test_every_sign_has_a_column() -> None:
    [steps], _ = segments._network().run(None, {"crops": segments.prepared(display("12"))[None]})
    assert steps.shape[1] == 1 + len(SIGNS)
