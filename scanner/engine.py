"""What every engine is: a body that moves octets for the jobs of one pool, in a thread of its own or in the event loop.

Streams and datagrams are engines alike: the scan starts, feeds, orders, watches and closes them in one way.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

from scanner.model import Resolver
from scanner.native.clock import Clock
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import Transfer
from scanner.native.tally import Tally
from scanner.routes import Routes

Order = Callable[[JobPool, float], object]
"""What an engine does to its own pool when asked; it is given the time on its own clock."""


@dataclass(frozen=True, slots=True)
class Report:
    """How an engine's jobs stood at one moment, taken in its own thread."""

    live: int  # started and not yet written
    live_first: int  # of them: here, in their first pass
    waits: bool  # a job waits to be asked
    is_done: bool  # the input has ended and every job has its line, which is delivered
    is_proving: bool  # the same, but for lines that wait for their resolvers' canaries


def report_of(pool: JobPool) -> Report:
    """The report of a pool; called in the thread that has it."""
    slots = pool.slots
    is_done = pool.done and pool.writer.buffer.used == 0
    is_proving = pool.unproven is not None and pool.is_finished and not is_done
    return Report(slots.live, slots.live - slots.away - slots.second_live, pool.waits, is_done, is_proving)


def silence_of(pool: JobPool, clock: Clock) -> float:
    """Seconds since a pool's last response, on its engine's clock; infinite before the first. Any thread may ask."""
    heard_at = pool.exchange.heard_at
    return max(clock.peek() - heard_at, 0) if heard_at else inf


def serve(pool: JobPool, route: int, servers: Collection[int], here: int) -> None:
    """The servers of a route, of which its engine has so many."""
    pool.queues[route].served_by(resolvers=here, elsewhere=here < len(servers), servers=servers)


def leave_out(pool: JobPool, route: int, left: Collection[int], here: Collection[int]) -> None:
    """Only these resolvers are left of a route; of them the pool's engine has those that are `here`."""
    ours = len(set(left).intersection(here))
    pool.queues[route].served_by(resolvers=ours, elsewhere=ours < len(left), servers=left)
    pool.left_out = pool.left_out or ours == 0


@dataclass(frozen=True, slots=True)
class Outlet:
    """What an engine calls, in the event loop's thread."""

    deliver: Callable[[bytes], object]  # whole lines
    transfer: Callable[[Transfer], object]  # jobs that another engine is to ask
    finished: Callable[[list[tuple[int, int]]], object]  # imported jobs are finished: index of their engine, how many
    report: Callable[[], object]  # there is a new report
    warn: Callable[[str], object]
    wanted: Callable[[list[bytes]], object]  # names with these suffixes wait for servers to be found
    by_stream: Callable[[int], object]  # this resolver is asked by streams only from now on
    case_blind: Callable[[int], object]  # this resolver's answers are taken in any case of letters from now on
    left: Callable[[BaseException | None], object]  # the engine ended, with the bug that ended it


class EnginePath(Protocol):
    """A path as it is counted: one egress to one resolver."""

    @property
    def egress(self) -> int: ...
    @property
    def resolver(self) -> int: ...
    @property
    def tally(self) -> Tally: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def windows(self) -> Iterable[int]: ...
    @property
    def refuses(self) -> bool: ...
    @property
    def is_left_out(self) -> bool: ...
    @property
    def egress_pauses(self) -> int: ...
    @property
    def resolver_pauses(self) -> int: ...
    @property
    def pausing(self) -> int: ...
    @property
    def is_failing(self) -> bool: ...


class Engine(Protocol):
    """One engine, as the scan sees it. Everything here is called in the event loop's thread."""

    @property
    def pool(self) -> JobPool:
        """Its jobs: another thread reads only what `native/jobs/pool.pxd` marks."""
        ...

    @property
    def report(self) -> Report:
        """The last one."""
        ...

    @property
    def silent_s(self) -> float:
        """How long ago its last response came; infinite before the first."""
        ...

    @property
    def paths(self) -> Iterable[EnginePath]:
        """Those that were used."""
        ...

    @property
    def live(self) -> int:
        """Connections that are open."""
        ...

    def live_to(self, resolvers: Collection[int]) -> int:
        """Of them: those to these resolvers."""
        ...

    @property
    def resolvers_pausing(self) -> int:
        """Resolvers that are not asked for a while."""
        ...

    @property
    def strays(self) -> int:
        """Messages from addresses that were not asked."""
        ...

    @property
    def overruns(self) -> int:
        """Responses that this machine dropped because they were read too late."""
        ...

    def windows(self) -> Mapping[int, int]:
        """Queries that may be in flight, by resolver index, where the engine has one window for each."""
        ...

    def prepare(self) -> bool:
        """Before `start`: deliver the lines of what is no name; True when there is a job to ask."""
        ...

    def start(self) -> None:
        """Begin to send."""
        ...

    def order(self, order: Order) -> None:
        """Have something done to the pool in the thread that owns it; after `close` nothing happens."""
        ...

    def take_over(self, transfer: Transfer) -> None:
        """Jobs of another engine are asked here."""
        ...

    def wake(self) -> None:
        """There may be something to send."""
        ...

    def trust(self, resolver: int, trust: int) -> None:
        """Have this resolver asked and believed, or not (native/path.pxd), from now on."""
        ...

    def paths_to(self, resolver: int) -> Iterable[EnginePath]:
        """Those that were used to this resolver."""
        ...

    def add_route(self, *, nowhere: int, why: bytes, authoritative: bool) -> None:
        """One more route, the last: to servers that are to be named, or to nobody."""
        ...

    def serve(self, route: int, routes: Routes, servers: Mapping[int, Resolver]) -> None:
        """The resolvers of a route are these now, by their indexes; those that are not known yet are new."""
        ...

    def leave_out(self, resolver: int, routes: Routes) -> None:
        """Ask this resolver no more; `routes` do without it."""
        ...

    async def close(self) -> None:
        """Send and take in nothing more; deliver what is finished."""
        ...
