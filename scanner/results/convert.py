"""Results in the formats of others: Parquet, CSV, SQLite and DuckDB, each with the same columns and types.

Sorted by verdict and name: a query for one verdict, or for one name of it, then reads a part of the file (a third to
a fifth of the time, for files of the same size). CSV is for people: in the order of the input where lines have it (n),
and with no cell that a spreadsheet takes for a formula. Keys that have no column of their own are one object in the
column `other`: nothing of a line is lost.
"""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from duckdb import DuckDBPyConnection

from scanner.errors import ScanError
from scanner.model import REGISTRATIONS, VERDICTS
from scanner.results.stream import is_stream
from scanner.results.table import COLUMNS, REST, quoted
from scanner.text import hidden

KEYS_NAMED = 5  # in a warning
BATCH = 10_000  # rows handed to SQLite at a time
SORTED = "ORDER BY s, d, t"
KINDS = {**COLUMNS, REST: "JSON"}  # of each column
TEXTS = [key for key, kind in COLUMNS.items() if kind == "VARCHAR"]
INSTANT = "strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')"  # ISO 8601, for formats without a type for it
LISTS = {key: f'to_json("{key}")' for key, kind in COLUMNS.items() if kind.endswith("[]")}  # the same
SQLITE_TEXTS = {"ts", "exp", REST, *TEXTS, *LISTS}  # all else is INTEGER


def parquet(con: DuckDBPyConnection, new: Path) -> None:
    listed = columns(other=REST)  # as text: other readers take JSON for octets
    con.execute(f"COPY (SELECT {listed} FROM results {SORTED}) TO '{quoted(new)}' (FORMAT parquet, COMPRESSION zstd)")


def csv(con: DuckDBPyConnection, new: Path) -> None:
    """With a header; lists as JSON. A text that a spreadsheet would run gets a ' before it."""
    cells = {
        key: f"CASE WHEN regexp_matches({key}, '^[=+@\\t\\r-]') THEN '''' || {key} ELSE {key} END" for key in TEXTS
    }
    listed = columns(ts=INSTANT, **LISTS, **cells)
    con.execute(f"COPY (SELECT {listed} FROM results ORDER BY n, s, d, t) TO '{quoted(new)}' (FORMAT csv, HEADER)")


def duckdb_file(con: DuckDBPyConnection, new: Path) -> None:
    con.execute(f"ATTACH '{quoted(new)}' AS made")
    con.execute(f"CREATE TYPE made.verdict AS ENUM {VERDICTS}")
    con.execute(f"CREATE TYPE made.registration AS ENUM {REGISTRATIONS}")
    listed = columns(s="s::made.verdict", c="c::made.registration")
    con.execute(f"CREATE TABLE made.results AS SELECT {listed} FROM results {SORTED}")
    con.execute("DETACH made")


def sqlite(con: DuckDBPyConnection, new: Path) -> None:
    """By the standard library, a batch at a time; with indexes on the name and on verdict and reason."""
    rows = con.execute(f"SELECT {columns(ts=INSTANT, exp='exp::VARCHAR', **LISTS)} FROM results {SORTED}")
    types = ", ".join(f'"{key}" {"TEXT" if key in SQLITE_TEXTS else "INTEGER"}' for key in KINDS)
    marks = ", ".join("?" * len(KINDS))
    try:
        with closing(sqlite3.connect(new)) as made:
            made.execute("PRAGMA journal_mode = off")  # a file that is not whole is never seen
            made.execute(f"CREATE TABLE results ({types})")
            while batch := rows.fetchmany(BATCH):
                made.executemany(f"INSERT INTO results VALUES ({marks})", batch)
            made.execute("CREATE INDEX results_d ON results (d)")
            made.execute("CREATE INDEX results_s_e ON results (s, e)")
            made.execute("CREATE INDEX results_c ON results (c)")
            made.commit()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise
        raise OSError(errno.EIO, str(error)) from None


def columns(**instead: str) -> str:
    """The columns in their order, some made `instead` of another expression."""
    made = {REST: f"{REST}::JSON", **instead}
    return ", ".join(f'{made[key]} AS "{key}"' if key in made else f'"{key}"' for key in KINDS)


def unknown_keys(con: DuckDBPyConnection) -> tuple[int, list[str]]:
    """How many lines have something in the column REST, and the first keys of it by name."""
    rows = con.execute(f"SELECT DISTINCT unnest(json_keys({REST})) FROM results WHERE {REST} IS NOT NULL ORDER BY ALL "
                       f"LIMIT {KEYS_NAMED + 1}")  # fmt: skip
    keys = [key for (key,) in rows.fetchall()]
    (lines,) = con.execute(f"SELECT count({REST}) FROM results").fetchone() or (0,)
    return int(lines), keys


FORMATS: dict[str, Callable[[DuckDBPyConnection, Path], None]] = {
    ".parquet": parquet, ".csv": csv, ".sqlite": sqlite, ".duckdb": duckdb_file,
}  # fmt: skip
STREAM_FORMAT = ".csv"


def format_of(name: str) -> Callable[[DuckDBPyConnection, Path], None]:
    """What writes a file of this name; into a pipe without an ending goes CSV. Raises ScanError for an ending that is
    not known."""
    ending = Path(name).suffix.lower() or (STREAM_FORMAT if is_stream(name) else "")
    if ending not in FORMATS:
        known = list(FORMATS)
        raise ScanError(f"-o {hidden(name)}: its ending is none of {', '.join(known[:-1])} and {known[-1]}")
    return FORMATS[ending]
