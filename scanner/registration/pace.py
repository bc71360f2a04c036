"""The pace of one registry: so many requests a second from each exit, a pause when it asks for one, longer and longer
retries; and when to give it up.

It reads no clock and never sleeps: times in seconds come in, times to wait go out.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random

BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 60.0
SILENT_REQUESTS = 20  # without a reply before a registry is given up
SPOKEN = 10  # times as much patience with one that has answered before


class Pace:
    """One registry host's turns: `rate` requests a second from each of `exits` (the proxies, or our own address), one
    at a time; 0 = no limit. `is_out` says of an exit that it cannot be used just now."""

    def __init__(self, rate: float, exits: int = 1, is_out: Callable[[int], bool] = lambda _: False):
        self._gap = 1 / rate if rate else 0.0
        self._is_out = is_out
        self._exits = [(0.0, number) for number in range(exits)]  # a heap: when its next request may leave, its number
        self._until: dict[int, float] = {}  # by exit: nothing leaves before
        self._count = exits

    def turn(self, now: float) -> tuple[float, int]:
        """Take the next turn: when it is, and through which exit. That is the one that may be used first; one that is
        out is passed over, where there is another."""
        passed = []
        while self._exits:
            at, number = heapq.heappop(self._exits)
            if self._until.get(number, 0.0) > max(at, now):
                heapq.heappush(self._exits, (self._until[number], number))
            elif self._is_out(number):
                passed.append((at, number))
            else:
                break
        else:
            at, number = passed.pop(0)
        for each in passed:
            heapq.heappush(self._exits, each)
        at = max(at, now)
        heapq.heappush(self._exits, (at + self._gap, number))
        return at, number

    def rest(self, now: float, wait_s: float, number: int | None = None) -> None:
        """Send nothing through this exit for so long; without a number, through any."""
        for each in range(self._count) if number is None else (number,):
            self._until[each] = max(self._until.get(each, 0.0), now + wait_s)

    def resting(self, now: float, number: int | None = None) -> float:
        """Seconds for which nothing may be sent through this exit; without a number, through any."""
        if number is not None:
            return max(self._until.get(number, 0.0) - now, 0.0)
        return max(min(self._until.values()) - now, 0.0) if len(self._until) == self._count else 0.0


class Silence:
    """Whether a registry that does not answer is to be given up: so many requests in a row and so long without a reply;
    ten times as long for one that has answered before."""

    def __init__(self, patience_s: float):
        self._patience_s = patience_s
        self._has_answered = False
        self._since: float | None = None  # the first request of those that had no reply
        self.requests = 0  # of these
        self.seconds = 0.0  # for which they went on
        self.is_over = False  # given up

    def broken(self) -> None:
        """A reply came."""
        if not self._has_answered:
            self._has_answered, self._patience_s = True, SPOKEN * self._patience_s
        self._since, self.requests = None, 0

    def goes_on(self, sent: float, now: float) -> bool:
        """A request had no reply; True when it is the one with which the registry is given up."""
        self._since = sent if self._since is None else min(self._since, sent)
        self.requests += 1
        self.seconds = now - self._since
        was = self.is_over
        self.is_over |= self.requests >= SILENT_REQUESTS and self.seconds >= self._patience_s
        return self.is_over and not was


def back_off(tries: int) -> float:
    """Seconds before the next of several tries: doubled each time, with jitter."""
    return min(BACK_OFF_S * 2.0**tries, BACK_OFF_MAX_S) * (0.5 + random())


def wait_of(text: str, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After, which is a number of them or a date (RFC 9110 section 10.2.3); None for neither."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - (now or datetime.now(UTC))).total_seconds(), 0.0)
