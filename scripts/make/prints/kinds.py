"""A kind of print as data: its lines with slots, the values of the slots, and what people ask of them.

A file in a folder of `kinds/`:

    name = "till receipt"                     as one would say "a till receipt"
    category = "receipt"                      label, screen, sign, book, receipt or document
    what = ["till receipt"]                   true answers to "what is this?"
    [values]                                  of each slot: a maker (`values.py`), or a list to choose from
    total = "money"
    [[line]]                                  printed from top to bottom
    text = ["TOTAL | {total}", "TOTAL // {total}"]   variants, one for a page; " | " is a wide gap, " // " a new row
    size = "huge"                             huge, large, normal, small
    chance = 0.9                              left out on the other pages
    rows = [2, 9]                             so often, each time with values of its own
    [[ask]]
    slot = "total"                            whose value is the answer; empty for what never stands on such a print
    words = ["What is the total?"]            {item} in the words of a repeated row names the row
    [[whether]]
    words = ["Is service included?"]
    yes = ["Service included"]                lines of which one is printed
    no = ["Service not included"]
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from scripts.make.prints.values import MAKERS

KINDS = Path(__file__).parent / "kinds"
CATEGORIES = ("label", "screen", "sign", "book", "receipt", "document")
SIZES = {"huge": 3.0, "large": 1.7, "normal": 1.0, "small": 0.7}
SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class PrintedLine:
    """A line, or rows of lines, with slots."""

    variants: tuple[str, ...]
    size: float
    """In heights of ordinary print."""
    chance: float
    rows: tuple[int, int] | None


@dataclass(frozen=True)
class Ask:
    """Wordings of one question; an empty slot is one that this kind of print does not answer."""

    slot: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Whether:
    """Wordings of one question for yes or no, and the lines that decide it."""

    words: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of print."""

    name: str
    category: str
    what: tuple[str, ...]
    values: dict[str, str | tuple[str, ...]]
    lines: tuple[PrintedLine, ...]
    asks: tuple[Ask, ...]
    whethers: tuple[Whether, ...]


def kinds(folder: Path = KINDS) -> tuple[Kind, ...]:
    """Every kind, in the order of its file's name. Raises ValueError with the file and the fault."""
    return tuple(read(path) for path in sorted(folder.rglob("*.toml")))


def read(path: Path) -> Kind:
    """One file. Raises ValueError with its name and what is wrong in it."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        values = {slot: made if isinstance(made, str) else tuple(made) for slot, made in data["values"].items()}
        kind = Kind(
            data["name"],
            data["category"],
            tuple(data["what"]),
            values,
            tuple(
                PrintedLine(
                    tuple(line["text"]),
                    SIZES[line.get("size", "normal")],
                    float(line.get("chance", 1.0)),
                    tuple(line["rows"]) if "rows" in line else None,
                )
                for line in data["line"]
            ),
            tuple(Ask(ask.get("slot", ""), tuple(ask["words"])) for ask in data.get("ask", [])),
            tuple(Whether(tuple(w["words"]), tuple(w["yes"]), tuple(w["no"])) for w in data.get("whether", [])),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from error
    faults = list(_faults(kind))
    if faults:
        raise ValueError(f"{path.name}: {'; '.join(faults)}")
    return kind


def _faults(kind: Kind) -> list[str]:
    faults = []
    if kind.category not in CATEGORIES:
        faults.append(f"no category: {kind.category}")
    texts = (
        [text for line in kind.lines for text in line.variants]
        + [w for ask in kind.asks for w in ask.words]
        + list(kind.what)
    )
    texts += [text for whether in kind.whethers for text in (*whether.words, *whether.yes, *whether.no)]
    for slot in {slot for text in texts for slot in SLOT.findall(text)} | {ask.slot for ask in kind.asks if ask.slot}:
        if slot not in kind.values:
            faults.append(f"a slot without values: {slot}")
    for slot, made in kind.values.items():
        if isinstance(made, str) and made not in MAKERS:
            faults.append(f"{slot}: no maker {made}")
        if not made:
            faults.append(f"{slot}: no values")
    printed = {slot for line in kind.lines for text in line.variants for slot in SLOT.findall(text)}
    faults += [f"asked and never printed: {ask.slot}" for ask in kind.asks if ask.slot and ask.slot not in printed]
    return faults
