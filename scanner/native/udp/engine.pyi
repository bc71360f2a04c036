from collections.abc import Callable, Sequence
from socket import socket
from typing import Any, Protocol

from scanner.native.jobs.pool import JobPool
from scanner.native.path import PathState
from scanner.native.tally import Tally

class UdpAddress(Protocol):
    """Where a path's datagrams go: `scope` is that of an IPv6 link-local address, `where` is the address for Python's
    sockets, `tags` the JSON of fields ns and p."""

    @property
    def state(self) -> PathState: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def scope(self) -> int: ...
    @property
    def tags(self) -> bytes: ...
    @property
    def where(self) -> tuple[Any, ...]: ...

Figures = tuple[int, float, float, float, int, int]
"""A resolver's index, window, share of names that never answer, round trip (s), responses, queries in flight."""

class Ports:
    @property
    def trouble(self) -> int: ...

class UdpEngine:
    stream_room: int
    turn_of: int
    @property
    def ports(self) -> Ports: ...
    @property
    def strangers(self) -> Tally: ...
    @property
    def in_flight(self) -> int: ...
    def __init__(
        self,
        pool: JobPool,
        addresses: Sequence[UdpAddress],
        *,
        open_port: Callable[[bool], socket],
        slots: int = 10_000,
        timeout_s: float = 2.0,
        policy: str = "random",
        gso: bool = False,
        case: bool = True,
    ) -> None: ...
    def fileno(self) -> int: ...
    def turn(self, now: float) -> int: ...
    def tick(self, now: float) -> None: ...
    def figures(self) -> list[Figures]: ...
    def pausing(self, now: float) -> int: ...
    def newly_by_stream(self) -> list[int]: ...
    def close(self) -> None: ...
