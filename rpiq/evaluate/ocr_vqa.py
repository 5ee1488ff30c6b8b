"""OCR-VQA with the protocol of the RPIQ paper's table 2: how many answers about book covers are right, by category.

The questions: `rpiq/calibration/questions.py`; when an answer is right: `rpiq/evaluate/matching.py`; the model:
`rpiq/evaluate/answering.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rpiq.calibration.picture_files import open_picture
from rpiq.calibration.questions import Question
from rpiq.errors import EvaluationError
from rpiq.evaluate.answer_file import AnswerFile
from rpiq.evaluate.answering import Answerer
from rpiq.evaluate.matching import Match, match


@dataclass(frozen=True)
class Score:
    """Shares of the questions, between 0 and 1, that are answered right."""

    questions: int
    exact: float
    """Character by character: equation 26."""
    caseless: float
    """Whatever the case: as VLMEvalKit counts, so what table 2 of the paper holds."""
    normalized: float
    """As the VQA evaluation has it: without articles and punctuation."""


@dataclass(frozen=True)
class OcrVqa:
    """All questions, and the same by category and by kind, in alphabetical order."""

    overall: Score
    by_category: dict[str, Score]
    by_kind: dict[str, Score]


def ocr_vqa(
    answerer: Answerer,
    questions: Sequence[Question],
    kept: AnswerFile | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OcrVqa:
    """Ask `answerer` all questions but those whose answers are kept already, and keep the others.

    progress: called with questions done and questions in all. EvaluationError for a picture that cannot be read, or no
    questions at all.
    """
    if not questions:
        raise EvaluationError("there are no questions to ask; give a file with at least one")
    matches: list[Match] = []
    for number, question in enumerate(questions, 1):
        answer = None if kept is None else kept.answers.get(question.id)
        if answer is None:
            answer = answerer.answer(open_picture(question.picture, question.where), question.text)
            if kept is not None:
                kept.add(question.id, answer)
        matches.append(match(answer, question.answers))
        if progress is not None:
            progress(number, len(questions))
    return OcrVqa(
        _score(matches),
        _scores([question.category for question in questions], matches),
        _scores([question.kind for question in questions], matches),
    )


def _scores(names: list[str], matches: list[Match]) -> dict[str, Score]:
    groups: dict[str, list[Match]] = {name: [] for name in sorted(set(names))}
    for name, one in zip(names, matches, strict=True):
        groups[name].append(one)
    return {name: _score(group) for name, group in groups.items()}


def _score(matches: list[Match]) -> Score:
    count = len(matches)
    return Score(
        count,
        sum(one.exact for one in matches) / count,
        sum(one.caseless for one in matches) / count,
        sum(one.normalized for one in matches) / count,
    )
