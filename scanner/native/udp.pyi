from collections.abc import Callable, Sequence
from socket import socket
from typing import Any, Protocol

from scanner.native.names import Names
from scanner.native.peer import Peer

class Target(Protocol):
    """A resolver as the engine is told of it; `where` is its address for Python's sockets, `scope` that of an IPv6
    link-local one, `tags` the JSON of fields ns and p."""

    @property
    def peer(self) -> Peer: ...
    @property
    def index(self) -> int: ...
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
"""A resolver's index, window, share of names that never answer, round trip (s), answers, queries in flight."""

class Engine:
    slots: int
    stream_room: int
    in_flight: int
    truncated: int
    case_lost: int
    unreachable: int
    port_trouble: OSError | None
    def __init__(
        self,
        names: Names,
        targets: Sequence[Target],
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
    def newly_moved(self) -> list[int]: ...
    def close(self) -> None: ...
