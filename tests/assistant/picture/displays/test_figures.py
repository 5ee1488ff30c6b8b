"""Two readers of one display: what they agree on is sure, everything else is doubtful, if only by a point."""

from __future__ import annotations

import pytest

from assistant.picture.displays.figures import agreed, figures
from assistant.picture.displays.segments import Reading
from tests.assistant.picture.pages import line


@pytest.mark.parametrize(
    ("text", "found"),
    [("-12.5 °C", ["-12.5"]), ("12,5 kg", ["12.5"]), ("4-12", ["4-12"]), ("20:09.", ["20:09"]), ("kg", [])],
)
def test_figures_are_compared_with_points_colons_and_minus_signs(text: str, found: list[str]) -> None:
    assert figures(text) == found


def test_what_both_read_stays_sure() -> None:
    both = agreed(line("12.5 kg", 0, 0), Reading(0.99, "12.5*", 0.9))
    assert both is not None
    assert both[0] == line("12.5 kg", 0, 0)
    assert both[1].sure
    assert both[1].text == "12.5 kg"


@pytest.mark.parametrize(
    ("first", "second"), [("125 kg", "12.5"), ("12.5 kg", "125"), ("4.7 kg", "-4.7"), ("18 kg", "13")]
)
def test_a_point_a_sign_or_a_digit_makes_it_doubtful(first: str, second: str) -> None:
    both = agreed(line(first, 0, 0), Reading(0.99, second, 0.9))
    assert both is not None
    assert not both[1].sure
    assert both[0].confidence <= 0.5
    assert both[0].text == f"{second} kg"


def test_an_unsure_second_reader_makes_doubtful_and_changes_nothing() -> None:
    both = agreed(line("125 kg", 0, 0), Reading(0.99, "12.5", 0.3))
    assert both is not None
    assert both[0].text == "125 kg"
    assert not both[1].sure


def test_what_both_read_is_doubtful_where_another_point_is_nearly_as_probable() -> None:
    both = agreed(line("125", 0, 0), Reading(0.99, "125", 0.6, rival=0.4))
    assert both is not None
    assert not both[1].sure
    assert both[1].text == "125"


def test_what_is_no_display_is_left_alone() -> None:
    assert agreed(line("12.5", 0, 0), Reading(0.4, "12.5", 0.99)) is None
    assert agreed(line("12.5", 0, 0), Reading(0.99, "**", 0.99)) is None
