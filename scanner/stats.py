"""What a scan says on stderr: warnings, progress on a terminal, one status line on request, and the summary.

It never touches stdout, and a stderr that is full or closed never ends a scan.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

PROGRESS_S = 0.5
TROUBLES_TOLD = 6  # of thousands of dead proxies the first few are told; the summary counts them all


class Stats:
    """Speaks for one scan, whose counts `books()` gives.

    `quiet` leaves only errors and warnings; `form` is text or json (of the summary). `host`, where there is one, hears
    the warnings in stderr's place."""

    def __init__(self, books: Callable[[], dict[str, Any]], *, quiet: bool, form: str,
                 host: Callable[[str], None] | None = None):  # fmt: skip
        self._count = books
        self._quiet = quiet
        self._form = form
        self._host = host
        self._started = monotonic()
        self._said: set[str] = set()
        self._troubles: set[str] = set()
        self._more: dict[str, int] = {}
        self._drawn = False
        self._next_at = 0.0
        self._terminal = not quiet and is_terminal(2)

    def warn(self, text: str) -> None:
        """One line; the same text is not said twice."""
        if text not in self._said:
            self._said.add(text)
            self._wipe()
            if self._host is not None:
                self._host(text)
            else:
                say(f"dnsscan: {text}")

    def trouble(self, text: str) -> None:
        """A proxy or resolver cannot be used: one line for each of the first few."""
        self._troubles.add(text)
        if len(self._troubles) <= TROUBLES_TOLD:
            self.warn(text)
        else:
            self.warn("more proxies or resolvers are in trouble; the summary counts them")

    @property
    def more(self) -> dict[str, int]:
        """Counts that only one engine has, for the summary; whoever has them adds them."""
        return self._more

    def status(self) -> None:
        """One line about now, whoever reads it."""
        self._wipe()
        say(f"dnsscan: {self._now()}")

    def progress(self, now: float) -> None:
        """Draw the progress line, on a terminal, twice a second."""
        if self._terminal and now >= self._next_at:
            self._next_at = now + PROGRESS_S
            self._drawn = True
            say(f"\r\x1b[K{self._now()}", end="")

    def summary(self, *, connections: int, ended: str) -> None:
        """The books, once, at the end; `ended` says what ended the scan."""
        self._wipe()
        if self._form == "json":
            say(json.dumps(self.figures(connections, ended)))
        elif not self._quiet:
            say("dnsscan: " + self._books())

    def figures(self, connections: int, ended: str) -> dict[str, Any]:
        """The summary as data: counts, seconds, queries a second."""
        seconds = monotonic() - self._started
        books = self._count()
        return {**books, **self._more, "connections": connections, "troubles": len(self._troubles),
                "seconds": round(seconds, 3),
                "per_second": round(books["written"] / max(seconds, 1e-9)), "ended": ended}  # fmt: skip

    def _books(self) -> str:
        books = self._count()
        seconds = monotonic() - self._started
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in books["reasons"].items())
        second = f", second pass {books['recovered']:,} of {books['second']:,}" if books["second"] else ""
        troubles = f", proxies and resolvers in trouble: {len(self._troubles):,}" if self._troubles else ""
        return (
            f"read {books['read']:,} = written {books['written']:,} + blank {books['blank']:,}"
            f"{self._part(books, 'skipped', 'answered before')}{self._part(books, 'unfinished', 'unfinished')}; "
            f"taken {books['taken']:,}, nxdomain {books['nxdomain']:,}, error {books['error']:,}"
            f"{f' ({reasons})' if reasons else ''}; "
            f"{books['queries']:,} queries, {books['retried']:,} retried{second}{troubles}; "
            f"{seconds:.1f} s, {books['written'] / max(seconds, 1e-9):,.0f}/s"
        )

    @staticmethod
    def _part(books: dict[str, Any], key: str, word: str) -> str:
        return f" + {word} {books[key]:,}" if books[key] else ""

    def _now(self) -> str:
        books = self._count()
        seconds = max(monotonic() - self._started, 1e-9)
        return (f"{books['written']:,} written, {books['written'] / seconds:,.0f}/s, {books['in_flight']:,} in flight, "
                f"taken {books['taken']:,}, nxdomain {books['nxdomain']:,}, error {books['error']:,}")  # fmt: skip

    def _wipe(self) -> None:
        if self._drawn:
            self._drawn = False
            say("\r\x1b[K", end="")


def say(text: str, end: str = "\n") -> None:
    """Write to stderr at once; trouble with stderr is nobody's trouble. A full one is not waited for."""
    with contextlib.suppress(OSError):
        os.write(2, (text + end).encode("utf-8", "backslashreplace"))


def is_terminal(descriptor: int) -> bool:
    """True for a terminal; False for anything else, closed ones included."""
    try:
        return os.isatty(descriptor) and sys.platform != "win32"
    except OSError:
        return False
