"""`assistant service`: makes the assistant start by itself at power-on, without a screen, and says whether it does."""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from app import settings
from app.files import replace_text
from app.terminal import complain, say
from app.unit import NAME, desktop_text, plan, unit_text
from assistant.errors import ServiceError

if TYPE_CHECKING:
    from app.commands import Subparsers

UNIT = f"{NAME}.service"
BOOTED = Path("/run/systemd/system")
"""Exists where systemd is the init system (sd_booted(3))."""
LINGER = Path("/var/lib/systemd/linger")
"""Holds a file for each account whose services start at power-on."""
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Target:
    """What is written for this machine."""

    file: Path
    text: str
    systemd: bool

    @property
    def written(self) -> bool:
        return self.file.is_file() and self.file.read_text("utf-8", errors="replace") == self.text


def register(subparsers: Subparsers) -> None:
    """Add `service` to the command line."""
    parser = subparsers.add_parser(
        "service",
        help="start the assistant at power-on",
        description="Make the assistant start by itself, for this account.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, text in (
        ("install", install, "start it now and at each power-on"),
        ("remove", remove, "end it and do not start it any more"),
        ("show", show, "say what would be written"),
        ("status", status, "say whether it starts by itself and runs"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        settings.add_option(action)
        action.add_argument("--user", action="store_true", help="for this account, which is the only way there is")
        if name in ("install", "remove"):
            action.add_argument("--dry-run", action="store_true", help="only say what would be done")
        action.set_defaults(run=run)


def install(arguments: argparse.Namespace) -> int:
    """May be run again at any time, and has to be after `trigger.http_port` or `devices.camera` changed."""
    target = _target(arguments)
    user = getpass.getuser()
    commands = [("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", UNIT)]
    commands.append(("systemctl", "--user", "start" if target.written else "restart", UNIT))
    linger = ("loginctl", "enable-linger", user)
    if arguments.dry_run:
        say(f"Would write {target.file}:\n\n{target.text}")
        for command in [*commands, linger] if target.systemd else []:
            say(f"Would run: {' '.join(command)}")
        return 0
    if target.written:
        say(f"{target.file} is there already")
    else:
        _write(target)
        say(f"Wrote {target.file}")
    if not target.systemd:
        say("There is no systemd here: the assistant starts when you log in to your desktop, and is not restarted.")
        return 0
    for command in commands:
        _run(*command)
    say("The assistant is running, and starts when you log in.")
    _linger(linger, user)
    _name_groups(user)
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Leaves the settings, the models, and the account's lingering, which others may need."""
    files = [file for file in (_unit_file(), _desktop_file()) if file.exists()]
    unit = _unit_file() in files
    if arguments.dry_run:
        if unit:
            say(f"Would run: systemctl --user disable --now {UNIT}")
        for file in files:
            say(f"Would remove {file}")
        return 0
    if unit and BOOTED.is_dir():
        _run("systemctl", "--user", "disable", "--now", UNIT)
    for file in files:
        try:
            file.unlink()
        except OSError as error:
            raise _not_written(file, error) from error
        say(f"Removed {file}")
    if unit and BOOTED.is_dir():
        _run("systemctl", "--user", "daemon-reload")
        if (LINGER / getpass.getuser()).exists():
            say("Services of this account still start at power-on; to end that too: loginctl disable-linger")
    if not files:
        say("The assistant did not start by itself; there is nothing to remove.")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """The text of the file, and no more, so that it can be kept."""
    say(_target(arguments).text.rstrip())
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Exit status 0 when it starts by itself and runs, 1 otherwise."""
    target = _target(arguments)
    if not target.file.exists():
        say("Starts by itself: no; to change that, run: assistant service install")
        return 1
    say(f"Starts by itself: yes, by {target.file}")
    if not target.written:
        say("Its file is not what these settings need; to mend that, run: assistant service install")
    if not target.systemd:
        return 0 if target.written else 1
    enabled, active = _ask("is-enabled"), _ask("is-active")
    lingers = (LINGER / getpass.getuser()).exists()
    say(f"Enabled: {enabled}")
    say(f"Running: {active}")
    say(f"Starts before anybody logs in: {'yes' if lingers else 'no; to change that, run: loginctl enable-linger'}")
    return 0 if (enabled, active) == ("enabled", "active") and target.written else 1


def _target(arguments: argparse.Namespace) -> Target:
    here = settings.read(arguments.settings)
    needs = plan(_command(here.file), here.file, here.store_root, _environment(), settings.load(here.file))
    if BOOTED.is_dir():
        return Target(_unit_file(), unit_text(needs), True)
    return Target(_desktop_file(), desktop_text(needs), False)


def _command(file: Path) -> tuple[str, ...]:
    # Not resolved: the interpreter of a virtual environment is a link, and knows its packages by its place.
    python = Path(sys.executable)
    program = python.with_name("assistant")
    start = (str(program),) if program.is_file() else (str(python), "-m", "app.cli")
    return (*start, "listen", "--settings", str(file))


def _environment() -> dict[str, str]:
    """What of our surroundings a service would lack."""
    chosen = os.environ.get(settings.STORE_VARIABLE)
    store = {settings.STORE_VARIABLE: str(settings.read().store_root)} if chosen else {}
    return {**store, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def _unit_file() -> Path:
    return platformdirs.user_config_path() / "systemd" / "user" / UNIT


def _desktop_file() -> Path:
    return platformdirs.user_config_path() / "autostart" / f"{NAME}.desktop"


def _write(target: Target) -> None:
    try:
        replace_text(target.file, target.text, 0o644)
    except OSError as error:
        raise _not_written(target.file, error) from error


def _not_written(file: Path, error: OSError) -> ServiceError:
    return ServiceError(
        f"cannot change {file} ({error.strerror or error}): free some space there, or make it yours (chown)",
        "I could not change whether I start by myself. The disk may be full, or the file is not mine.",
    )


def _linger(command: tuple[str, ...], user: str) -> None:
    """Without it, the services of an account start when it logs in, which needs a screen or a program that does it."""
    if (LINGER / user).exists():
        say("It starts at power-on, before anybody logs in.")
        return
    try:
        _run(*command)
    except ServiceError:
        complain(f"To start it at power-on, before anybody logs in, run: sudo {' '.join(command)}")
        return
    say("It starts at power-on, before anybody logs in.")


def _name_groups(user: str) -> None:
    """At power-on nobody sits at the machine, and then Linux lends devices to the members of their groups alone."""
    from assistant.checkup.readiness import missing_groups

    missing = missing_groups(("audio", "video"))
    if missing:
        complain(
            f"For microphone and camera to work before anybody logs in, run: sudo usermod -aG {','.join(missing)} {user}, "
            "and restart the computer"
        )


def _run(*command: str) -> None:
    program = shutil.which(command[0])
    line = " ".join(command)
    if program is None:
        raise ServiceError(
            f"{command[0]} is missing: run where systemd is, {line}", "This system lacks a program I need."
        )
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{line} does not end: try it by hand", "The system does not answer. Try again.") from None
    if done.returncode:
        why = (done.stderr or done.stdout).strip().partition("\n")[0]
        raise ServiceError(
            f"{line} failed ({why or f'exit status {done.returncode}'}): log in as this account itself, not with su or sudo, "
            "and run it by hand",
            "The system refused to start me by itself. Log in as yourself and try again.",
        )


def _ask(question: str) -> str:
    program = shutil.which("systemctl")
    if program is None:
        return "unknown"
    try:
        done = subprocess.run(
            [program, "--user", question, UNIT], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return "unknown"
    return done.stdout.strip() or "unknown"
