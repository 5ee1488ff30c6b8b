"""What was said, read and seen stays in the process: no dumps, no words in logs, and leaks are found where there are some."""

from __future__ import annotations

import ast
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.checkup.privacy import OWN_LOGGERS, DiscreetFormatter, disk_traces, open_sockets, usual_folders
from assistant.engines.opening import ProfileEngines
from assistant.mind.answering.asking import ask_in_writing
from assistant.picture.looking import look
from assistant.picture.photo import load_photo
from models.store import Store
from tests.leaks import everything_logged, leaked
from tests.paths import ROOT

CONTENT = set(
    "text words word sentence question answer utterance heard said spoken speech line lines page piece pieces evidence history "
    "turn turns photo frame pixels samples sound label reading prompt".split()
)
"""Names of what must not be logged."""
TELLING = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def log_calls(source: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TELLING:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in {"log", "_log", "logger", "logging"}:
                yield node


def content_of(call: ast.Call) -> set[str]:
    """What is wrong with a call: a message made on the spot, or an argument with the name of content."""
    wrong = set()
    message, *arguments = call.args
    if not (isinstance(message, ast.Constant) and isinstance(message.value, str)):
        wrong.add("a message that is no literal")
    for argument in arguments:
        names = {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(argument) if isinstance(node, ast.Attribute)}
        measured = isinstance(argument, ast.BinOp) or (
            isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and argument.func.id == "len"
        )
        wrong |= set() if measured else names & CONTENT
    return wrong


@pytest.mark.parametrize(
    "path", [path for room in ("app", "assistant") for path in sorted((ROOT / room).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_no_log_call_names_content(path: Path) -> None:
    for call in log_calls(path.read_text(encoding="utf-8")):
        assert not content_of(call), f"line {call.lineno}"


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("log.info('heard %s', utterance.text)", {"utterance", "text"}),
        ("log.info(f'heard {x}')", {"a message that is no literal"}),
        ("log.debug('%s', repr(self.page))", {"page"}),
        ("log.info('%d samples', len(samples))", set()),
        ("log.info('opening the %s', name)", set()),
    ],
)
def test_the_walk_sees_content(source: str, wrong: set[str]) -> None:
    (call,) = log_calls(source)
    assert content_of(call) == wrong


def test_a_question_leaves_no_word_in_the_logs(store: Store) -> None:
    words = ["ravenscroft", "cobbler"]
    engines = ProfileEngines(store, "embedded", "natural")
    with everything_logged() as logged:
        seen = look(load_photo(ROOT / "samples/book-cover.jpg"), engines)
        for question in ("Is Ravenscroft a cobbler?", "What is the title?"):
            list(ask_in_writing(question, seen, engines).speech)
    assert seen.page
    words += [word for line in seen.page.lines for word in line.text.split() if len(word) > 4]
    assert len(words) >= 4
    assert leaked(logged(), words) == []
    assert "debug from piper" in logged(), "the voice logs every sentence, and the formatter keeps it back"


def test_other_libraries_are_named_and_not_quoted() -> None:
    word = "secret" + "word"  # the way to an error is shown with its lines of source
    with everything_logged() as logged:
        logging.getLogger("piper.voice").debug("text=%s", word)
        logging.getLogger("assistant.x").info("opened in %.1f s", 2)
        try:
            raise ValueError(word)
        except ValueError:
            logging.getLogger("assistant.x").exception("it failed")
            logging.getLogger("elsewhere").exception("it failed with %s", word)
    assert leaked(logged(), [word]) == []
    assert "piper.voice: debug from piper.voice, test_privacy line" in logged()
    assert "assistant.x: opened in 2.0 s" in logged()
    assert "test_other_libraries" in logged()
    assert "ValueError" in logged()


def test_a_record_is_left_as_it_was_for_others() -> None:
    record = logging.LogRecord("piper", logging.INFO, "x.py", 3, "text=%s", ("word",), None)
    assert "word" not in DiscreetFormatter().format(record)
    assert record.getMessage() == "text=word"
    assert {"app", "assistant", "models", "rpiq"} == OWN_LOGGERS


def test_the_helper_finds_what_leaks() -> None:
    with everything_logged() as logged:
        logging.getLogger("assistant.x").debug("heard %s", "Ravenscroft")
    assert leaked(logged(), ["ravenscroft", "cobbler"]) == ["ravenscroft"]


CLOSED = """
import os, resource
from assistant.checkup.privacy import forbid_memory_dumps, memory_is_closed, open_sockets
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
forbid_memory_dumps()
assert memory_is_closed()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert open_sockets() == (), "still able to look at itself"
print(open("/proc/self/status").read().count("CoreDumping"), flush=True)
os.abort()
"""


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", CLOSED], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == -6, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_memory_is_open_until_it_is_closed() -> None:
    script = "import sys; from assistant.checkup.privacy import memory_is_closed; sys.exit(memory_is_closed())"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_sockets_that_leave_this_machine_are_told_from_those_that_do_not() -> None:
    with (
        socket.socket() as inside,
        socket.socket() as outside,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
    ):
        inside.bind(("127.0.0.1", 0))
        inside.listen()
        outside.bind(("0.0.0.0", 0))  # noqa: S104 - what must be found
        outside.listen()
        sending.bind(("127.0.0.1", 0))
        found = {int(use.local.rpartition(":")[2]): use for use in open_sockets() if use.pid == os.getpid()}
        assert not found[inside.getsockname()[1]].leaves
        assert not found[sending.getsockname()[1]].leaves
        assert found[outside.getsockname()[1]].leaves
        with socket.create_connection(inside.getsockname()) as connection:
            port = connection.getsockname()[1]
            assert [use.leaves for use in open_sockets() if use.local.endswith(f":{port}")] == [False]


def test_sockets_of_children_are_told() -> None:
    script = "import socket,sys; s=socket.socket(); s.bind(('0.0.0.0',0)); s.listen(); print('up',flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert [use.leaves for use in open_sockets() if use.pid == child.pid] == [True]


def test_files_made_or_changed_since_a_moment(tmp_path: Path) -> None:
    old, changed = tmp_path / "old", tmp_path / "deep/changed"
    changed.parent.mkdir()
    for path in (old, changed):
        path.write_text("x")
        os.utime(path, (1, 1))
    time.sleep(0.2)  # a file's own time cannot be set back: that changes its status
    since = time.time()
    changed.write_text("y")
    hidden = tmp_path / ".new"
    hidden.write_text("z")
    os.utime(hidden, (1, 1))
    link = tmp_path / "link"
    link.symlink_to(old)
    os.mkfifo(tmp_path / "pipe")
    assert disk_traces([tmp_path, tmp_path / "deep", tmp_path / "none"], since) == (hidden, changed, link)


def test_the_usual_folders_are_there_and_each_is_named_once() -> None:
    folders = usual_folders()
    assert Path.cwd().resolve() in folders
    assert len(set(folders)) == len(folders)
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.programs
def test_no_library_that_we_load_keeps_a_record_or_sends_one(tmp_path: Path) -> None:
    """ONNX Runtime makes its record when it is imported, except where it finds a build machine or a test of its own."""
    hushed = {"CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY"}
    kept = {name: value for name, value in os.environ.items() if name not in hushed and not name.startswith("XDG_")}
    script = (
        "import assistant.sound.hearing.recogniser, assistant.picture.reading.reader, assistant.sound.speaking.voice;"
        "import assistant.sound.hearing.wakeword, onnxruntime, time, psutil;"
        "onnxruntime.get_available_providers(); time.sleep(0.5);"
        "assert psutil.Process().net_connections('inet') == []"
    )
    environment = {**kept, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
