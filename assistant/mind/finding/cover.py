"""Covers, signs and title pages: who is who by size and place. The largest words are the title, names are the author's.

Only layout and the shape of words are used; which of several names is meant may be left to the language model.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from assistant.mind.finding.patterns import ORDINAL
from assistant.mind.finding.spans import LIKELY, SURE, WEAK, Span
from assistant.picture.page import Box, Line, Page

_SMALL_WORDS = frozenset(
    """a an and as at by for from how in into is it not of on or that the this to with your you we our what why when
    new edition press books book series volume vol bestseller author story novel guide handbook introduction tools
    free all more no up out""".split()
)
ENOUGH_FOR_A_NAME = 0.65
_PUBLISHER = re.compile(
    r"\b(press|publish\w*|books|verlag|editions?|[ée]ditions|media|university|wiley|springer|penguin|pearson|o'?reilly"
    r"|manning|packt|apress|elsevier|macmillan|vintage|knopf|harper\w*|random house)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Group:
    """Lines of one size that touch: a title over three rows, a list of authors."""

    lines: tuple[Line, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @cached_property
    def height(self) -> float:
        return statistics.fmean([line.height for line in self.lines], [len(line.text) for line in self.lines])

    @cached_property
    def box(self) -> Box:
        return Box.around([line.box for line in self.lines])

    @cached_property
    def letters(self) -> int:
        return sum(character.isalpha() for character in self.text)

    def span(self, belief: float) -> Span:
        return Span(self.text, self.lines, belief)


def groups(page: Page) -> list[Group]:
    """The page's lines gathered by size and nearness, in reading order."""
    gathered: list[list[Line]] = []
    for line in page.lines:
        home = next((group for group in reversed(gathered) if any(_together(other, line) for other in group)), None)
        if home is None:
            gathered.append([line])
        else:
            home.append(line)
    return [Group(tuple(lines)) for lines in gathered]


def _together(line: Line, other: Line) -> bool:
    small, large = sorted((line.height, other.height))
    if small < 0.7 * large or abs(line.angle - other.angle) > 15:
        return False
    a, b = line.box, other.box
    apart_x = max(a.left, b.left) - min(a.right, b.right)
    apart_y = max(a.top, b.top) - min(a.bottom, b.bottom)
    if apart_x < 0:
        return apart_y < 0.5 * small
    return apart_x < 0.8 * small and apart_y < -0.5 * small


def titles(page: Page) -> list[Span]:
    """The largest words first. A cover's title is larger than the rest; on a page of even print there is none."""
    worthy = [group for group in groups(page) if group.letters >= 3 and _legible(group)]
    ranked = sorted(worthy, key=_prominence, reverse=True)
    spans = []
    for rank, group in enumerate(ranked[:3]):
        others = statistics.median([other.height for other in worthy if other is not group] or [0.0])
        stands_out = group.height >= 1.15 * min(page.body_height, others) or len(page.lines) <= 6 or group is worthy[0]
        spans.append(group.span((SURE if stands_out else WEAK) if rank == 0 else WEAK))
    return spans


def _prominence(group: Group) -> float:
    # Height counts most; a long title in slightly smaller letters still beats a short word in large ones.
    return float(group.height * min(group.letters, 40) ** 0.25)


def _legible(group: Group) -> bool:
    return group.letters >= 0.6 * sum(not character.isspace() for character in group.text) and (
        sum(line.confidence for line in group.lines) / len(group.lines) >= 0.6
    )


def subtitles(page: Page) -> list[Span]:
    """What stands directly under the title in smaller letters."""
    title = next(iter(titles(page)), None)
    if title is None:
        return []
    box = Box.around([line.box for line in title.lines])
    below = [
        group
        for group in groups(page)
        if not set(group.lines) & set(title.lines) and group.box.top > box.middle[1] and group.letters >= 8
    ]
    below.sort(key=lambda group: group.box.top)
    return [group.span(SURE if rank == 0 else WEAK) for rank, group in enumerate(below[:2])]


def authors(page: Page) -> list[Span]:
    """Groups that look like people's names, the likeliest first."""
    title = next(iter(titles(page)), None)
    taken = set(title.lines) if title else set()
    spans = []
    for group in groups(page):
        text = group.text
        named = re.match(r"(?:(?:written )?by|author:?)\s+(.{3,})", text, re.IGNORECASE)
        if named:
            spans.append(Span(named.group(1), group.lines, SURE))
            continue
        if set(group.lines) <= taken or _PUBLISHER.search(text):
            continue
        belief = _name_likeness(text)
        if belief >= WEAK:
            spans.append(group.span(belief))
    if len(spans) == 1:  # nothing else on the cover can be a name
        spans = [replace(spans[0], belief=spans[0].belief + 0.15)]
    if title and not any(span.belief >= ENOUGH_FOR_A_NAME for span in spans):
        spans += [
            Span(line.text, (line,), LIKELY) for line in title.lines if len(title.lines) == 1 and len(page.lines) <= 3
        ]
    return sorted(spans, key=lambda span: span.belief, reverse=True)


def _name_likeness(text: str) -> float:
    """0 to 1: two to four capitalised words, or several such joined by commas and "and"."""
    people = [part for part in re.split(r",| & | and |&", text) if part.strip()]
    scores = []
    for person in people:
        words = re.findall(r"[^\W\d_][^\W\d_'’.-]*[\w.'’-]*", person)
        if not words or any(character.isdigit() for character in person):
            return 0.0
        if any(word.lower() in _SMALL_WORDS for word in words):
            return 0.0
        capital = sum(word[0].isupper() for word in words) / len(words)
        scores.append(capital * {1: 0.55, 2: 1.0, 3: 0.95, 4: 0.8}.get(len(words), 0.2))
    return min(scores, default=0.0) if len(people) <= 4 else 0.0


def publishers(page: Page) -> list[Span]:
    """A publisher's name: its words are known, or it stands small and alone at the top or the bottom edge."""
    found = [Span(line.text, (line,), SURE) for line in page.lines if _PUBLISHER.search(line.text)]
    return found or [group.span(WEAK) for group in groups(page) if group.letters >= 3][:1]


def editions(page: Page) -> list[Span]:
    """The edition: an ordinal in the same line, or in the line nearest to the word."""
    spans = []
    for line in page.lines:
        if not re.search(r"\bed(ition|\.)\b", line.text, re.IGNORECASE):
            continue
        if ORDINAL.search(line.text):
            spans.append(Span(line.text, (line,), SURE))
            continue
        ordinals = [other for other in page.lines if ORDINAL.fullmatch(other.text.strip())]
        if ordinals:
            x, y = line.box.middle
            near = min(ordinals, key=lambda o: abs(o.box.middle[0] - x) + abs(o.box.middle[1] - y))
            spans.append(Span(f"{near.text} {line.text}", (near, line), SURE))
    return spans


def brands(page: Page) -> list[Span]:
    """A maker's name: a short word or two in large letters, the nearest to the top first."""
    largest = max((group.height for group in groups(page)), default=0.0)
    short = [
        group
        for group in groups(page)
        if 2 <= group.letters <= 14
        and len(group.text.split()) <= 2
        and _legible(group)
        and group.height >= 0.4 * largest
    ]
    spans = [group.span(LIKELY * min(1.0, 0.6 + 0.4 * group.height / largest)) for group in short]
    first = next((group for group in groups(page) if group.height >= 0.9 * largest), None)
    if first and not spans:
        words = first.text.split()
        spans.append(Span(words[0], first.lines, LIKELY))
    return spans


def headings(page: Page, blocks_only: Sequence[int] = ()) -> list[Span]:
    """Headings: blocks in larger letters than the body, or a short block that opens a column or the page."""
    spans = []
    for index, block in enumerate(page.blocks):
        if blocks_only and block.column not in blocks_only:
            continue
        opens = index == 0 or page.blocks[index - 1].column != block.column
        if block.height >= 1.25 * page.body_height or (opens and len(block.rows) <= 3):
            spans.append(
                Span(block.text, tuple(line for row in block.rows for line in row.lines), SURE if opens else LIKELY)
            )
    return spans
