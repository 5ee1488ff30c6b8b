"""The rooms of the house, read off its imports: a room is a folder, or a file that stands by itself in the hall of a floor.

Floors are the four packages, top first. Nothing is imported here; files are only parsed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

from tests.paths import ROOT

FLOORS = ("app", "assistant", "models", "rpiq")
"""Each may import itself and those to its right."""
OUTSIDE = ("scripts", "tests")
"""May import all; nothing imports them."""


def files(*tops: str, root: Path = ROOT) -> list[Path]:
    """The Python files below these folders of the repository."""
    return [path for top in tops for path in sorted((root / top).rglob("*.py"))]


def module_of(path: Path, root: Path = ROOT) -> str:
    """The dotted name under which a file is imported."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path, root: Path = ROOT) -> tuple[str, ...]:
    """Every name that `path` imports, wherever in the file, in full: `a.b` for `import a.b` and for `from a import b`."""
    return tuple(_imported(path, root))


def _imported(path: Path, root: Path) -> Iterator[str]:
    here = path.relative_to(root).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = [".".join(here[: -node.level])] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room_of(path: Path, root: Path = ROOT) -> str:
    """The folder of a file; of one that stands in the hall (app/cli.py), the file."""
    parts = path.relative_to(root).parts
    return module_of(path, root) if len(parts) <= 2 else ".".join(parts[:-1])


@cache
def arrows(*tops: str, root: Path = ROOT) -> Mapping[tuple[str, str], list[str]]:
    """From which room to which there are imports, and which these are, as "file imports name"."""
    known = {module_of(path, root): path for path in files(*tops, root=root)}
    found: dict[tuple[str, str], list[str]] = {}
    for module, path in known.items():
        for name in imported(path, root):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module:
                way = room_of(path, root), room_of(known[target], root)
                if way[0] != way[1]:
                    found.setdefault(way, []).append(f"{path.relative_to(root)} imports {name}")
    return found


def circle(ways: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """One circle among the rooms, with the imports that close it; empty where every arrow points down."""
    below: dict[str, set[str]] = {}
    for upper, lower in ways:
        below.setdefault(upper, set()).add(lower)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        rooms: list[str] = error.args[1][::-1]
        return [one for way in pairwise(rooms) for one in ways.get(way, [])]
    return []
