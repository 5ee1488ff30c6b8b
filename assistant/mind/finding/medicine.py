"""Medicine-like labels: the printed lines as they are, never a computed or inferred dose (acceptance list, point 4)."""

from __future__ import annotations

import re

from assistant.mind.finding.spans import matches, of_rows
from assistant.mind.understanding.question import Question
from assistant.picture.page import Line, Page, Row
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
UNCLEAR = 0.85
"""Lines read with less confidence are announced as unclear."""
_MOST_WORDS = 40
_ALIKE = re.compile(r"(?!\d+l\b)\b\w*(?:\d[OoIl]|[OoIl]\d)\w*")
"""Words in which a letter that looks like a digit stands beside one: a dose read wrong may kill."""


def looks_like_medicine(page: Page) -> bool:
    """Two kinds of cue at least, and no table of nutrition: a vitamin in a food's table is not a medicine."""
    text = re.sub(r"[ÁÀÄ]rz", "Arz", page.text)
    return sum(cue.search(text) is not None for cue in _CUES) >= 2 and _FOOD.search(text) is None


def verbatim(question: Question, page: Page) -> tuple[str, tuple[Line, ...]]:
    """The printed rows that the question is about (all, if none or if asked to read), and a warning.

    Returns the words to say and the lines they stand in.
    """
    rows = _about(question, page)
    lines = of_rows(rows, 1.0).lines
    unclear = sum(line.confidence < UNCLEAR for line in page.lines)
    said = [f"The label says: {reading([row.text for row in rows])}"]
    if unclear:
        said.append(f"{unclear} {'line was' if unclear == 1 else 'lines were'} unclear.")
    mixed = [word for row in rows for word in _ALIKE.findall(row.text)]
    if mixed:
        said.append(LOOK_ALIKE.format(", ".join(mixed)))
    return " ".join([*said, MEDICINE_END]), lines


def _about(question: Question, page: Page) -> list[Row]:
    if question.kind == "read":
        return list(page.rows)
    if question.kind in ("title", "product", "brand"):
        tallest = max(row.height for row in page.rows)
        return [row for row in page.rows if row.height >= 0.7 * tallest]
    scored = [(matches(question.keys, row.text), row) for row in page.rows]
    best = max(score for score, _ in scored)
    if best >= 0.4:
        return [row for score, row in scored if score >= 0.8 * best]
    rows: list[Row] = []
    for row in page.rows:
        if sum(len(each.text.split()) for each in rows) > _MOST_WORDS:
            break
        rows.append(row)
    return rows
