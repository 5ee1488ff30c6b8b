"""What a Markdown document consists of, as far as tests want to know: headings, links, code in lines and in blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_FENCE = re.compile(r"(\s*)```(\w*)\s*$")
_NOTE = re.compile(r"<!--\s*(not run|needs|output)\s*:?\s*(.*?)\s*-->\s*$")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """Code between fences."""

    file: Path
    line: int
    """Of its fence, from 1."""
    kind: str
    """What stands behind the fence: sh, python, text, ..."""
    text: str
    not_run: str | None
    """The reason, where a comment above says that it is not run."""
    needs: str
    """What a comment above says that it needs: "models"; empty for nothing."""
    output: str | None = None
    """What it prints, where a block below says so."""

    @property
    def is_run(self) -> bool:
        """By a test."""
        return self.kind in ("sh", "python") and self.not_run is None


@dataclass(frozen=True)
class Document:
    """A document in its parts; lines are counted from 1."""

    file: Path
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    prose: tuple[str, ...]
    """The lines, those of blocks and comments empty."""

    @property
    def indented(self) -> list[int]:
        """Lines of code that stands between no fences: four spaces after an empty line, or after another such line."""
        found: list[int] = []
        for number, line in enumerate(self.prose, 1):
            after = number == 1 or not self.prose[number - 2].strip() or number - 1 in found
            if line.startswith("    ") and line.strip() and after:
                found.append(number)
        return found

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Line and title of each."""
        found = [(number, re.match(r"#+ (.*)", line)) for number, line in enumerate(self.prose, 1)]
        return [(number, match.group(1).strip()) for number, match in found if match]

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What a link to a heading ends with, as GitHub makes it."""
        slugs: list[str] = []
        for _, title in self.headings:
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            slugs.append(f"{slug}-{slugs.count(slug)}" if slug in slugs else slug)
        return frozenset(slugs)

    @property
    def links(self) -> list[str]:
        """Where each link and picture leads."""
        text = _CODE.sub("", "\n".join(self.prose))
        return re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", text)

    @property
    def codes(self) -> Iterator[tuple[int, str]]:
        """Line and text of what stands in backticks; it may run over two lines."""
        text = "\n".join(self.prose)
        for found in _CODE.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, " ".join(found.group(1).split())


def read_document(path: Path) -> Document:
    """The document in `path`, in its parts."""
    lines = path.read_text("utf-8").splitlines()
    prose, blocks, notes = list(lines), list[Block](), dict[str, str]()
    number = 0
    while number < len(lines):
        fence, note = _FENCE.match(lines[number]), _NOTE.match(lines[number])
        if note:
            notes[note.group(1)], prose[number] = note.group(2), ""
        elif fence:
            end = next(at for at in range(number + 1, len(lines)) if lines[at].strip() == "```")
            indent = len(fence.group(1))
            text = "\n".join(line[indent:] for line in lines[number + 1 : end])
            if "output" in notes and blocks:
                blocks[-1] = Block(**(vars(blocks[-1]) | {"output": text}))
            kind, why, needs = fence.group(2), notes.get("not run"), notes.get("needs", "")
            blocks.append(Block(path, number + 1, kind, text, why, needs))
            prose[number : end + 1] = [""] * (end + 1 - number)
            number, notes = end, {}
        elif lines[number].strip():
            notes = {}
        number += 1
    return Document(path, tuple(lines), tuple(blocks), tuple(prose))
