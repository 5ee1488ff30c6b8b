"""Our own certificate, since browsers give camera and microphone to secure pages alone, and nobody certifies a machine at home.

A browser warns of it once; whoever compares its fingerprint with what the device prints or says knows that nobody is in between.
So it changes as seldom as it can: the key stays, and names and addresses that the machine once had stay in it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.files import replace_text
from assistant.errors import AssistantError

VALID = timedelta(days=800)
"""Apple's systems refuse certificates for more than 825 days."""
RENEWED_BEFORE = timedelta(days=30)
MOST_NAMES = 40
"""Names and addresses in a certificate; when there were more, those of long ago go."""
_BACKDATED = timedelta(days=1)
"""For clocks that are a little behind."""


class CertificateError(AssistantError):
    """The certificate cannot be read or kept."""


_SIGNS = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
    key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in files (PEM)."""

    file: Path
    key_file: Path
    fingerprint: str
    """SHA-256 of the certificate, as browsers show it: 32 pairs of hexadecimal digits with colons between."""
    until: datetime


def certificate(folder: Path, names: Iterable[str], addresses: Iterable[str], now: datetime) -> Certificate:
    """The certificate in `folder`, made or renewed where it is missing, ends soon or lacks one of `names` or `addresses`.

    The private key is readable by the account alone. Errors: CertificateError.
    """
    file, key_file = folder / "web-certificate.pem", folder / "web-key.pem"
    wanted = [*_names(names), *_addresses(addresses)]
    try:
        key = _key(key_file)
        old = x509.load_pem_x509_certificate(file.read_bytes()) if file.exists() else None
        known = _alternatives(old) if old is not None and old.public_key() == key.public_key() else None
        if old is None or known is None or old.not_valid_after_utc - now < RENEWED_BEFORE or set(wanted) - set(known):
            old = _signed(key, list(dict.fromkeys([*wanted, *(known or ())]))[:MOST_NAMES], now)
            replace_text(file, old.public_bytes(serialization.Encoding.PEM).decode("ascii"), 0o644)
    except OSError as error:
        raise CertificateError(
            f"cannot keep a certificate in {folder} ({error.strerror or error}): free some space there, or make the folder yours",
            "I could not make a certificate. The disk may be full, or the folder is not mine to write.",
        ) from error
    except (ValueError, TypeError) as error:
        raise CertificateError(
            f"{key_file} or {file} is damaged ({error}): take both away, and new ones will be made",
            "My certificate is damaged. Take it away, and I will make a new one.",
        ) from error
    return Certificate(file, key_file, _fingerprint(old), old.not_valid_after_utc)


def spoken_fingerprint(fingerprint: str) -> str:
    """Digit by digit, in groups of four, which is how it is compared by ear."""
    digits = fingerprint.replace(":", "")
    groups = (", ".join(digits[at : at + 4]) for at in range(0, len(digits), 4))
    return f"The fingerprint is: {'. '.join(groups)}."


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    if not file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        replace_text(file, text.decode("ascii"), 0o600)
        return key
    loaded = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is of another kind")
    file.chmod(0o600)
    return loaded


def _signed(key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rpiq assistant on this machine")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _SIGNS,
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternatives(found: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(("localhost", *names)):
        try:
            found.append(x509.DNSName(name.encode("idna").decode("ascii")))
        except UnicodeError:  # not a name that anybody could call
            continue
    return found


def _addresses(addresses: Iterable[str]) -> list[x509.GeneralName]:
    parsed = [ipaddress.ip_address(address.partition("%")[0]) for address in ("127.0.0.1", "::1", *addresses)]
    # A link-local address of IPv6 cannot be typed in a browser.
    kept = [each for each in parsed if not (each.version == 6 and each.is_link_local)]
    return [x509.IPAddress(each) for each in dict.fromkeys(kept)]


def _fingerprint(found: x509.Certificate) -> str:
    return found.fingerprint(hashes.SHA256()).hex(":").upper()
