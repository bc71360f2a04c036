"""How a confirmation is doing, in one line: drawn on a terminal, or written once on request (SIGUSR1)."""

import asyncio
from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from scanner.registration.answer import VERDICTS
from scanner.registration.batch_writer import Books
from scanner.signals import STOPPING
from scanner.status.console import Console
from scanner.status.progress import PLAIN, Part, clock, fitting, line
from scanner.text import two_digits

FRAME_S = 0.5
WINDOW_S = 30.0  # of the rate: registries are slow


class Counts(Protocol):
    """What is shown of a confirmation."""

    books: Books

    @property
    def asked(self) -> int:
        """Requests that were sent."""

    @property
    def resting(self) -> int:
        """Registries that have asked for a pause."""


class Status:
    """The line of one confirmation; what it says unasked, it says only where it `explains`."""

    def __init__(self, counts: Counts, console: Console, *, is_drawn: bool, explains: bool):
        self._counts, self._console, self._is_drawn, self._explains = counts, console, is_drawn, explains
        self._samples: deque[tuple[float, int]] = deque([(monotonic(), 0)])  # requests until then

    async def draw(self) -> None:
        """Again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(FRAME_S)
            now = monotonic()
            self._samples.append((now, self._counts.asked))
            while self._samples[0][0] < now - WINDOW_S:
                self._samples.popleft()
            if self._is_drawn:
                self._console.draw(line(fitting(list(self._parts()), self._console.columns - 1), False))

    def say(self) -> None:
        """One line about now."""
        self._console.note(line(list(self._parts()), False))

    def stopping(self) -> None:
        """Ctrl-C was typed: what comes of it."""
        if self._explains:
            self._console.note(STOPPING)

    def wipe(self) -> None:
        """Leave nothing of what was drawn."""
        self._console.wipe()

    def _parts(self) -> Iterator[Part]:
        """The parts of the line, the most important first."""
        counts, books = self._counts, self._counts.books
        yield f"{books.written:,} written", PLAIN
        yield f"{books.waiting:,} waiting", PLAIN
        begun, before = self._samples[0]
        rate = (counts.asked - before) / max(monotonic() - begun, 1e-9)
        yield f"{counts.asked:,} requests", PLAIN
        yield f"{two_digits(rate)}/s", PLAIN
        if rate > 0 and books.waiting:
            yield f"{clock(books.waiting / rate)} left at most", PLAIN
        if counts.resting:
            yield f"{counts.resting:,} registries resting", PLAIN
        for verdict in VERDICTS:
            yield f"{verdict} {books.verdicts[verdict]:,}", PLAIN
