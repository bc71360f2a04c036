"""A read-only view of a running scan: its counts, how fast it is, how far, and each proxy and resolver.

It reads what the parts of the scan count for themselves and changes nothing. `sample` and `end` are the loop's;
everything else may be asked by any thread.
"""

import statistics
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from scanner.model import Proxy, Resolver
from scanner.native.names import Names
from scanner.native.tally import Tally
from scanner.native.udp import Engine
from scanner.source import Source
from scanner.workers.crew import Crew
from scanner.workers.way import Way

SAMPLE_S = 0.1
RECENT = 51  # samples: the rate is that of the last 5 s
RECENT_LEAST_S = 1.0  # before the time that the rest takes is estimated
POINTS_MAX = 600  # of the series; at first one a sample

TALLY_NAMES = ("queries", "responses", "losses", "reconnects", "pauses")
"""The counters of each path, as the summary, `--stats json` and the metrics show them."""
NATIVE_NAMES = {"responses": "answers"}
"""Counters that native code still has under another name."""

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


@dataclass(frozen=True, slots=True)
class Sample:
    """`done` is in octets of the input, those of names without a line left out by their share."""

    at: float  # s, monotonic
    written: int
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


class View:
    """The parts of one scan, entered by it as it makes them."""

    def __init__(self, proxies: Sequence[Proxy], resolvers: Sequence[Resolver]):
        self._proxies, self._resolvers = proxies, resolvers
        self.pools: list[Names] = []
        self.ways: list[Way] = []  # that are used, by the loop and by lanes
        self.crews: list[Crew] = []
        self.engines: list[Engine] = []
        self.source: Source | None = None
        self.started = monotonic()
        self._seconds = 0.0  # from there to the end; 0 = it has not come
        self.began = datetime.now(UTC)
        self.ended: datetime | None = None
        self.ended_by: str | None = None  # input, a signal, a budget, error
        self.series = Series()
        self._recent = deque([Sample(self.started, 0, 0)], RECENT)
        self._next_at = 0.0

    # -- counts --------------------------------------------------------------------------------------------------

    def books(self) -> dict[str, Any]:
        """The counts of all names together."""
        books = self.pools[0].books()
        for names in self.pools[1:]:
            for key, count in names.books().items():
                if key != "reasons":
                    books[key] += count
                else:
                    books[key] = dict(sorted((Counter(books[key]) + Counter(count)).items()))
        shown = {native: name for name, native in NATIVE_NAMES.items()}
        return {shown.get(key, key): count for key, count in books.items()}

    def datagrams(self) -> dict[str, int]:
        """What only datagrams meet, in all engines; nothing where there are none."""
        keys = ("truncated", "case_lost", "unreachable") if self.engines else ()
        return {key: sum(getattr(engine, key) for engine in self.engines) for key in keys}

    def tally(self) -> Tally:
        """Everything that was sent, and how long the responses took."""
        return sum_of(self.ways)

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
        """How long ago the last response came; None before the first."""
        heard_at = max(names.heard_at for names in self.pools)
        return max(monotonic() - heard_at, 0) if heard_at else None

    @property
    def output_waits(self) -> bool:
        """True while the reader of the output is behind, and nothing is sent."""
        return any(names.lines.behind for names in self.pools)

    # -- rates ---------------------------------------------------------------------------------------------------

    def sample(self, now: float) -> None:
        """Record the present counts, when a sample is due; may be called at any rate."""
        if now >= self._next_at:
            self._next_at = now + SAMPLE_S
            books = self.books()
            self.series.add(now - self.started, books)
            self._recent.append(Sample(now, books["written"], self._done(books)))

    @property
    def per_second(self) -> float:
        """Lines written a second, over the last five seconds."""
        first, last = self._recent[0], self._recent[-1]
        return (last.written - first.written) / max(last.at - first.at, 1e-9)

    @property
    def share_done(self) -> float | None:
        """From 0 to 1; None while the size of the input is not known."""
        total = self.source.total if self.source else None
        return min(self._done(self.books()) / total, 1.0) if total else None

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at the present rate; None when that is not known."""
        total = self.source.total if self.source else None
        first, last = self._recent[0], self._recent[-1]
        if not total or last.done <= first.done or last.at - first.at < RECENT_LEAST_S:
            return None
        return max(total - last.done, 0) * (last.at - first.at) / (last.done - first.done)

    def _done(self, books: Mapping[str, Any]) -> float:
        cut = sum(names.octets_cut for names in self.pools)
        finished = books["written"] + books["unfinished"]
        return cut * finished / books["expected"] if books["expected"] else cut

    # -- proxies and resolvers -----------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        """Tunnels, or direct connections, that are open."""
        return sum(len(crew.live) for crew in self.crews)

    @property
    def pausing(self) -> int:
        """Workers without one that wait until their proxy or resolver is worth a try."""
        return sum(way.pausing for way in self.ways)

    @property
    def resolvers_pausing(self) -> int:
        """udp:// resolvers that are not asked for a while; of several engines each counts its own."""
        now = monotonic()
        return sum(engine.pausing(now) for engine in self.engines)

    def proxies(self) -> list[Row]:
        """A row for each, in the order of the configuration; none where connections are direct."""
        found = by_index(((way.exit_index, way) for way in self.ways), len(self._proxies))
        return [row_for(str(proxy), ways, sum(way.exit_pauses for way in ways))
                for proxy, ways in zip(self._proxies, found, strict=True)]  # fmt: skip

    def resolvers(self) -> list[Row]:
        """A row for each, in the order in which they are used."""
        windows: Counter[int] = Counter()
        for engine in self.engines:
            windows.update({index: round(window) for index, window, *_ in engine.figures()})
        found = by_index(((way.resolver_index, way) for way in self.ways), len(self._resolvers))
        return [row_for(str(resolver), ways, sum(way.resolver_pauses for way in ways), windows.get(index))
                for index, (resolver, ways) in enumerate(zip(self._resolvers, found, strict=True))]  # fmt: skip


def by_index(ways: Iterable[tuple[int, Way]], count: int) -> list[list[Way]]:
    """The ways of each proxy or resolver; of none where there are no proxies."""
    found: list[list[Way]] = [[] for _ in range(count)]
    for index, way in ways if count else ():
        found[index].append(way)
    return found


def sum_of(ways: Iterable[Way]) -> Tally:
    """The counts of several ways together."""
    total = Tally()
    for way in ways:
        if way.peer.tally is not None:
            total.add(way.peer.tally)
    return total


def row_for(name: str, ways: Sequence[Way], pauses: int, window: int | None = None) -> Row:
    """The row of a proxy or resolver that these ways lead by; its pauses beside those of datagrams."""
    tally = sum_of(ways)
    windows = [session.window for way in ways for session in way.sessions if session.sent]
    if window is None and windows:
        window = round(statistics.median(windows))
    counts = {key: getattr(tally, NATIVE_NAMES.get(key, key)) for key in TALLY_NAMES}
    counts["pauses"] += pauses
    return Row(name=name, p50_ms=ms_of(tally, 0.5), p99_ms=ms_of(tally, 0.99), window=window, **counts)


def ms_of(tally: Tally, share: float) -> float | None:
    """A quantile of the round trips in milliseconds, to the three digits that are known of it."""
    ms = tally.quantile_ms(share)
    return None if ms is None else float(f"{ms:.3g}")


def utc_text(moment: datetime) -> str:
    """ISO 8601, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
