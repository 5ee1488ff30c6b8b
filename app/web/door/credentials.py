"""What is kept of who may come in: the hash of the password, and the token of programs, in files that only the account can read."""

from __future__ import annotations

import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.files import replace_text
from assistant.errors import AssistantError

SHORTEST, LONGEST = 10, 200
"""Characters of a password. Length is what makes it hard to guess (NIST SP 800-63B); nothing else is demanded."""
_LARGEST_FILE = 1_000
"""Characters; what is longer is some other file."""


class CredentialError(AssistantError):
    """A password or token cannot be used or kept."""


class Credentials:
    """The files in the account's state folder."""

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self.password_file = folder / "web-password"
        self.token_file = folder / "web-token"
        # argon2id with the library's parameters, the second choice of RFC 9106: 64 MiB for each check.
        self._hasher = PasswordHasher()

    @property
    def has_password(self) -> bool:
        """Whether one was set."""
        return self.password_file.exists()

    def set_password(self, password: str) -> None:
        """Keep its hash. Errors: CredentialError when it is too short or long, or cannot be kept."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise CredentialError(
                f"the password has {len(password)} characters: use {SHORTEST} to {LONGEST}; three or four words are easy to remember",
                f"The password must have at least {SHORTEST} characters. Three or four words are easy to remember.",
            )
        self._write(self.password_file, self._hasher.hash(password))

    def is_password(self, given: str) -> bool:
        """Whether `given` is the password. Takes some 0.1 s and 64 MiB; call it in a thread, one at a time.

        Errors: CredentialError when the file is not a hash, or cannot be read.
        """
        if len(given) > LONGEST:
            return False
        try:
            return self._hasher.verify(self._read(self.password_file), given)
        except InvalidHashError as error:
            raise CredentialError(
                f"{self.password_file} holds no password: set one anew with assistant web --set-password",
                "The password of this page is damaged. Set it anew on the device.",
            ) from error
        except VerificationError:
            return False

    def token(self) -> str:
        """The token of programs, made when there is none. Errors: CredentialError."""
        if not self.token_file.exists():
            self._write(self.token_file, secrets.token_urlsafe(32))
        token = self._read(self.token_file)
        if len(token) < 32:
            raise CredentialError(
                f"{self.token_file} holds no token: take it away, and a new one will be made",
                "The file with the token for programs is damaged. Take it away.",
            )
        return token

    def _read(self, file: Path) -> str:
        try:
            with file.open(encoding="ascii") as stream:
                return stream.read(_LARGEST_FILE).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialError(
                f"cannot read {file} ({error}): take it away, and set it anew", "I cannot read who may come in."
            ) from error

    def _write(self, file: Path, text: str) -> None:
        try:
            replace_text(file, text + "\n", 0o600)
        except OSError as error:
            raise CredentialError(
                f"cannot write {file} ({error.strerror or error}): free some space there, or make the folder yours",
                "I could not keep that. The disk may be full, or the folder is not mine to write.",
            ) from error
