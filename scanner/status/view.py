"""What can be seen of a scan while it runs: its counts, how fast it is, how far, and each proxy and resolver.

It reads what the parts of the scan count for themselves and changes nothing. `sample` and `end` are the loop's;
everything else may be asked by any thread.
"""

import statistics
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import Any, Protocol

from scanner.engine import Engine, EnginePath
from scanner.model import Proxy, Resolver
from scanner.native.jobs.books import ENTRIES
from scanner.native.tally import TALLY, Tally, counts_of

SAMPLE_S = 0.1
RECENT = 51  # samples: the rate is that of the last 5 s
RECENT_LEAST_S = 1.0  # for an estimate of how long the rest will take
POINTS_MAX = 600  # of the series; at first one a sample

PATH_COUNTS = ("queries", "responses", "losses", "reconnects", "pauses")
"""The counts of TALLY that each proxy and resolver is shown with."""
DATAGRAM_COUNTS = ("truncated", "case_lost", "unreachable")
"""The counts of TALLY that only datagrams have."""
MEANINGS = {name: f"{meaning[0].upper()}{meaning[1:]}." for name, meaning in (*ENTRIES, *TALLY)}
"""What each count means, as a sentence."""

Point = tuple[float, int, int, int, int]
"""Seconds since the start, and written, taken, nxdomain, error until then."""


@dataclass(frozen=True, slots=True)
class Row:
    """One proxy or resolver. queries = responses + losses + those in flight; `window` is that of the median connection,
    or, of a udp:// resolver, the sum over all engines."""

    name: str  # without its password
    queries: int
    responses: int
    losses: int
    p50_ms: float | None
    p99_ms: float | None
    reconnects: int
    pauses: int
    window: int | None
    state: str = ""  # of a resolver that is judged: a State of paths/standing.py, in lower case


@dataclass(frozen=True, slots=True)
class Sample:
    """`done` is in octets of the input, those of names without a line left out by their share."""

    at: float  # s, monotonic
    finished: int
    done: float


class Series:
    """The course of the counts: the first sample of each tenth of a second; when those are 600, of each fifth..."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._every_s = SAMPLE_S

    def add(self, seconds: float, books: Mapping[str, Any], *, last: bool = False) -> None:
        """A point, when it is time for one; the last of all in any case."""
        if not last and self.points and self._turn(seconds) <= self._turn(self.points[-1][0]):
            return
        while len(self.points) == POINTS_MAX:
            self._thin_out()
        self.points.append((round(seconds, 3), books["written"], books["taken"], books["nxdomain"], books["error"]))

    def _turn(self, seconds: float) -> int:
        return int(seconds / self._every_s + 1e-6)

    def _thin_out(self) -> None:
        self._every_s *= 2
        first: dict[int, Point] = {}
        for point in self.points:
            first.setdefault(self._turn(point[0]), point)
        self.points = list(first.values())


class Input(Protocol):
    """Where names come from."""

    @property
    def total(self) -> int | None: ...


class View:
    """The engines and the input of one scan, from `begin` on."""

    def __init__(self, proxies: Sequence[Proxy], resolvers: Sequence[Resolver]):
        self._proxies, self._resolvers = proxies, resolvers
        self.engines: Sequence[Engine] = ()
        self._input: Input | None = None
        self.started = monotonic()
        self._seconds = 0.0  # from there to the end; 0 = it has not come
        self.began = datetime.now(UTC)
        self.ended: datetime | None = None
        self.ended_by: str | None = None  # input, a signal, a budget, error
        self.series = Series()
        self.state_of: Callable[[int], str] = lambda _: ""  # of a resolver, by its index
        self._recent = deque([Sample(self.started, 0, 0)], RECENT)
        self._next_at = 0.0

    def begin(self, engines: Sequence[Engine], input: Input) -> None:
        """The scan has its parts."""
        self.engines, self._input = engines, input

    # -- counts --------------------------------------------------------------------------------------------------

    def books(self) -> dict[str, Any]:
        """The counts of all engines together."""
        books: dict[str, Any] = dict.fromkeys((name for name, _ in ENTRIES), 0)
        reasons: Counter[str] = Counter()
        for engine in self.engines:
            counts = engine.pool.books.counts()
            reasons.update(counts.pop("reasons"))
            for name, count in counts.items():
                books[name] += count
        counted = self._counts()
        books["reasons"] = dict(sorted(reasons.items()))
        books.update({name: counted[name] for name in ("queries", "responses", "strays")})
        books["strays"] += sum(engine.strays for engine in self.engines)
        books["in_flight"] = sum(engine.pool.slots.live - engine.pool.slots.away for engine in self.engines)
        return books

    def datagrams(self) -> dict[str, int]:
        """What only datagrams meet; nothing where there are none."""
        if not any(resolver.scheme == "udp" for resolver in self._resolvers):
            return {}
        counted = self._counts()
        overruns = sum(engine.overruns for engine in self.engines)
        return {**{name: counted[name] for name in DATAGRAM_COUNTS}, "overruns": overruns}

    def tally(self) -> Tally:
        """Everything that was sent, and how long the responses took."""
        return sum_of(self._paths())

    def _counts(self) -> dict[str, int]:
        return counts_of([path.tally for path in self._paths()])

    def _paths(self) -> list[EnginePath]:
        return [path for engine in self.engines for path in engine.paths]

    def end(self, by: str) -> None:
        """The scan is over."""
        self._seconds = self.seconds
        self.ended, self.ended_by = datetime.now(UTC), by

    @property
    def seconds(self) -> float:
        """From the start to now, or to the end; never 0."""
        return self._seconds or max(monotonic() - self.started, 1e-9)

    @property
    def last_answer_s(self) -> float | None:
        """How long ago the last response came, less the time for which we did not run; None before the first."""
        silent_s: float = min((engine.silent_s for engine in self.engines), default=inf)
        return None if silent_s == inf else silent_s

    @property
    def unproven(self) -> int:
        """Lines that are finished, and wait for their resolvers' canaries."""
        return sum(engine.pool.unproven.count for engine in self.engines if engine.pool.unproven is not None)

    @property
    def output_waits(self) -> bool:
        """True while the reader of the output is behind, and nothing is sent."""
        return any(engine.pool.held for engine in self.engines)

    # -- rates ---------------------------------------------------------------------------------------------------

    def sample(self, now: float) -> None:
        """Remember how things stand; may be called at any rate."""
        if now >= self._next_at:
            self._next_at = now + SAMPLE_S
            books = self.books()
            self.series.add(now - self.started, books)
            self._recent.append(Sample(now, finished(books) + self.unproven, self._done(books)))

    @property
    def per_second(self) -> float:
        """Names finished a second, in the last few seconds."""
        first, last = self._recent[0], self._recent[-1]
        return max(last.finished - first.finished, 0) / max(last.at - first.at, 1e-9)

    @property
    def share_done(self) -> float | None:
        """From 0 to 1; None while the size of the input is not known."""
        total = self._input.total if self._input else None
        return min(self._done(self.books()) / total, 1.0) if total else None

    @property
    def left_s(self) -> float | None:
        """How long the rest takes if all goes on as in the last few seconds; None when that is not known."""
        total = self._input.total if self._input else None
        first, last = self._recent[0], self._recent[-1]
        if not total or last.done <= first.done or last.at - first.at < RECENT_LEAST_S:
            return None
        return max(total - last.done, 0) * (last.at - first.at) / (last.done - first.done)

    def _done(self, books: Mapping[str, Any]) -> float:
        cut = sum(engine.pool.names.lines.octets_cut for engine in self.engines)
        ended = finished(books) + books["unfinished"] + self.unproven
        return cut * ended / books["expected"] if books["expected"] else cut

    # -- proxies and resolvers -----------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        """Tunnels, or direct connections, that are open."""
        return sum(engine.live for engine in self.engines)

    @property
    def pausing(self) -> int:
        """Workers without one that wait until their proxy or resolver is worth a try."""
        return sum(path.pausing for path in self._paths())

    @property
    def resolvers_pausing(self) -> int:
        """udp:// resolvers that are not asked for a while; of several engines each counts its own."""
        return sum(engine.resolvers_pausing for engine in self.engines)

    def proxies(self) -> list[Row]:
        """A row for each, in the order of the configuration; none where connections are direct."""
        found = by_index(((path.egress, path) for path in self._paths()), len(self._proxies))
        return [row_for(str(proxy), paths, sum(path.egress_pauses for path in paths))
                for proxy, paths in zip(self._proxies, found, strict=True)]  # fmt: skip

    def resolvers(self) -> list[Row]:
        """A row for each, in the order in which they are used."""
        windows: Counter[int] = Counter()
        for engine in self.engines:
            windows.update(engine.windows())
        found = by_index(((path.resolver, path) for path in self._paths()), len(self._resolvers))
        return [row_for(str(resolver), paths, sum(path.resolver_pauses for path in paths), windows.get(index),
                        "refusing" if any(path.is_left_out for path in paths) else self.state_of(index))
                for index, (resolver, paths) in enumerate(zip(self._resolvers, found, strict=True))]  # fmt: skip


def finished(books: Mapping[str, Any]) -> int:
    """Names (and types) with a verdict, whether their line was written or --only left it out."""
    return int(books["written"] + books["filtered"])


def by_index(paths: Iterable[tuple[int, EnginePath]], count: int) -> list[list[EnginePath]]:
    """The paths of each proxy or resolver; of none where there are no proxies."""
    found: list[list[EnginePath]] = [[] for _ in range(count)]
    for index, path in paths if count else ():
        found[index].append(path)
    return found


def sum_of(paths: Iterable[EnginePath]) -> Tally:
    """The counts of several paths together."""
    total = Tally()
    for path in paths:
        total.add(path.tally)
    return total


def row_for(name: str, paths: Sequence[EnginePath], pauses: int, window: int | None = None, state: str = "") -> Row:
    """The row of a proxy or resolver that these paths go by; its pauses beside those of datagrams."""
    tally = paths[0].tally if len(paths) == 1 else sum_of(paths)
    windows = [window for path in paths for window in path.windows]
    if window is None and windows:
        window = round(statistics.median(windows))
    counts = {key: tally.count(key) for key in PATH_COUNTS}
    counts["pauses"] += pauses
    return Row(name=name, p50_ms=ms_of(tally, 0.5), p99_ms=ms_of(tally, 0.99), window=window, state=state, **counts)


def ms_of(tally: Tally, share: float) -> float | None:
    """A quantile of the round trips in milliseconds, to the three digits that are known of it."""
    ms = tally.quantile_ms(share)
    return None if ms is None else float(f"{ms:.3g}")


def utc_text(moment: datetime) -> str:
    """ISO 8601, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
