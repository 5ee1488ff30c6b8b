"""Under which names we are called, and which pages are ours: against requests that other sites make a browser send.

A name that is not ours in the Host header is how a site reaches a machine behind a browser by DNS rebinding; a foreign Origin is
how it acts in somebody's name. Addresses need no list: the one by which a connection reached us is ours.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil
from starlette.datastructures import Headers
from starlette.types import Scope

from assistant.errors import AssistantError

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_PORTS = {"http": 80, "https": 443}
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that change nothing."""


class HostError(AssistantError):
    """The request names a host that we are not."""


class OriginError(AssistantError):
    """Another site's page made the browser send the request."""


def machine_names() -> tuple[str, ...]:
    """The host names of this machine, lower case."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return tuple(dict.fromkeys((name, short, f"{short}.local")))


def machine_addresses() -> tuple[str, ...]:
    """The IP addresses of this machine's interfaces, without zones."""
    found = (
        each.address.partition("%")[0]
        for each_of in psutil.net_if_addrs().values()
        for each in each_of
        if each.family in (socket.AF_INET, socket.AF_INET6)
    )
    return tuple(dict.fromkeys(found))


def check_host(scope: Scope, names: Iterable[str]) -> None:
    """Errors: HostError unless the Host header is one of `names` or this connection's own address, and its port."""
    host, port = split(Headers(scope=scope).get("host", ""), _PORTS[scope["scheme"]])
    own, own_port = (str(scope["server"][0]), scope["server"][1]) if scope.get("server") else ("", None)
    own = own.partition("%")[0].removeprefix("::ffff:")
    if port != own_port or host not in {*names, own}:
        raise HostError(
            "the Host header names another machine: use the address that the program printed when it started",
            "This is not my address. Open the address that I gave when I started.",
        )


def check_origin(scope: Scope, by_token: bool) -> None:
    """Errors: OriginError when another site's page sent it. Call it after `check_host`.

    What changes something must say that it comes from a page of ours; a program that has the token (`by_token`) is no page.
    """
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        good = origin == f"{scope['scheme']}://{headers['host'].lower()}"
    elif site is not None and scope["method"] not in SAFE:
        good = site == "same-origin"
    else:
        good = scope["method"] in SAFE or by_token
    if not good:
        raise OriginError(
            "another page sent this request: send it from the assistant's own page, or as a program with a token",
            "Another page tried to use me. Open my own page.",
        )


def split(host: str, usual_port: int) -> tuple[str, int | None]:
    """`name:port`, `address:port` or `[address]:port` as name or address, and port; ("", None) when it is none of these."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or (host.startswith("[") and host.endswith("]")):
        name, port = host.strip().lower(), str(usual_port)
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    elif ":" in name or "[" in name:
        return "", None
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        return "", None
    return name, int(port)
