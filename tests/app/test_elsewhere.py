"""`assistant ask`, `doctor` and `settings` where models run on another machine; and what `ask` takes from the settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import settings
from app.cli import main
from app.commands.listen import _Chosen
from app.engines import open_engines, same_engines
from assistant.checkup.privacy import memory_is_closed
from assistant.errors import SettingsError
from assistant.settings.preferences import Preferences, Server
from tests.assistant.engines.remote.servers import Stub, says, status, stub
from tests.paths import ROOT

SIGN = ROOT / "samples/parking-sign.jpg"


def chosen(folder: Path, server: Stub, **changes: Any) -> Path:
    """A settings file that names `server`."""
    there = Server(engine="openai", address=server.address, picture_model="sees", **changes)
    settings.save(folder / "settings.toml", replace(Preferences(), server=there))
    return folder / "settings.toml"


def ask(file: Path, record: Path, *options: object) -> dict[str, Any]:
    common = ["ask", "--silent", "--settings", file, "--image", SIGN, "--json", record]
    assert main([*map(str, common), *map(str, options)]) == 0
    answered: dict[str, Any] = json.loads(record.read_text("utf-8"))
    return answered


@pytest.mark.usefixtures("store")
def test_ask_asks_the_model_of_the_settings_what_print_cannot_answer(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("abc")
    key.chmod(0o600)
    with stub(says("A blue ", "sign.")) as server:
        file = chosen(tmp_path, server, key_file=str(key))
        seen = ask(file, tmp_path / "a.json", "--text", "What is around me?")
        read = ask(file, tmp_path / "b.json", "--text", "What does it say?")
    assert (seen["answer"], seen["seen"]) == ("As far as I can see: A blue sign.", "A blue sign.")
    assert "sees at 127.0.0.1:" in seen["engine"]
    assert "DOUBLE PARKING" in read["answer"]
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer abc"]
    assert memory_is_closed()


@pytest.mark.usefixtures("store")
def test_ask_reads_where_the_server_fails_and_says_so(tmp_path: Path) -> None:
    with stub(status(429)) as server:
        given = ask(chosen(tmp_path, server), tmp_path / "a.json", "--text", "What is around me?")
    assert given["answer"].startswith("The other machine is too busy. So I only read. I can read: ")
    assert given["abstained"]


@pytest.mark.usefixtures("store")
def test_models_of_the_command_line_are_those_of_this_machine(tmp_path: Path) -> None:
    with stub(says("A sign.")) as server:
        options = ("--text", "What is around me?", "--profile", "embedded")
        given = ask(chosen(tmp_path, server), tmp_path / "a.json", *options)
    assert server.requests == []
    assert given["answer"].startswith("I can only read text with this setup.")


@pytest.mark.usefixtures("store")
def test_ask_takes_voice_and_speed_from_the_settings(tmp_path: Path) -> None:
    lengths = []
    for speed in ("0.5", "3"):
        settings.change(tmp_path / "settings.toml", "voice.speed", speed)
        out = tmp_path / f"{speed}.wav"
        ask(tmp_path / "settings.toml", tmp_path / "a.json", "--text", "What does it say?", "--out", out)
        lengths.append(out.stat().st_size)
    assert lengths[0] > 2 * lengths[1]
    out = tmp_path / "said.wav"
    ask(tmp_path / "settings.toml", tmp_path / "a.json", "--text", "What does it say?", "--speed", "0.5", "--out", out)
    assert out.stat().st_size > 2 * lengths[1]


def test_ask_says_what_is_wrong_with_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[voice]\nspeed = 9\n")
    command = ["ask", "--settings", str(file), "--image", str(SIGN), "--text", "What does it say?"]
    assert main(command) == 2
    assert "voice.speed is 9" in capsys.readouterr().err
    file.write_text("[server]\nengine = 'openai'\n")
    assert main(command) == 2
    assert "server.address is empty" in capsys.readouterr().err


def test_an_address_outside_cannot_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["settings", "set", "--settings", str(tmp_path / "s.toml"), "server.address", "https://api.openai.com/v1"]
    assert main(command) == 2
    assert "address of a machine in your own network" in capsys.readouterr().err
    assert not (tmp_path / "s.toml").exists()


@pytest.mark.usefixtures("store")
def test_the_doctor_asks_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def doctor(file: Path) -> str:
        assert main(["doctor", "--settings", str(file)]) == 0
        return capsys.readouterr().out

    def colours(handler: Any) -> None:
        says("red" if len(server.requests) % 2 else "blue")(handler)

    with stub(colours) as server:
        file = chosen(tmp_path, server)
        assert "For seeing: sees at 127.0.0.1:" in (told := doctor(file))
        assert "it answers; pictures go there" in told
        assert "the picture model on the other machine" not in told
        server.behaviour = says("red")
        assert "says the same of a red picture and of a blue one" in doctor(file)
        server.behaviour = status(401)
        told = doctor(file)
        assert "Optional: the picture model on the other machine is of no use" in told
        assert "set server.key_file" in told
    assert "cannot be reached" in doctor(file)
    settings.change(file, "server.picture_model", "")
    assert "server.picture_model or server.language_model is empty" in doctor(file)
    settings.change(file, "server.engine", "local")
    assert "other machine" not in doctor(file)


def test_a_change_that_names_half_a_server_is_told_while_listening_and_the_old_settings_stay(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    watched = _Chosen(file, None)
    settings.change(file, "server.engine", "openai")
    told = watched.changed()
    assert isinstance(told, SettingsError)
    assert "name another machine" in told.spoken
    assert watched.now == Preferences()
    settings.change(file, "server.picture_model", "sees")
    settings.change(file, "server.address", "http://gpu.lan/v1")
    assert isinstance(watched.changed(), Preferences)
    assert watched.now.server.address == "http://gpu.lan/v1"


def test_engines_are_opened_again_when_the_server_changes(tmp_path: Path) -> None:
    before = Preferences()
    after = replace(before, server=Server(engine="openai", address="http://gpu.lan/v1", picture_model="sees"))
    assert same_engines(before, replace(before))
    assert not same_engines(before, after)
    places = settings.read(tmp_path / "settings.toml")
    assert open_engines(places, after).asks == "gpu.lan"
    assert open_engines(places, before).asks == ""
