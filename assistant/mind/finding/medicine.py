"""Medicine-like labels: the printed lines as they are, never a computed or inferred dose (acceptance list, point 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.mind.finding.spans import matches
from assistant.mind.understanding.question import Question
from assistant.picture.page import Line, Page, Passage
from assistant.sound.speaking.phrases import LOOK_ALIKE, MEDICINE_END, reading

_WORDS = {
    "forms": """tablets? capsules? caplets? pills? softgels? lozenges? ointment syrup suppositor\\w+ kapseln? tabletten
        filmtabletten comprim[ée]s?""",
    "trade": """rx prescription pharmac\\w+ apotheke\\w* medicine medicinal arzneimittel dosage dosierung posologie
        drug\\sfacts active\\singredients?""",
    "substances": """paracetamol acetaminophen ibuprofen aspirin amoxicillin metformin lisinopril atorvastatin omeprazole
        levothyroxine warfarin insulin codeine diclofenac naproxen simvastatin amlodipine prednisolone""",
}
_CUES = (
    *(re.compile(rf"\b({'|'.join(words.split())})\b", re.IGNORECASE) for words in _WORDS.values()),
    re.compile(r"\b(take|chew|swallow|apply|inject)\b.{0,30}\b(daily|times|hours|day|mouth|meals?|water|dose)\b", re.I),
    re.compile(r"\b(once|twice|\d x|\d times) (a day|daily|täglich)\b|\bnur \d+ ?x\b", re.IGNORECASE),
    re.compile(r"\b\d+(?:[.,]\d+)? ?(?:mg|mcg|µg|iu|i\.e\.)\b(?! *%)", re.IGNORECASE),
)
_FOOD = re.compile(r"\b(nutrition facts|calories|serving size|nährwerte|valeurs nutritionnelles)\b", re.IGNORECASE)
_FORM = rf"(?:{'|'.join(_WORDS['forms'].split())}|ml|drops?|puffs?|sachets?|spoonfuls?|doses?)"
_HOW_OFTEN = (
    r"\b(?:daily|hours?|times|once|twice|every|per day|a day|each day|at (?:night|bedtime)|morning|evening|meals?|maximum|täglich|stunden"
    r"|par jour|max)\b"
)
_EXPIRY = re.compile(
    r"\b(?:exp(?:iry|ires?|iration)?(?: date)?|use (?:by|before)|best before|valid until|verwendbar bis|verw\.? bis|à utiliser avant)\b",
    re.I,
)
_LOT = re.compile(r"\b(?:lot|batch|l0t|ch\.-b\.)\b", re.IGNORECASE)
_MAKER = re.compile(
    r"\b(?:ma holder|manufactur\w+|made (?:by|in)|marketed by|distributed by|marketing authori[sz]ation|hersteller|ltd|limited|gmbh|inc|plc"
    r"|pharma\w*|laborator\w+|corp)\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    rf"\b(?:take|takes|chew|swallow|apply|inject|adults?|dose|dosage|children)\b.*(?:\d|{_FORM}|{_HOW_OFTEN})|{_FORM}.*{_HOW_OFTEN}"
    rf"|\b(?:not|no) more than\b|\bnur \d+ ?x\b|{_HOW_OFTEN}.*{_FORM}",
    re.IGNORECASE,
)
_NOT_DOSE = re.compile(r"\breach of children\b|\bnot take\b(?!.*\bmore\b)", re.IGNORECASE)
_COUNT = re.compile(rf"\b\d+\s*(?:x\s*\d+\s*)?(?:[^\W\d]+[- ]?){{0,2}}{_FORM}", re.IGNORECASE)
_STRENGTH = re.compile(r"\d\s*(?:mg|mcg|µg|g|ml|iu|i\.e\.|%)", re.IGNORECASE)
_ASKED = (
    (
        _EXPIRY,
        r"expir\w*|best before|use by|out of date|go(?:es)? off|still good|until when|shelf life|how long .*(?:good|keep)",
    ),
    (_LOT, r"lot|batch"),
    (_MAKER, r"who (?:makes|made|manufactures|produces)|manufacturer|maker|brand|company|made by"),
    (_COUNT, r"how many .*(?:in (?:it|the|this|here)|are there|left|does it (?:hold|contain)|come)|number of"),
    (
        _DOSE,
        r"take|dose|dosage|how often|how (?:many|much)|when (?:should|do|can)|a day|per day|daily|directions|instructions|apply|use it",
    ),
    (_STRENGTH, r"strength|how strong|milligrams?|mg"),
)
"""What a label says, and how it is asked for; the first that fits."""
UNCLEAR = 0.85
"""Lines read with less confidence are announced as unclear."""
_MOST_WORDS = 40
_ALIKE = re.compile(r"(?!\d+l\b)\b\w*(?:\d[OoIl]|[OoIl]\d)\w*")
"""Words in which a letter that looks like a digit stands beside one: a dose read wrong may kill."""


def looks_like_medicine(page: Page) -> bool:
    """Two kinds of cue at least, and no table of nutrition: a vitamin in a food's table is not a medicine."""
    text = re.sub(r"[ÁÀÄ]rz", "Arz", page.text)
    return sum(cue.search(text) is not None for cue in _CUES) >= 2 and _FOOD.search(text) is None


@dataclass(frozen=True)
class Label:
    """What a label says to a question, in whole sentences as printed."""

    said: str
    """What was asked for, and a warning."""
    rest: tuple[str, ...]
    """Everything else on the label, in its order."""
    lines: tuple[Line, ...]
    """Where what is said stands."""


def verbatim(question: Question, page: Page) -> Label:
    """What is printed about the question, first; all, if asked to read. Nothing is reckoned, joined or left out."""
    statements = _statements(page)
    about = _about(question, page, statements)
    said = [f"The label says: {reading([each.text for each in about])}"]
    unclear = sum(line.confidence < UNCLEAR for line in page.lines)
    if unclear:
        said.append(f"{unclear} {'line was' if unclear == 1 else 'lines were'} unclear.")
    mixed = [word for each in about for word in _ALIKE.findall(each.text)]
    if mixed:
        said.append(LOOK_ALIKE.format(", ".join(mixed)))
    rest = tuple(reading([each.text]) for each in statements if not _within(each, about))
    lines = tuple(dict.fromkeys(line for each in about for line in each.lines))
    return Label(" ".join([*said, MEDICINE_END]), tuple(filter(None, rest)), lines)


def _statements(page: Page) -> list[Passage]:
    """Everything the label says, a sentence or a row of a table each, from top to bottom as it is read."""
    order = {id(line): place for place, line in enumerate(page.lines)}
    return sorted(page.structure.statements, key=lambda each: order.get(id(each.lines[0]), 0))


def _within(statement: Passage, about: Sequence[Passage]) -> bool:
    return any(
        statement == each or (statement.text in each.text and set(statement.lines) <= set(each.lines)) for each in about
    )


def _about(question: Question, page: Page, statements: Sequence[Passage]) -> list[Passage]:
    if question.kind == "read":
        return list(statements)
    for looks, asked in _ASKED:
        if question.asks(asked):
            found = (
                _expiry(page, statements)
                if looks is _EXPIRY
                else [each for each in statements if looks.search(each.text)]
            )
            if looks is _DOSE:
                found = [each for each in found if not _NOT_DOSE.search(each.text)]
            if looks is _COUNT:
                found = [each for each in found if not _DOSE.search(each.text)]
            if found:
                return _with_beginnings(found, statements)
    if question.kind in ("title", "product", "brand"):
        tallest = max(row.height for row in page.rows)
        large = {id(line) for row in page.rows if row.height >= 0.7 * tallest for line in row.lines}
        return [each for each in statements if any(id(line) in large for line in each.lines)]
    scored = [(matches(question.keys, each.text), each) for each in statements]
    best = max((score for score, _ in scored), default=0.0)
    if best >= 0.4:
        return [each for score, each in scored if score >= 0.8 * best]
    first: list[Passage] = []
    for each in statements:
        if first and sum(len(one.text.split()) for one in (*first, each)) > _MOST_WORDS:
            break
        first.append(each)
    return first


def _with_beginnings(found: Sequence[Passage], statements: Sequence[Passage]) -> list[Passage]:
    """Never the end of a sentence without its beginning: with what stands before a figure or a small letter and has no end."""
    wanted = list(found)
    for before, each in reversed(list(pairwise(statements))):
        goes_on = each.text[:1].isdigit() or each.text[:1].islower()
        if each in wanted and before not in wanted and goes_on and _unfinished(before, each):
            wanted.append(before)
    order = [each for each in statements if each in wanted]
    return [*order, *(each for each in wanted if each not in order)]


def _unfinished(before: Passage, after: Passage) -> bool:
    """Whether `before` may go on in `after`: in letters of that size, without a full stop, ended by a word and not by a strength."""
    heights = sorted(max(line.height for line in each.lines) for each in (before, after))
    ended = re.search(r"\d\s*[^\W\d]{1,3}$|[^\W\d_]{2}$", before.text.rstrip())
    open_ended = ended is not None and not any(map(str.isdigit, ended.group())) and before.text.rstrip()[-1].islower()
    return open_ended and len(before.text.split()) >= 3 and heights[0] >= 0.75 * heights[1]


def _expiry(page: Page, statements: Sequence[Passage]) -> list[Passage]:
    """The date with its label, where these are a pair; else the sentence that speaks of it."""
    pairs = [pair for pair in page.structure.pairs if _EXPIRY.search(pair.label.text)]
    if pairs:
        return [Passage(f"{p.label.text} {p.value.text}", (*p.label.lines, *p.value.lines), p.value.box) for p in pairs]
    return [each for each in statements if _EXPIRY.search(each.text)]
