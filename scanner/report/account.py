"""The section of the run: its settings and its books, as the scan recorded them; what is as always is folded away."""

from collections.abc import Iterable, Mapping
from typing import Any

from scanner.config.check import usual_policy
from scanner.config.options import OPTIONS, WORKERS, WORKERS_WITH_PROXIES
from scanner.report.drawing import shortened
from scanner.report.markup import Html, details, element, join, missing, name, paragraph, section, table
from scanner.report.plain import plain
from scanner.report.run_record import Run

KEYS = 100
VALUES = 10  # of a list
KEY_MAX, VALUE_MAX = 60, 400  # characters
OF_THE_REPORT = ("stats", "quiet", "progress", "heartbeat", "metrics", "metrics_file")  # nothing comes of them
OF_OPTION = {"types": "type"}  # settings with another name than their option
NOTHING: tuple[object, ...] = (None, "", 0, [], {})


def account(run: Run) -> Html:
    if not run.books and not run.settings:
        why = "Not recorded: with --stats json a scan records its books and settings, and report --stats shows them."
        return section("run", "The run", missing(why))
    counts = {key: value for key, value in run.books.items() if value not in NOTHING}
    chosen = {key: value for key, value in run.settings.items() if is_chosen(key, value, run.settings)}
    parts = [
        part("Settings that differ from the defaults", chosen, "All settings are the defaults.",
             "other settings, as they are by default", run.settings) if run.settings else Html(),
        part("The books", counts, "All counts are 0.", "counts that are 0", run.books) if run.books else Html(),
    ]  # fmt: skip
    return section("run", "The run", element("div", join(parts), class_="pair"))


def part(title: str, shown: Mapping[str, Any], if_none: str, folded: str, recorded: Mapping[str, Any]) -> Html:
    """What is worth a look in a table, and the rest of what was recorded folded below it."""
    rest = {key: value for key, value in recorded.items() if key not in shown}
    top = table(title, ("Key", "Value"), rows_of(shown), words=2) if shown else paragraph(if_none, "note")
    more = (
        details(f"{len(rest):,} {folded}", table(title, ("Key", "Value"), rows_of(rest), words=2)) if rest else Html()
    )
    return element("div", join((top, more)))


def is_chosen(key: str, value: object, settings: Mapping[str, Any]) -> bool:
    """True where a setting of a scan is not as it is by default."""
    if key in OF_THE_REPORT:
        return False
    if key == "threads":  # of the machine; and of datagrams only
        return any(str(each).startswith("udp:") for each in listed(settings.get("resolvers")))
    if key == "workers":
        return bool(value != (WORKERS_WITH_PROXIES if settings.get("proxies") else WORKERS))
    if key == "policy":
        return bool(value != usual_policy(len([*listed(settings.get("resolvers"))])))
    option = OPTIONS.get(OF_OPTION.get(key, key))
    if option is None:
        return value not in NOTHING and value != "auto"
    usual = [*option.default] if isinstance(option.default, tuple) else option.default
    return not (
        value == usual or value == option.default_text or (value in NOTHING and usual in NOTHING) or value == "auto"
    )


def listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


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
