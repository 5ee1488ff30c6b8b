"""When an answer counts as right: shared by the scripts that measure the assistant."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONG_ANSWER = 30
"""Words beyond which an answer counts only where the question asks to read or what something says."""
_MAY_BE_LONG = re.compile(r"\b(read|say|says|said|written)\b|\bwhat is on\b", re.IGNORECASE)


def normalise(text: str) -> str:
    """Lower case, no punctuation, single spaces."""
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())


def verdict(question: str, accepted: Sequence[str], answer: str, abstained: bool) -> str:
    """right, wrong or abstained."""
    if abstained:
        return "abstained"
    if len(answer.split()) > LONG_ANSWER and not _MAY_BE_LONG.search(question):
        return "wrong"
    said = normalise(answer)
    return "right" if any(normalise(each) in said for each in accepted) else "wrong"
