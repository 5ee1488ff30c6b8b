"""The documents cannot rot: what they tell one to type exists and is run, what they point at is there, the map is whole.

How a block of code is written: CONTRIBUTING.md, "Documents". What is marked as not run is still looked at: each command
and each of its options exists.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from app import cli as assistant
from rpiq.cli import main as rpiq
from tests.blocks import Block, Document, read_document
from tests.paths import ROOT, SAMPLES
from tests.rooms import FLOORS, arrows

GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
"""What people read and type from."""
PAPERS = [*GUIDES, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/results/*.md")),
          *sorted(SAMPLES.rglob("README.md")), ROOT / "rpiq/calibration/data/README.md"]  # fmt: skip
"""All that people read."""
MAP = ROOT / "docs/architecture.md"
ROOMS = ("app", "assistant", "models", "rpiq", "scripts")
MOST_LINES = 10
"""Of what the map tells a newcomer to do for one task."""

PROGRAMS = {"assistant": assistant._parser, "rpiq": rpiq._parser}
LOOKS_LIKE_A_COMMAND = re.compile(r"(\$ )?(\S*/)?(assistant|rpiq|pip|curl|python)\s|(\./)?scripts/")
PATH = re.compile(r"(?:app|assistant|models|rpiq|scripts|tests|docs|samples)/[\w*/.-]*|[\w*-]+\.(?:py|js|css)")
STAND_INS = {"photo.jpg": SAMPLES / "parking-sign.jpg"}
"""What the documents call by a name that everybody has a file of their own for."""
NO_SOUND = "pcm.!default { type null }\nctl.!default { type null }\n"
"""For ALSA: what is played goes nowhere."""
LONGEST = 300.0
"""Seconds for one block; a busy machine takes its time."""

DOCUMENTS = {path: read_document(path) for path in PAPERS}


def name(value: object) -> str:
    """Of a document or a block, for the names of tests."""
    if isinstance(value, Path):
        return value.relative_to(ROOT).as_posix()
    return f"{name(value.file)}:{value.line}" if isinstance(value, Block) else str(value)


def blocks(needs: str) -> list[Block]:
    """Blocks that are run and need this (empty: nothing), in the order of their documents."""
    return [block for path in GUIDES for block in DOCUMENTS[path].blocks if block.is_run and block.needs == needs]


# What is typed


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_what_can_be_typed_is_run_or_says_why_not(path: Path) -> None:
    document = DOCUMENTS[path]
    plain = [line for line in document.indented if LOOKS_LIKE_A_COMMAND.match(document.lines[line - 1].strip())]
    assert plain == [], "put it between ```sh and ```"
    unknown = [name(block) for block in document.blocks if block.kind not in ("sh", "python", "text", "json", "toml")]
    assert unknown == [], "say what it is: ```sh, ```python, ```text, ```json or ```toml"
    assert [name(block) for block in document.blocks if block.not_run == "" and not block.is_run] == [], "give a reason"
    assert [name(block) for block in document.blocks if block.needs not in ("", "models", "minutes")] == [], (
        "unknown need"
    )


@pytest.mark.parametrize("path", PAPERS, ids=name)
def test_commands_and_their_options_exist(path: Path) -> None:
    document = DOCUMENTS[path]
    wrong = []
    for block in document.blocks:
        if block.kind == "sh":
            wrong += [f"{name(block)}: {fault}" for words in commands(block.text) for fault in faults(words)]
        elif block.kind == "text":
            wrong += [f"{name(block)}: {fault}" for line in joined(block.text) for fault in usage_faults(line)]
    for line, code in document.codes:
        wrong += [f"{name(path)}:{line}: {fault}" for fault in usage_faults(code)]
    assert wrong == []


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_addresses_of_the_api_exist(path: Path) -> None:
    served = "".join(file.read_text("utf-8") for file in ROOT.glob("app/web/*.py"))
    told = set(re.findall(r"(?<=/api)/[a-z][a-z/.]*[a-z]", "\n".join(DOCUMENTS[path].lines)))
    assert {each for each in told if f'{each}"' not in served} == set()


@pytest.mark.programs
@pytest.mark.parametrize("block", blocks(""), ids=name)
def test_it_runs(block: Block, stages: Stages) -> None:
    run(block, stages.of(block.file), {})


@pytest.mark.makes_models
@pytest.mark.parametrize("block", blocks("minutes"), ids=name)
def test_it_runs_in_its_time(block: Block, stages: Stages) -> None:
    run(block, stages.of(block.file), {})


@pytest.mark.model
@pytest.mark.parametrize("block", blocks("models"), ids=name)
def test_it_runs_with_the_models(block: Block, stages: Stages, request: pytest.FixtureRequest) -> None:
    store = request.getfixturevalue("store")
    run(block, stages.of(block.file), {"RPIQ_ASSISTANT_MODELS": str(store.root)})


@pytest.mark.parametrize(
    "text",
    ["assistant lisen", "assistant talk press | relese", "assistant models list|verfy", "assistant ask --pictur FILE",
     "rpiq evaluate | inspct", "scripts/bench/latencies", "scripts/bench/latency --fast"],
)  # fmt: skip
def test_a_summary_with_a_mistake_is_found(text: str) -> None:
    assert len(usage_faults(text)) == 1


def test_a_document_is_taken_apart(tmp_path: Path) -> None:
    text = (
        "# A `b` c: d\n\n<!-- not run: a reason -->\n```sh\nx=1 rpiq \\\n  inspect FILE # why\n```\n\n    rpiq inspect\n\n"
        "* see [it](#a-b-c-d) and `a\n  b.py`\n\n```python\nprint(1)\n```\n\n<!-- output -->\n```text\n1\n```\n"
    )
    (tmp_path / "x.md").write_text(text)
    document = read_document(tmp_path / "x.md")
    first, second, third = document.blocks
    assert (first.not_run, first.is_run, second.is_run, second.output, third.kind) == (
        "a reason",
        False,
        True,
        "1",
        "text",
    )
    assert list(commands(first.text)) == [["rpiq", "inspect", "FILE"]]
    assert document.indented == [9]
    assert link_fault(document.file, "#a-b-c-d") == ""
    assert link_fault(document.file, "#a-b") != ""
    assert [code for _, code in document.codes] == ["b", "a b.py"]


# What is pointed at


@pytest.mark.parametrize("path", PAPERS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    assert [fault for link in DOCUMENTS[path].links if (fault := link_fault(path, link))] == []


@pytest.mark.parametrize("path", PAPERS, ids=name)
def test_files_that_are_named_exist(path: Path) -> None:
    missing = [f"{name(path)}:{line}: {word}" for line, word in named_files(DOCUMENTS[path]) if not is_there(word)]
    assert missing == []


# The map


def test_every_room_is_on_the_map() -> None:
    text = MAP.read_text("utf-8")
    rooms = {file.parent.relative_to(ROOT).as_posix() for room in ROOMS for file in ROOT.glob(f"{room}/**/__init__.py")}
    assert len(rooms) > 30
    assert sorted(room for room in rooms if not re.search(rf"`{room}/?`", text)) == []


def test_what_a_newcomer_does_is_short() -> None:
    tasks = {}
    for (start, title), (end, _) in pairwise([*DOCUMENTS[MAP].headings, (len(DOCUMENTS[MAP].lines) + 1, "")]):
        if title.lower().startswith("add a") or title.lower().startswith("support a"):
            tasks[title] = [line for line in DOCUMENTS[MAP].lines[start : end - 1] if line.strip()]
    assert len(tasks) >= 3
    assert {title for title, lines in tasks.items() if len(lines) > MOST_LINES} == set()
    assert {title for title, lines in tasks.items() if not any(PATH.search(line) for line in lines)} == set()


def test_the_map_is_read_in_five_minutes() -> None:
    assert len(DOCUMENTS[MAP].lines) <= 180


def test_the_map_has_the_rooms_in_the_order_in_which_they_stand_on_each_other() -> None:
    """A room imports only rooms below it in the table; a file in the hall of a floor may be used by the rooms of that floor."""
    text = MAP.read_text("utf-8")
    rows = re.findall(r"^\| `([\w/]+)`", text[text.index("| room |") : text.index("| scripts |")], re.MULTILINE)
    place = {room.replace("/", "."): number for number, room in enumerate(rows) if "/" in room}
    upward = [way for way in arrows(*FLOORS) if {*way} <= {*place} and place[way[0]] > place[way[1]]]
    assert len(place) > 30
    assert upward == []


# How


class Stages:
    """A folder for each document, which looks like a clone, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, document: Path) -> Path:
        """The folder in which the blocks of `document` are run, one after the other."""
        stage = self._folder / name(document).replace("/", "-")
        if not stage.exists():
            stage.mkdir()
            (stage / ".home").mkdir()
            (stage / ".home/.asoundrc").write_text(NO_SOUND)
            (stage / ".venv").symlink_to(Path(sys.executable).parents[1])
            for entry in ("samples", "scripts", "docs", "tests", "README.md", "pyproject.toml"):
                (stage / entry).symlink_to(ROOT / entry)
            for stand_in, file in STAND_INS.items():
                (stage / stand_in).symlink_to(file)
        return stage


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("documents"))


def run(block: Block, stage: Path, environment: dict[str, str]) -> None:
    """Run `block` in `stage`; it has to succeed, and to print what the document says that it prints."""
    home = stage / ".home"
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "RPIQ_"))}
    surroundings |= {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "PULSE_SERVER": "none",
    }
    command = [sys.executable, "-c"] if block.kind == "python" else ["/bin/bash", "-euo", "pipefail", "-c"]
    done = subprocess.run(
        [*command, block.text],
        cwd=stage,
        env=surroundings | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, f"{name(block)} failed:\n{done.stdout}\n{done.stderr}"
    if block.output is not None:
        assert done.stdout.strip() == block.output.strip()


def joined(text: str) -> list[str]:
    """The lines of `text`, with those that a backslash, or white space at their beginning, joins to the one before."""
    lines: list[str] = []
    for line in text.splitlines():
        if lines and (lines[-1].endswith("\\") or line.startswith("  ")):
            lines[-1] = f"{lines[-1].removesuffix(chr(92)).rstrip()} {line.strip()}"
        else:
            lines.append(line)
    return lines


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell's text that is ours to know."""
    for line in joined(text):
        words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set("|&;"):
                if command:
                    yield command
                command = []
            elif command or "=" not in word.split("/")[0] or word.startswith("-"):
                command.append(word)


def faults(words: Sequence[str]) -> list[str]:
    """What is wrong with one command: a program that is not there, an option that it does not have, a value it refuses."""
    program = Path(words[0]).name
    if program in PROGRAMS and "scripts" not in Path(words[0]).parts:
        try:
            PROGRAMS[program]().parse_args(list(words[1:]))
        except SystemExit as ended:
            if ended.code:
                return [f"{shlex.join(words)} is not understood"]
        return []
    return script_faults(" ".join(words))


def usage_faults(text: str) -> list[str]:
    """What is wrong with a summary of commands, such as `assistant talk press | release` or `rpiq quantize --resume`."""
    text = text.removeprefix(".venv/bin/").strip()
    program, _, rest = text.partition(" ")
    if program not in PROGRAMS:
        return script_faults(text)
    parsers, found = [PROGRAMS[program]()], []
    may_be_command, bar, short = True, False, re.split(r"\s{2,}", rest)[0]
    # After a command, and after |, there may be another command; in brackets and in capitals stands something else.
    for word in re.findall(r"[^\s\[\]()|]+| \| |\|", short):
        choices = {key: value for parser in parsers for key, value in subcommands(parser).items()}
        if word.strip() == "|":
            may_be_command, bar = may_be_command or word == " | ", True
            continue
        if may_be_command and word in choices:
            parsers.append(choices[word])
            bar = False
            continue
        if may_be_command and re.fullmatch(r"[a-z][a-z-]+", word) and (bar or subcommands(parsers[-1])):
            found.append(f"{text}: no command {word!r}")
        option = re.match(r"--[a-z][\w-]*", word)
        if option and not any(option.group() in parser._option_string_actions for parser in parsers):
            found.append(f"{text}: no option {option.group()}")
        may_be_command, bar = word.startswith("-v"), False
    return found


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """By name; none of a parser that ends the line of commands."""
    actions = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(next(actions, argparse.Namespace(choices={})).choices)


def script_faults(text: str) -> list[str]:
    """Whether a script is there and can be run, and its text, or that of its parts, holds each option.

    A script that hands its options on (to pytest, to `assistant`) may be given any.
    """
    words = text.split()
    if not words or not re.match(r"(\./)?scripts/\w", words[0]):
        return []
    script = ROOT / words[0]
    if script.is_dir() or "*" in words[0]:
        return []
    if not script.is_file():
        return [f"{words[0]} is not there"]
    if script.suffix:
        return []
    if not os.access(script, os.X_OK):
        return [f"{words[0]} cannot be run"]
    source = sources(script)
    if '"$@"' in source:
        return []
    options = re.findall(r"(?<=\s)--[a-z][\w-]*", text)
    return [f"{words[0]} has no {option}" for option in options if f'"{option}"' not in source]


@cache
def sources(script: Path) -> str:
    """The text of a script and of the modules beside it."""
    parts = [] if script.parent == ROOT / "scripts" else script.parent.rglob("*.py")
    return "\n".join(file.read_text("utf-8") for file in [script, *parts])


def link_fault(path: Path, link: str) -> str:
    """What is wrong with a link in the document `path`; empty for nothing."""
    if re.match(r"[a-z]+:", link):
        return "" if re.fullmatch(r"https?://[\w.-]+\.[a-z]{2,}(:\d+)?(/[^\s<>]*)?|mailto:\S+@\S+", link) else link
    file, _, anchor = link.partition("#")
    target = path.parent / file if file else path
    if not target.exists():
        return f"{link}: no such file"
    if anchor and anchor not in (DOCUMENTS.get(target.resolve()) or read_document(target)).anchors:
        return f"{link}: no such heading"
    return ""


def named_files(document: Document) -> Iterator[tuple[int, str]]:
    """Line and name of what stands in backticks, or in a drawing of the map, and looks like a file or room of ours; and tests that are a
    reason for not running something."""
    for line, code in document.codes:
        if PATH.fullmatch(code):
            yield line, code
    for block in document.blocks:
        yield from ((block.line, word) for word in re.findall(r"tests/[\w/.]*\w", block.not_run or ""))
    for block in document.blocks if document.file == MAP else ():
        for word in re.findall(r"(?<![\w/.-])[\w/]+\.(?:py|js|toml)\b", block.text):
            yield block.line, word


@cache
def repository() -> tuple[str, ...]:
    """All files, as paths with a slash before them."""
    tops = ("app", "assistant", "docs", "models", "rpiq", "samples", "scripts", "tests")
    return tuple(f"/{file.relative_to(ROOT)}" for top in tops for file in (ROOT / top).rglob("*") if file.is_file())


def is_there(word: str) -> bool:
    """Whether a file or folder of this name exists, by its path or by the end of it."""
    if "*" in word:
        return any(ROOT.glob(word if "/" in word else f"*/**/{word}"))
    return (ROOT / word).exists() or any(file.endswith(f"/{word}") for file in repository())
