"""Who waits for jobs: connections with room, and workers without a connection until jobs need them."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from scanner.native.clock import Clock
from scanner.native.jobs.fallback import StreamFallback
from scanner.native.jobs.pool import JobPool
from scanner.native.path import PathState
from scanner.streams.keeping import Kept


class Resting(Kept, Protocol):
    """A connection that has room and nothing to send."""

    is_resting: bool

    def pump(self, now: float) -> None: ...
    def hold(self, is_held: bool) -> None: ...
    def abort(self) -> None: ...


class Waiters:
    """Wakes connections with room, then parked workers, when there are jobs in `pool`, or in `fallback` where that is
    given."""

    def __init__(self, pool: JobPool, clock: Clock, fallback: StreamFallback | None = None):
        self._pool, self._clock, self._fallback = pool, clock, fallback
        self.live: set[Resting] = set()  # connections that are open
        self.unproved: set[Resting] = set()  # of them: without an answer yet
        self._resting: dict[PathState, deque[Resting]] = {}
        self._parked: dict[tuple[int, ...], deque[asyncio.Future[bool]]] = {}  # by the routes of their resolvers
        self._scheduled = False
        self._loop = asyncio.get_running_loop()

    def rest(self, connection: Resting) -> None:
        """The connection has room and nothing to send."""
        connection.is_resting = True
        self._resting.setdefault(connection.state, deque()).append(connection)

    async def needed(self, routes: Callable[[], tuple[int, ...]] = lambda: (0,)) -> None:
        """Wait until there are jobs of these routes that no open connection takes; they may become others meanwhile."""
        are_there = False
        while not are_there:
            parked: asyncio.Future[bool] = self._loop.create_future()
            self._parked.setdefault(routes(), deque()).append(parked)
            self.wake()
            are_there = await parked

    def reroute(self, routes: tuple[int, ...]) -> None:
        """Of those that wait for jobs of these routes, some are to wait for others."""
        unpark(parked := self._parked.pop(routes, deque()), len(parked), are_there=False)

    def parked(self, routes: tuple[int, ...]) -> int:
        """How many wait for jobs of these routes."""
        return len(self._parked.get(routes, ()))

    def wake(self) -> None:
        """There may be something to send: look in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _has_jobs(self, routes: tuple[int, ...], now: float) -> bool:
        return len(self._fallback) > 0 if self._fallback is not None else self._pool.look_ahead(routes, now)

    def _backlog(self, routes: tuple[int, ...]) -> int:
        return len(self._fallback) if self._fallback is not None else self._pool.backlog(routes)

    def _turn(self) -> None:
        self._scheduled = False
        now = self._clock()
        for state in list(self._resting):
            resting = self._resting[state]
            for _ in range(len(resting)):
                if not self._has_jobs(state.routes, now):
                    break
                if not state.ready(now):
                    break
                connection = resting.popleft()
                connection.is_resting = False
                if connection in self.live:
                    connection.pump(now)
            if not resting:
                del self._resting[state]
        for routes, parked in self._parked.items():
            if parked and self._has_jobs(routes, now):
                unpark(parked, self._backlog(routes))


def unpark(parked: deque[asyncio.Future[bool]], count: int, *, are_there: bool = True) -> None:
    """Let so many of them go: to jobs, where those `are_there`."""
    while count > 0 and parked:
        first = parked.popleft()
        if not first.done():
            first.set_result(are_there)
            count -= 1
