"""The settings of this machine and user: where they lie, read once at the edge; everything behind gets them as values.

What may be chosen, and within which bounds, stands in `assistant/settings/preferences.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from app.files import replace_text
from assistant.errors import SettingsError
from assistant.settings.preferences import Preferences, Problem, Value, check, choices, from_text

STORE_VARIABLE = "RPIQ_ASSISTANT_MODELS"
FILE_VARIABLE = "RPIQ_ASSISTANT_SETTINGS"
STATE_VARIABLE = "RPIQ_ASSISTANT_STATE"
LARGEST_BYTES = 64_000
"""A settings file with every comment has about 6,000; a larger one is some other file."""

_HEAD = """\
# Settings of the spoken assistant. Change a value here, with `assistant settings set KEY VALUE`, or in the web page;
# it takes effect within a second. A line that is left out, and a file that is left out, mean the usual value.
# The program writes this file anew when it changes a value: comments of your own do not stay.
"""


@dataclass(frozen=True)
class Settings:
    """What the commands need to know of their surroundings."""

    store_root: Path
    """The folder of the model store."""
    file: Path
    """The settings file, which need not exist."""
    socket: Path
    """Where the running assistant listens for `assistant talk`."""
    state: Path
    """The folder of what the program keeps for itself: the web's password (as a hash), token and certificate."""


def read(file: Path | None = None) -> Settings:
    """The places of this process, from the environment; no file is opened.

    `RPIQ_ASSISTANT_MODELS` moves the store out of the user's data folder. The settings file is `file`, or what
    `RPIQ_ASSISTANT_SETTINGS` says, or `settings.toml` in the user's configuration folder. `RPIQ_ASSISTANT_STATE` moves the
    folder of what the program keeps for itself.
    """
    store = os.environ.get(STORE_VARIABLE)
    chosen = file or os.environ.get(FILE_VARIABLE)
    return Settings(
        store_root=_absolute(store or platformdirs.user_data_path("rpiq-assistant", False) / "models"),
        file=_absolute(chosen or platformdirs.user_config_path("rpiq-assistant", False) / "settings.toml"),
        socket=_runtime_folder() / "talk.sock",
        state=_absolute(os.environ.get(STATE_VARIABLE) or platformdirs.user_state_path("rpiq-assistant", False)),
    )


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option of every command that reads the settings file; give its value to `read`."""
    parser.add_argument("--settings", type=Path, metavar="FILE", help="another settings file")


def load(file: Path) -> Preferences:
    """What `file` says; the defaults when there is none.

    Errors: SettingsError, which names everything that is wrong at once.
    """
    preferences, problems = check(_table(file))
    if problems:
        raise _wrong(file, problems)
    return preferences


def save(file: Path, preferences: Preferences) -> None:
    """Write all of `preferences` to `file`, each with its explanation; nobody else may read it.

    All or nothing. Errors: SettingsError when a value is out of bounds or the place cannot be written.
    """
    text = as_toml(preferences)
    _, problems = check(tomllib.loads(text))
    if problems:
        raise _wrong(file, problems)
    try:
        replace_text(file, text, 0o600)
    except OSError as error:
        raise SettingsError(
            f"cannot write {file} ({error.strerror or error}): free some space there, or choose another file with --settings",
            "I could not keep the setting. The disk may be full, or the file is not mine to write.",
        ) from error


def change(file: Path, key: str, text: str) -> Preferences:
    """Set `key` (`voice.speed`) in `file` to what `text` means, and return all. It may mend a file with one wrong value.

    Errors: SettingsError when there is no such key, the value is out of bounds, other values are wrong, or as `save`.
    """
    return change_all(file, {key: text})


def change_all(file: Path, texts: Mapping[str, str]) -> Preferences:
    """As `change`, several keys at once: all of them, or, when one is wrong, none."""
    table = _table(file)
    unknown: list[Problem] = []
    for key, text in texts.items():
        value = from_text(key, text)
        if isinstance(value, Problem):
            unknown.append(value)
        else:
            table = _with(table, key, value)
    preferences, problems = check(table)
    if unknown or problems:
        raise _wrong(file, (*unknown, *problems))
    save(file, preferences)
    return preferences


def replace_all(file: Path, text: str) -> Preferences:
    """Make `file` say what `text`, the text of a settings file of this or another machine, says; what that leaves out is usual.

    Errors: SettingsError, with everything that is wrong with `text`, or as `save`; then nothing is changed.
    """
    preferences = parse(text, "the text")
    save(file, preferences)
    return preferences


def parse(text: str, name: str) -> Preferences:
    """The preferences that `text` says; `name` is what it is called in errors. Errors: SettingsError."""
    preferences, problems = check(_parsed(text.encode("utf-8", "surrogatepass"), name))
    if problems:
        raise _wrong(name, problems)
    return preferences


class Watch:
    """Notices that the settings file changed. Its owner asks, about once a second; there is no thread."""

    def __init__(self, file: Path) -> None:
        """What `file` holds now counts as known."""
        self._file = file
        self._known = self._signature()

    def changed(self) -> Preferences | SettingsError | None:
        """The new settings, or what is wrong with them (then the old ones stay in force); None when nothing changed."""
        # Taken before reading: what is written while we read is noticed the next time.
        now = self._signature()
        if now == self._known:
            return None
        self._known = now
        try:
            return load(self._file)
        except SettingsError as error:
            return error

    def _signature(self) -> tuple[int, int, int] | str:
        try:
            found = self._file.stat()
        except OSError as error:
            return type(error).__name__
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def as_toml(preferences: Preferences) -> str:
    """`preferences` as the text of a settings file, with what each means, what is allowed, and what is usual."""
    usual = {choice.key: choice.value for choice in choices(Preferences())}
    lines = [_HEAD]
    table = ""
    for choice in choices(preferences):
        place, _, name = choice.key.rpartition(".")
        if place != table:
            table = place
            lines.append(f"[{table}]\n")
        about = f"{choice.rule.about} Allowed: {choice.rule.allowed}. Usual: {_toml(usual[choice.key])}."
        lines += textwrap.wrap(about, 110, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
        lines.append(f"{name} = {_toml(choice.value)}\n")
    return "\n".join(lines)


def _absolute(path: Path | str) -> Path:
    return Path(path).expanduser().absolute()


def _runtime_folder() -> Path:
    """Where sockets of this account lie: its own folder in memory, if the system made one at login."""
    chosen = os.environ.get("XDG_RUNTIME_DIR")
    usual = Path(f"/run/user/{os.getuid()}")
    if chosen or usual.is_dir():
        return Path(chosen or usual) / "rpiq-assistant"
    return Path(tempfile.gettempdir()) / f"rpiq-assistant-{os.getuid()}"


def _toml(value: Value) -> str:
    # A JSON text of printable characters, which `check` sees to, is a TOML text; so are JSON's true and numbers.
    return json.dumps(value, ensure_ascii=False)


def _with(table: dict[str, Any], key: str, value: Value) -> dict[str, Any]:
    place, _, name = key.rpartition(".")
    if not place:
        return {**table, name: value}
    inner = table.get(place)
    return {**table, place: {**(inner if isinstance(inner, dict) else {}), name: value}}


def _table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings {file} ({error.strerror or error}): make it a file that you may read, or take it away",
            "I cannot open the settings file.",
        ) from error
    return _parsed(raw, file)


def _parsed(raw: bytes, file: Path | str) -> dict[str, Any]:
    if len(raw) > LARGEST_BYTES:
        raise SettingsError(
            f"{file} is larger than {LARGEST_BYTES:,} bytes, which no settings file is: choose another one",
            "The settings file is far too large to be one. Choose another one.",
        )
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = raw[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 0
        where = f"line {line} is not UTF-8" if line else str(error)
        raise SettingsError(
            f"{file} is not valid TOML: {where}; correct it, or take it away to get the usual settings",
            "The settings file has a spelling mistake that keeps me from reading it. Correct it, or take it away.",
        ) from error


def _wrong(file: Path | str, problems: tuple[Problem, ...]) -> SettingsError:
    count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
    return SettingsError(
        f"{file} has {count}: " + "; ".join(map(str, problems)),
        f"The settings have {count}. {problems[0].spoken}",
        {problem.key: f"{problem.found}: {problem.allowed}" for problem in problems},
    )
