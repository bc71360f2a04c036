"""What waits and what is known, in a SQLite file: lines whose domain is still to be asked, verdicts, their history.

A line is in the output or here, and the same transaction says so, so that a run can be killed at any moment. Used by
one thread at a time.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

from scanner.errors import ScanError
from scanner.registration.answer import UNKNOWN, VERDICTS, Answer
from scanner.registration.damage import Damaged, fitting, second_of
from scanner.text import hidden

VERSION = 1  # of the tables
TABLES = """
CREATE TABLE run (          -- the one that is under way, or the last
    input TEXT,             -- what it reads
    output TEXT,            -- path of the file it writes, '' = stdout
    begun REAL,             -- s since the epoch
    lines INTEGER,          -- of the input, that are taken in
    octets INTEGER,         -- of the output, that are whole and booked
    done INTEGER
);
CREATE TABLE line (         -- read and not yet written
    id INTEGER PRIMARY KEY,
    domain TEXT,
    text BLOB               -- as it was read
);
CREATE INDEX line_by_domain ON line (domain);
CREATE TABLE pending (      -- domains that are to be asked, each once
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a queue goes on behind the last number it had
    domain TEXT UNIQUE,
    host TEXT               -- of the registry
);
CREATE INDEX pending_by_host ON pending (host, id);
CREATE TABLE verdict (
    domain TEXT PRIMARY KEY,
    verdict TEXT, via TEXT, reason TEXT, ms INTEGER, expires TEXT, statuses TEXT,
    at REAL                 -- when it was learned
) WITHOUT ROWID;
CREATE TABLE history (      -- each verdict that was not the one before
    domain TEXT, at REAL, verdict TEXT, expires TEXT, statuses TEXT,
    PRIMARY KEY (domain, at)
) WITHOUT ROWID;
"""
CHANGES = """
SELECT * FROM (
    SELECT domain, at, verdict, expires, statuses,
           lag(verdict) OVER known AS was, lag(statuses) OVER known AS statuses_were
    FROM history WINDOW known AS (PARTITION BY domain ORDER BY at)
) WHERE was IS NOT NULL AND at >= ? ORDER BY at, domain
"""


@dataclass(frozen=True, slots=True)
class Run:
    """How far a run is."""

    input: str
    output: str
    begun: float
    lines: int
    octets: int
    done: bool


class Store:
    """`path` None: a store for one run, in a file that goes with it. `ages_s`: how long a verdict holds."""

    def __init__(self, path: Path | None, ages_s: Mapping[str, float]):
        self._ages_s = ages_s
        shown = hidden(str(path))
        try:
            self._db = opened(path)
            self._db.execute("BEGIN EXCLUSIVE")
            self._prepare(shown)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            busy = "is being used by another dnsscan" if "locked" in str(error) else str(error)
            raise ScanError(f"--store {shown}: {busy}") from None
        except sqlite3.DatabaseError:
            raise ScanError(f"--store {shown}: not a store of dnsscan confirm") from None
        except OSError as error:
            raise ScanError(f"--store {shown}: {os.strerror(error.errno or 0)}") from None

    def _prepare(self, shown: str) -> None:
        """Make the tables of a new file; refuse what is none of ours."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION or columns(self._db) != columns_of_ours():
            raise ScanError(f"--store {shown}: not a store of this version of dnsscan confirm")

    def close(self) -> None:
        self._db.close()

    # -- runs ----------------------------------------------------------------------------------------------------

    def run(self) -> Run | None:
        """The run that is under way or was the last."""
        found = self._db.execute("SELECT input, output, begun, lines, octets, done FROM run").fetchone()
        return Run(*fitting(found, str, str, float, int, int, int)) if found else None

    def begin(self, source: str, output: str) -> None:
        """A new run; what an earlier one left is dropped."""
        with self:
            for table in ("run", "line", "pending"):
                self._db.execute(f"DELETE FROM {table}")
            self._db.execute("INSERT INTO run VALUES (?, ?, ?, 0, 0, 0)", (source, output, time()))

    def __enter__(self) -> None:
        """One transaction: all of it or nothing."""
        self._db.execute("BEGIN")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # a full disk has rolled it back
            self._db.execute("ROLLBACK")

    def book(self, lines: int, octets: int) -> None:
        """So many lines of the input are taken in, so many octets of the output are written."""
        self._db.execute("UPDATE run SET lines = ?, octets = ?", (lines, octets))

    def finish(self) -> None:
        """Every line has its answer."""
        self._db.execute("UPDATE run SET done = 1")

    # -- lines and domains ---------------------------------------------------------------------------------------

    def put(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Lines that wait for the answer about their domain."""
        self._db.executemany("INSERT INTO line (domain, text) VALUES (?, ?)", lines)

    def ask(self, domains: Iterable[tuple[str, str]]) -> None:
        """Domains to be asked, with the host of each; one that waits already waits once."""
        self._db.executemany("INSERT OR IGNORE INTO pending (domain, host) VALUES (?, ?)", domains)

    def hosts(self) -> list[str]:
        """Hosts that have something to answer."""
        return [fitting(row, str)[0] for row in self._db.execute("SELECT DISTINCT host FROM pending")]

    def counts(self) -> dict[str, int]:
        """How many domains each host has to answer."""
        rows = self._db.execute("SELECT host, count(*) FROM pending GROUP BY host")
        return {host: count for host, count in (fitting(row, str, int) for row in rows)}

    def next(self, host: str, after: int, count: int) -> list[tuple[int, str]]:
        """The next domains of a host, each with its number, which is the cursor."""
        query = "SELECT id, domain FROM pending WHERE host = ? AND id > ? ORDER BY id LIMIT ?"
        return self._db.execute(query, (host, after, count)).fetchall()

    def take(self, domain: str) -> list[bytes]:
        """The lines that waited for this domain, which waits no more."""
        self._db.execute("DELETE FROM pending WHERE domain = ?", (domain,))
        rows = self._db.execute("DELETE FROM line WHERE domain = ? RETURNING text", (domain,))
        return [fitting(row, bytes)[0] for row in rows]

    def waiting(self) -> int:
        """Lines that wait."""
        return int(self._db.execute("SELECT count(*) FROM line").fetchone()[0])

    # -- verdicts ------------------------------------------------------------------------------------------------

    def known(self, domain: str, begun: float) -> Answer | None:
        """The verdict, where it was learned in this run or is not older than its age, and its registration not over."""
        query = "SELECT verdict, via, reason, ms, expires, statuses, at FROM verdict WHERE domain = ?"
        found = self._db.execute(query, (domain,)).fetchone()
        if found is None:
            return None
        verdict, via, reason, ms, expires, statuses, at = fitting(found, str, str, str, int, str, str, float)
        if verdict not in VERDICTS:
            raise Damaged
        if at < begun and (time() - at > self._ages_s.get(verdict, 0) or over(expires)):
            return None
        return Answer(verdict, via, reason, ms, expires, tuple(statuses.split("\n")) if statuses else ())

    def learn(self, domain: str, answer: Answer) -> None:
        """Keep a verdict; one that differs from the one before goes into the history. An unknown is not a change."""
        now, statuses = time(), "\n".join(answer.statuses)
        row = (domain, answer.verdict, answer.via, answer.reason, answer.ms, answer.expires, statuses, now)
        self._db.execute("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        if answer.verdict == UNKNOWN:
            return
        query = "SELECT verdict, expires, statuses FROM history WHERE domain = ? ORDER BY at DESC LIMIT 1"
        if self._db.execute(query, (domain,)).fetchone() != (answer.verdict, answer.expires, statuses):
            self._db.execute("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?)",
                             (domain, now, answer.verdict, answer.expires, statuses))  # fmt: skip

    def changes(self, since: float) -> Iterator[dict[str, Any]]:
        """What changed after its first verdict, oldest first."""
        for row in self._db.execute(CHANGES, (since,)):
            domain, at, verdict, expires, statuses, was, before = fitting(row, str, float, *[str] * 5)
            yield {"d": domain, "was": was, "c": verdict, "exp": expires,
                   "st_was": before.split("\n") if before else [],
                   "st": statuses.split("\n") if statuses else [], "at": second_of(at)}  # fmt: skip


def columns(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every table with each of its columns."""
    query = """SELECT tables.name, columns.name
        FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' ORDER BY 1, 2"""
    return db.execute(query).fetchall()


def columns_of_ours() -> list[tuple[str, str]]:
    """Those of a new store."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(TABLES)
        return columns(db)


def opened(path: Path | None) -> sqlite3.Connection:
    """A file that survives a kill at any moment, mode 0600; or SQLite's own temporary one, mostly on the disk too."""
    if path is not None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path or "", isolation_level=None, check_same_thread=False, timeout=0)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
        db.execute(f"PRAGMA {pragma}")
    return db


def over(expires: str) -> bool:
    """True when the registration's last day lies behind us."""
    return bool(expires) and expires < datetime.now(UTC).date().isoformat()
