"""Who may come in: everybody on this machine, or who knows the password or the code that the device speaks; programs by a token.

The pages on which people log in are in `login.py`, the files in `credentials.py`, what is done before each request in `guard.py`.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from app.web.door.credentials import Credentials
from app.web.door.limits import Buckets, Waits, is_loopback, whose
from app.web.door.refusals import TooOftenError
from app.web.visitors.sessions import Session, Sessions
from assistant.errors import AssistantError

COOKIE = "assistant_session"
CODE_DIGITS = 6
CODE_SECONDS = 600.0
"""After these a code is worth nothing any more."""
CODE_TRIES = 5
"""Wrong ones, by anybody; then the code is worth nothing: a guesser finds it with 5 in a million."""


class NotKnownError(AssistantError):
    """The request belongs to no session."""


class WrongError(AssistantError):
    """The password or the code is wrong."""


class Pairing:
    """A code that whoever is near the device hears."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._code: str | None = None
        self._until = 0.0
        self._tries = 0

    def code(self) -> str:
        """The code to be said now: the one that is good, or a new one."""
        if self._code is None or self._clock() >= self._until:
            self._code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
            self._until = self._clock() + CODE_SECONDS
            self._tries = 0
        return self._code

    def use(self, given: str) -> bool:
        """Whether `given` is the code, which is then used up. Errors: WrongError when there is none now."""
        if self._code is None or self._clock() >= self._until:
            self._code = None
            raise WrongError(
                "there is no code now: let the device say a new one",
                "There is no code now. Let the device say a new one.",
            )
        digits = "".join(each for each in given if each.isdigit())
        right = hmac.compare_digest(digits.encode(), self._code.encode())
        self._tries += 1
        if right or self._tries >= CODE_TRIES:
            self._code = None
        return right


def spoken_code(code: str) -> str:
    """Digit by digit, in two groups, and once more."""
    half = len(code) // 2
    groups = f"{', '.join(code[:half])}. {', '.join(code[half:])}."
    return f"The code is: {groups} Once more: {groups}"


@dataclass(frozen=True)
class Rules:
    """What is asked of those who come."""

    login: bool = False
    """Whether people must log in; otherwise the page is open to whoever reaches it."""
    names: frozenset[str] = frozenset(("localhost", "127.0.0.1", "::1"))
    """Host names and addresses that are ours."""
    fingerprint: str = ""
    """Of our certificate, as people compare it; empty without HTTPS."""


class Access:
    """The door."""

    def __init__(
        self,
        sessions: Sessions,
        credentials: Credentials,
        rules: Rules = Rules(),
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[str], None] = lambda code: None,
    ) -> None:
        """`show`: a code for those who see the device's terminal."""
        self.sessions = sessions
        self.rules = rules
        self.show = show
        self.pairing = Pairing(clock)
        self._credentials = credentials
        self._waits = Waits(clock)
        # Guesses from many addresses at once; those from which somebody has come in do not wait for theirs.
        self._tries = Buckets(30, 0.5, clock)
        self._trusted: set[str] = set()
        self._checking = asyncio.Lock()
        self._saying = Buckets(3, 1 / 60, clock)

    @property
    def by_code(self) -> bool:
        """Whether people log in with a code, because no password was set."""
        return not self._credentials.has_password

    def of_token(self, token: str, address: str) -> Session | None:
        """The session of all programs that have the token, here or elsewhere; None when it is wrong. Errors: CredentialError."""
        if not hmac.compare_digest(token.encode(), self._credentials.token().encode()):
            return None
        local = is_loopback(address)
        name = f"{token} {'here' if local else 'elsewhere'}"
        return self.sessions.find(name) or self.sessions.adopt(name, local)

    async def enter(self, given: str, address: str, old: str | None) -> str:
        """A new session for whoever gives the password or the code; its token. The session `old` ends.

        Errors: WrongError; TooOftenError, and then it was not even looked at; CredentialError.
        """
        who = whose(address)
        wait = self._waits.left(who)
        if not wait and who not in self._trusted and not is_loopback(who):
            wait = self._tries.take("all")
        if wait:
            raise TooOftenError(
                f"too many wrong tries: wait {_time(wait)} before the next one",
                f"There were too many wrong tries. Wait {_time(wait)}, and try again.",
                wait,
            )
        # Counted before it is known to be wrong: of many tries at the same time only the first may go on.
        self._waits.failed(who)
        if not await self._right(given):
            what = "code" if self.by_code else "password"
            raise WrongError(f"the {what} is wrong: try again", f"The {what} is wrong. Try again.")
        self._waits.succeeded(who)
        if len(self._trusted) < 256:
            self._trusted.add(who)
        self.sessions.close(old)
        return self.sessions.open(local=is_loopback(address))

    async def _right(self, given: str) -> bool:
        if self.by_code:
            return self.pairing.use(given)
        async with self._checking:  # each takes 64 MiB
            return await asyncio.to_thread(self._credentials.is_password, given)

    def may_say(self) -> None:
        """Errors: TooOftenError when the device has been made to speak too often."""
        if wait := self._saying.take("all"):
            raise TooOftenError(
                f"the device has said it several times: wait {_time(wait)}",
                f"I have said it several times. Wait {_time(wait)}.",
                wait,
            )


def cookie_name(scheme: str) -> str:
    """Over HTTPS the name makes the browser insist on Secure, on the whole host, and on nobody else having set it."""
    return f"__Host-{COOKIE}" if scheme == "https" else COOKIE


def cookie(scheme: str, token: str) -> str:
    """The Set-Cookie header that makes a browser keep `token`; an empty one ends it. It lives as long as the browser runs."""
    end = "" if token else "; Max-Age=0"
    return f"{cookie_name(scheme)}={token}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if scheme == 'https' else ''}{end}"


async def current(request: Request) -> Session:
    """The session that `request` belongs to, as the guard found it. Errors: NotKnownError."""
    session: Session | None = request.state.session
    if session is None:
        raise not_known()
    return session


def not_known() -> NotKnownError:
    """The refusal of one who belongs to no session."""
    return NotKnownError(
        "no session: open the page first, or log in; programs send Authorization: Bearer with the token",
        "I do not know this page any more. Reload it.",
    )


def _time(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} second{'s' if whole > 1 else ''}" if whole < 100 else f"{-(-whole // 60)} minutes"
