"""The structure of a page, as one value: what everything that answers from print may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.picture.structure.grids import grids_of
from assistant.picture.structure.groups import Group, groups_of
from assistant.picture.structure.level import SLANTED, skew
from assistant.picture.structure.lines import Block, Line, Passage, body_height
from assistant.picture.structure.pairs import Pair, pairs_of
from assistant.picture.structure.pieces import strips_of
from assistant.picture.structure.prose import Heading, Listing, Paragraph, Sentence, prose_of
from assistant.picture.structure.tables import Table, table_of


@dataclass(frozen=True)
class Structure:
    """What belongs together on a page; every part knows its lines. All in reading order, but `groups`."""

    paragraphs: tuple[Paragraph, ...]
    """All text outside of tables: running text, and words that stand alone."""
    headings: tuple[Heading, ...]
    lists: tuple[Listing, ...]
    pairs: tuple[Pair, ...]
    tables: tuple[Table, ...]
    groups: tuple[Group, ...]
    """The most prominent first."""

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence, whole: none ends because a row ends."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph.sentences)

    @cached_property
    def statements(self) -> tuple[Passage, ...]:
        """Everything that is said on the page, once: sentences, and rows of tables, each as it can be spoken by itself."""
        rows = [
            Passage(
                f"{cells[0].row_head}: " + ", ".join(_named(cell.column_head, cell.text) for cell in cells),
                lines,
                cells[0].box,
            )
            for table in self.tables
            for number in range(len(table.row_heads))
            if (cells := table.row(number))
            for lines in [tuple(dict.fromkeys(line for cell in cells for line in cell.lines))]
        ]
        return (*self.sentences, *rows)


def _named(head: str, text: str) -> str:
    return f"{head} {text}" if head else text


def analyse(blocks: Sequence[Block], width: int, height: int) -> Structure:
    """The structure of a page whose lines stand in `blocks` in reading order; `width` and `height` in pixels."""
    lines = [line for block in blocks for row in block.rows for line in row.lines if line.text.strip()]
    tilt = skew(lines)
    strips = strips_of(blocks, tilt)
    tables = [found for grid in grids_of(strips) if (found := table_of(grid)) is not None]
    tabular = frozenset(number for grid, _ in tables for number in grid.numbers)
    asides = [line for line in lines if abs(line.angle - tilt) > SLANTED]
    prose = prose_of(strips, tabular, asides, body_height(blocks))
    running = frozenset(
        n for n, strip in enumerate(strips) if n not in tabular and _runs_on(strip.pieces[0].lines, prose.paragraphs)
    )
    pairs = pairs_of(strips, tables, running)
    joined = [*(table.lines for _, table in tables), *((*pair.label.lines, *pair.value.lines) for pair in pairs)]
    groups = groups_of(lines, joined, width, height)
    return Structure(
        prose.paragraphs, prose.headings, prose.listings, pairs, tuple(table for _, table in tables), groups
    )


def _runs_on(lines: Sequence[Line], paragraphs: Sequence[Paragraph]) -> bool:
    """Whether these lines are part of a text of several rows."""
    return any(
        len(paragraph.lines) > 1 and lines[0] in paragraph.lines and len(paragraph.text.split()) > 6
        for paragraph in paragraphs
    )
