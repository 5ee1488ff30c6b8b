"""Where the store and the settings lie; what a settings file may say, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from app import cli, settings
from assistant.errors import SettingsError
from assistant.settings.preferences import Devices, Preferences, Voice, check, choices


def test_variable_moves_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(settings.STORE_VARIABLE, str(tmp_path))
    assert settings.read().store_root == tmp_path


def test_relative_and_home_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(settings.STORE_VARIABLE, "here")
    assert settings.read().store_root == tmp_path / "here"
    monkeypatch.setenv(settings.STORE_VARIABLE, "~/there")
    assert settings.read().store_root == tmp_path / "home/there"


def test_without_the_variable_it_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(settings.STORE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert settings.read().store_root == tmp_path / "rpiq-assistant/models"


def test_the_settings_file_is_where_the_option_the_variable_or_the_system_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    assert settings.read().file == tmp_path / "rpiq-assistant/settings.toml"
    monkeypatch.setenv(settings.FILE_VARIABLE, str(tmp_path / "mine.toml"))
    assert settings.read().file == tmp_path / "mine.toml"
    assert settings.read(tmp_path / "other.toml").file == tmp_path / "other.toml"


def test_the_socket_is_in_the_folder_of_the_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert settings.read().socket == tmp_path / "rpiq-assistant/talk.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert str(os.getuid()) in str(settings.read().socket)


def test_no_file_means_the_usual(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "none.toml") == Preferences()


def test_what_is_saved_is_read_again_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "settings.toml"
    odd = 'Hörgerät "A" \\ 100 % #1 $x'
    chosen = replace(Preferences(), devices=Devices(microphone=odd), voice=Voice(speed=0.7), profile="small")
    settings.save(file, chosen)
    assert settings.load(file) == chosen
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["settings.toml"]


def test_the_written_file_explains_every_setting() -> None:
    text = settings.as_toml(Preferences())
    assert check(tomllib.loads(text)) == (Preferences(), ())
    assert all(f"\n{choice.key.rpartition('.')[2]} = " in text for choice in choices(Preferences()))
    prose = " ".join(text.replace("\n# ", " ").split())
    assert all(" ".join(choice.rule.about.split()) in prose for choice in choices(Preferences()))
    assert len(text) < settings.LARGEST_BYTES / 5


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "link.toml").symlink_to("real.toml")
    settings.change(tmp_path / "link.toml", "voice.speed", "2")
    assert (tmp_path / "link.toml").is_symlink()
    assert settings.load(tmp_path / "real.toml").voice.speed == 2


def test_a_value_out_of_bounds_is_never_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    with pytest.raises(SettingsError, match=r"voice\.speed is 9\.0: give a number from 0\.5 to 3"):
        settings.save(file, replace(Preferences(), voice=Voice(speed=9.0)))
    with pytest.raises(SettingsError, match=r"voice\.speed"):
        settings.change(file, "voice.speed", "quick")
    assert not file.exists()


def test_a_change_mends_a_wrong_value_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[voice]\nspeed = 9\nkind = 'fast'\n")
    settings.change(file, "voice.speed", "2")
    assert settings.load(file).voice == Voice(kind="fast", speed=2.0)
    file.write_text("voice = 1\n")
    settings.change(file, "voice.speed", "2")
    assert settings.load(file).voice == Voice(speed=2.0)


def test_all_mistakes_are_in_one_error(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("profil = 'small'\n[voice]\nspeed = 9\n[listening]\nmode = 'x'\n")
    with pytest.raises(SettingsError) as caught:
        settings.load(file)
    assert set(caught.value.problems) == {"profil", "voice.speed", "listening.mode"}
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(key in str(caught.value) for key in caught.value.problems)
    assert caught.value.spoken.startswith("The settings have 3 mistakes. ")
    assert str(file) not in caught.value.spoken


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[voice\nspeed = 1", "line 1"),
        (b"a = 1\nb = '\xff'", "line 2 is not UTF-8"),
        (b"#" * (settings.LARGEST_BYTES + 1), "larger than"),
        (b"[voice]\nspeed = 1\nspeed = 2\n", "not valid TOML"),
    ],
)
def test_what_is_no_settings_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        settings.load(file)
    assert caught.value.spoken


def test_a_folder_in_its_place_is_an_error_when_read_and_when_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the settings"):
        settings.load(tmp_path)
    with pytest.raises(SettingsError, match="cannot write"):
        settings.save(tmp_path, Preferences())
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write"):
        settings.save(tmp_path / "file" / "settings.toml", Preferences())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_watch_tells_each_change_once_and_survives_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    watch = settings.Watch(file)
    assert watch.changed() is None
    settings.change(file, "voice.speed", "2")
    assert watch.changed() == replace(Preferences(), voice=Voice(speed=2.0))
    assert watch.changed() is None
    file.write_text("[voice]\nspeed = 9\n")
    assert isinstance(watch.changed(), SettingsError)
    assert watch.changed() is None
    # The same size, at the same time: an editor that replaces the file.
    before = file.stat()
    other = tmp_path / "other"
    other.write_text("[voice]\nspeed = 3\n")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert watch.changed() == replace(Preferences(), voice=Voice(speed=3.0))
    file.unlink()
    assert watch.changed() == Preferences()


def test_the_command_shows_sets_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.toml"

    def run(*words: str) -> tuple[int, str]:
        action, *rest = words
        status = cli.main(["settings", action, "--settings", str(file), *rest])
        return status, capsys.readouterr().out

    assert run("path") == (0, f"{file}\n")
    assert "not there" in run("check")[1]
    assert run("set", "voice.speed", "1.5") == (0, "voice.speed = 1.5\n")
    assert run("set", "devices.camera", "") == (0, "devices.camera = nothing\n")
    assert "voice.speed = 1.5 (a number from 0.5 to 3)" in run("show")[1].splitlines()
    shown = json.loads(run("show", "--json")[1])
    assert (shown["file"], shown["exists"], shown["settings"]["voice"]["speed"]) == (str(file), True, 1.5)
    assert run("check") == (0, f"{file} is right\n")
    before = file.read_bytes()
    assert run("set", "voice.speed", "9")[0] == 2
    assert run("set", "voice", "9")[0] == 2
    assert file.read_bytes() == before
    file.write_text("x = 1\n")
    assert run("check")[0] == run("show")[0] == 2


def test_settings_are_taken_to_another_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, there, text = tmp_path / "here.toml", tmp_path / "there.toml", tmp_path / "text.toml"
    settings.save(here, replace(Preferences(), voice=Voice(speed=2.0)))
    assert cli.main(["settings", "export", "--settings", str(here), "--out", str(text)]) == 0
    assert cli.main(["settings", "export", "--settings", str(here), "--out", str(text)]) == 2  # never over a file
    assert cli.main(["settings", "import", "--settings", str(there), str(text)]) == 0
    assert settings.load(there) == settings.load(here)
    text.write_text("[voice]\nspeed = 9\nvolume = 9\n")
    capsys.readouterr()
    assert cli.main(["settings", "import", "--settings", str(there), str(text)]) == 2
    assert "2 mistakes: voice.speed" in capsys.readouterr().err
    assert cli.main(["settings", "import", "--settings", str(there), str(tmp_path / "none.toml")]) == 2
    assert settings.load(there) == settings.load(here)


def test_several_settings_are_changed_together_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    with pytest.raises(SettingsError) as caught:
        settings.change_all(file, {"voice.speed": "2", "voice.volume": "loud", "voice.pitch": "1"})
    assert set(caught.value.problems) == {"voice.volume", "voice.pitch"}
    assert not file.exists()
    assert settings.change_all(file, {"voice.speed": "2", "answers.earcons": "false"}).voice.speed == 2
    assert not settings.load(file).answers.earcons


@pytest.mark.parametrize("text", ["[voice", "\ud800", "#" * 70_000])
def test_a_text_that_is_no_settings_file_changes_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    with pytest.raises(SettingsError):
        settings.replace_all(file, text)
    assert not file.exists()
