"""What makes the assistant start by itself: the texts, checked by systemd where it is, and that installing can be repeated.

No systemd runs here, so `systemctl` and `loginctl` are scripts that note how they were called, or fail.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app import cli, settings
from app.commands import service
from app.unit import Plan, desktop_text, plan, unit_text
from assistant.settings.preferences import Devices, Preferences, Triggers

ODD = Plan(
    ("/bin/true", "listen", "--settings", '/a b/100%/$x"q"\\s.toml'), (Path("/a b/100%"), Path("/srv/models")),
    {"RPIQ_ASSISTANT_MODELS": "/a b/50%"},
)  # fmt: skip
ANALYZE = shutil.which("systemd-analyze")
PLAIN = plan(("/bin/true", "listen"), Path("/c/settings.toml"), Path("/m"), {}, Preferences())


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.partition("=")[0] == key]


def test_the_unit_restarts_and_starts_at_power_on() -> None:
    text = unit_text(PLAIN)
    assert values(text, "Restart") == ["always"]
    assert values(text, "RestartSec") == ["2"]
    assert values(text, "WantedBy") == ["default.target"]
    assert values(text, "LimitCORE") == ["0"]
    assert "pulseaudio.service" in values(text, "After")[0]


def test_nothing_that_takes_devices_away_or_keeps_it_from_starting() -> None:
    keys = {line.partition("=")[0] for line in unit_text(PLAIN).splitlines() if not line.startswith("#")}
    forbidden = {"PrivateDevices", "DevicePolicy", "MemoryDenyWriteExecute", "ProtectClock", "ProtectKernelLogs"}
    assert not keys & {*forbidden, "ProtectKernelModules", "CapabilityBoundingSet", "PrivateUsers"}


@pytest.mark.parametrize(
    ("chosen", "families", "allowed"),
    [
        (Preferences(), "AF_UNIX", ["localhost"]),
        (replace(Preferences(), trigger=Triggers(http_port=8765)), "AF_UNIX AF_INET AF_INET6", ["localhost"]),
        (
            replace(Preferences(), devices=Devices(camera="rtsp://user:secret@192.168.1.9:554/live")),
            "AF_UNIX AF_INET AF_INET6",
            ["localhost 192.168.1.9"],
        ),
        (
            replace(Preferences(), devices=Devices(camera="http://[fe80::1]/x")),
            "AF_UNIX AF_INET AF_INET6",
            ["localhost fe80::1"],
        ),
        (replace(Preferences(), devices=Devices(camera="rtsp://door.lan/")), "AF_UNIX AF_INET AF_INET6", []),
        (replace(Preferences(), devices=Devices(camera="/dev/video2")), "AF_UNIX", ["localhost"]),
    ],
)
def test_the_network_is_open_for_what_the_settings_need_alone(
    chosen: Preferences, families: str, allowed: list[str]
) -> None:
    text = unit_text(plan(("/bin/true",), Path("/c/s.toml"), Path("/m"), {}, chosen))
    assert values(text, "RestrictAddressFamilies") == [families]
    assert values(text, "IPAddressAllow") == allowed
    assert values(text, "IPAddressDeny") == ["any"] * len(allowed)
    assert "secret" not in text


def test_odd_names_are_quoted() -> None:
    text = unit_text(ODD)
    assert values(text, "ExecStart") == [r'"/bin/true" "listen" "--settings" "/a b/100%%/$$x\"q\"\\s.toml"']
    assert values(text, "ReadWritePaths") == ['"-/a b/100%%" "-/srv/models"']
    assert 'Environment="RPIQ_ASSISTANT_MODELS=/a b/50%%"' in text.splitlines()


def test_the_autostart_file_runs_what_is_meant() -> None:
    (line,) = values(desktop_text(ODD), "Exec")
    # Undo the two layers of the specification: escapes of a value, then quotes of a command, where % begins a code.
    script = "printf '%s\\n' " + line.replace("\\\\", "\\").replace("%%", "%")
    words = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words == ["env", "RPIQ_ASSISTANT_MODELS=/a b/50%", *ODD.command]


@pytest.mark.skipif(not ANALYZE, reason="needs systemd-analyze (apt install systemd)")
@pytest.mark.parametrize("needs", [PLAIN, ODD, replace(ODD, http=True), replace(ODD, camera_host="192.168.1.9")])
def test_systemd_understands_every_line(needs: Plan, tmp_path: Path) -> None:
    unit = tmp_path / service.UNIT

    def verify() -> str:
        done = subprocess.run(
            [str(ANALYZE), "verify", "--user", "--man=no", unit], capture_output=True, text=True, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        return done.stderr + done.stdout + str(done.returncode or "")

    unit.write_text(unit_text(needs))
    assert verify() == ""
    unit.write_text(unit_text(needs).replace("RestartSec", "RestartSecs"))
    assert "RestartSecs" in verify(), "it would say so"


class System:
    """A machine with systemd, whose programs only note what they were asked."""

    def __init__(self, root: Path) -> None:
        self.log = root / "calls"
        self.bin = root / "bin"
        self.bin.mkdir()
        self.program("systemctl", 'case "$*" in *is-enabled*) echo enabled;; *is-active*) echo active;; esac')
        self.program("loginctl", f'mkdir -p {root}/linger; : > "{root}/linger/$2"')
        self.unit = root / "config/systemd/user" / service.UNIT
        self.desktop = root / "config/autostart/rpiq-assistant.desktop"

    def program(self, name: str, then: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\n{then}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        said = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return said


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("USER", getpass.getuser())
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setattr(service, "BOOTED", tmp_path)
    monkeypatch.setattr(service, "LINGER", tmp_path / "linger")
    return made


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        status = cli.main(["service", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def test_install_status_and_remove(system: System, run: Run) -> None:
    assert run("status")[0] == 1
    assert run("install")[0] == 0
    user = getpass.getuser()
    assert system.calls() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable rpiq-assistant.service",
        "systemctl --user restart rpiq-assistant.service",
        f"loginctl enable-linger {user}",
    ]
    first = system.unit.read_bytes()
    assert run("show")[1].rstrip() == first.decode().rstrip()
    status, said, _ = run("status")
    assert status == 0
    assert "Running: active" in said
    assert "anybody logs in: yes" in said
    system.calls()
    assert "is there already" in run("install", "--user")[1]
    assert system.unit.read_bytes() == first
    assert [call for call in system.calls() if "restart" in call or "linger" in call] == []
    assert run("remove")[0] == 0
    assert not system.unit.exists()
    assert system.calls() == [
        "systemctl --user disable --now rpiq-assistant.service",
        "systemctl --user daemon-reload",
    ]
    assert "nothing to remove" in run("remove")[1]


def test_a_changed_setting_makes_the_unit_old(system: System, run: Run) -> None:
    run("install")
    settings.change(settings.read().file, "trigger.http_port", "8765")
    status, said, _ = run("status")
    assert status == 1
    assert "run: assistant service install" in said
    system.calls()
    run("install")
    assert "systemctl --user restart rpiq-assistant.service" in system.calls()
    assert run("status")[0] == 0


def test_a_dry_run_changes_nothing(system: System, run: Run) -> None:
    status, said, _ = run("install", "--dry-run")
    assert status == 0
    assert str(system.unit) in said
    assert "Would run: loginctl enable-linger" in said
    assert not system.unit.exists()
    run("install")
    system.calls()
    assert f"Would remove {system.unit}" in run("remove", "--dry-run")[1]
    assert system.unit.exists()
    assert system.calls() == []


def test_without_leave_to_linger_the_command_for_it_is_named(system: System, run: Run) -> None:
    system.program("loginctl", "echo 'Access denied' >&2; exit 1")
    status, _, complaint = run("install")
    assert status == 0
    assert f"sudo loginctl enable-linger {getpass.getuser()}" in complaint


def test_a_system_that_refuses_is_an_error(system: System, run: Run) -> None:
    system.program("systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    status, _, complaint = run("install")
    assert status == 2
    assert "Failed to connect to bus: No medium found" in complaint
    assert complaint.count("\n") == 1


def test_wrong_settings_are_said_before_anything_is_written(system: System, run: Run) -> None:
    file = settings.read().file
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n")
    assert run("install")[0] == 2
    assert not system.unit.exists()
    assert system.calls() == []


def test_a_place_that_cannot_be_written_is_an_error(system: System, run: Run) -> None:
    system.unit.parent.parent.mkdir(parents=True)
    system.unit.parent.write_text("a file")
    status, _, complaint = run("install")
    assert status == 2
    assert str(system.unit) in complaint


def test_without_systemd_the_desktop_starts_it(
    system: System, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "BOOTED", tmp_path / "none")
    assert "log in to your desktop" in run("install")[1]
    assert system.desktop.read_text().startswith("[Desktop Entry]\n")
    assert run("status")[0] == 0
    assert "is there already" in run("install")[1]
    assert run("remove")[0] == 0
    assert not system.desktop.exists()
    assert system.calls() == []


def test_the_command_that_is_started_can_be_run(system: System) -> None:
    program = service._command(Path("/s.toml"))[0]
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith(("assistant ", "Python "))
