"""The engine of streams, in the event loop: workers with a connection each, and streams for what a datagram could not
answer."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from scanner.engine import Order, Outlet, Report, leave_out, report_of, serve, silence_of
from scanner.model import REASONS, Resolver
from scanner.native.clock import Clock
from scanner.native.jobs.fallback import StreamFallback
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import Transfer, export_jobs, give_back, import_jobs
from scanner.native.session import Session, expire_queries, find_stuck
from scanner.paths.path import Path, Paths
from scanner.routes import Routes
from scanner.streams.choice import DISTRUSTED, Choice
from scanner.streams.flush import PAUSE_S, Flush
from scanner.streams.keeping import Keeping
from scanner.streams.staff import Staff
from scanner.streams.waiters import Resting, Waiters
from scanner.streams.worker import Workplace, work
from scanner.transports.dial import DialLimits
from scanner.transports.dial_error import DialError

HIRED = 1 << 24  # the first number of workers that come later
KEEP_S = 0.25  # between two looks at how old connections are
LOOK_S = 0.04  # between two looks at connections without an answer
WHY_TCP = "it is asked there where an answer over UDP did not fit or is in doubt"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """`resolvers` are the indexes of those that are asked over streams from the start, each as often as it is to have a
    worker beside the others. Times in seconds."""

    workers: int
    proxies: int  # how many egresses there are, at least 1
    resolvers: Sequence[int]
    window: int  # queries in flight on one connection, 0 = it is found
    timeout_s: float
    takes_input: bool = True
    policy: str = "round-robin"  # of model.POLICIES
    keeping: Keeping = field(default_factory=Keeping)


class StreamEngine:
    """`tags_for(path)` is the JSON of fields ns and p; `dial_failed(error)` is called for each connection that could
    not be opened or ended before any response."""

    def __init__(self, pool: JobPool, paths: Paths, settings: StreamSettings, limits: DialLimits, outlet: Outlet, *,
                 routes: Routes, tags_for: Callable[[Path], bytes],
                 dial_failed: Callable[[DialError], None]):  # fmt: skip
        self.pool = pool
        self._paths, self._settings, self._limits, self._outlet = paths, settings, limits, outlet
        self._routes = routes
        self._tags_for, self._dial_failed = tags_for, dial_failed
        self._clock = Clock()
        self._flush = Flush(pool.writer.buffer, outlet.deliver, self._flushed)
        self._waiters = Waiters(pool, self._clock)
        self._fallbacks: dict[int, Waiters] = {}  # by resolver index
        self._reasons: dict[int, int] = {}  # why no stream to it could be opened last, by the same
        self._tasks: list[asyncio.Task[None]] = []
        self._look_at = self._keep_at = self._let_out_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._choice = Choice(settings.policy, settings.resolvers, settings.proxies, routes, paths, self._open_to)
        self._is_closed = False
        self._here = set(settings.resolvers)
        self._staff = Staff(settings.workers)
        if not settings.takes_input:
            pool.names.lines.drop()  # no input comes here

    # -- as every engine -----------------------------------------------------------------------------------------

    def prepare(self) -> bool:
        """Deliver the lines of what is no name; True when there is a job to ask."""
        has_jobs = self.pool.has_jobs(self._clock())
        if self.pool.writer.buffer.used:
            self._flush.poke()
        return has_jobs

    def start(self) -> None:
        """One task for each worker; worker i has proxy i % M for life."""
        count, resolvers = self._settings.proxies, self._settings.resolvers
        for index in range(self._settings.workers if resolvers else 0):
            self._employ(self._work(index, index % count, self._choice.first(index)))

    def order(self, order: Order) -> None:
        """Do it now."""
        was_held = self.pool.held
        order(self.pool, self._clock())
        if self.pool.held != was_held:
            for connection in [*self._waiters.live, *self._live_fallbacks()]:
                connection.hold(self.pool.held)
        self._let_out()

    def wake(self) -> None:
        """There may be something to send: to all that wait."""
        self._waiters.wake()
        for waiters in self._fallbacks.values():
            waiters.wake()

    def tick(self) -> None:
        """What time brings: attempts and jobs that run out, silent connections, jobs for other engines."""
        if self._is_closed:
            return
        now = self._clock()
        if not self.pool.held:
            for session in expire_queries(self.pool, now):
                session.connection.attempts_ended(now)
            self.pool.expire(now)
            self._share_stuck(now)
        self._give_back_stranded(now)
        self._hire()
        if wanted := self.pool.newly_wanted():
            self._outlet.wanted(wanted)
        if now >= self._keep_at and not self.pool.held:
            self._keep_at = now + KEEP_S
            self._keep(now)
        self._hand_over()
        self.wake()
        self._let_out()

    def _keep(self, now: float) -> None:
        """Drain connections that are old, or that nobody needs, or to the wrong resolver."""
        live = [*self._waiters.live, *self._live_fallbacks()]
        for old in self._settings.keeping.due(live, now, names_wait=self.pool.has_jobs(now)):
            old.retire()
        tried = set()  # failing resolvers that one worker is to try
        for connection in self._waiters.live if self._choice.moves else ():
            state = connection.state
            better = self._choice.goes_before(state.egress, state.resolver)
            if better is None or connection.retires or (state.egress, better) in tried:
                continue
            if not self._choice.works(state.egress, better):
                tried.add((state.egress, better))
            connection.retire()

    def _open_to(self, egress: int, resolver: int) -> int:
        """Connections that are open by this path."""
        return sum((each.state.egress, each.state.resolver) == (egress, resolver) for each in self._waiters.live)

    def _share_stuck(self, now: float) -> None:
        """Jobs on connections that their server does not serve are asked on others of the path too."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        for state in {connection.state for connection in self._waiters.unproved}:
            if find_stuck(state, self._paths.path(state.egress, state.resolver).sessions, now):
                for connection in [each for each in self._waiters.live if each.state is state]:
                    connection.pump(now)

    @property
    def report(self) -> Report:
        """As things stand."""
        return report_of(self.pool)

    @property
    def silent_s(self) -> float:
        """How long ago the last response came; infinite before the first."""
        return silence_of(self.pool, self._clock)

    @property
    def paths(self) -> Paths:
        """Those that were used."""
        return self._paths

    @property
    def live(self) -> int:
        """Connections that are open."""
        return len(self._waiters.live) + sum(len(waiters.live) for waiters in self._fallbacks.values())

    def live_to(self, resolvers: Collection[int]) -> int:
        """Of them: those to these resolvers, over which names of the input go."""
        return sum(connection.state.resolver in resolvers for connection in self._waiters.live)

    @property
    def resolvers_pausing(self) -> int:
        """None: paths of streams count their pausing workers."""
        return 0

    @property
    def strays(self) -> int:
        """None: what comes on a connection comes from the peer."""
        return 0

    @property
    def overruns(self) -> int:
        """None: TCP keeps what is not read."""
        return 0

    def windows(self) -> dict[int, int]:
        """None: each connection has a window of its own."""
        return {}

    def trust(self, resolver: int, trust: int) -> None:
        """Have this resolver asked and believed, or not, from now on."""
        self._paths.trust(resolver, trust)
        for connection in self._waiters.live if trust == DISTRUSTED and self._choice.moves else ():
            if connection.state.resolver == resolver:
                connection.retire()  # its worker goes to another

    def paths_to(self, resolver: int) -> Sequence[Path]:
        """Those that were used to this resolver."""
        return self._paths.to(resolver)

    def leave_out(self, resolver: int, routes: Routes) -> None:
        """Ask this resolver no more; `routes` do without it."""
        self._paths.routes_changed()
        for route in routes.of(resolver):
            leave_out(self.pool, route, routes.members(route), self._here)
        for connection in [*self._waiters.live, *self._live_fallbacks()]:
            if connection.state.resolver == resolver:
                connection.abort()

    def add_route(self, *, nowhere: int, why: bytes, authoritative: bool) -> None:
        """One more route."""
        queue = self.pool.add_route(authoritative=authoritative and not nowhere, nowhere=nowhere, why=why)
        queue.egresses = self._settings.proxies

    def serve(self, route: int, routes: Routes, servers: Mapping[int, Resolver]) -> None:
        """New resolvers get a worker each; of those that had other routes the connections take these jobs too."""
        ours = [index for index, server in servers.items() if server.scheme != "udp"]
        for resolver in ours:
            if resolver in self._here:
                self._reroute(resolver)
            elif self._staff.hire(resolver, route):
                self._work_for(resolver)
        for resolver in servers.keys() - set(ours):
            self._reroute(resolver)
        self._here.update(ours)
        self._paths.routes_changed(servers)
        self.pool.queues[route].workers = max(len(ours), 1)
        serve(self.pool, route, servers, len(ours))
        self.wake()

    def _reroute(self, resolver: int) -> None:
        routes = self._routes.of(resolver)
        for path in [path for path in self._paths if path.resolver == resolver and path.state.routes != routes]:
            before = path.state.routes
            path.state.reroute(routes)
            for session in path.sessions:
                session.reroute()
            self._waiters.reroute(before)

    def _hire(self) -> None:
        """One more worker for each route that more is waiting for than its workers can do."""
        for route in self._staff.busy(self.pool, lambda routes: self._waiters.parked(routes), self._routes):
            self._work_for(self._staff.hire_for(route))

    def _work_for(self, resolver: int) -> None:
        index = self._staff.count
        self._employ(self._work(HIRED + index, index % self._settings.proxies, resolver))

    async def close(self) -> None:
        """End every worker; deliver what is finished."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush.now()
        self.pool.deferral.close()

    # -- jobs from and to other engines --------------------------------------------------------------------------

    def take_over(self, transfer: Transfer) -> None:
        """Jobs of another engine: for a stream to the resolver that they had, or for any."""
        import_jobs(self.pool, transfer, self._clock())
        for fallback in self.pool.fallbacks:
            if fallback is not None and fallback.resolver not in self._fallbacks:
                self._follow(fallback)
        self.wake()

    @property
    def fallback_backlog(self) -> int:
        """Jobs that wait for streams of resolvers that are asked by datagrams."""
        return sum(len(fallback) for fallback in self.pool.fallbacks if fallback is not None)

    def _hand_over(self) -> None:
        transfer = export_jobs(self.pool, self._clock())
        if transfer is not None:
            self._outlet.transfer(transfer)

    def _live_fallbacks(self) -> list[Resting]:
        return [connection for waiters in self._fallbacks.values() for connection in waiters.live]

    def _follow(self, fallback: StreamFallback) -> None:
        """A stream for the jobs of a fallback queue."""
        if self._is_closed:
            return
        self._fallbacks[fallback.resolver] = Waiters(self.pool, self._clock, fallback)

        def failed(error: DialError) -> None:
            self._dial_failed(DialError(error.reason, f"{error}; {WHY_TCP}"))
            self._reasons[fallback.resolver] = REASONS.index(error.reason)
            if not self._paths.path(0, fallback.resolver).is_waited_for:
                self._give_back(fallback, self._clock())

        self._employ(self._work(self._settings.workers + fallback.resolver, 0, fallback.resolver, fallback, failed))

    def _give_back_stranded(self, now: float) -> None:
        """Jobs that came for a stream after it had failed do not wait for the next try, which may come too late."""
        for fallback in filter(None, self.pool.fallbacks):
            if (len(fallback) and not self._fallbacks[fallback.resolver].live
                    and not self._paths.path(0, fallback.resolver).is_waited_for):  # fmt: skip
                self._give_back(fallback, now)

    def _give_back(self, fallback: StreamFallback, now: float) -> None:
        elsewhere = self._paths.path(0, fallback.resolver).state.replaceable
        give_back(self.pool, fallback, self._reasons[fallback.resolver], now, elsewhere=elsewhere)
        self._flush.poke()

    # -- workers -------------------------------------------------------------------------------------------------

    async def _work(self, worker: int, egress: int, resolver: int, fallback: StreamFallback | None = None,
                    failed: Callable[[DialError], None] | None = None) -> None:  # fmt: skip
        waiters = self._waiters if fallback is None else self._fallbacks[resolver]
        limits, moves = self._limits, fallback is None and self._choice.moves
        if fallback is not None:  # a job that datagrams cannot bring waits for it, and there is no other worker
            limits = replace(limits, timeout_s=min(limits.timeout_s, self._settings.timeout_s))
        sessions: dict[Path, Session] = {}
        while True:
            await waiters.needed(partial(self._routes.of, resolver))
            resolver = self._choice.next(egress, resolver) if moves else resolver
            path = self._paths.path(egress, resolver)
            if path.health.is_left_out:
                return
            place = Workplace(path, waiters, self._flush, self._clock, limits,
                              failed or partial(self._failed, resolver), moves)  # fmt: skip
            await work(partial(self._session, sessions, path, worker, fallback), place, first=not sessions)

    def _session(self, made: dict[Path, Session], path: Path, worker: int, fallback: StreamFallback | None) -> Session:
        """The worker's session by this path: one for life, whatever connection carries it."""
        if path not in made:
            made[path] = Session(self.pool, path.state, window=self._settings.window if fallback is None else 0,
                                 timeout_s=self._settings.timeout_s, worker=worker, tags=self._tags_for(path),
                                 fallback=fallback)  # fmt: skip
            path.sessions.append(made[path])
        return made[path]

    def _failed(self, resolver: int, error: DialError) -> None:
        for route in self._routes.of(resolver):
            self.pool.queues[route].failed(REASONS.index(error.reason))
        self._dial_failed(error)

    def _employ(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
        self._tasks[-1].add_done_callback(self._left)

    def _left(self, task: "asyncio.Task[None]") -> None:
        with contextlib.suppress(asyncio.CancelledError):
            fault = task.exception()
            if fault is not None:
                self._outlet.left(fault)

    def _let_out(self) -> None:
        """Lines that have waited for canaries leave, a block at a time, and those that are finished now."""
        if self._is_closed:
            return
        if self._loop.time() >= self._let_out_at:
            self._let_out_at = self._loop.time() + PAUSE_S
            self.pool.let_out(self._clock())
            if self.pool.lets_out:
                self._loop.call_at(self._let_out_at, self._let_out)
        self._flush.poke()

    def _flushed(self) -> None:
        """The buffer is empty: sessions that found it full may go on; or these were the last lines."""
        self.wake()
        if finished := self.pool.slots.finished_since():
            self._outlet.finished(finished)
        self._outlet.report()
