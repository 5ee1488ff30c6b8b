"""When an answer to an everyday question counts as right: spaces are not counted, a yes or no only where it begins the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scripts.judging.verdict import LONG_ANSWER

_MAY_BE_LONG = re.compile(r"\b(read|say|says|said|written|about)\b|\bwhat(?:'s| is) on\b", re.IGNORECASE)


def squashed(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return re.sub(r"[\W_]", "", text.lower())


def verdict(row: Mapping[str, Any], said: str, abstained: bool) -> str:
    """right, wrong or abstained; of a question that cannot be answered it is right to say so."""
    if not row["answers"]:
        return "right" if abstained else "wrong"
    if abstained:
        return "abstained"
    if len(said.split()) > LONG_ANSWER and not _MAY_BE_LONG.search(row["question"]):
        return "wrong"
    accepted = [squashed(each) for each in row["answers"]]
    if accepted[0] in ("yes", "no"):
        first = re.match(r"\W*(yes|no)\b", said, re.IGNORECASE)
        if first:
            return "right" if first[1].lower() == accepted[0] else "wrong"
        evidence = squashed(row.get("evidence", ""))
        return "right" if evidence and evidence in squashed(said) else "wrong"
    return "right" if any(each and each in squashed(said) for each in accepted) else "wrong"
