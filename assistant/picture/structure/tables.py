"""Tables: cells that know the heads of their column and of their row. Columns are where white runs through the rows."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assistant.picture.structure import marks
from assistant.picture.structure.lines import Box, Line, Passage
from assistant.picture.structure.pieces import Piece, Strip, join

LEAST_GAP = 0.2
"""White between two columns, in heights of the writing."""
NEXT_ROW = 3.2
"""White between two rows of one table, in heights of the writing, at most."""
FAR = 8.0
"""White between two columns of nothing but words, in heights of the writing, at most."""
FILLERS = 2
"""Rows with one piece that may stand between rows of a table: a section's name, an item that takes two rows."""


@dataclass(frozen=True)
class Cell(Passage):
    """A cell with what it is a value of."""

    row: int = 0
    column: int = 0
    row_head: str = ""
    column_head: str = ""
    unit: str = ""
    """As a head names it for the whole row or column; empty where the cell's own words name it."""
    section: str = ""
    """What stands over this and the following rows, alone in its row."""

    @property
    def heads(self) -> tuple[str, ...]:
        """What this is a value of: section, row and column, as far as they are there."""
        return tuple(head for head in (self.section, self.row_head, self.column_head) if head)

    @property
    def spoken(self) -> str:
        """With its heads and its unit: "Sugars, per 30 g serving: 5.1 g"."""
        said = f"{self.text} {self.unit}" if self.unit and not re.search(r"[^\W\d]|[%€£$]", self.text) else self.text
        return f"{', '.join(self.heads)}: {said}" if self.heads else said


@dataclass(frozen=True)
class Table:
    """Rows and columns; `cells` are its values, row by row, without the heads."""

    cells: tuple[Cell, ...]
    column_heads: tuple[str, ...]
    """From the left, one for each column; empty where there is none."""
    row_heads: tuple[str, ...]
    """From the top, one for each row of cells."""
    lines: tuple[Line, ...]
    box: Box

    def row(self, number: int) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.row == number)


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
        """Without rows of a single piece at the end; None with fewer than two of several."""
        while self.strips and len(_parts(self.strips[-1])) < 2:
            self.numbers.pop()
            self.strips.pop()
        several = sum(len(_parts(strip)) >= 2 for strip in self.strips)
        self.gaps = [gap for gap in self.gaps if all(map(math.isfinite, gap))]
        return self if several >= 2 and self.gaps else None


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


def _parts(strip: Strip) -> tuple[Piece, ...]:
    return strip.pieces


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
        covered = sum(strip.left < right and strip.right > left for left, right in now.gaps if math.isfinite(right - left))
        soft = all(_soft(strip.pieces[0], gap) for gap in now.gaps if math.isfinite(gap[1] - gap[0]) and _covers(strip.pieces[0], gap))
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
            tuple(growing.numbers[first:last]), tuple(growing.strips[first:last]), tuple(growing.gaps), tuple(map(tuple, part))
        )
        if _is_table(grid):
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
        if wide and len(heads) >= 2 and not any(marks.is_value(piece.text) for piece in heads) and index + 1 < len(strips):
            following = steps[index] if index < len(steps) else step
            if following < 0.7 * step:
                cuts.append(index)
    return list(pairwise([*cuts, len(strips)]))


def _is_table(grid: Grid) -> bool:
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


def table_of(grid: Grid) -> tuple[Grid, Table] | None:
    """The table with its heads, and its grid without what stands over these; None where two rows of text give no hint of a table."""
    grid = _from_heads(grid)
    kinds = _kinds(grid.rows)
    heads = _head_rows(grid, kinds)
    body = grid.rows[heads:]
    columns = len(grid.rows[0])
    few = sum(sum(cell is not None for cell in row) >= 2 for row in grid.rows) < 3
    words = not heads and all(kind == "text" for kind in kinds)
    valued = any(marks.is_value(cell.text) for row in body for cell in row[1:] if cell)
    if not body or (words and ((few and not valued) or _far_apart(grid))):
        return None
    over = grid.rows[_first_head(grid, heads) : heads]
    column_heads = [" ".join(cell.text for row in over if (cell := row[c])) for c in range(columns)]
    for c, head in enumerate(column_heads):
        if not head and heads:
            column_heads[c] = _spanning(over, grid.rows[heads:], c)
    texts = [c for c in range(columns) if kinds[c] == "text" and any(row[c] for row in body)]
    figures = [c for c in range(1, columns) if kinds[c] != "text"]
    often = [c for c in texts if sum(row[c] is not None for row in body) >= 0.5 * len(body)]
    timed = kinds[0] in ("time", "date", "number") and not figures and columns > 2  # a timetable of words
    head_column = 0 if timed else (often or texts or [0])[0]
    cells: list[Cell] = []
    row_heads: list[str] = []
    section = ""
    for number, row in enumerate(body):
        filled = [c for c in range(columns) if row[c]]
        first = row[filled[0]] if filled else None
        named = head_column
        if row[head_column] is None and len(filled) > 1 and first and not marks.is_value(first.text):
            named = filled[0]  # "Total" in the column of the quantities
        others = [c for c in filled if c != named]
        name = row[named]
        if not others:
            said = name.text.strip(" :") if name else ""
            if row_heads and said and marks.starts_low(said) and cells and cells[-1].row == len(row_heads) - 1:
                row_heads[-1] = f"{row_heads[-1]} {said}"  # an item that takes two rows
                cells = [replace(c, row_head=row_heads[-1]) if c.row == len(row_heads) - 1 else c for c in cells]
            elif heads and not any(map(str.isdigit, said)):
                section = said
            continue
        called = name.text.strip(" :.") if name else row_heads[-1] if row_heads else _next_name(body[number:], head_column)
        row_heads.append(called)
        for c in others:
            piece = row[c]
            assert piece is not None  # noqa: S101 - for the type checker
            where = piece.passage()
            unit = marks.unit_of(column_heads[c]) or marks.unit_of(row_heads[-1])
            cells.append(
                Cell(where.text, where.lines, where.box, len(row_heads) - 1, c, row_heads[-1], column_heads[c], unit, section)
            )
    if not cells:
        return None
    lines = tuple(dict.fromkeys(line for strip in grid.strips for piece in strip.pieces for line in piece.lines))
    return grid, Table(tuple(cells), tuple(column_heads), tuple(row_heads), lines, Box.around([line.box for line in lines]))


def _far_apart(grid: Grid) -> bool:
    """Whether columns of words without a colon lie so far from each other that they are not one thing: two signs in a hall."""
    height = statistics.median(strip.height for strip in grid.strips)
    names = [row[0].text.rstrip() for row in grid.rows if row[0]]
    colons = sum(name.endswith(":") for name in names)
    return max(right - left for left, right in grid.gaps) > FAR * height and colons < 0.5 * len(names)


def _from_heads(grid: Grid) -> Grid:
    """Without rows of labels with values over the row of heads: a bill's number and date over its items."""
    for first in range(1, min(6, len(grid.rows) - 2)):
        if not any(marks.labelled(piece.text) for piece in grid.strips[first - 1].pieces):
            return grid
        part = Grid(grid.numbers[first:], grid.strips[first:], grid.gaps, grid.rows[first:])
        if _head_rows(part, _kinds(part.rows)) and _is_table(part):
            return part
    return grid


def _next_name(rows: Sequence[Sequence[Piece | None]], column: int) -> str:
    """Of a row of figures without a name at the top: the name that stands between it and the next."""
    name = rows[1][column] if len(rows) > 1 else None
    return name.text.strip(" :.") if name else ""


def _kinds(rows: Sequence[Sequence[Piece | None]]) -> list[str]:
    """What most cells of each column hold."""
    kinds = []
    for c in range(len(rows[0])):
        counted = Counter(marks.value_kind(cell.text) for row in rows if (cell := row[c]))
        if "text" in counted and counted["text"] <= 0.4 * counted.total():
            del counted["text"]
        kinds.append(counted.most_common(1)[0][0] if counted else "text")
    return kinds


def _head_rows(grid: Grid, kinds: Sequence[str]) -> int:
    """How many rows at the top are heads of the columns."""
    rows = grid.rows
    figures = [c for c in range(len(kinds)) if kinds[c] != "text"]
    count = 0
    for number, row in enumerate(rows[: min(3, len(rows) - 1)]):
        filled = [c for c, cell in enumerate(row) if cell]
        if len(filled) < (2 if number == 0 and len(kinds) > 2 else 1) or (len(filled) == 1 and filled[0] == 0):
            break
        if not _is_head(row, rows[number + 1 :], figures, number == 0):
            break
        count = number + 1
    if count == 0 and not figures:
        count = _text_heads(grid)
    return count


def _is_head(
    row: Sequence[Piece | None], below: Sequence[Sequence[Piece | None]], figures: Sequence[int], first: bool
) -> bool:
    cells = [(c, cell.text) for c in figures if (cell := row[c])]
    if not figures or (not cells and sum(cell is not None for cell in row) < 2):
        return False
    if any(":" in cell.text and marks.labelled(cell.text) for cell in row if cell):
        return False
    if not cells:
        kinds = [marks.value_kind(cell.text) for later in below if (cell := later[-1])]
        return len(row) > 2 or (len(kinds) > 1 and len(set(kinds)) == 1)  # "Name Ann" over "Number 12" is no row of heads
    text = [said for _, said in cells if not marks.is_value(said) or marks.PER.search(said) or said[0] == "("]
    if len(text) == len(cells):
        return True
    if first and row[0] is None and any(later[0] is not None for later in below) and len(cells) >= 2:
        return True
    other = [marks.value_kind(said) != _kind_below(below, c) for c, said in cells]
    return first and len(cells) >= 2 and all(other)


def _kind_below(rows: Sequence[Sequence[Piece | None]], column: int) -> str:
    counted = Counter(marks.value_kind(cell.text) for row in rows if (cell := row[column]))
    return counted.most_common(1)[0][0] if counted else ""


def _text_heads(grid: Grid) -> int:
    """Whether the first row of a table of nothing but text is one of heads: smaller letters, or three columns of names."""
    first, second = grid.strips[0], grid.strips[1]
    full = all(cell is not None for cell in grid.rows[0])
    if any(cell.text.rstrip().endswith(":") for cell in grid.rows[0][:1] if cell):
        return 0
    if len(grid.rows) == 2:
        names, values = ([cell.text for cell in row if cell] for row in grid.rows)
        figures = sum(any(map(str.isdigit, value)) for value in values) >= (0.5 if len(names) > 2 else 1.0) * len(values)
        return int(full and (first.height <= 0.9 * second.height or (figures and not any(map(str.isdigit, "".join(names))))))
    return int(full and (len(grid.rows[0]) >= 3 or first.height <= 0.85 * second.height))


def _first_head(grid: Grid, heads: int) -> int:
    """The first of the rows of heads that stand close together over the body."""
    first = heads
    while first > 0 and (
        first == heads or grid.strips[first].top - grid.strips[first - 1].bottom <= 0.4 * grid.strips[first].height
    ):
        first -= 1
    return first


def _spanning(heads: Sequence[Sequence[Piece | None]], body: Sequence[Sequence[Piece | None]], column: int) -> str:
    """A head that stands over several columns and is written over one of them."""
    cells = [cell for row in body if (cell := row[column])]
    if not cells:
        return ""
    left, right = min(cell.left for cell in cells), max(cell.right for cell in cells)
    return " ".join(
        cell.text
        for row in heads
        for c, cell in enumerate(row)
        if cell and c and min(cell.right, right) - max(cell.left, left) > 0.3 * (right - left)
    )
