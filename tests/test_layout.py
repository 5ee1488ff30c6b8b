"""The house stays one in which things are found: few doors in a hall, rooms of a size, files of a length, a sentence at each door."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path, PurePath

import pytest

from tests.paths import ROOT

MOST_DOORS, MOST_FILES, MOST_LINES = 12, 16, 450
CODE = {".py", ".js", ".css", ".html", ".sh", ""}


def tracked() -> list[PurePath]:
    """Files of the repository, also those that are not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [PurePath(name) for name in listed if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def house() -> list[PurePath]:
    return [path for path in tracked() if path.parts[0] in ("app", "assistant", "models", "rpiq", "scripts", "tests")]


@pytest.mark.parametrize("hall", ["app", "assistant", "rpiq", "scripts"])
def test_a_hall_has_few_doors(hall: str, house: list[PurePath]) -> None:
    doors = {path.parts[1] for path in house if path.parts[0] == hall}
    assert len(doors) <= MOST_DOORS, sorted(doors)


def test_a_room_holds_few_files(house: list[PurePath]) -> None:
    rooms: dict[PurePath, int] = {}
    for path in house:
        rooms[path.parent] = rooms.get(path.parent, 0) + 1
    assert {str(room): count for room, count in rooms.items() if count > MOST_FILES} == {}


def test_a_file_can_be_read_at_one_sitting(house: list[PurePath]) -> None:
    lines = {str(path): len((ROOT / path).read_text("utf-8").splitlines()) for path in house if path.suffix in CODE}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_every_room_says_at_its_door_what_comes_in_and_what_goes_out(house: list[PurePath]) -> None:
    rooms = {path.parent for path in house if path.suffix == ".py" and path.parts[0] not in ("tests",)}
    doors = {room: ROOT / room / "__init__.py" for room in rooms if len(room.parts) > 1}
    silent = [str(room) for room, door in doors.items() if not (door.is_file() and door_sign(door))]
    assert silent == []
    houses = [room for room in rooms if len(room.parts) > 1 and room.parts[0] in ("assistant", "rpiq")]
    umbrellas = {"assistant/mind"}  # holds rooms, and no file of its own
    signs = {str(room): door_sign(doors[room]) for room in houses if str(room) not in umbrellas}
    assert [room for room, sign in signs.items() if "In: " not in sign or " Out: " not in sign] == []


def door_sign(door: Path) -> str:
    return ast.get_docstring(ast.parse(door.read_text("utf-8"))) or ""


def test_files_that_are_named_in_the_code_are_there(house: list[PurePath]) -> None:
    """In docstrings and comments, between backticks or as a path that begins at the top."""
    known = {"/".join(path.parts[at:]) for path in tracked() for at in range(len(path.parts))}
    named = re.compile(
        r"`([\w./-]+\.(?:py|md|sh|js))`|(?<![\w/.\"'-])((?:app|assistant|models|rpiq|scripts)/[\w./-]+\.(?:py|js))"
    )
    elsewhere = {"model_spec.py"}  # of CTranslate2
    lost = [
        f"{path}:{number}: {name}"
        for path in house
        if path.suffix in CODE
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
        for name in (found.group(1) or found.group(2) for found in named.finditer(line))
        if name not in known | elsewhere
    ]
    assert lost == []
