"""`dnsscan confirm --dry-run`: what would be asked of which registry, and how long that takes. It sends nothing, and
leaves the store as it was."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from scanner.errors import InputEndedEarly
from scanner.registration.batch_writer import BatchWriter, Books
from scanner.registration.directory import DNS, NO_REGISTRY, Directory
from scanner.registration.settings import Settings
from scanner.registration.store import Store
from scanner.scanning.source import Source

CHUNKS_AHEAD = 4
SHOWN = 20  # registries; the others are counted


class Rehearsal(Store):
    """A store in which nothing that is written stays."""

    def __init__(self, path: Path | None, settings: Settings):
        is_there = path is not None and path.exists() and path.stat().st_size > 0
        super().__init__(path if is_there else None, settings.ages_s)
        self._db.execute("BEGIN")

    def __enter__(self) -> None:
        """Part of the one transaction that `close` drops."""

    def __exit__(self, kind: object, *_: object) -> None:
        """The same."""

    def close(self) -> None:
        self._db.execute("ROLLBACK")
        super().close()


def forecast(settings: Settings, store: Store, sources: Sequence[int], *, also_errors: bool) -> dict[str, Any]:
    """Read it all. Raises ScanError."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        writer = BatchWriter(store, nowhere, host_of=Directory(settings).host_of, no_registry=NO_REGISTRY,
                             also_errors=also_errors, aside=nullcontext)  # fmt: skip
        for chunk in chunks(sources):
            writer.work([chunk], False, (), {})
        writer.work((), True, (), {})
    finally:
        os.close(nowhere)
    return figures(settings, writer.books, store.counts())


def chunks(sources: Sequence[int]) -> Iterator[bytes]:
    """What is read, as it comes. Raises InputEndedEarly."""
    come: SimpleQueue[bytes | str | None] = SimpleQueue()
    with closing(Source(sources, come.put, come.put, ahead=CHUNKS_AHEAD)) as source:
        source.start()
        while isinstance(chunk := come.get(), bytes):
            yield chunk
            source.room_made()
    if chunk is not None:
        raise InputEndedEarly(f"input ended early: {chunk}")


def figures(settings: Settings, books: Books, counts: dict[str, int]) -> dict[str, Any]:
    """As data, the registry that takes longest first. `seconds` is the least that it takes, where there is a rate."""
    exits = len(settings.proxies) or 1
    rate = settings.registry_rate * exits
    rows = [{"registry": "the DNS" if host == DNS else host.partition("://")[2], "names": count,
             "seconds": None if not rate or host == DNS else math.ceil(count / rate)}
            for host, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]  # fmt: skip
    known = [row["seconds"] for row in rows if row["seconds"] is not None]
    return {"read": books.read, "answered": books.written, "blank": books.blank, "waiting": books.waiting,
            "cached": books.cached, "ask": sum(counts.values()), "rate": settings.registry_rate, "exits": exits,
            "registries": rows, "seconds": max(known, default=None)}  # fmt: skip


def in_words(found: dict[str, Any]) -> str:
    """For people."""
    rows = found["registries"]
    lines = [f"{found['read']:,} read = {found['answered']:,} answered without asking + {found['blank']:,} blank + "
             f"{found['waiting']:,} that wait for {found['ask']:,} names"]  # fmt: skip
    width = max((len(row["registry"]) for row in rows[:SHOWN]), default=0)
    lines += [f"  {row['registry']:{width}}  {row['names']:>11,} names  {lasting(row['seconds'])}"
              for row in rows[:SHOWN]]  # fmt: skip
    if len(rows) > SHOWN:
        lines.append(f"  and {len(rows) - SHOWN:,} more")
    exits = f" from each of {found['exits']:,} proxies" if found["exits"] > 1 else ""
    pace = f"at {found['rate']:g} requests a second to each registry{exits}" if found["rate"] else "without a rate"
    return "\n".join([*lines, f"takes {lasting(found['seconds'])}, {pace}" if rows else "takes no time"])


def lasting(seconds: int | None) -> str:
    """`at least 3 d 4 h`: the two largest units."""
    if seconds is None:
        return "as long as the answers take"
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[tuple[int, str]] = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, unit))
    return "at least " + (" ".join(f"{count:,} {unit}" for count, unit in parts[:2] if count) or "1 s")
