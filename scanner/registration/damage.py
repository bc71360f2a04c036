"""A store that does not hold what we wrote: values are checked as they are read, and what is wrong is one sentence."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from scanner.errors import OutputError, ScanError
from scanner.text import hidden, printable


class Damaged(ValueError):
    """A value in the store is of another type than we wrote."""


@contextmanager
def mendable(path: str | None) -> Iterator[None]:
    """What is wrong with the store, in the block, comes out as a ScanError: one of our mistakes does not."""
    shown = hidden(path or "(temporary)")
    try:
        yield
    except Damaged:
        raise ScanError(f"--store {shown}: damaged: a value in it is of the wrong type") from None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError | sqlite3.InterfaceError):
            raise
        code = getattr(error, "sqlite_errorcode", None)  # none where Python itself found a text that is not UTF-8
        if code is None:
            raise ScanError(f"--store {shown}: damaged: {printable(str(error))}") from None
        kind = OutputError if code & 0xFF == sqlite3.SQLITE_FULL else ScanError
        raise kind(f"--store {shown}: {error}") from None


def fitting(row: Sequence[Any], *kinds: type) -> Sequence[Any]:
    """The row, whose values are of these types. Raises Damaged."""
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        raise Damaged
    return row


def second_of(at: float) -> str:
    """ISO 8601, to the second. Raises Damaged for a year that is none."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        raise Damaged from None
