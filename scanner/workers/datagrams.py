"""The UDP engine as the event loop sees it: one descriptor to watch, one timer; and streams, opened only when needed,
for the names that a datagram cannot answer."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanner.native.clock import Clock
from scanner.native.names import Aside, Names
from scanner.native.peer import Peer
from scanner.native.udp import Engine
from scanner.sink import Sink
from scanner.transports.stream import said
from scanner.workers.way import Way

TIMER_S = 0.005  # attempts end, pauses end
TIMER_PACED_S = 0.001  # buckets fill
TICK_S = 0.02
STREAM_QUEUE = 256  # names that wait for the streams of resolvers that are asked over TCP only


class Datagrams:
    """Runs `engine` in this loop. `follow(way, aside)` is called once for each resolver that must be asked over TCP;
    `warn(text)` when one is moved there, or no socket can be opened."""

    def __init__(
        self, names: Names, sink: Sink, clock: Clock, engine: Engine, ways: Sequence[Way], *,
        follow: Callable[[Way, Aside], None], warn: Callable[[str], None],
    ):  # fmt: skip
        self._names, self._sink, self._clock = names, sink, clock
        self._ways = {way.resolver_index: way for way in ways}
        self._follow, self._warn = follow, warn
        self._asides: list[Aside] = []
        self._loop = asyncio.get_running_loop()
        self._timer_s = TIMER_PACED_S if any(way.peer.rate for way in ways) else TIMER_S
        self._scheduled = False
        self._next_tick = 0.0
        self.engine = engine
        self.engines = [engine]  # and those of lanes
        self._loop.add_reader(self.engine.fileno(), self._turn)
        self._timer = self._loop.call_later(0, self._time)

    def wake(self) -> None:
        """There may be something to send: look in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def close(self) -> None:
        """Send and take in nothing more."""
        self._timer.cancel()
        self._loop.remove_reader(self.engine.fileno())
        self.engine.close()

    def _time(self) -> None:
        now = self._clock()
        if now >= self._next_tick:
            self._next_tick = now + min(TICK_S, self._timer_s)
            self.engine.tick(now)
        self._turn()
        self._timer = self._loop.call_later(self._timer_s, self._time)

    def _turn(self) -> None:
        self._scheduled = False
        self._share_streams()
        self.engine.turn(self._clock())
        if self._names.lines.used:
            self._sink.poke()
        for index in self._names.newly_aside():
            self._asides.append(Aside(self._names, index))
            self._follow(self._ways[index], self._asides[-1])
        for engine in self.engines:
            if engine.port_trouble is not None:
                self._warn(f"udp: no socket can be opened: {said(engine.port_trouble)}")
            for index in engine.newly_moved():
                resolver = self._ways[index].resolver
                self._warn(f"{resolver}: somebody forges its answers; it is asked over TCP from now on")

    def _share_streams(self) -> None:
        """Tell each engine how many names the streams can take from it."""
        room = STREAM_QUEUE - sum(aside.backlog for aside in self._asides)
        for engine in self.engines:
            engine.stream_room = room // len(self.engines)


@dataclass(frozen=True, slots=True)
class Target:
    """A resolver as the engine is told of it (native/udp.pyi)."""

    peer: Peer
    index: int
    address: str
    port: int
    scope: int
    tags: bytes

    @property
    def where(self) -> tuple[object, ...]:
        """Its address for Python's sockets."""
        return (self.address, self.port, 0, self.scope) if ":" in self.address else (self.address, self.port)


def target_for(way: Way, tags: bytes) -> Target:
    """The engine's view of a resolver."""
    address, _, zone = way.resolver.address.partition("%")
    scope = socket.if_nametoindex(zone) if zone else 0
    return Target(way.peer, way.resolver_index, address, way.resolver.port, scope, tags)
