"""The socket to talk by: its orders, who may use it, stale and live ones, and clients that misbehave."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli, settings
from assistant.devices.triggers.talk_socket import LONGEST_LINE, TalkSocket, tell
from assistant.errors import TriggerError
from assistant.ports.events import Pressed, Quit, Released, Typed
from tests.paths import ROOT

from .heard import PATIENCE, Heard

pytestmark = pytest.mark.servers


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "talk.sock"


@pytest.fixture
def door(path: Path, heard: Heard) -> Iterator[TalkSocket]:
    made = TalkSocket(path, lambda: {"state": "listening"})
    made.start(heard.events.put, lambda: 7.0)
    yield made
    made.close()
    made.close()


def test_each_order_is_an_event(door: TalkSocket, path: Path, heard: Heard) -> None:
    for order in ("press", "release", "stop", "ask  Who wrote it? ", "quit"):
        assert tell(path, order) == {"ok": True}
    events = [heard.next() for _ in range(5)]
    assert events == [Pressed(7, "socket"), Released(7), Typed(7, "stop"), Typed(7, "Who wrote it?"), Quit(7)]
    assert tell(path, "status") == {"ok": True, "state": "listening"}
    assert heard.events.empty()


@pytest.mark.parametrize("order", ["", "jump", "ask", "ask  ", "press now", "PRESS"])
def test_what_is_no_order_is_refused(door: TalkSocket, path: Path, heard: Heard, order: str) -> None:
    with pytest.raises(TriggerError, match="refused") as caught:
        tell(path, order)
    assert caught.value.spoken
    assert heard.events.empty()


def test_only_the_account_itself_may_use_it(door: TalkSocket, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_closed_it_is_gone(path: Path, heard: Heard) -> None:
    door = TalkSocket(path, dict)
    door.start(heard.events.put, lambda: 0)
    door.close()
    assert not path.exists()
    with pytest.raises(TriggerError, match="not running"):
        tell(path, "press")


def test_a_second_assistant_is_refused_and_the_first_goes_on(door: TalkSocket, path: Path, heard: Heard) -> None:
    second = TalkSocket(path, dict)
    with pytest.raises(TriggerError, match="already running") as caught:
        second.start(heard.events.put, lambda: 0)
    assert "already running" in caught.value.spoken
    second.close()
    assert tell(path, "press") == {"ok": True}


def test_the_socket_of_a_killed_assistant_is_replaced(path: Path, heard: Heard) -> None:
    program = (
        "import sys, time, pathlib\nfrom assistant.devices.triggers.talk_socket import TalkSocket\n"
        "TalkSocket(pathlib.Path(sys.argv[1]), dict).start(print, time.monotonic)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "up\n"
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE)
    assert path.exists()
    with pytest.raises(TriggerError, match="not running"):
        tell(path, "press")
    door = TalkSocket(path, dict)
    door.start(heard.events.put, lambda: 0)
    assert tell(path, "press") == {"ok": True}
    door.close()


def test_a_folder_of_somebody_else_is_refused(path: Path, heard: Heard) -> None:
    path.parent.symlink_to("/tmp", target_is_directory=True)  # noqa: S108 - a folder that is not ours
    with pytest.raises(TriggerError, match="not a folder of yours"):
        TalkSocket(path, dict).start(heard.events.put, lambda: 0)


def test_a_place_where_no_socket_can_be_is_an_error(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "talk.sock", tmp_path / ("x" * 200) / "talk.sock"):
        with pytest.raises(TriggerError, match="cannot make the socket"):
            TalkSocket(path, dict).start(heard.events.put, lambda: 0)


def test_one_silent_client_blocks_nobody_and_rubbish_is_answered(door: TalkSocket, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as rude:
        silent.connect(str(path))
        assert tell(path, "press") == {"ok": True}
        rude.settimeout(PATIENCE)
        rude.connect(str(path))
        rude.sendall(b"\xff\xfe\npress\n")
        lines = rude.makefile("rb")
        assert json.loads(lines.readline())["ok"] is False
        assert json.loads(lines.readline()) == {"ok": True}
        rude.sendall(b"x" * (LONGEST_LINE + 1))
        assert json.loads(lines.readline())["ok"] is False
        assert lines.readline() == b""
        lines.close()


def test_a_question_that_is_too_long_is_not_sent(path: Path) -> None:
    with pytest.raises(TriggerError, match="too long"):
        tell(path, "ask " + "x" * LONGEST_LINE)


def test_an_assistant_that_hangs_is_named(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()

        def hang_up() -> None:
            connection, _ = hung.accept()
            connection.recv(10)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(TriggerError, match="does not answer"):
            tell(path, "press")
        thread.join()


def test_the_command(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert cli.main(["talk", "press"]) == 2
    assert "not running" in capsys.readouterr().err
    door = TalkSocket(settings.read().socket, lambda: {"state": "idle", "since_seconds": 3})
    door.start(heard.events.put, time.monotonic)
    try:
        assert cli.main(["talk", "ask", "Who", "wrote it?"]) == 0
        asked = heard.next()
        assert isinstance(asked, Typed)
        assert asked.text == "Who wrote it?"
        assert capsys.readouterr().out == ""
        assert cli.main(["talk", "status"]) == 0
        assert capsys.readouterr().out == "state: idle\nsince seconds: 3\n"
        assert cli.main(["talk", "status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["state"] == "idle"
    finally:
        door.close()
