"""What is added to a question for a model that sees, and how long its answer may be: the same for one here and one elsewhere."""

from __future__ import annotations

from assistant.ports.engines import Style
from rpiq.calibration.questions import INSTRUCTION

MOST_TOKENS: dict[Style, int] = {"short": 32, "chat": 160}
"""Of an answer: the longest book title takes about 30, two sentences about 60."""
IN_SENTENCES = "Answer in one or two short sentences."


def instructed(question: str, style: Style) -> str:
    """`question` with the words that ask for an answer of this style."""
    return f"{question}\n{INSTRUCTION if style == 'short' else IN_SENTENCES}"
