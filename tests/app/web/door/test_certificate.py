"""Our own certificate: what is in it, that it stays as long as it can, and that a client of TLS takes it."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from app.web.door.certificate import MOST_NAMES, VALID, CertificateError, certificate, spoken_fingerprint

NOW = datetime.now(UTC)
NAMES, ADDRESSES = ("kitchen", "kitchen.local"), ("192.168.1.5", "fe80::1", "fd00::5")


def alternatives(file: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(file.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in names}


def test_it_names_the_machine_and_its_key_is_private(tmp_path: Path) -> None:
    made = certificate(tmp_path / "state", NAMES, ADDRESSES, NOW)
    assert alternatives(made.file) == {
        "localhost", "kitchen", "kitchen.local", "127.0.0.1", "::1", "192.168.1.5", "fd00::5",
    }  # fmt: skip
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    found = x509.load_pem_x509_certificate(made.file.read_bytes())
    key = found.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert found.not_valid_after_utc - found.not_valid_before_utc < timedelta(days=825)
    der = ssl.PEM_cert_to_DER_cert(made.file.read_text())
    assert made.fingerprint.replace(":", "").lower() == sha256(der).hexdigest()


def test_it_stays_while_the_machine_has_no_new_name_or_address(tmp_path: Path) -> None:
    first = certificate(tmp_path, NAMES, ADDRESSES, NOW)
    assert certificate(tmp_path, NAMES[:1], (), NOW + VALID / 2).fingerprint == first.fingerprint
    other = certificate(tmp_path, NAMES, ("192.168.9.9",), NOW)
    assert other.fingerprint != first.fingerprint
    assert {"192.168.1.5", "192.168.9.9"} <= alternatives(other.file)
    assert certificate(tmp_path, NAMES, ADDRESSES, NOW).fingerprint == other.fingerprint  # back in the old network


def test_it_is_renewed_before_it_ends_with_the_same_key(tmp_path: Path) -> None:
    first = certificate(tmp_path, NAMES, ADDRESSES, NOW)
    key = first.key_file.read_bytes()
    later = certificate(tmp_path, NAMES, ADDRESSES, first.until - timedelta(days=10))
    assert later.fingerprint != first.fingerprint
    assert later.until > first.until
    assert later.key_file.read_bytes() == key


def test_a_machine_that_moves_a_lot_keeps_a_bounded_certificate(tmp_path: Path) -> None:
    for number in range(MOST_NAMES + 5):
        made = certificate(tmp_path, NAMES, (f"10.0.0.{number}",), NOW)
    assert len(alternatives(made.file)) == MOST_NAMES
    assert {"localhost", f"10.0.0.{MOST_NAMES + 4}"} <= alternatives(made.file)


def test_a_key_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    made = certificate(tmp_path, NAMES, ADDRESSES, NOW)
    made.key_file.chmod(0o644)
    certificate(tmp_path, NAMES, ADDRESSES, NOW)
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("which", ["file", "key_file"])
def test_damaged_files_are_said_to_be_so(tmp_path: Path, which: str) -> None:
    made = certificate(tmp_path, NAMES, ADDRESSES, NOW)
    getattr(made, which).write_text("nothing of the kind")
    with pytest.raises(CertificateError, match="take both away"):
        certificate(tmp_path, NAMES, ADDRESSES, NOW)


def test_a_key_that_was_exchanged_gets_a_certificate_of_its_own(tmp_path: Path) -> None:
    first = certificate(tmp_path / "a", NAMES, ADDRESSES, NOW)
    other = certificate(tmp_path / "b", NAMES, ADDRESSES, NOW)
    first.key_file.write_bytes(other.key_file.read_bytes())
    again = certificate(tmp_path / "a", NAMES, ADDRESSES, NOW)
    assert again.fingerprint not in (first.fingerprint, other.fingerprint)


def test_a_client_that_trusts_it_connects(tmp_path: Path) -> None:
    made = certificate(tmp_path, NAMES, ADDRESSES, NOW)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.file, made.key_file)
    client = ssl.create_default_context(cafile=str(made.file))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as secure:
            secure.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ours, server_hostname="192.168.1.5") as secure:
        assert secure.recv(5) == b"hello"
        assert secure.version() == "TLSv1.3"
    thread.join()


def test_the_fingerprint_is_said_in_groups_of_four() -> None:
    assert spoken_fingerprint("AB:12:C3:4D") == "The fingerprint is: A, B, 1, 2. C, 3, 4, D."
