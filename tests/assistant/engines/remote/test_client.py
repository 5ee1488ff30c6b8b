"""What goes out to a server: only to one's own network, only what is needed; and what the settings may say of it."""

from __future__ import annotations

import base64
import datetime
import io
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from assistant.engines.remote import client
from assistant.engines.remote.client import Connection, chosen
from assistant.engines.remote.eye import LONGEST_SIDE, RemoteEye, data_url
from assistant.errors import ServerError, SettingsError
from assistant.picture.photo import Photo
from assistant.settings.preferences import Server
from tests.assistant.engines.local.seers import photo
from tests.assistant.engines.remote.servers import says, status, stub
from tests.paths import ROOT

pytestmark = pytest.mark.servers

ADDRESS = "http://127.0.0.1:9/v1"


def asked(connection: Connection) -> str:
    return "".join(RemoteEye(connection).ask(photo(), "What is this?"))


def test_nothing_but_the_question_and_the_key_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: from-the-environment\nAuthorization: from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://8.8.8.8/v1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with stub(says("A book.")) as server:
        assert asked(Connection(server.address, "sees")) == "A book."
        assert asked(Connection(server.address, "sees", key="mine")) == "A book."
    without, with_key = server.requests
    common = {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"}
    assert without.headers.keys() == common
    assert with_key.headers.keys() == common | {"authorization"}
    assert with_key.headers["authorization"] == "Bearer mine"
    assert without.headers["user-agent"] == "rpiq-assistant"
    assert without.body.keys() == {"model", "messages", "max_tokens", "temperature", "stream"}
    assert "from-the-environment" not in str(server.requests)


def test_questions_are_not_logged_whatever_the_environment_says() -> None:
    """In a process of its own, since the client's library reads the variable when it is imported."""
    script = (
        "import logging; logging.basicConfig(level=logging.DEBUG)\n"
        "from tests.assistant.engines.remote.test_client import *\n"
        "from assistant.checkup.privacy import DiscreetFormatter\n"
        "with stub(says('A SECRET.')) as server:\n"
        "    list(RemoteEye(Connection(server.address, 'sees')).ask(photo(), 'What SECRET is this?', [('SECRET', 'SECRET')]))\n"
        "with stub(status(500)) as server:\n"
        "    try: asked(Connection(server.address, 'sees'))\n"
        "    except ServerError as error: logging.warning('%s', error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"OPENAI_LOG": "debug", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "(500) failed" in run.stderr
    assert "SECRET" not in run.stderr + run.stdout


def test_a_redirect_is_not_followed() -> None:
    with (
        stub(says("A book.")) as other,
        stub(status(302, location=f"{other.address}/chat/completions")) as server,
        pytest.raises(ServerError),
    ):
        asked(Connection(server.address, "sees"))
    assert server.requests
    assert not other.requests


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """The name gpu.lan leads to these."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *rest: object, **more: object) -> object:
        if host in ("gpu.lan", b"gpu.lan"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
        return real(host, port, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_name_that_leads_out_of_the_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "93.184.215.14", "2606:2800::1")
    with pytest.raises(
        ServerError, match=r"gpu\.lan is 93\.184\.215\.14, which is no address of your own network"
    ) as caught:
        asked(Connection("http://gpu.lan/v1", "sees"))
    assert "leads out of this house" in caught.value.spoken


def test_of_a_name_only_the_addresses_of_the_network_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "93.184.215.14", "127.0.0.2", "127.0.0.1")  # nobody listens at the second
    with stub(says("A book.")) as server:
        port = server.address.split(":")[2]
        assert asked(Connection(f"http://gpu.lan:{port}", "sees")) == "A book."
    assert server.requests[0].headers["host"] == f"gpu.lan:{port.removesuffix('/v1')}"


def test_an_address_outside_is_refused_even_if_no_setting_checked_it() -> None:
    for address in ("http://8.8.8.8/v1", "https://api.openai.com/v1"):
        with pytest.raises(ServerError, match="no address of your own network"):
            asked(Connection(address, "sees"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Self-made, for gpu.lan, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gpu.lan")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("gpu.lan")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "gpu.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_https_with_a_certificate_of_ones_own(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # the environment is not asked
    with stub(says("A book."), certificate) as server:
        named = server.address.replace("127.0.0.1", "gpu.lan")
        assert asked(Connection(named, "sees", certificates=certificate)) == "A book."
        for other in (Connection(server.address, "sees", certificates=certificate), Connection(named, "sees")):
            if other.certificates is None:
                monkeypatch.delenv("SSL_CERT_FILE")
            with pytest.raises(ServerError, match="cannot be reached"):
                asked(other)
    assert len(server.requests) == 1


def test_a_picture_goes_out_small_and_without_what_its_file_knew() -> None:
    large = Photo(np.full((3000, 1500, 3), (200, 30, 30), np.uint8))
    kind, _, data = data_url(large).partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == (LONGEST_SIDE // 2, LONGEST_SIDE)
    assert not image.getexif()
    assert np.abs(np.asarray(image).astype(int) - (200, 30, 30)).max() < 6
    small = Image.open(io.BytesIO(base64.b64decode(data_url(photo()).partition(",")[2])))
    assert small.size == (64, 48)


def settings(**changes: object) -> Server:
    return Server(**({"engine": "openai", "address": ADDRESS, "picture_model": "sees"} | changes))  # type: ignore[arg-type]


def test_nothing_is_asked_elsewhere_unless_the_settings_say_so() -> None:
    assert chosen(Server()) is None
    assert chosen(Server(address=ADDRESS, picture_model="sees")) is None


def test_what_the_settings_say_counts(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("abc-123\n")
    key.chmod(0o600)
    found = chosen(settings(key_file=str(key), language_model="judge", timeout_seconds=7.0))
    assert found == Connection(ADDRESS, "sees", "judge", "abc-123", None, 7.0)
    assert "abc-123" not in repr(found)
    assert (found.host, found.machine) == ("127.0.0.1:9", "127.0.0.1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": ""}, r"server\.address is empty"),
        ({"picture_model": ""}, r"server\.picture_model or server\.language_model is empty"),
        ({"certificate_file": "/nowhere/at-all.pem"}, "cannot use the certificates"),
        ({"certificate_file": __file__}, "cannot use the certificates"),
        ({"key_file": "/nowhere/at-all"}, "cannot read the key"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        chosen(settings(**changes))
    assert caught.value.spoken
    assert "/" not in caught.value.spoken


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key"
    key.write_text("abc")
    key.chmod(mode)
    with pytest.raises(SettingsError, match=f"run: chmod 600 {key}"):
        chosen(settings(key_file=str(key)))


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a b", b"a\nb", "schlüssel".encode(), b"\xff", b"x" * (client._LONGEST_KEY + 1)]
)
def test_what_is_no_key_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "file"
    key.write_bytes(content)
    key.chmod(0o600)
    with pytest.raises(SettingsError) as caught:
        chosen(settings(key_file=str(key)))
    assert not content.strip() or content.decode("utf-8", "replace").strip() not in str(caught.value)
