"""`assistant settings`: what can be chosen and is chosen, where it is kept, changing it, taking it to another machine, and whether a
hand-edited file is right."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app import settings
from app.terminal import say, say_json
from assistant.errors import OutputError, SettingsError
from assistant.settings.preferences import choices

if TYPE_CHECKING:
    from app.commands import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add `settings` to the command line."""
    parser = subparsers.add_parser(
        "settings",
        help="show, change or check what can be chosen",
        description="Everything that can be chosen is in one file.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        settings.add_option(added)
        added.set_defaults(run=run)
        return added

    shown = action("show", show, "say every setting, its value and what is allowed")
    shown.add_argument("--json", action="store_true", help="write the result as JSON")
    action("path", path, "say which file holds the settings")
    changed = action("set", change, "change one setting")
    changed.add_argument("key", metavar="KEY", help="such as voice.speed")
    changed.add_argument("value", metavar="VALUE", help="such as 1.5, true or okay_nabu; '' for nothing")
    action("check", check, "say whether the file is right")
    exported = action("export", export, "write all settings as a text, to be kept or taken to another machine")
    exported.add_argument("--out", type=Path, metavar="FILE", help="a new file, instead of standard output")
    imported = action("import", import_, "take all settings from such a text")
    imported.add_argument("source", type=Path, metavar="FILE", help="as `assistant settings export` wrote it")


def show(arguments: argparse.Namespace) -> int:
    """One line for each setting, so that a screen reader reads them one by one."""
    file = settings.read(arguments.settings).file
    preferences = settings.load(file)
    if arguments.json:
        say_json({"file": file, "exists": file.exists(), "settings": preferences})
        return 0
    say(f"File: {file}{'' if file.exists() else ' (not there yet; these are the usual values)'}")
    for choice in choices(preferences):
        say(f"{choice.key} = {choice.value if choice.value != '' else 'nothing'} ({choice.rule.allowed})")
    return 0


def path(arguments: argparse.Namespace) -> int:
    """The file need not exist."""
    say(str(settings.read(arguments.settings).file))
    return 0


def change(arguments: argparse.Namespace) -> int:
    """Writes nothing when the value is not allowed."""
    file = settings.read(arguments.settings).file
    preferences = settings.change(file, arguments.key, arguments.value)
    value = next(choice.value for choice in choices(preferences) if choice.key == arguments.key)
    say(f"{arguments.key} = {value if value != '' else 'nothing'}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Exit status 2 when the file is wrong, by way of the error."""
    file = settings.read(arguments.settings).file
    settings.load(file)
    say(f"{file} is right" if file.exists() else f"{file} is not there; the usual values are used")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """With every comment, and each value that is usual as well."""
    text = settings.as_toml(settings.load(settings.read(arguments.settings).file))
    if arguments.out is None:
        say(text.rstrip("\n"))
        return 0
    try:
        with arguments.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(
            f"cannot write {arguments.out} ({error.strerror or error}): name a new file in a folder of yours",
            "I cannot write the settings there. Choose another place.",
        ) from error
    say(f"written: {arguments.out}")
    return 0


def import_(arguments: argparse.Namespace) -> int:
    """Changes nothing when anything in the text is wrong; every mistake is told."""
    file = settings.read(arguments.settings).file
    settings.save(file, settings.load(_existing(arguments.source)))
    say(f"{file} now says what {arguments.source} says")
    return 0


def _existing(file: Path) -> Path:
    """A file that is not there would mean the usual settings."""
    if not file.exists():
        raise SettingsError(f"no file {file}: check the name", "I cannot find that file. Check its name.")
    return file
