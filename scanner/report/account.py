"""The section of the run: its books and its settings, as the scan recorded them."""

from collections.abc import Mapping
from typing import Any

from scanner.report.drawing import shortened
from scanner.report.markup import Html, element, join, missing, name, section, table
from scanner.report.plain import plain
from scanner.report.run_record import Run

KEYS = 100
VALUES = 10  # of a list
KEY_MAX, VALUE_MAX = 60, 400  # characters


def account(run: Run) -> Html:
    tables = [
        table(title, ("Key", "Value"), rows_of(recorded), words=2)
        for title, recorded in (("The books", run.books), ("The settings", run.settings)) if recorded
    ]  # fmt: skip
    if not tables:
        why = "Not recorded: with --stats json a scan records its books and settings, and report --stats shows them."
        return section("run", "The run", missing(why))
    return section("run", "The run", element("div", join(tables), class_="pair"))


def rows_of(recorded: Mapping[str, Any]) -> list[tuple[Html, Html]]:
    return [(name(plain(key, KEY_MAX)), name(words(value))) for key, value in list(recorded.items())[:KEYS]]


def words(value: object) -> str:
    """A value of JSON in a line."""
    if isinstance(value, dict):
        parts = [f"{plain(key, KEY_MAX)} {words(each)}" for key, each in list(value.items())[:VALUES]]
    elif isinstance(value, list):
        parts = [words(each) for each in value[:VALUES]]
    elif isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    else:
        return f"{value:,}" if isinstance(value, int) else plain(value) or "none"
    more = f" and {len(value) - VALUES:,} more" if len(value) > VALUES else ""
    return shortened(", ".join(parts), VALUE_MAX) + more or "none"
