"""Where a table stands: rows one under the other through which white runs. What its heads are is the work of `tables.py`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.picture.structure import marks
from assistant.picture.structure.pieces import Piece, Strip, join

LEAST_GAP = 0.2
"""White between two columns, in heights of the writing."""
NEXT_ROW = 3.2
"""White between two rows of one table, in heights of the writing, at most."""
FILLERS = 2
"""Rows with one piece that may stand between rows of a table: a section's name, an item that takes two rows."""


@dataclass(frozen=True)
class Grid:
    """Rows of strips with the columns they stand in: a table before its heads are known."""

    numbers: tuple[int, ...]
    """Which strips of the page."""
    strips: tuple[Strip, ...]
    gaps: tuple[tuple[float, float], ...]
    rows: tuple[tuple[Piece | None, ...], ...]
    """For each strip a piece, or nothing, in each column."""


@dataclass
class _Growing:
    numbers: list[int]
    strips: list[Strip]
    gaps: list[tuple[float, float]]
    struck: list[int]

    def without_ends(self) -> _Growing | None:
        """Without rows at the end of a single piece, or of labels with their values; None with fewer than two of several."""
        while self.strips and (len(self.strips[-1].pieces) < 2 or _all_pairs(self.strips[-1])):
            self.numbers.pop()
            self.strips.pop()
        several = sum(len(strip.pieces) >= 2 for strip in self.strips)
        self.gaps = [gap for gap in self.gaps if all(map(math.isfinite, gap))]
        return self if several >= 2 and self.gaps else None


def _all_pairs(strip: Strip) -> bool:
    return all(marks.labelled(piece.text) for piece in strip.pieces)


def grids_of(strips: Sequence[Strip]) -> list[Grid]:
    """Where strips one under the other share gaps: rows that hold a table."""
    found: list[_Growing] = []
    now: _Growing | None = None
    for number, strip in enumerate(strips):
        if now is not None and _joins(now, strip):
            now.numbers.append(number)
            now.strips.append(strip)
            continue
        if now is not None:
            found += [done] if (done := now.without_ends()) else []
        now = None
        gaps = _whites(strip)
        if len(gaps) > 2:
            now = _Growing([number], [strip], gaps, [0] * len(gaps))
    if now is not None:
        found += [done] if (done := now.without_ends()) else []
    return [grid for each in found for grid in _grids(each)]


def _gaps(strip: Strip) -> list[tuple[float, float]]:
    return [
        (before.right, after.left)
        for before, after in pairwise(strip.pieces)
        if after.left - before.right >= LEAST_GAP * min(before.height, after.height)
    ]


def _whites(strip: Strip) -> list[tuple[float, float]]:
    """Where the row is white: before, between and behind its pieces."""
    return [(float("-inf"), strip.left), *_gaps(strip), (strip.right, float("inf"))]


def _joins(now: _Growing, strip: Strip) -> bool:
    """Whether `strip` is one more row of the table; narrows its gaps to what stays white."""
    last = now.strips[-1]
    if strip.column != last.column or strip.top - last.bottom > NEXT_ROW * min(strip.height, last.height):
        return False
    small, large = sorted((strip.height, statistics.median(each.height for each in now.strips)))
    if small < 0.5 * large:
        return False
    inner = _gaps(strip)
    if not inner:
        fillers = [len(each.pieces) < 2 for each in now.strips[-FILLERS:]]
        covered = sum(
            strip.left < right and strip.right > left for left, right in now.gaps if math.isfinite(right - left)
        )
        soft = all(
            _soft(strip.pieces[0], gap)
            for gap in now.gaps
            if math.isfinite(gap[1] - gap[0]) and _covers(strip.pieces[0], gap)
        )
        return not (len(fillers) == FILLERS and all(fillers)) and (covered == 0 or soft)
    free = _whites(strip)
    kept: list[tuple[float, float]] = []
    struck: list[int] = []
    passed = 0
    for gap, strikes in zip(now.gaps, now.struck, strict=True):
        least = LEAST_GAP * strip.height
        whites = [(max(gap[0], a), min(gap[1], b)) for a, b in free if min(gap[1], b) - max(gap[0], a) >= least]
        if whites:
            kept += whites
            struck += [strikes] * len(whites)
            passed += any(strip.left < a and b < strip.right for a, b in whites)
        elif any(_soft(piece, gap) for piece in strip.pieces if _covers(piece, gap)):
            kept.append(gap)
            struck.append(strikes)
            passed += 1
        elif strikes + 1 <= 1 + 0.25 * len(now.strips):
            kept.append(gap)
            struck.append(strikes + 1)
    lost = [gap for gap in inner if not any(min(gap[1], b) > max(gap[0], a) for a, b in kept)]
    if not passed or (lost and len(now.strips) < 3 and not _are_heads(now, strip)):
        return False
    if lost and len(now.strips) < 3:
        kept += lost
        struck += [1] * len(lost)
    order = sorted(range(len(kept)), key=lambda place: kept[place])
    now.gaps, now.struck = [kept[place] for place in order], [struck[place] for place in order]
    return True


def _are_heads(now: _Growing, strip: Strip) -> bool:
    """Whether the rows so far can be heads that stand over several columns of `strip`."""
    pieces = [piece for each in now.strips for piece in each.pieces]
    near = strip.top - now.strips[-1].bottom <= 1.5 * strip.height
    return near and not any(marks.is_value(piece.text) or marks.labelled(piece.text) for piece in pieces)


def _covers(piece: Piece, gap: tuple[float, float]) -> bool:
    return piece.left < gap[1] and piece.right > gap[0]


def _soft(piece: Piece, gap: tuple[float, float]) -> bool:
    """Whether the reader may have taken two cells for one: a value begins or ends near the gap."""
    runs = marks.values(piece.text)
    if len(runs) < 2:
        return False
    places = [piece.cut(run.start, run.end) for run in runs]
    return any(
        (after.left - 1.5 * piece.height < gap[1] and after.left + 1.5 * piece.height > gap[0])
        for before, after, run in zip(places, places[1:], runs[1:], strict=False)
        if run.value and before.parts and after.parts
    )


def _grids(growing: _Growing) -> Iterator[Grid]:
    """The columns filled, and what is not a table left out."""
    edges = [(left + right) / 2 for left, right in growing.gaps]
    rows = [_placed(strip, edges) for strip in growing.strips]
    for first, last in _sections(growing.strips, rows):
        part = rows[first:last]
        used = [c for c in range(len(edges) + 1) if any(row[c] for row in part)]
        part = [[row[c] for c in used] for row in part]
        grid = Grid(
            tuple(growing.numbers[first:last]),
            tuple(growing.strips[first:last]),
            tuple(growing.gaps),
            tuple(map(tuple, part)),
        )
        if is_table(grid):
            yield grid


def _placed(strip: Strip, edges: list[float]) -> list[Piece | None]:
    cells: list[list[Piece]] = [[] for _ in range(len(edges) + 1)]
    for piece in strip.pieces:
        for part in _cut_at(piece, edges):
            middle = (part.left + part.right) / 2
            place = sum(edge < middle for edge in edges)
            first = sum(edge < part.left + 0.2 * part.height for edge in edges)
            cells[first if place != first and not marks.is_value(part.text) else place].append(part)
    return [join(cell) if cell else None for cell in cells]


def _cut_at(piece: Piece, edges: list[float]) -> list[Piece]:
    """A piece that runs over an edge, cut before the values that belong to the next columns."""
    over = [edge for edge in edges if piece.left + 0.5 * piece.height < edge < piece.right - 0.5 * piece.height]
    runs = marks.values(piece.text)
    if not over or len(runs) < 2 or not any(run.value for run in runs[1:]):
        return [piece]
    starts = [0]
    for edge in over:
        places = [(abs(piece.cut(run.start, run.end).left - edge), run.start) for run in runs[1:] if run.value]
        places = [(away, start) for away, start in places if start > starts[-1]]
        if places and min(places)[0] < 3 * piece.height:
            starts.append(min(places)[1])
    return [piece.cut(start, end) for start, end in pairwise([*starts, len(piece.text)])]


def _sections(strips: Sequence[Strip], rows: Sequence[Sequence[Piece | None]]) -> list[tuple[int, int]]:
    """Where a run of rows is several tables: after a wider step, if a row of heads begins the next."""
    steps = [max(0.0, below.top - above.bottom) for above, below in pairwise(strips)]
    if len(steps) < 2:
        return [(0, len(strips))]
    usual = min(steps)
    cuts = [0]
    for index, step in enumerate(steps, 1):
        height = strips[index].height
        wide = step > 1.6 * usual + 0.4 * height
        heads = [piece for piece in rows[index] if piece]
        if (
            wide
            and len(heads) >= 2
            and not any(marks.is_value(piece.text) for piece in heads)
            and index + 1 < len(strips)
        ):
            following = steps[index] if index < len(steps) else step
            if following < 0.7 * step:
                cuts.append(index)
    return list(pairwise([*cuts, len(strips)]))


def is_table(grid: Grid) -> bool:
    """Several rows with several cells, and not columns of running text."""
    filled = [sum(cell is not None for cell in row) for row in grid.rows]
    several = sum(count >= 2 for count in filled)
    if several < 2 or several < 0.5 * len(filled) or len(grid.rows[0]) < 2:
        return False
    cells = [cell for row in grid.rows for cell in row if cell]
    names = [row[0].text for row in grid.rows if row[0]]
    if not any(marks.is_value(cell.text) for cell in cells):
        if len(names) >= 2 and sum(map(marks.starts_low, names)) >= 0.5 * len(names):
            return False
        if all(_fills(grid, c) for c in range(len(grid.rows[0]))):
            return False
    wordy = [cell for cell in cells if len(cell.text.split()) >= 4 and not marks.is_value(cell.text)]
    low = sum(marks.starts_low(cell.text) for cell in wordy)
    columns_of_text = sum(
        statistics.median([len(row[c].text.split()) for row in grid.rows if (row[c])] or [0]) >= 4  # type: ignore[union-attr]
        for c in range(len(grid.rows[0]))
    )
    return not (columns_of_text >= 2 and low >= 0.3 * max(1, len(wordy)))


def _fills(grid: Grid, column: int) -> bool:
    """Whether a column's rows are nearly all as wide as the widest, and of several words: set as text is."""
    cells = [cell for row in grid.rows if (cell := row[column])]
    widths = sorted(cell.right - cell.left for cell in cells)
    words = statistics.median(len(cell.text.split()) for cell in cells) if cells else 0
    return len(cells) >= 4 and words >= 2.5 and widths[len(widths) // 3] >= 0.75 * widths[-1]
