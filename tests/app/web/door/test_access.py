"""Who may come in: buckets, delays, the password, the code, the token, host names and origins, each by itself."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from starlette.types import Scope

from app.web.door.access import CODE_SECONDS, CODE_TRIES, Access, Pairing, Rules, WrongError, cookie, spoken_code
from app.web.door.credentials import SHORTEST, CredentialError, Credentials
from app.web.door.hosts import HostError, OriginError, check_host, check_origin, split
from app.web.door.limits import LONGEST_WAIT, MOST_KEYS, AtOnce, Buckets, Waits, is_loopback, whose
from app.web.door.refusals import TooOftenError
from app.web.visitors.sessions import Sessions
from tests.app.web.door.secured import Clock

pytestmark = pytest.mark.servers

PASSWORD = "three words long"


def door(folder: Path, clock: Clock, password: str | None = PASSWORD) -> Access:
    credentials = Credentials(folder)
    if password:
        credentials.set_password(password)
    # What is asked in a session is not a matter of who may open one.
    return Access(Sessions(lambda local: None, clock), credentials, Rules(login=True), clock)  # type: ignore[arg-type, return-value]


def enter(access: Access, given: str, address: str = "192.168.1.7", old: str | None = None) -> str:
    return asyncio.run(access.enter(given, address, old))


def test_a_bucket_gives_its_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    bucket = Buckets(3, 2.0, clock)
    assert [bucket.take("a") for _ in range(3)] == [0, 0, 0]
    assert bucket.take("a") == pytest.approx(0.5)
    assert bucket.take("b") == 0
    clock.now += 0.5
    assert bucket.take("a") == 0
    assert bucket.take("a") > 0


def test_a_bucket_remembers_a_bounded_number_of_addresses() -> None:
    bucket = Buckets(1, 1.0, Clock())
    for number in range(MOST_KEYS + 10):
        bucket.take(number)
    assert len(bucket._buckets) == MOST_KEYS


def test_waiting_doubles_up_to_a_bound_and_is_forgiven() -> None:
    clock = Clock()
    waits = Waits(clock)
    seconds = []
    for _ in range(20):
        waits.failed("a")
        seconds.append(waits.left("a"))
        clock.now += waits.left("a")
    assert seconds[:7] == [0, 0, 1, 2, 4, 8, 16]
    assert max(seconds) == seconds[-1] == LONGEST_WAIT
    assert waits.left("b") == 0
    waits.succeeded("a")
    waits.failed("a")
    assert waits.left("a") == 0


def test_what_happens_at_once_is_counted_for_each_and_in_all() -> None:
    counts = AtOnce(3, 2)
    with counts.one_more("a") as one, counts.one_more("a") as two, counts.one_more("a") as three:
        assert (one, two, three) == (True, True, False)
        with counts.one_more("b") as four, counts.one_more("c") as five:
            assert (four, five) == (True, False)
    with counts.one_more("c") as again:
        assert again
    assert not counts._counts


def test_one_party_has_all_addresses_of_its_network_in_ipv6() -> None:
    assert whose("2001:db8::1") == whose("2001:db8::ffff:2") != whose("2001:db8:0:1::1")
    assert whose("::ffff:192.168.1.7") == whose("192.168.1.7") != whose("192.168.1.8")
    assert whose("fe80::1%eth0") == whose("fe80::2")
    assert is_loopback("127.0.0.2")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("192.168.1.7")
    assert not is_loopback("localhost.example.org")


def test_the_right_password_opens_a_new_session_and_ends_the_old_one(tmp_path: Path) -> None:
    access = door(tmp_path, Clock())
    first = enter(access, PASSWORD)
    second = enter(access, PASSWORD, old=first)
    assert first != second
    assert access.sessions.find(first) is None
    assert access.sessions.find(second) is not None


def test_twenty_wrong_passwords_delay_the_right_one_but_do_not_lock_its_owner_out(tmp_path: Path) -> None:
    clock = Clock()
    access = door(tmp_path, clock)
    waited = 0.0
    for _ in range(20):
        try:
            enter(access, "wrong wrong wrong")
        except WrongError:
            continue
        except TooOftenError as error:
            clock.now += error.seconds
            waited += error.seconds
            with pytest.raises(WrongError):
                enter(access, "wrong wrong wrong")
    assert waited > 20 * 60
    with pytest.raises(TooOftenError) as told:
        enter(access, PASSWORD)
    assert 0 < told.value.seconds <= LONGEST_WAIT
    assert enter(access, PASSWORD, "192.168.1.8")  # others are not kept waiting
    clock.now += told.value.seconds
    assert enter(access, PASSWORD)
    with pytest.raises(WrongError):  # all is forgiven
        enter(access, "wrong wrong wrong")


def test_guesses_from_many_addresses_are_bounded_together_but_not_those_of_who_was_inside(tmp_path: Path) -> None:
    clock = Clock()
    access = door(tmp_path, clock, password=None)
    code = access.pairing.code()
    assert enter(access, code, "192.168.1.9")
    refused = 0
    for number in range(100):
        try:
            enter(access, "0", f"10.0.0.{number}")
        except WrongError:
            continue
        except TooOftenError:
            refused += 1
    assert refused == 71  # of thirty tries one was the right one
    assert enter(access, access.pairing.code(), "192.168.1.9")


def test_tries_at_the_same_time_do_not_get_around_the_delay(tmp_path: Path) -> None:
    access = door(tmp_path, Clock())

    async def all_at_once() -> list[str | BaseException]:
        return await asyncio.gather(
            *(access.enter("wrong wrong wrong", "192.168.1.7", None) for _ in range(10)), return_exceptions=True
        )

    kinds = [type(each) for each in asyncio.run(all_at_once())]
    assert kinds.count(WrongError) == 3
    assert kinds.count(TooOftenError) == 7


def test_a_code_is_good_once_for_some_minutes_and_for_a_few_tries() -> None:
    clock = Clock()
    pairing = Pairing(clock)
    with pytest.raises(WrongError):
        pairing.use("000000")
    code = pairing.code()
    assert pairing.code() == code
    assert len(code) == 6
    assert code.isdigit()
    assert pairing.use(f" {code[:3]} {code[3:]} ")
    with pytest.raises(WrongError):
        pairing.use(code)
    late = pairing.code()
    clock.now += CODE_SECONDS
    with pytest.raises(WrongError):
        pairing.use(late)
    tried = pairing.code()
    wrong = f"{(int(tried) + 1) % 10**6:06}"
    assert [pairing.use(wrong) for _ in range(CODE_TRIES)] == [False] * CODE_TRIES
    with pytest.raises(WrongError):
        pairing.use(tried)


def test_a_code_of_other_digits_or_none_is_wrong() -> None:
    pairing = Pairing(Clock())
    pairing.code()
    assert not pairing.use("")
    assert not pairing.use("٣٤٥٦٧٨")


def test_the_code_is_said_digit_by_digit_and_again() -> None:
    assert spoken_code("481902") == "The code is: 4, 8, 1. 9, 0, 2. Once more: 4, 8, 1. 9, 0, 2."


def test_the_device_cannot_be_made_to_speak_without_end(tmp_path: Path) -> None:
    clock = Clock()
    access = door(tmp_path, clock)
    for _ in range(3):
        access.may_say()
    with pytest.raises(TooOftenError):
        access.may_say()
    clock.now += 61
    access.may_say()


def test_what_is_kept_is_no_password_and_only_the_account_reads_it(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "state")
    credentials.set_password(PASSWORD)
    token = credentials.token()
    assert credentials.token() == token
    kept = credentials.password_file.read_text()
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept
    for file in (credentials.password_file, credentials.token_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert credentials.is_password(PASSWORD)
    assert not credentials.is_password(PASSWORD + " ")
    assert not credentials.is_password("x" * 100_000)


@pytest.mark.parametrize("password", ["", "short", "x" * (SHORTEST - 1), "x" * 201])
def test_a_password_that_is_too_short_or_long_is_refused(tmp_path: Path, password: str) -> None:
    credentials = Credentials(tmp_path)
    with pytest.raises(CredentialError) as told:
        credentials.set_password(password)
    assert told.value.spoken
    assert not credentials.has_password


def test_damaged_files_are_said_to_be_so(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.password_file.write_text("not a hash\n")
    credentials.token_file.write_text("short\n")
    with pytest.raises(CredentialError, match="set one anew"):
        credentials.is_password("anything at all")
    with pytest.raises(CredentialError, match="take it away"):
        credentials.token()


def test_programs_here_and_elsewhere_have_sessions_of_their_own_and_a_wrong_token_none(tmp_path: Path) -> None:
    access = door(tmp_path, Clock())
    token = Credentials(tmp_path).token()
    here, elsewhere = access.of_token(token, "127.0.0.1"), access.of_token(token, "192.168.1.7")
    assert here is not None
    assert elsewhere is not None
    assert (here.local, elsewhere.local) == (True, False)
    assert access.of_token(token, "127.0.0.1") is here
    assert access.of_token(token[:-1], "127.0.0.1") is None
    assert access.of_token("", "127.0.0.1") is None
    assert access.of_token("ü", "127.0.0.1") is None


def test_cookies_say_all_that_keeps_them_here() -> None:
    assert cookie("http", "t") == "assistant_session=t; Path=/; HttpOnly; SameSite=Strict"
    assert cookie("https", "t") == "__Host-assistant_session=t; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert cookie("https", "").endswith("; Max-Age=0")


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("localhost:8017", ("localhost", 8017)),
        ("LOCALHOST", ("localhost", 80)),
        ("[::1]:8017", ("::1", 8017)),
        ("[::1]", ("::1", 80)),
        ("::1", ("", None)),
        ("localhost:", ("", None)),
        ("localhost:80x", ("", None)),
        ("localhost:80:80", ("", None)),
        ("", ("", 80)),
        ("a@localhost:8017", ("a@localhost", 8017)),
    ],
)
def test_host_headers_are_taken_apart(header: str, parts: tuple[str, int | None]) -> None:
    assert split(header, 80) == parts


def asked(method: str = "POST", **headers: str) -> Scope:
    names = {name.replace("_", "-"): value for name, value in {"host": "localhost:8017", **headers}.items()}
    return {
        "type": "http",
        "scheme": "http",
        "method": method,
        "server": ("127.0.0.1", 8017),
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8017",
        "localhost:80",
        "localhost",
        "127.0.0.1.evil.example:8017",
        "",
        "192.168.1.5:8017",
    ],
)
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(HostError):
        check_host(asked(host=host), ("localhost",))


def test_the_address_by_which_a_connection_came_is_ours() -> None:
    check_host(asked(host="127.0.0.1:8017"), ())
    check_host(asked(host="LocalHost:8017"), ("localhost",))


@pytest.mark.parametrize(
    ("headers", "by_token", "good"),
    [
        ({"origin": "http://localhost:8017"}, False, True),
        ({"origin": "http://localhost:8018"}, False, False),
        ({"origin": "https://localhost:8017"}, False, False),
        ({"origin": "http://evil.example"}, False, False),
        ({"origin": "http://evil.example"}, True, False),
        ({"origin": "null"}, False, False),
        ({"sec_fetch_site": "same-origin"}, False, True),
        ({"sec_fetch_site": "same-site"}, False, False),
        ({"sec_fetch_site": "cross-site"}, True, False),
        ({"sec_fetch_site": "none"}, False, False),
        ({}, False, False),
        ({}, True, True),
    ],
)
def test_what_changes_something_must_come_from_our_own_page(
    headers: dict[str, str], by_token: bool, good: bool
) -> None:
    if good:
        check_origin(asked(**headers), by_token)
    else:
        with pytest.raises(OriginError):
            check_origin(asked(**headers), by_token)


def test_pages_may_be_opened_from_anywhere_but_not_read_by_other_pages() -> None:
    check_origin(asked("GET"), False)
    check_origin(asked("GET", sec_fetch_site="cross-site"), False)  # a link that was followed
    with pytest.raises(OriginError):
        check_origin(asked("GET", origin="http://evil.example"), False)
