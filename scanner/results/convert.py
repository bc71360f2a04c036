"""Results in the formats of others: Parquet, CSV, SQLite and DuckDB, each with the same columns and types.

Sorted by verdict and name: a query for one verdict, or for one name of it, then reads a part of the file (a third to
a fifth of the time, for files of the same size). CSV is for people: in the order of the input where lines have it (n),
and with no cell that a spreadsheet takes for a formula.
"""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from duckdb import DuckDBPyConnection

from scanner.errors import ScanError
from scanner.model import VERDICTS
from scanner.results.table import COLUMNS, quoted
from scanner.text import hidden

BATCH = 10_000  # rows handed to SQLite at a time
SORTED = "ORDER BY s, d, t"
TEXTS = [key for key, kind in COLUMNS.items() if kind == "VARCHAR"]
INSTANT = "strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')"  # ISO 8601, for formats without a type for it
LISTS = {key: f'to_json("{key}")' for key, kind in COLUMNS.items() if kind.endswith("[]")}  # the same
SQLITE_TEXTS = {"ts", *TEXTS, *LISTS}  # all else is INTEGER


def parquet(con: DuckDBPyConnection, new: Path) -> None:
    con.execute(
        f"COPY (SELECT {columns()} FROM results {SORTED}) TO '{quoted(new)}' (FORMAT parquet, COMPRESSION zstd)"
    )


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
    con.execute(f"CREATE TABLE made.results AS SELECT {columns(s='s::made.verdict')} FROM results {SORTED}")
    con.execute("DETACH made")


def sqlite(con: DuckDBPyConnection, new: Path) -> None:
    """By the standard library, a batch at a time; with indexes on the name and on verdict and reason."""
    rows = con.execute(f"SELECT {columns(ts=INSTANT, **LISTS)} FROM results {SORTED}")
    types = ", ".join(f'"{key}" {"TEXT" if key in SQLITE_TEXTS else "INTEGER"}' for key in COLUMNS)
    marks = ", ".join("?" * len(COLUMNS))
    try:
        with closing(sqlite3.connect(new)) as made:
            made.execute("PRAGMA journal_mode = off")  # a file that is not whole is never seen
            made.execute(f"CREATE TABLE results ({types})")
            while batch := rows.fetchmany(BATCH):
                made.executemany(f"INSERT INTO results VALUES ({marks})", batch)
            made.execute("CREATE INDEX results_d ON results (d)")
            made.execute("CREATE INDEX results_s_e ON results (s, e)")
            made.commit()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise
        raise OSError(errno.EIO, str(error)) from None


def columns(**instead: str) -> str:
    """The columns in their order, some made `instead` of another expression."""
    return ", ".join(f'{instead[key]} AS "{key}"' if key in instead else f'"{key}"' for key in COLUMNS)


FORMATS: dict[str, Callable[[DuckDBPyConnection, Path], None]] = {
    ".parquet": parquet, ".csv": csv, ".sqlite": sqlite, ".duckdb": duckdb_file,
}  # fmt: skip


def format_of(name: str) -> Callable[[DuckDBPyConnection, Path], None]:
    """What writes a file of this name. Raises ScanError for an ending that is not known."""
    ending = Path(name).suffix.lower()
    if ending not in FORMATS:
        known = list(FORMATS)
        raise ScanError(f"-o {hidden(name)}: its ending is none of {', '.join(known[:-1])} and {known[-1]}")
    return FORMATS[ending]
