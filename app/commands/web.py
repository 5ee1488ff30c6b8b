"""`assistant web`: the page to ask on, the caregiver's console and the API, served on this machine, or to others with --lan."""

from __future__ import annotations

import argparse
import getpass
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app import settings
from app.terminal import complain, say
from assistant.errors import SettingsError

if TYPE_CHECKING:
    from app.commands import Subparsers
    from app.web.door.access import Rules
    from app.web.door.certificate import Certificate
    from app.web.door.credentials import Credentials

PORT = 8017
LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what --lan is for


def register(subparsers: Subparsers) -> None:
    """Add `web` to the command line."""
    parser = subparsers.add_parser(
        "web",
        help="serve a page to ask on, and the caregiver's console",
        description="Serve a page to ask on, the caregiver's console and an API. Only this machine can open it, unless --lan is given.",
    )
    settings.add_option(parser)
    parser.add_argument("--host", help=f"the address to listen on (usual: {LOOPBACK[0]}, this machine alone)")
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"the port to listen on (usual: {PORT}; 0: any free one)"
    )
    parser.add_argument(
        "--lan",
        action="store_true",
        help="let other devices in, over HTTPS, with the password or a code that is spoken here",
    )
    parser.add_argument(
        "--login", action="store_true", help="ask for the password or the code on this machine, too; usual with --lan"
    )
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument(
        "--set-password", action="store_true", help="set the password, asked twice here or read from a pipe; then end"
    )
    actions.add_argument(
        "--show-token", action="store_true", help="say which file has the token for programs; then end"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C."""
    from app.web.door.credentials import Credentials

    places = settings.read(arguments.settings)
    credentials = Credentials(places.state)
    if arguments.set_password:
        credentials.set_password(_password())
        say("The password is set. Who is logged in stays so until the server is started anew.")
        return 0
    if arguments.show_token:
        credentials.token()
        say(f"The token for programs is in {credentials.token_file}; keep it to yourself.")
        return 0
    return _serve(arguments, places, credentials)


@dataclass(frozen=True)
class _Plan:
    """How it is served."""

    hosts: tuple[str, ...]
    rules: Rules
    certificate: Certificate | None


def _serve(arguments: argparse.Namespace, places: settings.Settings, credentials: Credentials) -> int:
    from app.web.scratch import private_folder

    signal.signal(signal.SIGTERM, _end)  # uvicorn sends it to us again when it has ended
    with private_folder():  # before Gradio is imported
        import uvicorn

        from app.web.console.mount import mount
        from app.web.door.access import Access
        from app.web.door.connections import configuration, listen, serve
        from app.web.server import create_app
        from app.web.visitors.service import Service
        from assistant.checkup.privacy import forbid_memory_dumps

        forbid_memory_dumps()
        plan = _plan(arguments, places)
        credentials.token()
        service = Service(places)
        access = Access(service.sessions, credentials, plan.rules, show=_show_code)
        app = create_app(service, access)
        mount(app, places, service.models_changed)
        sockets = listen(plan.hosts, arguments.port)
        files = (str(plan.certificate.file), str(plan.certificate.key_file)) if plan.certificate else (None, None)
        _tell(plan, sockets[0].getsockname()[1], access.by_code)
        serve(uvicorn.Server(configuration(app, *files)), sockets)
    return 0


def _plan(arguments: argparse.Namespace, places: settings.Settings) -> _Plan:
    from app.web.door.access import Rules
    from app.web.door.certificate import certificate
    from app.web.door.hosts import LOOPBACK as OWN
    from app.web.door.hosts import machine_addresses, machine_names
    from app.web.door.limits import is_loopback

    host = "127.0.0.1" if arguments.host == "localhost" else arguments.host
    if not 0 <= arguments.port <= 65535:
        raise SettingsError(f"--port {arguments.port}: use a number from 0 to 65535", "There is no such port.")
    if not arguments.lan:
        if host is not None and not is_loopback(host):
            raise SettingsError(
                f"--host {host} can be reached from other machines: add --lan, which asks them for a password",
                "Others could open that. Say that you want it, with the option lan.",
            )
        return _Plan((host,) if host else LOOPBACK[:1], Rules(login=arguments.login), None)
    names, addresses = machine_names(), machine_addresses()
    made = certificate(places.state, names, addresses, datetime.now(UTC))
    # Asked anew at each start: the addresses of a machine change, and an address cannot be rebound as a name can.
    rules = Rules(login=True, names=frozenset((*OWN, *names, *addresses)), fingerprint=made.fingerprint)
    return _Plan((host,) if host else EVERYWHERE, rules, made)


def _tell(plan: _Plan, port: int, by_code: bool) -> None:
    scheme = "https" if plan.certificate else "http"
    hosts = plan.hosts
    if plan.hosts == EVERYWHERE:
        from app.web.door.hosts import machine_addresses, machine_names

        hosts = (
            machine_names()[-1],
            *(each for each in machine_addresses() if not each.startswith(("127.", "::1", "fe80"))),
        )
    for host in hosts:
        complain(f"open {scheme}://{f'[{host}]' if ':' in host else host}:{port} in a browser; Ctrl-C ends it")
    if plan.certificate:
        complain(
            f"the browser will warn; go on only if it shows this SHA-256 fingerprint:\n{plan.certificate.fingerprint}"
        )
    if plan.rules.login:
        complain("to log in: the code that will be spoken" if by_code else "to log in: the password")


def _end(number: int, frame: object) -> None:
    """Ends the program in order, so that nothing is left lying."""
    raise SystemExit(0)


def _show_code(code: str) -> None:
    complain(f"the code to log in: {code}")


def _password() -> str:
    """Asked twice without showing it, or the first line of a pipe."""
    from app.web.door.credentials import CredentialError

    if not sys.stdin.isatty():
        return sys.stdin.readline(10_000).rstrip("\r\n")
    first = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != first:
        raise CredentialError("the two are not the same: try again", "The two passwords are not the same. Try again.")
    return first
