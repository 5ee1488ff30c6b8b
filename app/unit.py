"""The texts that make the assistant start by itself: a systemd user unit, or a desktop's autostart file where there is no systemd.

What is restricted in the unit, and what cannot be, is explained in docs/service.md. Writing and starting is the work of
`commands/service.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from assistant.settings.preferences import Preferences

NAME = "rpiq-assistant"

_UNIT = """\
# Written by `assistant service install`, which writes it anew; changes of your own belong into
# ~/.config/systemd/user/{name}.service.d/mine.conf.
[Unit]
Description=Spoken assistant
After=sound.target pipewire.service pipewire-pulse.service wireplumber.service pulseaudio.service
# A blind user is better served by another try than by silence.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
{environment}\
Restart=always
RestartSec=2
# Another assistant runs, which the user started: two would answer at once.
RestartPreventExitStatus=3
TimeoutStopSec=10

# Nothing of the memory reaches the disk in a crash, and what is written is the user's alone.
LimitCORE=0
UMask=0077

# No network{network_note}.
RestrictAddressFamilies={families}
{addresses}\

# The system and the home folder can be read, and written only where the settings and the models are.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
RuntimeDirectory={name}
RuntimeDirectoryMode=0700
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
# Not set: PrivateDevices (microphone, camera and pedal are devices), MemoryDenyWriteExecute (oneDNN, by which torch
# multiplies matrices, writes its code while it runs), and what gives capabilities up (ProtectClock, ProtectKernelLogs,
# ProtectKernelModules): the systemd of an account may not do that, and would not start the service at all.

[Install]
WantedBy=default.target
"""

_DESKTOP = """\
[Desktop Entry]
Type=Application
Name=Spoken assistant
Comment=Answers spoken questions about what the camera sees
Exec={command}
Terminal=false
X-GNOME-Autostart-enabled=true
"""


@dataclass(frozen=True)
class Plan:
    """What is to be started, and what it needs."""

    command: tuple[str, ...]
    """The program, by its absolute path, and its arguments."""
    writable: tuple[Path, ...]
    """Folders in which it writes; those that do not exist are no error."""
    environment: Mapping[str, str]
    http: bool = False
    """Whether it answers on loopback."""
    camera_host: str = ""
    """Name or address of a camera in the network; empty for none."""


def plan(
    command: tuple[str, ...], file: Path, store: Path, environment: Mapping[str, str], chosen: Preferences
) -> Plan:
    """What `command` needs with the settings `chosen`, read from `file`, and the models in `store`."""
    camera = chosen.devices.camera
    host = urlsplit(camera).hostname or "" if "://" in camera else ""
    return Plan(command, (file.parent, store), environment, chosen.trigger.http_port > 0, host)


def unit_text(needs: Plan) -> str:
    """The unit file."""
    families = ["AF_UNIX"]
    notes = []
    if needs.http:
        notes.append("the programs of this machine (trigger.http_port)")
    if needs.camera_host:
        notes.append("the camera (devices.camera)")
    if notes:
        families += ["AF_INET", "AF_INET6"]
    writable = ('"-' + _escaped(str(path)) + '"' for path in needs.writable)
    return _UNIT.format(
        name=NAME,
        command=" ".join(_quoted(word) for word in needs.command),
        environment="".join(
            f'Environment="{_escaped(f"{name}={value}")}"\n' for name, value in sorted(needs.environment.items())
        ),
        network_note=" but for " + " and ".join(notes) if notes else ", not even a socket of its kind",
        families=" ".join(families),
        addresses=_addresses(needs.camera_host),
        writable=" ".join(writable),
    )


def desktop_text(needs: Plan) -> str:
    """The autostart file. It restarts nothing and restricts nothing."""
    words = [f"{name}={value}" for name, value in sorted(needs.environment.items())]
    return _DESKTOP.format(
        command=" ".join(_desktop_quoted(word) for word in (["env", *words] if words else []) + list(needs.command))
    )


def _addresses(camera_host: str) -> str:
    allowed = "localhost"
    if camera_host:
        try:
            allowed += f" {ipaddress.ip_address(camera_host)}"
        except ValueError:
            # systemd filters addresses, and which the name has is not known before it is looked up.
            return "# No IPAddressDeny, since the camera is given by name; by address, all others would be kept out.\n"
    return f"IPAddressDeny=any\nIPAddressAllow={allowed}\n"


def _escaped(text: str) -> str:
    """Inside double quotes of a unit file (systemd.syntax(7)); `%` begins a specifier."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _quoted(word: str) -> str:
    """A word of ExecStart, where `$` begins a variable."""
    return f'"{_escaped(word).replace("$", "$$")}"'


def _desktop_quoted(word: str) -> str:
    """A word of Exec: quoted as for a shell, then escaped as every value of a desktop file (desktop-entry-spec)."""
    quoted = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in word).replace("%", "%%")
    return f'"{quoted}"'.replace("\\", "\\\\")
