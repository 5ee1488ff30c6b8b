"""Which machines are one's own: judged by address, before anything is sent; and by name, before it is even looked up."""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_OWN = tuple(
    map(
        ipaddress.ip_network,
        # Loopback; RFC 1918; link-local without a router; their like in version 6 (RFC 4193).
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7"),
    )
)
"""Not all that Python calls private: that takes in networks for examples and tests. Link-local version 6 wants a zone as well."""
_OWN_ENDINGS = ("local", "lan", "home", "internal", "intranet", "localdomain", "localhost", "home.arpa")
"""Of names that are given out inside a network; nobody can register them outside."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


def is_own(address: str) -> bool:
    """Whether a numeric address is of this machine or of a private network."""
    try:
        parsed: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((inner or parsed) in network for network in _OWN)


def may_be_own(host: str) -> bool:
    """Whether `host` is an own address, or a name that only an own network gives out; what a name leads to is judged later."""
    if is_own(host):
        return True
    labels = host.removesuffix(".").split(".")
    if not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        return False
    return len(labels) == 1 or any(f".{host.removesuffix('.')}".lower().endswith(f".{end}") for end in _OWN_ENDINGS)


def is_own_url(url: str) -> bool:
    """Whether `url` is the base address of a server that may be asked: http or https, an own host, a port, a path; no more."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    more = parts.username is not None or parts.password is not None or "?" in url or "#" in url
    fine = url.isascii() and url.isprintable() and " " not in url
    return fine and parts.scheme in ("http", "https") and not more and port != 0 and may_be_own(parts.hostname or "")
