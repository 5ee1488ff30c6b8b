"""Whole pages with known structure: as a perfect reader would find them, and read by the real one."""

from __future__ import annotations

import pytest

from assistant.picture.page import arrange
from scripts.judging.structure import measure
from scripts.make.pages import clocks, harbour, household
from scripts.make.pages.sheet import Fonts, Kind, sheets
from tests.assistant.remembering import RememberingEngines

PILLOWS = (Fonts(),)
"""The font that is always there."""


@pytest.mark.parametrize(
    "kinds", [household.KINDS, harbour.KINDS, clocks.KINDS], ids=["household", "harbour", "clocks"]
)
def test_lines_that_are_found_without_a_slip(kinds: tuple[Kind, ...]) -> None:
    found = measure(sheets(kinds, PILLOWS, 28), lambda sheet: arrange(sheet.lines(), sheet.width, sheet.height))
    for name, (right, of) in {"sentences": found.sentences, "cells": found.cells, "pairs": found.pairs}.items():
        assert of >= 40
        assert right >= 0.97 * of, (name, found.missed)


def test_pages_that_the_reader_read(remembering: RememberingEngines) -> None:
    chosen = [household.leaflet, household.nutrition, household.medicine, household.bill]
    found = measure(sheets(chosen, PILLOWS, 4), lambda sheet: remembering.reader.read(sheet.photo()))
    for right, of in (found.sentences, found.cells, found.pairs):
        assert right >= 0.9 * of, found.missed
