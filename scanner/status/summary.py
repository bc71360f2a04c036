"""The summary of a scan: its books, and the proxies and resolvers that explain a bad one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scanner.status.view import Row, View, finished, ms_of, utc_text
from scanner.text import rate_text

ROWS_SHOWN = 10
OF_TAKEN = ("cname_nx", "nodata", "wildcard")  # reasons of names that exist, and of no error
LOSSES_MANY = 0.05  # of the queries: then a proxy or resolver has a row


def as_json(view: View, *, connections: int, troubles: int, settings: Mapping[str, Any]) -> str:
    """Everything, in one line."""
    books, seconds, tally = view.books(), view.seconds, view.tally()
    view.series.add(seconds, books, last=True)
    ended = "" if view.ended is None else utc_text(view.ended)
    return json.dumps({
        **books, **view.datagrams(), "connections": connections, "troubles": troubles, "seconds": round(seconds, 3),
        "per_second": round(finished(books) / seconds), "ended_by": view.ended_by,
        "started": utc_text(view.began), "ended": ended, "settings": settings,
        "ms": {f"p{percent}": ms_of(tally, percent / 100) for percent in (50, 90, 99)},
        "series": view.series.points,
        "resolvers": [figures("resolver", row) for row in view.resolvers()],
        "proxies": [figures("proxy", row) for row in view.proxies()],
    })  # fmt: skip


def figures(kind: str, row: Row) -> dict[str, Any]:
    """A row as data."""
    return {
        kind: row.name,
        **{key: getattr(row, key) for key in Row.__slots__ if key != "name" and (key != "state" or row.state)},
    }


def as_text(view: View, troubles: int, stopped_by: str) -> Iterator[str]:
    """The books in one line; then what stopped the scan, and proxies and resolvers that did badly, where any did."""
    yield books_text(view, troubles)
    if stopped_by:
        yield stopped_by
    if overruns := view.datagrams().get("overruns"):
        yield f"{overruns:,} responses came faster than this machine read them, and were asked for again (--rcvbuf)"
    yield from bad_text(view.proxies(), "proxy", "proxies")
    yield from bad_text(view.resolvers(), "resolver", "resolvers")


def bad_text(rows: Sequence[Row], one: str, several: str) -> Iterator[str]:
    """Those without any answer in one line, then a line for each of the ten worst of the others."""
    bad = worst(rows)
    dead = [row for row in bad if not row.responses]
    if dead:
        names = ", ".join(row.name for row in dead[:ROWS_SHOWN]) + (", ..." if len(dead) > ROWS_SHOWN else "")
        lost = sum(row.losses for row in dead)
        yield f"{len(dead):,} {one if len(dead) == 1 else several} without any answer ({lost:,} queries lost): {names}"
    for row in bad[len(dead) :][:ROWS_SHOWN]:
        yield f"{one} {row_text(row)}"
    if len(bad) > len(dead) + ROWS_SHOWN:
        yield f"{len(bad) - len(dead) - ROWS_SHOWN:,} more {several} did badly; --stats json has all"


def worst(rows: Sequence[Row]) -> list[Row]:
    """Those that paused or lost much, the worst first: nothing answered, much lost, many pauses."""
    bad = [row for row in rows if row.pauses or row.losses > LOSSES_MANY * row.queries]
    return sorted(bad, key=lambda row: (row.responses > 0, -row.losses / max(row.queries, 1), -row.pauses))


def row_text(row: Row) -> str:
    """A row for people."""
    parts = [f"{row.responses:,} of {row.queries:,} queries answered, {row.losses:,} lost"]
    if row.p50_ms is not None:
        parts.append(f"p50 {row.p50_ms:g} ms, p99 {row.p99_ms:g} ms")
    if row.reconnects or row.pauses:
        parts.append(f"{row.reconnects:,} reconnects, {row.pauses:,} pauses")
    if row.window is not None:
        parts.append(f"window {row.window}")
    if row.state not in ("", "good", "unproven"):
        parts.append(row.state)
    return f"{row.name}: {'; '.join(parts)}"


def books_text(view: View, troubles: int) -> str:
    """What was read, written and asked."""
    books, seconds, tally = view.books(), view.seconds, view.tally()
    of_taken, of_errors = reasons_of(books)
    median, slow = ms_of(tally, 0.5), ms_of(tally, 0.99)
    took = "" if median is None else f"; p50 {median:g} ms, p99 {slow:g} ms"
    rate = rate_text(finished(books), seconds)
    second = f", second pass {books['recovered']:,} of {books['second']:,}" if books["second"] else ""
    beside = f" ({books['random']:,} for random names)" if books["random"] else ""
    trouble = f", proxies and resolvers in trouble: {troubles:,}" if troubles else ""
    return (
        f"{balance(books)}; "
        f"taken {books['taken']:,}{listed(of_taken)}, nxdomain {books['nxdomain']:,}, "
        f"error {books['error']:,}{listed(of_errors)}; "
        f"{books['queries']:,} queries{beside}, {books['retried']:,} retried{second}{trouble}; "
        f"{seconds:.1f} s{rate and f', {rate}'}{took}"
    )


def balance(books: Mapping[str, Any]) -> str:
    """What became of the lines that were read; of several types, each asks for more than one."""
    read, lines = books["read"] - books["blank"], books["expected"] + books["skipped"]
    blank = f" + blank {books['blank']:,}"
    before = f"names {read:,}{blank}; lines {lines:,} = " if read != lines else ""
    return (
        f"read {books['read']:,} = {before}written {books['written']:,}{part(books, 'filtered', 'filtered')}"
        f"{'' if before else blank}{part(books, 'skipped', 'answered before')}"
        f"{part(books, 'unfinished', 'unfinished')}"
    )


def reasons_of(books: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Those of names that exist, and those of errors, of which each has one."""
    of_errors = {reason: count for reason, count in books["reasons"].items() if reason not in OF_TAKEN}
    of_taken = {reason: count for reason, count in books["reasons"].items() if reason in OF_TAKEN}
    if "referral" in of_errors:  # of the name itself, or of another
        of_errors["referral"] -= sum(of_errors.values()) - books["error"]
        of_taken["referral"] = books["reasons"]["referral"] - of_errors["referral"]
    return of_taken, of_errors


def listed(reasons: Mapping[str, int]) -> str:
    """In brackets, the most frequent first; they add up."""
    shown = sorted(((count, reason) for reason, count in reasons.items() if count), key=lambda each: -each[0])
    if others := sum(count for count, _ in shown[ROWS_SHOWN:]):
        shown[ROWS_SHOWN:] = [(others, "others")]
    text = ", ".join(f"{reason} {count:,}" for count, reason in shown)
    return f" ({text})" if text else ""


def part(books: Mapping[str, Any], key: str, word: str) -> str:
    """One more part of a sum, where it is not nothing."""
    return f" + {word} {books[key]:,}" if books[key] else ""
