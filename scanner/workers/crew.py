"""The crew: which connections have room for names, and which workers wait until names need them. It shares nothing
else between workers."""

import asyncio
from collections import deque

from scanner.native.clock import Clock
from scanner.native.names import Aside, Names
from scanner.sink import Sink
from scanner.workers.connection import Connection
from scanner.workers.way import Way


class Crew:
    """Wakes connections with room, then parked workers, when there is something to send."""

    def __init__(self, names: Names | Aside, sink: Sink, clock: Clock):
        self.names, self.sink, self.clock = names, sink, clock
        self.live: set[Connection] = set()
        self._resting: dict[Way, deque[Connection]] = {}
        self._parked: deque[asyncio.Future[None]] = deque()
        self._scheduled = False
        self._loop = asyncio.get_running_loop()

    def opened(self, connection: Connection) -> None:
        """A connection is live."""
        self.live.add(connection)

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self.live.discard(connection)

    def rest(self, connection: Connection) -> None:
        """The connection has room and nothing to send."""
        connection.resting = True
        self._resting.setdefault(connection.way, deque()).append(connection)

    async def needed(self) -> None:
        """Wait until there are names that no live connection takes."""
        parked: asyncio.Future[None] = self._loop.create_future()
        self._parked.append(parked)
        self.wake()
        await parked

    def wake(self) -> None:
        """There may be something to send: look in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        names, now = self.names, self.clock()
        for way, resting in self._resting.items():
            for _ in range(len(resting)):
                if not names.available:
                    return
                if not way.peer.ready(now):
                    break
                connection = resting.popleft()
                connection.resting = False
                if connection in self.live:
                    connection.pump(now)
        if names.available:
            self._unpark(names.backlog)

    def _unpark(self, count: int) -> None:
        while count > 0 and self._parked:
            parked = self._parked.popleft()
            if not parked.done():
                parked.set_result(None)
                count -= 1
