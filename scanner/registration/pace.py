"""The pace of one registry: so many requests a second, a pause when it asks for one, longer and longer retries.

It reads no clock and never sleeps: times in seconds come in, times to wait go out.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random

BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 60.0


class Pace:
    """One registry host's turns. `rate` requests a second, one at a time; 0 = no limit."""

    def __init__(self, rate: float):
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0  # when the next request may leave
        self._until = 0.0  # nothing leaves before

    def turn(self, now: float) -> float:
        """Take the next turn; when it is."""
        at = max(now, self._next, self._until)
        self._next = at + self._gap
        return at

    def rest(self, now: float, wait_s: float) -> None:
        """Send nothing for so long."""
        self._until = max(self._until, now + wait_s)

    def resting(self, now: float) -> float:
        """Seconds for which nothing may be sent."""
        return max(self._until - now, 0.0)


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
