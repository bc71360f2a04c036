"""An engine of datagrams: native UDP in a thread of its own, with jobs, sockets and a line buffer of its own."""

import asyncio
import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic, sleep
from typing import TypeVar

from scanner.datagrams.address import Address
from scanner.engine import Order, Outlet, Report, leave_out, report_of, serve, silence_of
from scanner.model import Resolver
from scanner.native.clock import Clock
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import Transfer, export_jobs, import_jobs
from scanner.native.udp.engine import UdpEngine
from scanner.paths.path import Path
from scanner.routes import Routes

T = TypeVar("T")
TIMER_MS = 5  # attempts end, pauses end
TIMER_PACED_MS = 1  # time brings room to send
PERIOD_S = 0.001  # of turns, where all of many paths are distant: what comes meanwhile is taken in together
STAY_S = 0.002  # in one turn, while responses come
TICK_S = 0.02
FLUSH_S = 0.005  # between two blocks of lines
WAITING_MAX = 8  # blocks and transfers handed over and not yet taken: then the engine waits


class UdpThread:
    """Runs `engine` on `pool`, by `paths`: all of them its own; `make_path(resolver)` makes one more;
    `moves_when_cut`: to one that is asked by streams once a datagram could not hold what it said. Linux only, as the
    native engine is."""

    def __init__(self, pool: JobPool, engine: UdpEngine, paths: Sequence[Path], outlet: Outlet,
                 make_path: Callable[[int], tuple[Path, Address]], *, moves_when_cut: bool = False):  # fmt: skip
        self.pool, self.paths, self._make_path = pool, list(paths), make_path
        self._moves_when_cut = moves_when_cut
        self._by_resolver = {path.resolver: path for path in paths}
        self._engine, self._outlet = engine, outlet
        self._clock = Clock()
        self._loop = asyncio.get_running_loop()
        self._orders: deque[Order] = deque()
        self._news: deque[Callable[[], object]] = deque()  # for the loop, in order
        self._told = False  # the loop is about to take the news
        self._report = report_of(pool)
        self._is_leaving = self._is_closed = False
        self._paced = any(path.state.bucket.is_limited for path in paths)
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="udp", daemon=True)

    # -- in the loop's thread ------------------------------------------------------------------------------------

    def prepare(self) -> bool:
        """Deliver the lines of what is no name; True when there is a job to ask."""
        has_jobs = self.pool.has_jobs(self._clock())
        if self._deliver():
            self._tell(self._outlet.report)
        self._report = report_of(self.pool)
        return has_jobs

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def order(self, order: Order) -> None:
        """Have it done in the engine's thread; nobody else touches the pool once that runs."""
        self._orders.append(order)
        self.wake()

    def wake(self) -> None:
        """There may be something to send."""
        if not self._is_closed:
            os.eventfd_write(self._waker, 1)

    @property
    def report(self) -> Report:
        """The last one that came."""
        return self._report

    @property
    def silent_s(self) -> float:
        """How long ago the last response came; infinite before the first."""
        return silence_of(self.pool, self._clock)

    @property
    def live(self) -> int:
        """Connections that are open: none."""
        return 0

    def live_to(self, resolvers: Collection[int]) -> int:
        """None."""
        return 0

    @property
    def resolvers_pausing(self) -> int:
        """Resolvers that are not asked for a while."""
        return self._engine.pausing(self._clock.peek())

    @property
    def strays(self) -> int:
        """Messages from addresses that were not asked."""
        return self._engine.strangers.count("strays")

    @property
    def overruns(self) -> int:
        """Responses that this machine dropped because they were read too late."""
        return self._engine.overruns

    def windows(self) -> dict[int, int]:
        """Queries that may be in flight, by resolver index."""
        return {resolver: round(window) for resolver, window, *_ in self._engine.figures()}

    def trust(self, resolver: int, trust: int) -> None:
        """Have this resolver asked and believed, or not, from now on: the engine sees it at its next message."""
        if resolver in self._by_resolver:
            self._by_resolver[resolver].state.trust = trust
            self._engine.is_changed = True

    def paths_to(self, resolver: int) -> Sequence[Path]:
        """The one to this resolver, where there is one."""
        return [self._by_resolver[resolver]] if resolver in self._by_resolver else []

    def leave_out(self, resolver: int, routes: Routes) -> None:
        """Ask this resolver no more; `routes` do without it."""
        for path in self.paths:
            if path.resolver == resolver:
                path.health.leave_out()

        left = {route: routes.members(route) for route in routes.of(resolver)}
        replaceable = {path.resolver: routes.may_lose(path.resolver) for path in self.paths}

        def do_without(pool: JobPool, _: float) -> None:
            for route, members in left.items():
                leave_out(pool, route, members, replaceable)
            for path in self.paths:
                path.state.replaceable = replaceable[path.resolver]

        self.order(do_without)

    def take_over(self, transfer: Transfer) -> None:
        """Jobs of another engine, to be asked by any resolver here."""
        self.order(lambda pool, now: import_jobs(pool, transfer, now))

    def offer_streams(self, room: int) -> None:
        """So many jobs may be given to streams for resolvers that are asked over TCP only."""
        self.order(lambda pool, now: setattr(self._engine, "stream_room", room))

    def add_route(self, *, nowhere: int, why: bytes, authoritative: bool) -> None:
        """One more route."""
        knows_one_zone = authoritative and not nowhere
        self.order(lambda pool, _: pool.add_route(authoritative=knows_one_zone, nowhere=nowhere, why=why))

    def serve(self, route: int, routes: Routes, servers: Mapping[int, Resolver]) -> None:
        """The engine gets new resolvers, and those that it has their routes, in its own thread."""
        ours = [index for index, server in servers.items() if server.scheme == "udp"]
        added = [self._make_path(resolver) for resolver in ours if resolver not in self._by_resolver]
        for path, _ in added:
            self.paths.append(path)
            self._by_resolver[path.resolver] = path
        rerouted = {resolver: (routes.of(resolver), routes.ranks(resolver)) for resolver in ours}
        addresses = [address for _, address in added]
        self._paced = self._paced or any(path.state.bucket.is_limited for path, _ in added)

        def take_in(pool: JobPool, _: float) -> None:
            serve(pool, route, servers, len(ours))
            self._engine.add_paths(addresses, moves_when_cut=self._moves_when_cut)
            for resolver, (its, ranks) in rerouted.items():
                self._engine.reroute(resolver, its, ranks)

        self.order(take_in)

    async def close(self) -> None:
        """Leave at the next turn; wait for that, and take what was finished."""
        self._is_leaving = True
        if self._thread.ident is not None:
            self.wake()
            self._thread.join()
        self._is_closed = True
        os.close(self._waker)
        self._take_news()
        self.pool.deferral.close()

    def _take_news(self) -> None:
        self._told = False
        while self._news:
            self._news.popleft()()

    # -- in its own ----------------------------------------------------------------------------------------------

    def _tell(self, news: Callable[[], object]) -> None:
        """Have `news()` called in the loop's thread."""
        self._news.append(news)
        if not self._told:
            self._told = True
            with contextlib.suppress(RuntimeError):  # a fault has closed the loop
                self._loop.call_soon_threadsafe(self._take_news)

    def _run(self) -> None:
        fault = None
        try:
            self._work()
        except BaseException as error:  # a bug: the scan falls by it
            fault = error
        self._engine.close()
        self._tell(lambda: self._outlet.left(fault))

    def _work(self) -> None:
        poll = select.poll()
        poll.register(self._engine.fileno(), select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        tick_at = begun = 0.0
        self._flush_at = 0.0
        while not self._is_leaving:
            if self._engine.is_distant and (left := begun + PERIOD_S - monotonic()) > 0:
                sleep(left)
            for descriptor, _ in poll.poll(TIMER_PACED_MS if self._paced or self._engine.is_paced else TIMER_MS):
                if descriptor == self._waker:
                    os.eventfd_read(self._waker)
            begun = monotonic()
            now = self._clock()
            while self._orders:
                self._orders.popleft()(self.pool, now)
            if now >= tick_at:
                tick_at = now + TICK_S
                self._tick(now)
            if len(self._news) < WAITING_MAX:
                self._engine.turn(now, self._clock.lost_s, stays_s=STAY_S)
                self._hand_over(now)
                if now >= self._flush_at:  # a block at a time: what is received meanwhile must not wait for it
                    self.pool.let_out(now)
            self._flush(now)
        self._tell_habits()
        self._deliver()

    def _tick(self, now: float) -> None:
        """What time brings, and what the scan wants to know of it."""
        self._engine.tick(now)
        if not self.pool.held:
            self.pool.expire(now)
        self._tell_habits()
        if wanted := self.pool.newly_wanted():
            self._tell(lambda: self._outlet.wanted(wanted))
        if self._engine.ports.trouble:
            self._tell(lambda trouble=self._engine.ports.trouble: self._outlet.warn(  # type: ignore[misc]
                f"udp: no socket can be opened: {os.strerror(trouble)}"))  # fmt: skip
        self._tell_report()

    def _tell_habits(self) -> None:
        """What was found out about resolvers, and the user should know."""
        for resolver in self._engine.newly_by_stream():
            self._tell(lambda resolver=resolver: self._outlet.by_stream(resolver))  # type: ignore[misc]
        for resolver in self._engine.newly_blind():
            self._tell(lambda resolver=resolver: self._outlet.case_blind(resolver))  # type: ignore[misc]

    def _tell_report(self) -> None:
        report = report_of(self.pool)
        finished = self.pool.slots.finished_since()
        if finished:
            self._tell(lambda: self._outlet.finished(finished))
        if report != self._report or finished:
            self._tell(lambda: self._reported(report))

    def _reported(self, report: Report) -> None:
        self._report = report
        self._outlet.report()

    def _hand_over(self, now: float) -> None:
        transfer = export_jobs(self.pool, now)
        if transfer is not None:
            self._tell(lambda: self._outlet.transfer(transfer))

    def _flush(self, now: float) -> None:
        """Lines, when it is time for them; the end of the last job at once."""
        buffer = self.pool.writer.buffer
        if buffer.used and (now >= self._flush_at or buffer.used >= buffer.limit):
            self._flush_at = now + FLUSH_S
            self._deliver()
        if self.pool.slots.live == 0 and not self._report.is_done and self.pool.done:
            self._deliver()
            self._tell_report()

    def _deliver(self) -> bool:
        """Hand over what is finished; True when that is something."""
        block = self.pool.writer.buffer.take()
        if block:
            self._tell(lambda: self._outlet.deliver(block))
        return bool(block)
