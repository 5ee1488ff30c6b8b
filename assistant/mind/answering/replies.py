"""The answer to what was said about a picture, once the picture is there: a question, a reading, a colour, a comparison.

Pure: it plays nothing, waits for nothing and remembers nothing. Orders that need no picture are in `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from assistant.mind.answering.comparison import compare
from assistant.mind.answering.reading_aloud import headings_of, sentences_of
from assistant.mind.answering.thinking import joined, think_aloud
from assistant.mind.finding.grounding import Answer
from assistant.mind.finding.medicine import looks_like_medicine
from assistant.mind.understanding.intents import Intent
from assistant.mind.understanding.question import understand
from assistant.picture import colours
from assistant.picture.looking import Seen
from assistant.ports.engines import Engines
from assistant.sound.speaking.phrases import NO_HEADINGS, NO_TEXT, NOTHING_TO_COMPARE, ON_PAGE

ABOUT_PICTURES = ("ask", "read", "headings", "colour", "light", "compare")
"""Intents that are answered here."""


def reply(
    intent: Intent,
    seen: Seen,
    before: Seen | None,
    pages: Sequence[Seen],
    engines: Engines,
    history: Sequence[tuple[str, str]],
) -> Iterator[Answer]:
    """The answer, part by part. `before`: what `seen` may be compared with; `pages`: of a document, in its order.

    QuestionError when it is no English question; EngineError when an engine fails.
    """
    match intent.name:
        case "read" | "headings":
            yield _read(intent, seen)
        case "colour":
            yield Answer(colours.colour(seen.photo).spoken, False, "", ())
        case "light":
            yield Answer(colours.light(seen.photo), False, "", ())
        case "compare":
            yield _compare(before, seen)
        case _:
            yield from _think(intent, seen, pages, engines, history)


def _think(
    intent: Intent, seen: Seen, pages: Sequence[Seen], engines: Engines, history: Sequence[tuple[str, str]]
) -> Iterator[Answer]:
    """From what is seen; where the answer is not there, from the pages that were read before."""
    question = understand(intent.text)
    parts = think_aloud(question, seen, engines, history)
    first = next(parts)
    if first.abstained and seen.quality.usable:
        for number, page in reversed(list(enumerate(pages, 1))):
            found = joined(list(think_aloud(question, page, engines))) if page is not seen else first
            if not found.abstained:
                yield replace(found, text=f"{ON_PAGE.format(number)} {found.text}")
                return
    yield first
    yield from parts


def whole(intent: Intent, seen: Seen) -> bool:
    """Whether the answer is said to its end: who asks for a reading wants it all, and a medicine's label is never cut."""
    return intent.name in ("read", "headings") or (seen.page is not None and looks_like_medicine(seen.page))


def _read(intent: Intent, seen: Seen) -> Answer:
    if seen.page is None or not seen.quality.usable:
        return Answer(seen.quality.spoken, True, seen.quality.findings[0].kind, ())
    if not seen.page.lines:
        return Answer(NO_TEXT, True, "no text", ())
    said = headings_of(seen.page) if intent.name == "headings" else sentences_of(seen.page)
    hint = next((f" {finding.reason} {finding.action}" for finding in seen.quality.findings), "")
    return Answer(f"{' '.join(said) or NO_HEADINGS}{hint}", False, "", seen.page.lines)


def _compare(before: Seen | None, now: Seen) -> Answer:
    if before is None:
        return Answer(NOTHING_TO_COMPARE, True, "one picture", ())
    if not now.quality.usable:
        return Answer(now.quality.spoken, True, now.quality.findings[0].kind, ())
    return Answer(compare(before, now), False, "", now.page.lines if now.page else ())
