"""Tables: cells that know the heads of their column and of their row."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.picture.structure import marks
from assistant.picture.structure.grids import Grid, is_table
from assistant.picture.structure.lines import Box, Line, Passage
from assistant.picture.structure.pieces import Piece

FAR = 8.0
"""White between two columns of nothing but words, in heights of the writing, at most."""


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
        called = (
            name.text.strip(" :.") if name else row_heads[-1] if row_heads else _next_name(body[number:], head_column)
        )
        row_heads.append(called)
        for c in others:
            piece = row[c]
            assert piece is not None  # noqa: S101 - for the type checker
            where = piece.passage()
            unit = marks.unit_of(column_heads[c]) or marks.unit_of(row_heads[-1])
            cells.append(
                Cell(
                    where.text,
                    where.lines,
                    where.box,
                    len(row_heads) - 1,
                    c,
                    row_heads[-1],
                    column_heads[c],
                    unit,
                    section,
                )
            )
    if not cells:
        return None
    lines = tuple(dict.fromkeys(line for strip in grid.strips for piece in strip.pieces for line in piece.lines))
    return grid, Table(
        tuple(cells), tuple(column_heads), tuple(row_heads), lines, Box.around([line.box for line in lines])
    )


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
        if _head_rows(part, _kinds(part.rows)) and is_table(part):
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
        return len(row) > 2 or (
            len(kinds) > 1 and len(set(kinds)) == 1
        )  # "Name Ann" over "Number 12" is no row of heads
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
        figures = sum(any(map(str.isdigit, value)) for value in values) >= (0.5 if len(names) > 2 else 1.0) * len(
            values
        )
        return int(
            full and (first.height <= 0.9 * second.height or (figures and not any(map(str.isdigit, "".join(names)))))
        )
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
