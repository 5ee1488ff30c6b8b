"""Reading order: level rows, columns of prose one after the other, blocks of rows."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from itertools import pairwise

from assistant.picture.structure.level import Item
from assistant.picture.structure.lines import Block, Row

SAME_BLOCK_GAP = 0.75
"""Largest white space between two rows of one block, in heights of the writing."""
WIDER_PITCH = 1.35
"""A step between two rows this much longer than the block's usual one parts a heading or a paragraph from the rest."""
SAME_BLOCK_HEIGHTS = 0.66
"""Least ratio of the heights of two neighbouring rows of one block."""
COLUMN_ROWS = 3
COLUMN_LETTERS = 12
"""A column has at least this many rows, of at least this many characters in the median: else it is a table's cells."""

APART = 1.5
"""White, in heights of the writing, between things that are not related."""
EDGE = 0.7
"""How far from each other, in heights of the writing, rows of one column may begin."""
ACROSS = 0.2
"""Share of rows that the reader may have run together across two columns."""
RUNNING = 0.3
"""Least share of rows that begin with a small letter for columns to be seen where no white parts them."""


@dataclass(frozen=True)
class _Band:
    """A row while it is being put together."""

    items: list[Item] = field(default_factory=list)

    @property
    def top(self) -> float:
        return min(item.top for item in self.items)

    @property
    def bottom(self) -> float:
        return max(item.bottom for item in self.items)

    @property
    def level(self) -> float:
        return statistics.fmean(item.level for item in self.items)


def blocks_of(items: list[Item], depth: int = 0) -> list[Block]:
    """Blocks of `items`: prose columns where a white gap separates them, else row after row."""
    bands = _bands(items)
    if depth < 4:
        for first, last in _spans(len(bands)):
            inside = [item for band in bands[first:last] for item in band.items]
            sides = _sides(inside)
            if sides is None:
                continue
            before = blocks_of([item for band in bands[:first] for item in band.items], depth + 1)
            after = blocks_of([item for band in bands[last:] for item in band.items], depth + 1)
            left, right = (blocks_of(side, depth + 1) for side in sides)
            return before + _numbered(left, 1) + _numbered(right, 1 + max(1, *(b.column for b in left))) + after
    return _blocks(bands)


def _numbered(blocks: list[Block], first: int) -> list[Block]:
    return [Block(block.rows, block.column + first - 1 if block.column else first) for block in blocks]


def _spans(count: int) -> list[tuple[int, int]]:
    """Runs of bands in which to look for columns: the whole first, then without a few at the top or at the bottom."""
    most = min(6, count - COLUMN_ROWS)
    cuts = [(top, bottom) for top in range(most + 1) for bottom in range(most + 1)]
    return [(top, count - bottom) for top, bottom in sorted(cuts, key=sum) if count - top - bottom >= COLUMN_ROWS]


def _bands(items: list[Item]) -> list[_Band]:
    """Items grouped into level rows, from top to bottom."""
    bands: list[_Band] = []
    for item in sorted(items, key=lambda item: item.level):
        home = next((band for band in reversed(bands[-6:]) if _beside(item, band)), None)
        if home is None:
            bands.append(_Band([item]))
        else:
            home.items.append(item)
    for band in bands:
        band.items.sort(key=lambda item: item.left)
    return sorted(bands, key=lambda band: band.level)


def _beside(item: Item, band: _Band) -> bool:
    """Whether `item` continues `band`: level with its nearest member, of a like size, and beside it, not over it."""
    near = min(band.items, key=lambda other: max(other.left - item.right, item.left - other.right))
    height, other = item.bottom - item.top, near.bottom - near.top
    overlap = min(item.bottom, near.bottom) - max(item.top, near.top)
    covered = max(min(item.right, each.right) - max(item.left, each.left) for each in band.items)
    return overlap > 0.5 * min(height, other) and min(height, other) > 0.4 * max(height, other) and covered < height


def _sides(items: list[Item]) -> tuple[list[Item], list[Item]] | None:
    """`items` as two columns of prose, the left one first; None where there are none."""
    gap = _column_gap(items)
    if gap is not None:
        return [item for item in items if item.right <= gap], [item for item in items if item.right > gap]
    return _narrow_columns(items)


def _column_gap(items: list[Item]) -> float | None:
    """Where (x in pixels of the levelled page) a white gap parts `items` into two columns of prose; None if nowhere."""
    if len(items) < 2 * COLUMN_ROWS:
        return None
    ordered = sorted(items, key=lambda item: item.left)
    best: tuple[float, float] | None = None
    edge = ordered[0].right
    for item in ordered[1:]:
        if item.left - edge > 0 and (best is None or item.left - edge > best[0]):
            left = [other for other in items if other.right <= edge]
            right = [other for other in items if other.right > edge]
            if _columns(left, right) and _side_by_side(left, right):
                best = (item.left - edge, edge)
        edge = max(edge, item.right)
    return best[1] if best else None


def _narrow_columns(items: list[Item]) -> tuple[list[Item], list[Item]] | None:
    """Two columns of prose so near that boxes overlap, or that the reader ran rows of both together: these are cut."""
    if len(items) < 2 * COLUMN_ROWS:
        return None
    height = statistics.median(item.bottom - item.top for item in items)
    best: tuple[int, int, tuple[list[Item], list[Item]]] | None = None
    for edge in sorted({item.left for item in items}):
        starting = [item.left for item in items if abs(item.left - edge) <= EDGE * height]
        starts = len(starting)
        over = [item for item in items if item.left < edge - 2 * height and item.right > edge + 2 * height]
        if starts < COLUMN_ROWS or len(over) > min(ACROSS * len(items), starts - COLUMN_ROWS + 1):
            continue
        beside = [item for item in items if item not in over]
        left = [item for item in beside if item.left < edge - EDGE * height]
        right = [item for item in beside if item.left >= edge - EDGE * height]
        if any(item.right > edge + 1.2 * height for item in left) or not (_runs(left) and _runs(right)):
            continue
        halves = [_cut(item, statistics.median(starting)) for item in over]
        if any(item.bottom - item.top > 1.3 * height for item in over):
            continue  # a heading over both
        if not _side_by_side(left, right) or any(half is None for half in halves):
            continue
        left += [half[0] for half in halves if half]
        right += [half[1] for half in halves if half]
        rank = (len(over), -starts, (left, right))
        if best is None or rank[:2] < best[:2]:
            best = rank
    return best[2] if best else None


def _runs(items: list[Item]) -> bool:
    """Whether these are rows of running text: a column of prose of which many begin with a small letter."""
    return _prose(items) and sum(item.line.text[:1].islower() for item in items) >= RUNNING * len(items)


def _cut(item: Item, edge: float) -> tuple[Item, Item] | None:
    """A line that was read across two columns, as two, at the space nearest to `edge`; None where none is near."""
    line, width = item.line, item.right - item.left
    step = width / len(line.text)
    spaces = [place for place, letter in enumerate(line.text) if letter == " " and 0 < place < len(line.text) - 1]
    near = min(spaces, key=lambda place: abs(item.left + step * (place + 1) - edge), default=None)
    if near is None or abs(item.left + step * (near + 1) - edge) > 4 * step:
        return None
    x = round(line.box.left + line.box.width * (near + 0.5) / len(line.text))
    first = replace(line, text=line.text[:near], box=replace(line.box, right=x))
    second = replace(line, text=line.text[near + 1 :], box=replace(line.box, left=x))
    middle = item.left + step * (near + 0.5)
    return replace(item, line=first, right=middle), replace(item, line=second, left=middle)


def _columns(left: list[Item], right: list[Item]) -> bool:
    """Whether these are to be read one after the other: both prose and no table of words, or a list beside prose."""
    if _prose(left) and _prose(right):
        return not (
            _level_with(left, right) >= 0.8 * min(len(left), len(right)) and not any(map(_wordy, (left, right)))
        )
    return _aside_of(left, right) or _aside_of(right, left) or _unrelated(left, right)


def _unrelated(left: list[Item], right: list[Item]) -> bool:
    """Whether these lie beside each other by chance, as slips on a table: words on both sides, and rows that are not level."""
    if min(len(left), len(right)) <= COLUMN_ROWS:
        return False
    height = statistics.median(item.bottom - item.top for item in (*left, *right))
    apart = min(item.left for item in right) - max(item.right for item in left) >= APART * height
    level = max(_level_with(left, right) / len(left), _level_with(right, left) / len(right))
    return apart and level <= 0.5 and all(_share_of_letters(side) >= 0.5 for side in (left, right))


def _share_of_letters(items: list[Item]) -> float:
    marks = [letter for item in items for letter in item.line.text if letter.isalnum()]
    return sum(map(str.isalpha, marks)) / max(1, len(marks))


def _wordy(items: list[Item]) -> bool:
    """Whether there are rows that go on where another ended, or that no cell of a table is long enough for."""
    low = sum(item.line.text[:1].islower() for item in items)
    words = statistics.median(len(item.line.text.split()) for item in items)
    widths = sorted(item.right - item.left for item in items)
    filled = words >= 2.5 and widths[len(widths) // 3] >= 0.75 * widths[-1]
    return low >= 0.15 * len(items) or words > 4 or filled


def _level_with(left: list[Item], right: list[Item]) -> int:
    """How many of `left` stand level with one of `right`."""
    return sum(any(_same_level(item, other) for other in right) for item in left)


def _same_level(item: Item, other: Item) -> bool:
    return abs(item.level - other.level) < 0.5 * min(item.bottom - item.top, other.bottom - other.top)


def _aside_of(short: list[Item], prose: list[Item]) -> bool:
    """Whether `short` is a list beside running text: its items stand beside rows in which a sentence goes on."""
    words = statistics.median(len(item.line.text.split()) for item in prose)
    table = min(_level_with(short, prose) / len(short), _level_with(prose, short) / len(prose)) >= 0.9
    if len(short) < COLUMN_ROWS or words < 4 or table or not _prose(prose):
        return False
    amid = [item for item in prose if item.line.text[:1].islower()]
    return _level_with(short, amid) >= 2


def _prose(items: list[Item]) -> bool:
    """Whether these make a column to be read on its own: several rows, wordy, and not figures."""
    if len(items) < COLUMN_ROWS:
        return False
    texts = [item.line.text for item in items]
    wordy = statistics.median(len(text) for text in texts) >= COLUMN_LETTERS
    letters = sum(character.isalpha() for text in texts for character in text)
    return wordy and letters >= 0.7 * sum(not character.isspace() for text in texts for character in text)


def _side_by_side(left: list[Item], right: list[Item]) -> bool:
    tops = [min(item.top for item in side) for side in (left, right)]
    bottoms = [max(item.bottom for item in side) for side in (left, right)]
    shared = min(bottoms) - max(tops)
    return shared > 0.5 * min(bottom - top for top, bottom in zip(tops, bottoms, strict=True))


def _blocks(bands: list[_Band]) -> list[Block]:
    """Neighbouring rows of one size and close together, gathered into blocks."""
    blocks: list[list[_Band]] = []
    for band in bands:
        if blocks and _follows(blocks[-1][-1], band):
            blocks[-1].append(band)
        else:
            blocks.append([band])
    return [Block(tuple(map(_row, part))) for block in blocks for part in _paragraphs(block)]


def _row(band: _Band) -> Row:
    return Row(tuple(item.line for item in band.items))


def _paragraphs(block: list[_Band]) -> list[list[_Band]]:
    """Split a block where the step from row to row is clearly longer than usual."""
    steps = [below.level - above.level for above, below in pairwise(block)]
    if len(steps) < 3:
        return [block]
    usual = statistics.median(steps)
    cuts = [index + 1 for index, step in enumerate(steps) if step > WIDER_PITCH * usual]
    return [block[start:end] for start, end in pairwise([0, *cuts, len(block)])]


def _follows(above: _Band, below: _Band) -> bool:
    heights = [max(item.bottom - item.top for item in band.items) for band in (above, below)]
    gap = below.top - above.bottom
    beside = min(max(i.right for i in above.items), max(i.right for i in below.items)) > max(
        min(i.left for i in above.items), min(i.left for i in below.items)
    )
    return beside and gap <= SAME_BLOCK_GAP * min(heights) and min(heights) >= SAME_BLOCK_HEIGHTS * max(heights)
