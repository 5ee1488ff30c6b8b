"""Whether the structure that was found on a page is the one that was put there: whole sentences, cells with their heads, pairs."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.picture.page import Page
from scripts.make.pages.sheet import Sheet

READ_ALIKE = 0.92
"""Likeness of a sentence read to the one printed: the reader's slips are not counted here, a cut sentence is."""


@dataclass(frozen=True)
class Found:
    """Of each, how many were found and how many there are."""

    sentences: tuple[int, int]
    cells: tuple[int, int]
    pairs: tuple[int, int]
    missed: tuple[str, ...]
    """Page, kind and words of each that was not found."""


def measure(sheets: Sequence[Sheet], read: Callable[[Sheet], Page]) -> Found:
    """How much of what is known of `sheets` is found in what `read` makes of them."""
    counts = {name: [0, 0] for name in ("sentences", "cells", "pairs")}
    missed: list[str] = []
    for number, sheet in enumerate(sheets):
        structure = read(sheet).structure
        said = [sentence.text for sentence in structure.sentences]
        cells = [(cell.text, cell.row_head, cell.column_head) for table in structure.tables for cell in table.cells]
        pairs = [(pair.label.text, pair.value.text) for pair in structure.pairs]
        for name, wanted, found in (
            ("sentences", [(each,) for each in sheet.sentences], [(each,) for each in said]),
            ("cells", sheet.cells, cells),
            ("pairs", sheet.pairs, pairs),
        ):
            left: list[tuple[str, ...]] = list(found)
            for each in wanted:
                hit = next((other for other in left if _same(each, other)), None)
                counts[name][0] += hit is not None
                counts[name][1] += 1
                if hit is None:
                    missed.append(f"{number} {sheet.kind} {name}: {' | '.join(each)}")
                else:
                    left.remove(hit)
    return Found(*((right, of) for right, of in counts.values()), tuple(missed))


def _same(printed: Sequence[str], found: Sequence[str]) -> bool:
    return all(_alike(a, b) for a, b in zip(printed, found, strict=True))


def _plain(text: str) -> str:
    """One way of writing signs that look the same: "℃" and "°C"."""
    return unicodedata.normalize("NFKC", text)


def _alike(printed: str, found: str) -> bool:
    a, b = ("".join(re.findall(r"\w", text.lower())) for text in map(_plain, (printed, found)))
    return a == b or (len(a) >= 4 and difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() >= READ_ALIKE)
