"""The UDP engine as the event loop sees it: one descriptor to watch, one timer; and streams, opened only when needed,
for the names that a datagram cannot answer."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from scanner.native.names import Aside, Names
from scanner.native.peer import Peer
from scanner.native.udp import Engine
from scanner.sink import Sink
from scanner.workers.way import Way

TIMER_S = 0.005  # attempts end, pauses end, buckets fill
TICK_S = 0.02
STREAM_QUEUE = 256  # names that wait for the streams of resolvers that are asked over TCP only


class Datagrams:
    """Runs one engine in this loop. `follow(way, aside)` is called once for each resolver that must be asked over TCP;
    `warn(text)` when one is moved there."""

    def __init__(
        self, names: Names, sink: Sink, ways: Sequence[Way], *, open_port: Callable[[bool], socket.socket],
        tags: Sequence[bytes], slots: int, timeout_s: float, policy: str, gso: bool, case: bool,
        follow: Callable[[Way, Aside], None], warn: Callable[[str], None],
    ):  # fmt: skip
        targets = [target_for(way, tag) for way, tag in zip(ways, tags, strict=True)]
        self._names, self._sink, self._ways = names, sink, {way.resolver_index: way for way in ways}
        self._follow, self._warn = follow, warn
        self._asides: list[Aside] = []
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._next_tick = 0.0
        self.engine = Engine(names, targets, open_port=open_port, slots=slots, timeout_s=timeout_s, policy=policy,
                             gso=gso, case=case)  # fmt: skip
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

    def counts(self) -> dict[str, int]:
        """What only datagrams meet, for the summary."""
        engine = self.engine
        return {"truncated": engine.truncated, "case_lost": engine.case_lost, "unreachable": engine.unreachable}

    def _time(self) -> None:
        now = monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self.engine.tick(now)
        self._turn()
        self._timer = self._loop.call_later(TIMER_S, self._time)

    def _turn(self) -> None:
        self._scheduled = False
        if self._names.lines.behind:
            return
        self.engine.stream_room = STREAM_QUEUE - sum(aside.backlog for aside in self._asides)
        self.engine.turn(monotonic())
        if self._names.lines.used:
            self._sink.poke()
        for index in self._names.newly_aside():
            self._asides.append(Aside(self._names, index))
            self._follow(self._ways[index], self._asides[-1])
        for index in self.engine.newly_moved():
            way = self._ways[index]
            self._warn(f"{way.resolver}: somebody forges its answers; it is asked over TCP from now on")


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
