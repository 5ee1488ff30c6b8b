"""Where the store lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import settings


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
