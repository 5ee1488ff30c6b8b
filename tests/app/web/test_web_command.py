"""`assistant web`, run as people run it: what it refuses, what it prints, what it keeps."""

from __future__ import annotations

import io
import re
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app import cli, settings
from app.web.door.credentials import Credentials
from app.web.scratch import place
from tests.app.web.door.secured import eventually

pytestmark = pytest.mark.programs


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command keeps what it keeps."""
    monkeypatch.setenv(settings.STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.setenv(settings.STORE_VARIABLE, str(tmp_path / "no models"))
    monkeypatch.setenv(settings.FILE_VARIABLE, str(tmp_path / "settings.toml"))
    return tmp_path / "state"


def say_password(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return cli.main(["web", "--set-password"])


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "kitchen.local"])  # noqa: S104 - refused
def test_other_machines_are_not_let_in_by_accident(state: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["web", "--host", host]) == 2
    assert "add --lan" in capsys.readouterr().err
    assert not state.exists()


def test_a_port_that_is_none_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["web", "--port", "70000"]) == 2
    assert "from 0 to 65535" in capsys.readouterr().err


def test_a_password_from_a_pipe_is_kept_as_a_hash(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert say_password(monkeypatch, "three words long\n") == 0
    assert Credentials(state).is_password("three words long")
    assert say_password(monkeypatch, "short\n") == 2
    assert say_password(monkeypatch, "") == 2
    assert Credentials(state).is_password("three words long")


def test_a_password_that_is_typed_is_asked_twice_and_not_shown(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    typed = iter(["three words long", "three words wrong", "three words long", "three words long"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert cli.main(["web", "--set-password"]) == 2
    assert not Credentials(state).has_password
    assert cli.main(["web", "--set-password"]) == 0
    assert Credentials(state).is_password("three words long")


def test_where_the_token_is_is_said_but_not_the_token(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["web", "--show-token"]) == 0
    said = capsys.readouterr().out
    assert str(state / "web-token") in said
    assert Credentials(state).token() not in said
    assert stat.S_IMODE((state / "web-token").stat().st_mode) == 0o600


@contextmanager
def started(log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [sys.executable, "-m", "app.cli", "web", "--port", "0", *options], stderr=stream, stdin=subprocess.DEVNULL
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def test_on_the_own_network_it_asks_for_the_code_over_https_with_the_certificate_it_names(
    state: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with started(log, "--lan") as process:
        eventually(lambda: process.poll() is not None or "the code to log in" in log.read_text())
        said = log.read_text()
        port = re.findall(r"https://\S+:(\d+)", said)[0]
        address = f"https://127.0.0.1:{port}"
        trust = ssl.create_default_context(cafile=str(state / "web-certificate.pem"))
        with httpx.Client(base_url=address, verify=trust, trust_env=False, headers={"Origin": address}) as client:
            assert "Say the code" in client.get("/login").text
            page = client.get("/login").text.replace("<wbr>", "")
            shown = re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", page)
            assert shown == re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said)
            assert client.post("/api/stop").status_code == 401
            code = re.findall(r"the code to log in: (\d{6})", said)[-1]
            assert client.post("/login", data={"secret": code}).status_code == 303
            assert client.post("/api/stop").status_code == 204
            assert "save" not in client.post("/api/ask", data={"question": "save it"}).json()["act"]
        process.terminate()
        process.wait(60)
        assert process.returncode == 0
    assert list(place().glob(f"rpiq-assistant-web-{process.pid}-*")) == []


def test_here_it_can_ask_for_a_login_too(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert say_password(monkeypatch, "three words long\n") == 0
    log = tmp_path / "log"
    with started(log, "--login") as process:
        eventually(lambda: process.poll() is not None or "to log in: the password" in log.read_text())
        address = re.findall(r"http://\S+:\d+", log.read_text())[0]

        def answers() -> bool:
            try:
                return httpx.get(f"{address}/", trust_env=False).status_code == 401
            except httpx.TransportError:
                return False

        eventually(answers)
