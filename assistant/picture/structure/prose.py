"""Paragraphs, sentences, headings and lists: rows joined where the text goes on, and parted where it does not.

A row's end is no end where the next row's first word would not have fitted in, or where the words themselves go on.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sentencex import get_sentence_boundaries

from assistant.picture.structure import marks
from assistant.picture.structure.lines import Line, Passage
from assistant.picture.structure.pieces import Piece, Strip, join, passage

APART = 2.5
"""White within a row, in heights, beyond which its pieces are not one text."""
LIKE_HEIGHTS = 0.7
PROSE = 0.3
"""Share of rows that begin with a small letter from which a block is running text."""
TALL = 1.25
"""Heights of the body's letters from which a short text is a heading."""
_NO_END = re.compile(
    r"\b(?:tel|fax|max|min|approx|ca|nr|no|nos|art|ref|vol|exp|mfg|temp|qty|fig|pg?|pp|ext|est|incl|excl|dept|bl|fl|abs)\.\s*$",
    re.I,
)
"""Abbreviations after which a figure follows; the library knows most of those before names."""
_TITLE = re.compile(r"\b(?:Ms|Mx|Messrs|Mme|Mlle|Hr|Fr)\.\s*$")


@dataclass(frozen=True)
class Sentence(Passage):
    """One sentence, or words that stand for themselves."""

    ended: bool = False
    """Whether a full stop or its like stands at the end."""


@dataclass(frozen=True)
class Paragraph(Passage):
    """Sentences that follow each other."""

    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Heading(Passage):
    """A short text over others: in larger letters, in capitals, or by its place."""

    size: float = 1.0
    """Height of its letters, in heights of the page's ordinary ones."""


@dataclass(frozen=True)
class Listing:
    """Items with bullets or numbers."""

    items: tuple[Passage, ...]
    numbered: bool


@dataclass
class _Text:
    """A paragraph while it is put together."""

    rows: list[Piece]
    block: int
    column: int
    bullet: bool
    alone: bool

    @property
    def words(self) -> str:
        return self.rows[-1].text

    @property
    def height(self) -> float:
        return statistics.median(row.height for row in self.rows)


@dataclass(frozen=True)
class _Shape:
    """What the rows of a block look like together."""

    width: float
    right: float
    low: float
    """Share of rows after the first that begin with a small letter."""
    centred: bool
    listed: bool
    """Whether every row begins with a small letter and has few words: a list of things."""


@dataclass(frozen=True)
class Prose:
    """All running text of a page."""

    paragraphs: tuple[Paragraph, ...]
    headings: tuple[Heading, ...]
    listings: tuple[Listing, ...]


def prose_of(strips: Sequence[Strip], tabular: frozenset[int], asides: Sequence[Line], body: float) -> Prose:
    """Running text of the `strips` that are not `tabular` (by their number), then slanted lines, each for itself.

    `body` is the height of the page's ordinary letters in pixels.
    """
    texts: list[_Text] = []
    shapes = _shapes(strips, tabular)
    interrupted = True
    for number, strip in enumerate(strips):
        if number in tabular:
            interrupted = True
            continue
        pieces = _running(strip)
        for piece in pieces:
            alone = len(pieces) > 1
            last = texts[-1] if texts and not interrupted else None
            bullet = marks.BULLET.match(piece.text) is not None
            if last and not alone and not last.alone and _goes_on(last, piece, strip, bullet, shapes):
                last.rows.append(piece)
                last.block, last.column = strip.block, strip.column
            else:
                texts.append(_Text([piece], strip.block, strip.column, bullet, alone))
            interrupted = False
    paragraphs = [_paragraph(text.rows) for text in texts]
    paragraphs += [_paragraph([_aside(line)]) for line in asides]
    return Prose(tuple(paragraphs), _headings(texts, paragraphs, body), _listings(texts, paragraphs))


def _running(strip: Strip) -> list[Piece]:
    """The strip's pieces, joined where the white between them is no more than a gap between words."""
    groups = [[strip.pieces[0]]]
    for before, after in pairwise(strip.pieces):
        if after.left - before.right <= APART * min(before.height, after.height):
            groups[-1].append(after)
        else:
            groups.append([after])
    return [join(group) for group in groups]


def _aside(line: Line) -> Piece:
    edges = (line, 0, len(line.text), float(line.box.left), float(line.box.right))
    return Piece(line.text, (edges,), float(line.box.top), float(line.box.bottom))


def _shapes(strips: Sequence[Strip], tabular: frozenset[int]) -> dict[int, _Shape]:
    rows: dict[int, list[Piece]] = {}
    for number, strip in enumerate(strips):
        if number not in tabular:
            rows.setdefault(strip.block, []).append(strip.joined())
    return {block: _shape(inside) for block, inside in rows.items()}


def _shape(rows: list[Piece]) -> _Shape:
    low = [marks.starts_low(row.text) for row in rows[1:]]
    lefts, middles = [row.left for row in rows], [(row.left + row.right) / 2 for row in rows]
    centred = len(rows) >= 2 and _spread(middles) < 0.5 * _spread(lefts)
    return _Shape(
        max(row.right - row.left for row in rows),
        max(row.right for row in rows),
        sum(low) / len(low) if low else 0.0,
        centred,
        all(marks.starts_low(row.text) for row in rows)
        and statistics.median(len(row.text.split()) for row in rows) <= 3,
    )


def _spread(places: Sequence[float]) -> float:
    middle = statistics.median(places)
    return statistics.fmean(abs(place - middle) for place in places)


def _goes_on(text: _Text, row: Piece, strip: Strip, bullet: bool, shapes: dict[int, _Shape]) -> bool:
    """Whether `row` goes on with what `text` says."""
    last = text.rows[-1]
    before, after = last.text, row.text
    like = min(last.height, row.height) >= LIKE_HEIGHTS * max(last.height, row.height)
    low = marks.starts_low(after)
    if bullet and not (low and marks.is_hanging(before)) and not marks.is_hyphenated(before):
        return False
    if marks.is_hyphenated(before) and low and like:
        return True
    shape = shapes[text.block]
    full = not _has_room(last, row, shape)
    near = strip.column != text.column or row.top - last.bottom < 1.5 * row.height
    if marks.is_open(before) and like and near and not bullet:
        return True
    if strip.block != text.block:
        return like and near and low and not marks.is_end(before) and (full or marks.is_hanging(before))
    ended = marks.is_end(before) and len(_sentence_places(f"{' '.join(before.split()[-4:])} {after}")) > len(
        _sentence_places(after)
    )
    if marks.is_end(before) and not ended:  # an abbreviation
        return full or low
    if low:
        return full if ended else not shape.listed or marks.is_hanging(before)
    if ended:
        indented = row.left - last.left > 1.2 * row.height and len(text.rows) > 1
        return (full or len(text.rows) == 1) and shape.low >= PROSE and not indented
    if text.bullet and len(text.rows) == 1 and row.left > last.left + 0.7 * row.height and full:
        return True
    if marks.is_hanging(before):
        return full or shape.centred
    if marks.is_capitals(before) and marks.is_capitals(after):
        return (full or shape.centred) and not any(map(str.isdigit, before + after))
    if after[:1].isdigit() and len(before.split()) >= 4 and before.split()[-1].islower():
        return (
            full or shape.low >= PROSE or len(_sentence_places(before)) > 1
        )  # "... Do not take more than", "2 tablets"
    return full and shape.low >= PROSE


def _has_room(row: Piece, following: Piece, shape: _Shape) -> bool:
    """Whether the next row's first word would have fitted in at the end of `row`."""
    word = following.text.split()[0]
    needed = (following.right - following.left) * (len(word) + 1) / max(1, len(following.text))
    slack = 0.4 * row.height
    if shape.centred:
        return row.right - row.left + needed < shape.width - slack
    return row.right + needed < shape.right - slack


def _paragraph(rows: Sequence[Piece]) -> Paragraph:
    """Rows as one text, with the sentences in it and the lines each stands in."""
    text = ""
    places: list[tuple[int, int, Piece, int]] = []
    """From, to in the text; the row, and the place in the row of the first of these letters."""
    for row in rows:
        said = row.text.strip()
        skipped = len(row.text) - len(row.text.lstrip())
        if text and marks.is_hyphenated(text) and marks.starts_low(said):
            text = text[:-1]
        elif text:
            text += " "
        places.append((len(text), len(text) + len(said), row, skipped))
        text += said
    sentences = []
    for start, end in _sentence_places(text):
        parts = [
            row.cut(skipped + max(start, first) - first, skipped + min(end, last) - first)
            for first, last, row, skipped in places
            if max(start, first) < min(end, last)
        ]
        whole = passage([part for part in parts if part.parts])
        said = text[start:end].strip()
        sentences.append(Sentence(said, whole.lines, whole.box, marks.is_end(said)))
    everything = passage(rows)
    return Paragraph(text, everything.lines, everything.box, tuple(sentences))


def _sentence_places(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end; an abbreviation before a figure, or before a small letter, is no end."""
    places: list[tuple[int, int]] = []
    for found in get_sentence_boundaries("en", text):
        start, end = found["start_index"], found["end_index"]
        if not text[start:end].strip():
            continue
        if places:
            first, last = places[-1]
            before = text[first:last]
            following = text[start:end].lstrip()
            cut = (
                _TITLE.search(before)
                or marks.starts_low(following)
                or (_NO_END.search(before) and following[:1].isdigit())
            )
            if cut or not any(map(str.isalnum, following)) or re.fullmatch(r"\W*\d{1,2}[.)]\s*", before):
                places[-1] = (first, end)
                continue
        places.append((start, end))
    return places


def _headings(texts: Sequence[_Text], paragraphs: Sequence[Paragraph], body: float) -> tuple[Heading, ...]:
    found = []
    for index, text in enumerate(texts):
        said = paragraphs[index].text
        letters = sum(map(str.isalpha, said))
        short = len(text.rows) <= 3 and len(said.split()) <= 12
        if not short or text.alone or letters < 3 or letters < 0.5 * len(said.replace(" ", "")) or said[-1:] in ".,;":
            continue
        following = texts[index + 1] if index + 1 < len(texts) else None
        tall = text.height >= TALL * body
        over = (
            following is not None
            and (text.block != following.block or len(following.rows) > 1 or following.bullet)
            and len(paragraphs[index + 1].text) > len(said)
            and not marks.starts_low(said)
            and not text.bullet
        )
        like = following is not None and text.height >= 0.9 * following.height
        if tall or (over and like and (marks.is_capitals(said) or said.endswith(":") or _leads(text, following))):
            found.append(
                Heading(said, paragraphs[index].lines, paragraphs[index].box, text.height / body if body else 1.0)
            )
    return tuple(found)


def _leads(text: _Text, following: _Text | None) -> bool:
    """Whether a single row stands over a paragraph of rows wider than it."""
    if following is None or len(text.rows) > 1 or text.column != following.column:
        return False
    width = text.rows[0].right - text.rows[0].left
    widest = max(row.right - row.left for row in following.rows)
    return (len(following.rows) > 1 or following.bullet) and width < 0.7 * widest and len(text.words.split()) <= 6


def _listings(texts: Sequence[_Text], paragraphs: Sequence[Paragraph]) -> tuple[Listing, ...]:
    found: list[Listing] = []
    items: list[tuple[bool, Paragraph]] = []
    for text, paragraph in [*zip(texts, paragraphs, strict=False), (None, None)]:
        numbered = paragraph is not None and marks.NUMBERED.match(paragraph.text) is not None
        same = not items or items[-1][0] == numbered
        if text and paragraph and text.bullet and same:
            items.append((numbered, paragraph))
            continue
        if len(items) >= 2:
            found.append(Listing(tuple(each for _, each in items), items[0][0]))
        items = [(numbered, paragraph)] if text and paragraph and text.bullet else []
    return tuple(found)
