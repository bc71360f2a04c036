"""Result lines as a table, read by DuckDB: the engine behind `dnsscan report` and `dnsscan convert`.

It opens the file it was given by its descriptor and nothing else: no pattern and no URL is seen in a name, and no
extension is fetched. What is no result line is counted and left out, never guessed at.
"""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from scanner.errors import ScanError
from scanner.input.files import open_input
from scanner.model import REASONS, REGISTRATIONS, VERDICTS
from scanner.results.parts import Parts, is_folder, parts_in
from scanner.text import hidden

RECORDS = "STRUCT(name VARCHAR, ttl BIGINT, type VARCHAR, data VARCHAR)[]"
FOREIGN = {"name": "VARCHAR", "results": "JSON"}  # keys of other formats, by which they are known
COLUMNS = {
    "d": "VARCHAR", "s": "VARCHAR", "r": "SMALLINT", "ms": "INTEGER", "re": "BOOLEAN", "e": "VARCHAR", "x": "SMALLINT",
    "q": "VARCHAR", "n": "BIGINT", "why": "VARCHAR", "t": "VARCHAR", "a": "VARCHAR[]", "ttl": "INTEGER",
    "cn": "VARCHAR[]", "ans": RECORDS, "auth": RECORDS, "add": RECORDS, "soa": "VARCHAR", "sec": "VARCHAR",
    "fl": "VARCHAR", "ede": "STRUCT(code INTEGER, text VARCHAR)[]", "nsid": "VARCHAR", "raw": "VARCHAR",
    "ns": "VARCHAR", "p": "INTEGER", "ts": "DOUBLE", "us": "BIGINT", "m": "VARCHAR",
    "c": "VARCHAR", "reg": "VARCHAR", "via": "VARCHAR", "exp": "DATE", "st": "VARCHAR[]",
}  # fmt: skip
"""The keys of a line, of a scan and then of `confirm`, and their types, in their order."""

REST = "other"  # the column of keys that are none of these, and of values that are not of their type
OBJECT_OCTETS = 1 << 20  # a reading buffer is twice this; a longer line has it grow
GROUP_LINES = 20_480
GROUP_OCTETS = "8MB"  # of names and answers as long as they may be, a group of lines still fits into memory
LAST_SECOND = 253_402_300_799  # of the year 9999
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many lines there were, blank ones apart; `foreign` of them (torn, damaged, not a scan's) are left out. Of a
    scan in parts, `missing` are not there."""

    lines: int
    foreign: int
    missing: int = 0

    @property
    def foreign_text(self) -> str:
        """`1 of 7 lines is no result`."""
        return f"{self.foreign:,} of {self.lines:,} lines {'is no result' if self.foreign == 1 else 'are no results'}"


@contextmanager
def opened(name: str) -> Iterator[int]:
    """The descriptor of a file of lines, or of a folder with the parts of a scan; `-` is stdin. Raises ScanError."""
    descriptor = open_input(name, may_be_folder=True)
    try:
        yield descriptor
    finally:
        if descriptor:
            os.close(descriptor)


@contextmanager
def engine(folder: Path, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with at most `memory`; what does not fit goes to `folder`. A disk that is full is an OSError.

    One thread: each has large buffers of its own, and of several the main one, which is to hear Ctrl-C, sleeps while
    another waits for a pipe.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory, "threads": 1, "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    }  # fmt: skip
    try:
        with duckdb.connect(":memory:", config=settings) as con:
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET enable_progress_bar = false")
            yield con
    except duckdb.OutOfMemoryException:
        raise ScanError(f"{memory} of memory are too little for these lines") from None
    except duckdb.Error as error:
        if number := no_room(error):
            raise OSError(number, os.strerror(number)) from None
        raise


def no_room(error: duckdb.Error) -> int:
    """The errno of a write that found no room, which DuckDB reports only in its message; 0 for any other error."""
    return next((number for number in FULL if os.strerror(number) in str(error)), 0)


def load(con: duckdb.DuckDBPyConnection, name: str, descriptor: int, folder: Path, *, rest: bool = False) -> Loaded:
    """Make the view `results` of the lines behind `descriptor`, typed; `x` is 0 and not null, `ts` a timestamp; with
    `rest` it has the column REST too.

    The lines are read once, into a columnar file in `folder`. Raises ScanError where lines are there and not one of
    them is a result.
    """
    lines = folder / "lines"
    parts = parts_in(descriptor, hidden(name)) if is_folder(descriptor) else None
    try:
        con.execute(copy_of(descriptor, Path(name).suffix, parts, lines, rest=rest))
    except duckdb.IOException as error:
        if no_room(error):
            raise
        why = str(error).split("\n", 1)[0].removeprefix("IO Error: ").partition(": /dev/fd/")[0]
        raise ScanError(f"cannot read {hidden(name)}: {why}") from None
    con.execute(
        f"CREATE VIEW lines AS SELECT * RENAME (file_row_number AS place) "
        f"FROM read_parquet('{as_pattern(lines)}', file_row_number = true)"
    )
    con.execute("CREATE VIEW results AS SELECT * EXCLUDE (is_result, form) FROM lines WHERE is_result")
    (all_lines, good) = con.execute("SELECT count(*), count(*) FILTER (is_result) FROM lines").fetchone() or (0, 0)
    if all_lines and not good:
        (form,) = con.execute("SELECT max(form) FROM lines").fetchone() or (None,)
        hint = f"; they look like --format {form}, and --format compact is read here" if form else ""
        raise ScanError(f"{hidden(name)}: none of its {all_lines:,} lines is a result of a scan{hint}")
    return Loaded(all_lines, all_lines - good, parts.planned - len(parts.files) if parts else 0)


def copy_of(descriptor: int, ending: str, parts: Parts | None, lines: Path, *, rest: bool) -> str:
    """The statement that reads the lines, once, and writes them as columns."""
    files = [f"/dev/fd/{descriptor}" + (f"/{file}" if file else "") for file in (parts.files if parts else [""])]
    if parts and parts.ending == "parquet":
        selected = f"""SELECT * {"" if rest else f"EXCLUDE ({REST})"}, true AS is_result, NULL::VARCHAR AS form
            FROM read_parquet({files}, union_by_name = true)"""
    else:
        selected = lines_read(files, COMPRESSIONS.get(".zst" if parts else ending, "none"), rest=rest)
    return f"""
        COPY ({selected}) TO '{quoted(lines)}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {GROUP_LINES},
            ROW_GROUP_SIZE_BYTES '{GROUP_OCTETS}')"""


def lines_read(files: list[str], compression: str, *, rest: bool) -> str:
    """The statement that makes columns of JSON lines."""
    structure = json.dumps({key: nested(kind) for key, kind in (COLUMNS | FOREIGN).items()})
    others = f", {REST_OF_A_LINE} AS {REST}" if rest else ""
    return f"""
            SELECT * EXCLUDE (json, name, results) REPLACE (
                coalesce(x, 0)::SMALLINT AS x,
                CASE WHEN ts BETWEEN 0 AND {LAST_SECOND} THEN to_timestamp(ts) END AS ts),
                coalesce({IS_RESULT}, false) AS is_result,
                CASE WHEN results IS NOT NULL THEN 'zdns' WHEN name IS NOT NULL THEN 'massdns' END AS form{others}
            FROM (
                SELECT json, unnest(json_transform(json, '{structure}'))
                FROM read_json_objects({files}, format = 'newline_delimited', ignore_errors = true,
                    maximum_object_size = {OBJECT_OCTETS}, compression = '{compression}'))"""


def nested(kind: str) -> object:
    """A type as json_transform wants it: `["VARCHAR"]` of a list, an object of a STRUCT."""
    if kind.endswith("[]"):
        return [nested(kind.removesuffix("[]"))]
    if kind.startswith("STRUCT("):
        return dict(member.split() for member in kind[len("STRUCT(") : -1].split(", "))
    return kind


def quoted(path: Path) -> str:
    """For a text in SQL."""
    return str(path).replace("'", "''")


def as_pattern(path: Path) -> str:
    """For a text in SQL that is read as a pattern of names; this one has only itself for a match."""
    return re.sub(r"([*?[])", r"[\1]", quoted(path))


REASON = "|".join("rcode[0-9]{1,4}" if reason == "rcode" else reason for reason in REASONS if reason)
CONFIRM_REASON = "[a-z][a-z0-9_]{0,31}"  # the list of `confirm` is its own
IS_SCANNED = f"""s IN {VERDICTS} AND ms >= 0 AND re IS NOT NULL
    AND CASE WHEN e IS NULL THEN s <> 'error' ELSE regexp_full_match(e, '{REASON}') END"""
IS_CONFIRMED = f"""c IN {REGISTRATIONS} AND (s IS NULL OR s IN {VERDICTS}) AND (ms IS NULL OR ms >= 0)
    AND (e IS NULL OR regexp_full_match(e, '{CONFIRM_REASON}'))"""
IS_RESULT = f"d IS NOT NULL AND CASE WHEN c IS NULL THEN {IS_SCANNED} ELSE {IS_CONFIRMED} END"

# RFC 7396: a patch of nulls takes the keys of it away. Most lines have no key without its column, which is seen by
# counting them.
READ = " + ".join(f'("{key}" IS NOT NULL)::INTEGER' for key in COLUMNS)
UNREAD = {**dict.fromkeys(COLUMNS, "{key} IS NOT NULL"), "ts": f"ts BETWEEN 0 AND {LAST_SECOND}"}
PATCH = ", ".join(
    f"""CASE WHEN {test.format(key=f'"{key}"')} OR json_type(json, '$."{key}"') = 'NULL' THEN '"{key}":null' END"""
    for key, test in UNREAD.items()
)
REST_OF_A_LINE = f"""CASE WHEN len(json_keys(json)) > {READ} OR NOT ts BETWEEN 0 AND {LAST_SECOND}
    THEN nullif(json_merge_patch(json, '{{' || concat_ws(',', {PATCH}) || '}}')::VARCHAR, '{{}}') END"""
