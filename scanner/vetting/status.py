"""How a vetting is doing, in one line: drawn on a terminal, or written once on request (SIGUSR1); and its summary."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from scanner.status.console import Console
from scanner.status.progress import BOLD, PLAIN, Part, fitting, line
from scanner.vetting.findings import VERDICTS

FRAME_S = 0.25


@dataclass
class Books:
    """What is counted: read = vetted + twice + unasked."""

    read: int  # entries of the list
    listed: int  # resolvers, each once
    written: int = 0  # lines
    vetted: int = 0
    queries: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    begun: float = field(default_factory=monotonic)

    def summary(self) -> dict[str, Any]:
        """As data."""
        return {"read": self.read, "twice": self.read - self.listed, "vetted": self.vetted,
                "unasked": self.listed - self.vetted, "written": self.written,
                "verdicts": {word: self.verdicts[word] for word in VERDICTS if self.verdicts[word]},
                "queries": self.queries, "seconds": round(monotonic() - self.begun, 3)}  # fmt: skip


def in_words(figures: dict[str, Any]) -> str:
    """The summary as one line."""
    apart = (("twice", "twice in the list"), ("unasked", "not asked"))
    rest = "".join(f" + {word} {figures[key]:,}" for key, word in apart if figures[key])
    counts = ", ".join(f"{word} {count:,}" for word, count in figures["verdicts"].items()) or "nothing"
    return (f"read {figures['read']:,} = vetted {figures['vetted']:,}{rest}; {counts}; written {figures['written']:,}; "
            f"{figures['queries']:,} queries; {figures['seconds']:.1f} s")  # fmt: skip


class Status:
    """The line of one vetting."""

    def __init__(self, books: Books, console: Console, *, is_drawn: bool) -> None:
        self._books, self._console, self._is_drawn = books, console, is_drawn
        self.in_flight = 0

    async def draw(self) -> None:
        """Again and again, until it is cancelled."""
        while self._is_drawn:
            await asyncio.sleep(FRAME_S)
            console = self._console
            console.draw(line(fitting(list(self._parts()), console.columns - 1), console.has_colours))

    def say(self) -> None:
        """One line about now."""
        self._console.note(line(list(self._parts()), False))

    def _parts(self) -> Iterator[Part]:
        books = self._books
        yield f"{books.vetted:,} of {books.listed:,}", BOLD
        yield f"{self.in_flight:,} in flight", PLAIN
        for word in VERDICTS:
            if books.verdicts[word]:
                yield f"{word} {books.verdicts[word]:,}", PLAIN
        yield f"{monotonic() - books.begun:.0f} s", PLAIN
