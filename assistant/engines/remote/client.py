"""One server behind the OpenAI API, in one's own network: how it is connected to, what is sent, what its errors mean.

Every request goes out through `OwnNetwork`, so nothing of a picture or a question can reach an address outside, whatever a name
leads to, an answer redirects to, or an environment variable says. What is asked is in `eye.py` and `judge.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI

from assistant.errors import ServerError, SettingsError
from assistant.settings.own_network import is_own, is_own_url
from assistant.settings.preferences import Server

_CONNECT_SECONDS = 5.0
"""A machine of the same network answers in milliseconds; who waits for a spoken answer should soon hear the reader's."""
_LONGEST_KEY = 4_096
"""Characters. A longer file holds something else."""
_SENT = ("accept", "accept-encoding", "connection", "content-length", "content-type", "host")
"""Headers that go out as they are: the client's others would name this system, or come from the environment."""
SEE = "see docs/serving.md"

# OPENAI_LOG would have the client write questions into the log.
logging.getLogger("openai").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Connection:
    """All it takes to ask a server."""

    address: str
    """Base address: http://192.168.1.20:8000/v1."""
    picture_model: str = ""
    """Name of a model there that sees; empty: none is asked there."""
    language_model: str = ""
    """Name of a model there that judges; empty: none is asked there."""
    key: str = field(default="", repr=False)
    certificates: Path | None = None
    """Certificates to trust for https, in place of the system's."""
    timeout: float = 20.0
    """Seconds until the first word, and from a word to the next."""

    @property
    def host(self) -> str:
        """The name or number, and the port, for print."""
        return urlsplit(self.address).netloc

    @property
    def machine(self) -> str:
        """The name or number alone, for the ear."""
        return urlsplit(self.address).hostname or ""


def chosen(server: Server) -> Connection | None:
    """What the settings say; None where all models are of this machine. The key file is read, nothing is connected.

    Errors: SettingsError when something is missing or unsafe.
    """
    if server.engine == "local":
        return None
    if not server.address or not (server.picture_model or server.language_model):
        lacking = "server.picture_model or server.language_model" if server.address else "server.address"
        raise SettingsError(
            f"server.engine is openai, and {lacking} is empty: set it, or run: assistant settings set server.engine local",
            "The settings name another machine, but not all it takes to ask it. A caregiver can mend that.",
        )
    certificates = Path(server.certificate_file).expanduser() if server.certificate_file else None
    if certificates is not None:
        _trusting(certificates)
    return Connection(
        server.address,
        server.picture_model,
        server.language_model,
        _read_key(Path(server.key_file).expanduser()) if server.key_file else "",
        certificates,
        server.timeout_seconds,
    )


def _read_key(file: Path) -> str:
    """The key in `file`, one line. It is refused where other accounts could read it."""
    try:
        with file.open(encoding="utf-8") as stream:
            found = os.fstat(stream.fileno())
            key = stream.read(_LONGEST_KEY + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _bad_key(f"cannot read the key of the server, {file} ({reason}): correct server.key_file") from error
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _bad_key(f"others can read the key of the server: run: chmod 600 {file}")
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise _bad_key(f"{file} should hold the key of the server in one line, and nothing else")
    return key


def _bad_key(message: str) -> SettingsError:
    return SettingsError(message, "The key for the other machine cannot be used. A caregiver can mend that.")


def _trusting(certificates: Path | None) -> ssl.SSLContext:
    """Errors: SettingsError for a file that holds no certificate."""
    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"cannot use the certificates in {certificates} ({error.strerror or error}): "
            "server.certificate_file takes a PEM file of the server or of who signed it",
            "The certificate of the other machine cannot be used. A caregiver can mend that.",
        ) from error


class OwnNetwork(httpx2.AsyncBaseTransport):
    """HTTP to addresses of one's own network and to no others: the address that was judged is the one that is connected to."""

    def __init__(self, connection: Connection) -> None:
        self._key = connection.key
        # Without https there is nothing to verify, and loading the system's certificates takes a while.
        trusted = _trusting(connection.certificates) if connection.address.startswith("https:") else False
        # A connection that the server is just closing is not for the next request.
        once = httpx2.Limits(max_keepalive_connections=0)
        self._below = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=once)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As `AsyncBaseTransport`. Errors: ServerError where the host leads out of the network."""
        headers = [(name, value) for name, value in request.headers.items() if name.lower() in _SENT]
        headers.append(("user-agent", "rpiq-assistant"))
        if self._key:
            headers.append(("authorization", f"Bearer {self._key}"))
        name = request.url.host
        failure: Exception | None = None
        for address in await _own_addresses(name, request.url.port or 0):
            there = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
            try:
                return await self._below.handle_async_request(there)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:  # nothing was sent: the next address may do
                failure = error
        assert failure is not None  # noqa: S101 - there is an address, or we would not be here
        raise failure

    async def aclose(self) -> None:
        """As `AsyncBaseTransport`."""
        await self._below.aclose()


async def _own_addresses(host: str, port: int) -> list[str]:
    """Where `host` leads to, as far as it is in the own network."""
    if is_own(host):
        return [host]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx2.ConnectError(f"no machine has this name ({error.strerror})") from error
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    own = [address for address in addresses if is_own(address)]
    if not own:
        raise ServerError(
            f"{host} is {addresses[0]}, which is no address of your own network, and nothing is sent there: correct server.address",
            "The address of the other machine leads out of this house, so I send nothing there.",
        )
    return own


@asynccontextmanager
async def connected(connection: Connection) -> AsyncIterator[AsyncOpenAI]:
    """A client for one question: nothing stays open between two. Errors of the server come as ServerError."""
    if not is_own_url(connection.address):
        raise ServerError(
            f"{connection.address} is no address of your own network: correct server.address",
            "The address of the other machine leads out of this house, so I send nothing there.",
        )
    limits = httpx2.Timeout(connection.timeout, connect=min(connection.timeout, _CONNECT_SECONDS))
    http = httpx2.AsyncClient(transport=OwnNetwork(connection), trust_env=False, follow_redirects=False, timeout=limits)
    client = AsyncOpenAI(
        api_key=connection.key or "none", base_url=connection.address, timeout=limits, max_retries=0, http_client=http
    )
    try:
        async with client:
            yield client
    except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as error:
        raise explained(error, connection) from error


def explained(error: Exception, connection: Connection) -> ServerError:
    """What went wrong between us and the server, what to do, and the same for the ear; never its words, which may quote the question."""
    cause = error.__cause__
    if isinstance(cause, ServerError):
        return cause
    where = f"the server at {connection.host}"
    if isinstance(error, openai.APIStatusError):
        return _refused(error.status_code, where, connection)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return ServerError(
            f"{where} did not answer within {connection.timeout:g} seconds: is it overloaded? {SEE}",
            "The other machine takes too long.",
        )
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
        reason = " ".join(str(cause or error).split())
        if isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError):
            return broke_off(connection)
        return ServerError(
            f"{where} cannot be reached ({reason}): is it running? {SEE}", "The other machine does not answer."
        )
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
        return _failed(where)  # told in the middle of a stream
    return nonsense(connection)


def nonsense(connection: Connection) -> ServerError:
    """It answers, but not as such a server does."""
    return ServerError(
        f"the server at {connection.host} answered something that makes no sense: is it a server with the OpenAI API, and does "
        f"server.address end in /v1? {SEE}",
        "The other machine has a fault.",
    )


def broke_off(connection: Connection) -> ServerError:
    """The answer ended before its end."""
    return ServerError(
        f"the server at {connection.host} broke off in the middle of an answer: look at its log; {SEE}",
        "The other machine broke off.",
    )


def _refused(status: int, where: str, connection: Connection) -> ServerError:
    if status in (401, 403):
        mend = "correct server.key_file" if connection.key else "it wants a key: set server.key_file"
        return ServerError(f"{where} refused the key ({status}): {mend}", "The other machine does not take my key.")
    if status == 404:
        return ServerError(
            f"{where} does not know the model, or the address is wrong (404): correct server.picture_model, "
            f"server.language_model or server.address, which usually ends in /v1; {SEE}",
            "The other machine does not have the model that I ask for.",
        )
    if status in (429, 503):
        return ServerError(f"{where} has too much to do ({status}): {SEE}", "The other machine is too busy.")
    if 400 <= status < 500:
        return ServerError(
            f"{where} did not take the question ({status}): can its model see pictures, and is its context long enough? {SEE}",
            "The other machine did not take the question.",
        )
    return _failed(f"{where} ({status})")


def _failed(where: str) -> ServerError:
    return ServerError(f"{where} failed: look at its log", "The other machine has a fault.")
