"""What a scan recorded of itself at its end (`--stats json 2> run.json`), read with suspicion: any key may be missing,
and one that is not of its form is named in the error. Nothing is guessed."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from scanner.errors import ScanError
from scanner.input.nesting import is_too_deep
from scanner.report.plain import plain
from scanner.text import hidden

OCTETS_MAX = 16 << 20
SERIES_MAX = 2000  # points
NAME_MAX = 60  # characters of a resolver or proxy


@dataclass(frozen=True, slots=True)
class Ledger:
    """The scan's own account of one resolver or proxy; None: not recorded."""

    name: str
    queries: float | None
    responses: float | None
    losses: float | None
    p50_ms: float | None
    p99_ms: float | None
    reconnects: float | None
    pauses: float | None
    window: float | None

    @property
    def lost_share(self) -> float:
        """Of its queries; 0 where that is not known."""
        return (self.losses or 0) / self.queries if self.queries else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run; what was not recorded is empty."""

    settings: dict[str, Any] = field(default_factory=dict)
    books: dict[str, Any] = field(default_factory=dict)  # every other key whose value is a number, a text or counts
    series: list[list[float]] = field(default_factory=list)  # seconds, written, taken, nxdomain, error
    resolvers: list[Ledger] = field(default_factory=list)
    proxies: list[Ledger] = field(default_factory=list)


def read_run(path: Path) -> Run:
    """The run that a file records: all of it, or its last line that begins with `{` (before it stand the warnings of
    the scan). Raises ScanError."""
    try:
        with path.open("rb") as file:
            octets = file.read(OCTETS_MAX + 1)
    except OSError as error:
        raise ScanError(f"--stats {hidden(str(path))}: {error.strerror}") from None
    where = f"--stats {hidden(str(path))}"
    if len(octets) > OCTETS_MAX:
        raise ScanError(f"{where}: is larger than 16 MB; this cannot be the summary of a scan")
    last = next((line for line in reversed(octets.splitlines()) if line.lstrip().startswith(b"{")), b"")
    for text in (octets, last):
        try:
            recorded = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        if isinstance(recorded, dict):
            return run_of(recorded, where)
    raise ScanError(f"{where}: holds no JSON object; dnsscan --stats json writes one to stderr")


def run_of(recorded: dict[str, Any], where: str) -> Run:
    """A Run of a JSON object. Raises ScanError that names the key."""
    settings = recorded.get("settings", {})
    if not isinstance(settings, dict):
        raise ScanError(f"{where}: settings: not an object")
    if is_too_deep(settings):
        raise ScanError(f"{where}: settings: nested too deep")
    apart = ("settings", "series", "resolvers", "proxies")
    return Run(
        settings=settings,
        books={key: value for key, value in recorded.items() if key not in apart and is_plain(value)},
        series=series_of(recorded.get("series", []), where),
        resolvers=ledgers_of(recorded.get("resolvers", []), "resolver", f"{where}: resolvers"),
        proxies=ledgers_of(recorded.get("proxies", []), "proxy", f"{where}: proxies"),
    )


def is_plain(value: object) -> bool:
    """True for what a line of the books can show."""
    counts = value.values() if isinstance(value, dict) else (value,)
    return all(each is None or isinstance(each, str | int | float) for each in counts)


def series_of(recorded: object, where: str) -> list[list[float]]:
    """Points that go forward in time, and whose counts never fall."""
    wrong = ScanError(f"{where}: series: not a list of [seconds, written, taken, nxdomain, error], each growing")
    if not isinstance(recorded, list) or len(recorded) > SERIES_MAX:
        raise wrong
    before = [0.0] * 5
    for point in recorded:
        if not isinstance(point, list) or len(point) != 5 or not all(is_number(each) for each in point):
            raise wrong
        if any(now < then for now, then in zip(point, before, strict=True)):
            raise wrong
        before = point
    return recorded


def ledgers_of(recorded: object, kind: str, where: str) -> list[Ledger]:
    """One for each object of a list; `kind` is the key of its name."""
    wrong = ScanError(f'{where}: not a list of {{"{kind}": text, "queries": number, ...}}')
    if not isinstance(recorded, list) or not all(isinstance(each, dict) for each in recorded):
        raise wrong
    ledgers = []
    for each in recorded:
        numbers = {key: each.get(key) for key in Ledger.__slots__ if key != "name"}
        if not isinstance(each.get(kind), str) or not all(n is None or is_number(n) for n in numbers.values()):
            raise wrong
        ledgers.append(Ledger(plain(each[kind], NAME_MAX), **numbers))
    return ledgers


def is_number(value: object) -> bool:
    """A finite one from 0 up; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
