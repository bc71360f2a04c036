"""What a confirmed file says of registrations, asked in SQL: how many names are free, where, which come free soon, and
the list of those that are. Each registrable name counts once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path

from duckdb import DuckDBPyConnection

from scanner.model import REGISTRATIONS
from scanner.report.plain import plain
from scanner.report.query import TEXT_MAX, TLDS

REASONS_MAX = 1000  # the closed list has 13, one of them with an HTTP status
EXPIRING = 100  # names
SOON_DAYS, PAST_DAYS = 60, 90  # a day that is longer past is none on which a registration ended
DELETING = ("pendingDelete", "redemptionPeriod")  # RFC 8056
LISTED, LISTED_OCTETS = 50_000, 2_000_000  # names of a list in a page, which stays under 3 MB
NAME_MAX = 255  # characters
BLOCK = 10_000  # names that are in memory at a time


@dataclass(frozen=True, slots=True)
class Registration:
    """Names with one verdict of a registry, and one reason ("" for none)."""

    verdict: str
    reason: str
    names: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """A top-level domain: how many of its names are free, of how many."""

    tld: str
    free: int
    names: int


@dataclass(frozen=True, slots=True)
class Expiring:
    """A registered name that may soon be free."""

    name: str
    day: date | None  # on which the registration ends
    statuses: str


@dataclass(frozen=True, slots=True)
class Registry:
    """All that is shown of registrations."""

    registrations: list[Registration]  # free, registered, reserved, unknown
    shelves: list[Shelf]  # most free names first
    shelf_count: int
    expiring: list[Expiring]  # soonest first
    expiring_count: int
    today: date
    free: int
    listed: tuple[str, ...] | None  # the free names, by name; None: too many for a page


def ask_registry(con: DuckDBPyConnection, today: date) -> Registry | None:
    """Of the view `results`; None where no line was confirmed."""
    con.execute(DOMAINS)
    found = [Registration(c, plain(reason), n) for c, reason, n in con.execute(COUNTS_SQL).fetchall()]
    if not found:
        return None
    given = [today, SOON_DAYS, PAST_DAYS]
    soon = con.execute(f"{EXPIRING_SQL} LIMIT {EXPIRING}", given).fetchall()
    (soon_count,) = con.execute(f"SELECT count(*) FROM ({EXPIRING_SQL})", given).fetchone() or (0,)
    (shelf_count,) = con.execute("SELECT count(DISTINCT tld) FROM domains WHERE tld <> ''").fetchone() or (0,)
    free = sum(each.names for each in found if each.verdict == "free")
    return Registry(
        registrations=found,
        shelves=[Shelf(plain(tld), *counts) for tld, *counts in con.execute(SHELVES_SQL).fetchall()],
        shelf_count=shelf_count,
        expiring=[Expiring(plain(name), day, plain(statuses)) for name, day, statuses in soon],
        expiring_count=soon_count,
        today=today,
        free=free,
        listed=listed(con) if free <= LISTED else None,
    )


def listed(con: DuckDBPyConnection) -> tuple[str, ...] | None:
    """The free names; None where a page cannot hold them."""
    names = tuple(name for block in free_names(con) for name in block)
    return names if sum(len(escape(name).encode()) + 1 for name in names) <= LISTED_OCTETS else None


def free_names(con: DuckDBPyConnection) -> Iterator[list[str]]:
    """Block by block; each a line of printable text."""
    found = con.execute("SELECT name FROM domains WHERE c = 'free' ORDER BY name")
    while rows := found.fetchmany(BLOCK):
        yield [plain(name, NAME_MAX) for (name,) in rows]


def write_free(con: DuckDBPyConnection, path: Path) -> None:
    """The free names to a file, one a line."""
    with path.open("w", encoding="utf-8") as file:
        for block in free_names(con):
            file.writelines(f"{name}\n" for name in block)


DOMAINS = f"""
CREATE TEMP TABLE domains AS
SELECT lower(rtrim(coalesce(reg, d), '.'))[:{TEXT_MAX}] AS name, c,
    CASE WHEN c = 'unknown' THEN coalesce(e, '') ELSE '' END AS reason,
    CASE WHEN reason = 'badline' THEN '' ELSE regexp_extract(name, '([^.]*)$', 1) END AS tld,
    max(exp) AS exp, array_to_string(any_value(st)[:8], ', ')[:{TEXT_MAX}] AS st
FROM results WHERE c IS NOT NULL GROUP BY ALL"""

COUNTS_SQL = f"""
SELECT * FROM (SELECT c, reason, count(*) AS names FROM domains GROUP BY ALL)
ORDER BY list_position({list(REGISTRATIONS)}, c), names DESC, reason LIMIT {REASONS_MAX}"""

SHELVES_SQL = f"""
SELECT tld, count(*) FILTER (c = 'free') AS free, count(*) AS names FROM domains WHERE tld <> ''
GROUP BY tld ORDER BY free DESC, names DESC, tld LIMIT {TLDS}"""

IS_DELETED = " OR ".join(f"contains(coalesce(st, ''), '{status}')" for status in DELETING)
IS_NEAR = "coalesce(exp BETWEEN $1::DATE - $3::INTEGER AND $1::DATE + $2::INTEGER, false)"
EXPIRING_SQL = f"""
SELECT name, exp, coalesce(st, '') FROM domains
WHERE c = 'registered' AND ({IS_DELETED} OR {IS_NEAR})
ORDER BY contains(coalesce(st, ''), '{DELETING[0]}') DESC, {IS_NEAR} DESC, exp NULLS LAST, name"""
