"""Amounts as people write them, `10m` and `1.5k`, where a key has no unit; else the number to write is told."""

import re
from decimal import Decimal
from typing import Any, NamedTuple

from scanner.text import text_of, token

AMOUNT = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
TIME = re.compile(rf"({AMOUNT})(ms|s|min|m|h|d)")
TIMES = re.compile(rf"(?:{TIME.pattern})+")
THOUSANDS = {"k": 1000, "K": 1000, "M": 1_000_000}
COUNT = re.compile(rf"({AMOUNT})([kKM]?)(/s)?")


def ms_of(text: str) -> Decimal | None:
    """`2s`, `500ms`, `1h30m` in milliseconds; None for what has no unit or is no time."""
    if not TIMES.fullmatch(text):
        return None
    return sum((Decimal(number) * UNITS_MS[unit] for number, unit in TIME.findall(text)), Decimal(0))


def count_of(text: str, *, rate: bool) -> Decimal | None:
    """`1.5k` as a number; of a `rate` also `1k/s`. None for what is none."""
    match = COUNT.fullmatch(text)
    return None if match is None or (match[3] and not rate) else Decimal(match[1]) * THOUSANDS.get(match[2], 1)


def plain(number: Decimal) -> int | float:
    """An int where it is whole."""
    return int(number) if number == int(number) else float(number)


class Duration(NamedTuple):
    """Seconds, as a whole number or with a unit."""

    least: int  # with a unit it may be less, but not nothing unless this is 0
    most: int

    @property
    def may_be(self) -> str:
        return f"{self.least:,} to {self.most:,} seconds, or a time: `500ms`, `90s`, `10m`, `1h30m`, `1d`"

    def read(self, value: Any, *, is_flag: bool) -> int | float | None:
        if value is None:
            return None
        text, is_text = text_of(value), isinstance(value, str)
        if type(value) is int or (is_text and re.fullmatch("[0-9]{1,12}", text)):
            found, least = Decimal(int(text)), Decimal(self.least)
        else:
            ms = ms_of(text) if is_text else None
            found, least = Decimal(-1) if ms is None else ms / 1000, Decimal(min(self.least, 1)) / 1000
        if not least <= found <= self.most:
            raise ValueError(f"{token(value)} is not a time such as 90s, 10m or 1h30m, nor a number of seconds "
                             f"from {self.least} to {self.most}")  # fmt: skip
        return plain(found)


class Count(NamedTuple):
    """A whole number, also as `1.5k`, `2M`; of a `rate` as `1k/s` too."""

    least: int
    most: int
    rate: bool = False

    @property
    def may_be(self) -> str:
        return f"{self.least:,} to {self.most:,}, also as `1.5k`, `2M`"

    def read(self, value: Any, *, is_flag: bool) -> int | None:
        if value is None:
            return None
        found = count_of(value, rate=self.rate) if isinstance(value, str) else None
        if type(value) is int:
            found = Decimal(value)
        if found is None or found != int(found) or not self.least <= found <= self.most:
            raise ValueError(f"{token(value)} is not a number from {self.least} to {self.most}, also as 1.5k")
        return int(found)


def number_meant(value: object, *, ms: bool) -> int | None:
    """The whole number to write for a value with a unit, of milliseconds or a count; None where none is meant."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return None
    found = ms_of(value) if ms else count_of(value, rate=False)
    return int(found) if found is not None and found == int(found) else None
