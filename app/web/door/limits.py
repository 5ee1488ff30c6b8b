"""How much is too much: buckets that fill again, delays that grow, and counts of what happens at once. The clock is given."""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_KEYS = 4096
"""Addresses that are remembered; the one not seen for longest is forgotten."""
FREE_FAILURES = 3
"""Everybody mistypes."""
LONGEST_WAIT = 300.0
"""Seconds; nobody is locked out for longer, and nobody guesses more than 12 times in an hour."""
FORGIVEN_SECONDS = 3600.0


def whose(address: str) -> str:
    """The party behind `address`: of IPv6 the first 64 bits, since one party has all the others."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        if not parsed.is_loopback:
            return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def is_loopback(address: str) -> bool:
    """Whether it is this very machine."""
    try:
        parsed = ipaddress.ip_address(whose(address))
    except ValueError:
        return False
    return parsed.is_loopback


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each key: so many at once, then so many a second."""

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Take one. Returns 0.0 when there was one, else the seconds until there is."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._per_second
        bucket.tokens -= 1
        return 0.0


@dataclass
class _Failures:
    count: int
    until: float
    at: float


class Waits:
    """After some failures each further one doubles the time that must pass before the next try."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def left(self, key: Hashable) -> float:
        """Seconds until `key` may try again."""
        known = self._failures.get(key)
        return max(0.0, known.until - self._clock()) if known else 0.0

    def failed(self, key: Hashable) -> None:
        """One more failure."""
        now = self._clock()
        known = self._failures.pop(key, None)
        count = 1 + (known.count if known and now - known.at < FORGIVEN_SECONDS else 0)
        delay = min(LONGEST_WAIT, 2.0 ** (count - FREE_FAILURES)) if count >= FREE_FAILURES else 0.0
        self._failures[key] = _Failures(count, now + delay, now)
        if len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """All is forgiven."""
        self._failures.pop(key, None)


class AtOnce:
    """How many of something there are now, in all and for each key."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._counts: Counter[Hashable] = Counter()
        self._total = 0

    @contextmanager
    def one_more(self, key: Hashable) -> Iterator[bool]:
        """Counts while inside; False, and not counted, when there are too many already."""
        if self._total >= self._most or self._counts[key] >= self._most_each:
            if not self._counts[key]:
                del self._counts[key]
            yield False
            return
        self._counts[key] += 1
        self._total += 1
        try:
            yield True
        finally:
            self._counts[key] -= 1
            self._total -= 1
            if not self._counts[key]:
                del self._counts[key]
