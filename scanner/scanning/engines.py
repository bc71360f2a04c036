"""The engines of one scan: made from the configuration, and the traffic of jobs between them.

The engine of streams is always there: what a datagram cannot hold goes to it. Engines of datagrams are there where the
list has udp:// resolvers. Who takes names from the input is the splitter's business.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic

from scanner.config import check
from scanner.config.config import Config
from scanner.datagrams.thread import UdpThread
from scanner.engine import Engine, Order, Outlet
from scanner.errors import ScanError
from scanner.model import REASONS, Resolver
from scanner.native.input.answered import Answered
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import Transfer, acknowledge
from scanner.native.limits import Bucket, Budget
from scanner.native.tally import Tally, counts_of
from scanner.paths.standing import DISTRUSTED, HELD, Traffic
from scanner.routes import Routes
from scanner.scanning import build
from scanner.scanning.activity import Activity
from scanner.scanning.build import (
    asks_datagrams,
    asks_streams,
    buckets_for,
    datagram_resolvers,
    paths_for,
    pool_for,
    stream_resolvers,
    stream_settings,
    udp_engine,
    udp_path,
)
from scanner.scanning.line_resolvers import LineResolvers
from scanner.scanning.proving import Proving
from scanner.scanning.source import in_loop
from scanner.scanning.tags import tags_for
from scanner.streams.engine import StreamEngine
from scanner.transports.dial import DialLimits
from scanner.transports.dial_error import DialError

FALLBACK_QUEUE = 256  # jobs that wait for the streams of resolvers that are asked over TCP only
REGISTRY_QUEUE = 4096  # the same of registries: many of them limit what they say by datagrams
FALLBACK_SHARE = 0.25  # of a name's time, that it may wait there
SHUT_S = 0.5  # for which no resolver of an engine is asked, after which its jobs go to another in any case
SILENT_S = 1.0  # without a response, while attempts fail, after which an engine's jobs go to another that is answered


class Engines:
    """All engines of a scan. `room_made()` is called when a chunk of input is used up, `deliver(block)` with lines,
    `changed()` when the end may have come, `fault(error)` for a bug in an engine, `warn(text)` for the user,
    `dial_failed(error)` for a connection that could not be opened; all of them in the loop's thread.
    `resolvers` are the configuration's and grow by those that are found."""

    def __init__(self, config: Config, resolvers: list[Resolver], answered: Answered | None, budget: Budget | None,
                 limits: DialLimits, *,
                 room_made: Callable[[], object], deliver: Callable[[bytes], object], changed: Callable[[], object],
                 fault: Callable[[BaseException], object], warn: Callable[[str], object],
                 dial_failed: Callable[[DialError], None]):  # fmt: skip
        self._config, self._warn = config, warn
        self._deliver, self._changed, self._fault = deliver, changed, fault
        loop = asyncio.get_running_loop()
        self._by_datagrams, self._by_streams = datagram_resolvers(config), stream_resolvers(config)
        threads = config.threads if asks_datagrams(config) else 0
        self._resolvers = resolvers
        self.want: Callable[[list[bytes]], object] = ignore  # finds the servers of suffixes that names wait for
        self._route_count = len(config.routes)
        self._named = self._line_resolvers(config, limits)
        make = partial(pool_for, config, answered=answered, budget=budget, engines=1 + threads,
                       route_of=self._named.route_of if self._named else None)  # fmt: skip
        self._buckets = buckets = buckets_for(config, resolvers)
        self.routes = Routes([route.resolvers for route in config.routes])
        self.is_paced = buckets.any_rate
        self.streams = StreamEngine(
            make(room_made, index=0, datagrams=False), paths_for(config, resolvers, buckets, self.routes),
            stream_settings(config, self.routes), limits, self._outlet(0), routes=self.routes,
            dial_failed=dial_failed,
            tags_for=partial(tags_for, form=config.format, fields=config.fields, by_stream=True),
        )  # fmt: skip
        self.datagrams: list[UdpThread] = []
        for index in range(1, 1 + threads):
            pool = make(lambda: in_loop(loop, lambda _: room_made(), None), index=index, datagrams=True)
            made = paths_for(config, resolvers, buckets, self.routes)
            paths = [made.path(0, resolver) for resolver in self._by_datagrams]
            engine, make_path = (
                udp_engine(config, pool, paths, self.routes),
                partial(udp_path, config, made, self.routes),
            )
            self.datagrams.append(UdpThread(pool, engine, paths, self._outlet(index), make_path,
                                            moves_when_cut=config.at_registry))  # fmt: skip
        self._indexes = {resolver: index for index, resolver in enumerate(resolvers)}
        self._shut_at: dict[int, float] = {}  # s, monotonic, by resolver: since when it is not asked
        self._judged: list[Activity] = []
        self.proving = (Proving(list(self), len(config.resolvers), build.unproven_octets(config))
                        if config.recheck_window else None)  # fmt: skip
        self._is_waking = False
        self._by_stream: set[int] = set()  # resolvers that are asked over TCP because their datagrams are forged

    def _outlet(self, index: int) -> Outlet:
        return Outlet(deliver=self._deliver, transfer=partial(self._transferred, index), finished=self._finished,
                      report=self._changed, warn=self._warn, wanted=lambda names: self.want(names),
                      by_stream=self._moved, case_blind=self._blinded, left=self._left)  # fmt: skip

    def __iter__(self) -> Iterator[Engine]:
        yield self.streams
        yield from self.datagrams

    @property
    def takers(self) -> list[JobPool]:
        """The pools that take names from the input."""
        return [engine.pool for engine in self if build.takes_input(self._config, datagrams=engine is not self.streams)]

    @property
    def others(self) -> list[JobPool]:
        """Those that have trusted resolvers alone: they take none, and have only to know when it has ended."""
        takers, has_streams = self.takers, asks_streams(self._config)
        return [engine.pool for engine in self
                if engine.pool not in takers and (has_streams or engine is not self.streams)]  # fmt: skip

    @property
    def is_done(self) -> bool:
        """True when the input has ended and every line is delivered. A job that is away counts where it came from."""
        return all(engine.report.is_done for engine in self)

    def order(self, order: Order) -> None:
        """The same order to all."""
        for engine in self:
            engine.order(order)

    @property
    def names_left(self) -> int | None:
        """Names without a line, when the input has ended and none waits to be asked; else None."""
        reports = [engine.report for engine in self]
        if any(report.waits for report in reports) or not all(engine.pool.names.lines.is_used_up for engine in self):
            return None
        return sum(report.live for report in reports)

    @property
    def most(self) -> float:
        """Queries a second that the rates allow; infinite without one."""
        return self._buckets.most

    def pace(self, share: float) -> None:
        """All rates are this share of what they are."""
        self._buckets.pace(share)

    def wake(self) -> None:
        """There may be something to send."""
        for engine in self:
            engine.wake()

    def tick(self) -> None:
        """What time brings."""
        self.streams.tick()
        self._leave_out_refusing()
        if self._by_stream:
            room = self._fallback_most() - self.streams.fallback_backlog
            for engine in self.datagrams:
                engine.offer_streams(max(room, 0) // len(self.datagrams))

    def _fallback_most(self) -> int:
        """How many may wait for streams: no more than the slowest of these may be asked in a part of a name's time."""
        most = REGISTRY_QUEUE if self._config.at_registry else FALLBACK_QUEUE
        rates = [self._config.rate, *(self._buckets.rate_of(resolver) for resolver in self._by_stream)]
        limits = [int(rate * FALLBACK_SHARE * self._config.deadline_ms / 1000) for rate in rates if rate]
        return max(min([most, *limits]), 1)

    async def close(self) -> None:
        """End all; what they have finished is delivered."""
        self._leave_out_refusing()  # the last tick may have been before the last refusal
        for engine in self:
            await engine.close()

    # -- jobs between engines ------------------------------------------------------------------------------------

    def _transferred(self, index: int, transfer: Transfer) -> None:
        """From streams to the engine of datagrams that has the fewest jobs; from those to streams."""
        if index:
            self.streams.take_over(transfer)
        else:
            min(self.datagrams, key=lambda engine: engine.pool.live).take_over(transfer)

    def _finished(self, finished: list[tuple[int, int]]) -> None:
        """Jobs are finished that were away."""
        engines = list(self)
        for index, count in finished:
            engines[index].order(lambda pool, _, count=count: acknowledge(pool, count))  # type: ignore[misc]

    def balance(self) -> set[int]:
        """Where streams and datagrams share the work: what fails by datagrams is tried again over streams while
        those are answered, and an engine that is not answered at all gives its jobs to the other. Returns the
        takers (by index) that get no input now."""
        if not self.datagrams or not self._by_streams:
            return set()
        streams, datagrams = self.streams, self.datagrams[0]
        by_streams, by_datagrams = self._activities()
        streams_work = by_streams.live > 0 and by_streams.silent_s < SILENT_S
        datagrams_work = by_datagrams.silent_s < SILENT_S
        streams_fail = by_streams.live == 0 and by_streams.is_troubled
        datagrams_fail = not datagrams_work and by_datagrams.is_troubled
        streams_shut, datagrams_shut = self._is_shut(by_streams.resolvers), self._is_shut(by_datagrams.resolvers)
        streams_yield = not datagrams_shut and (streams_shut or (streams_fail and datagrams_work))
        datagrams_yield = not streams_shut and (datagrams_shut or (datagrams_fail and streams_work))
        share(streams, retries=streams_yield, drains=streams_yield)
        share(datagrams, retries=datagrams_yield or (streams_work and not streams_shut), drains=datagrams_yield)
        if self.others:
            return set()
        return {index for index, yields in enumerate((streams_yield, datagrams_yield)) if yields}

    def _activities(self) -> tuple[Activity, Activity]:
        """Of streams and of datagrams. An engine that has trusted resolvers alone is judged by those."""
        if not self._judged:
            for engine, every in ((self.streams, self._by_streams),
                                  (self.datagrams[0], self._by_datagrams)):  # fmt: skip
                ordinary = build.ordinary_resolvers(self._config, datagrams=engine is not self.streams) or every
                self._judged.append(Activity(engine, frozenset(ordinary), are_all=len(ordinary) == len(every)))
        return self._judged[0], self._judged[1]

    # -- trust ---------------------------------------------------------------------------------------------------

    def trust(self, resolver: int, trust: int) -> None:
        """Have this resolver asked and believed, or not, by all engines."""
        for engine in self:
            engine.trust(resolver, trust)
        if self.proving is not None:
            self.proving.judge(resolver, trust)
        if trust in (HELD, DISTRUSTED):
            self._shut_at.setdefault(resolver, monotonic())
        else:
            self._shut_at.pop(resolver, None)
            if not self._is_waking:  # many may pass in one turn of the loop
                self._is_waking = True
                asyncio.get_running_loop().call_soon(self._woken)

    def _woken(self) -> None:
        self._is_waking = False
        self.wake()

    def _is_shut(self, resolvers: Collection[int]) -> bool:
        """True when none of these has been asked for a while."""
        until = monotonic() - SHUT_S
        return all(self._shut_at.get(resolver, until) < until for resolver in resolvers)

    def in_flight(self, resolver: int) -> int:
        """Queries that wait for this resolver's response."""
        return sum(path.in_flight for engine in self for path in engine.paths_to(resolver))

    def has_answered(self, resolver: int) -> bool:
        """True when it answered a name of the scan."""
        return any(path.tally.count("responses") for engine in self for path in engine.paths_to(resolver))

    def traffic(self) -> dict[int, Traffic]:
        """What became of the names of each resolver that was asked for some."""
        found: dict[int, list[Tally]] = {}
        for engine in self:
            for path in engine.paths:
                if path.tally.count("queries"):
                    found.setdefault(path.resolver, []).append(path.tally)
        return {resolver: traffic_of(tallies) for resolver, tallies in found.items()}

    @property
    def queries(self) -> int:
        """All that were sent."""
        return counts_of([path.tally for engine in self for path in engine.paths])["queries"]

    # -- resolvers that are found during the scan ----------------------------------------------------------------

    def see(self, lines: bytes) -> None:
        """Whole lines of the input that come next: the resolvers that they name are made known."""
        if self._named is not None and self._named.see(lines):
            self.direct(())  # names that were there before their route

    def _line_resolvers(self, config: Config, limits: DialLimits) -> LineResolvers | None:
        columns = build.columns_for(config)
        if columns is None or not columns.with_resolver:
            return None

        def resolver_of(text: str) -> Resolver:
            found = check.resolver(text, tunnelled=bool(config.proxies))
            if found.scheme == "tls" and limits.tls is None:
                raise ScanError(f"resolver {found}: no CA certificates found for tls://")
            return found

        def add(resolver: Resolver) -> int:
            route = self.add_route(nowhere="", why="", authoritative=False)
            self._serve(route, {self._enter(resolver): resolver})  # apart, where it is one of -r: that one may be
            return route  # quarantined

        return LineResolvers(columns, resolver_of, add, withholds=not config.all_names)

    def add_route(self, *, nowhere: str, why: str, authoritative: bool = True) -> int:
        """One more route: to servers that are to be named, or to nobody; its index."""
        for engine in self:
            engine.add_route(nowhere=REASONS.index(nowhere), why=why.encode(), authoritative=authoritative)
        self._route_count += 1
        return self._route_count - 1

    def serve(self, route: int, servers: Sequence[Resolver]) -> None:
        """These are the servers of a route, all of them."""
        for server in servers:
            if server not in self._indexes:
                self._indexes[server] = self._enter(server)
        self._serve(route, {self._indexes[server]: server for server in servers})

    def _enter(self, resolver: Resolver) -> int:
        self._resolvers.append(resolver)
        return len(self._resolvers) - 1

    def _serve(self, route: int, members: Mapping[int, Resolver]) -> None:
        self.routes.add(route, members)
        self.is_paced = self.is_paced or any(self._buckets.rate_of(index) for index in members)
        for engine in self:
            engine.serve(route, self.routes, members)

    def direct(self, directions: Collection[tuple[str, int | None]]) -> None:
        """Names below these suffixes take these routes from now on; None: find their servers once more."""
        told = [(suffix.encode(), route) for suffix, route in directions]
        self.order(lambda pool, now: pool.direct(told, now))
        self.wake()

    def index_of(self, server: Resolver) -> int:
        """Of one that was named."""
        return self._indexes[server]

    def is_found(self, resolver: int) -> bool:
        """False for one of the configuration's, whose standing is another's business."""
        return resolver >= len(self._config.resolvers)

    def queries_by_resolver(self) -> dict[int, int]:
        """Of each that was asked for names."""
        found: Counter[int] = Counter()
        for engine in self:
            for path in engine.paths:
                found[path.resolver] += path.tally.count("queries")
        return found

    @property
    def whole_rate(self) -> Bucket | None:
        """Of all queries of the scan; None: there is no limit."""
        return self._buckets.whole

    @property
    def asked(self) -> list[Resolver]:
        """Of the configuration's resolvers for names without a route, those that are asked now, or all."""
        ours = self._config.routes[0].resolvers
        return [self._resolvers[index] for index in ours if index not in self._shut_at] or [
            self._resolvers[index] for index in ours
        ]

    # -- resolvers -----------------------------------------------------------------------------------------------

    def _leave_out_refusing(self) -> None:
        """Resolvers that refuse everything are asked no more, as long as their routes have others."""
        for engine in self:
            for path in engine.paths:
                if path.refuses and not self.routes.is_left_out(path.resolver) and self.routes.may_lose(path.resolver):
                    self._leave_out(path.resolver)

    def _leave_out(self, resolver: int) -> None:
        self.routes.leave_out(resolver)
        for engine in self:
            engine.leave_out(resolver, self.routes)
        self._warn(f"{self._resolvers[resolver]} refused 20 names in a row and is left out")

    def _moved(self, resolver: int) -> None:
        self._by_stream.add(resolver)
        if resolver >= len(self._config.resolvers) and self._config.at_registry:
            return  # a registry that limits its responses: that is its way
        self._warn(f"{self._resolvers[resolver]}: somebody forges its answers; it is asked over TCP from now on")

    def _blinded(self, resolver: int) -> None:
        self._warn(f"{self._resolvers[resolver]} changes the case of names, and TCP to it fails: "
                   "its answers are taken in any case from now on (as with --no-0x20)")  # fmt: skip

    def _left(self, fault: BaseException | None) -> None:
        if fault is not None:
            self._fault(fault)


def ignore(_: list[bytes]) -> None:
    """Nobody finds servers."""


def traffic_of(tallies: Sequence[Tally]) -> Traffic:
    """Of several paths together; the round trip of the one that was answered most."""
    busiest = max(tallies, key=lambda each: each.count("responses"))
    return Traffic(sum(each.count("responses") for each in tallies), sum(each.count("losses") for each in tallies),
                   busiest.quantile_ms(0.5))  # fmt: skip


def share(engine: StreamEngine | UdpThread, *, retries: bool, drains: bool) -> None:
    """Whether the engine's failed jobs, and those of its input too, go to another engine."""
    pool = engine.pool
    if (pool.exports_retries, pool.drains) != (retries, drains):

        def change(pool: JobPool, _: float) -> None:
            pool.exports_retries, pool.drains = retries, drains

        engine.order(change)
