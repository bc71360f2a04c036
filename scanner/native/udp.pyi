from collections.abc import Callable, Sequence
from socket import socket

from scanner.native.names import Names
from scanner.native.session import Peer

class Server:
    peer: Peer
    index: int
    in_flight: int
    window: float
    baseline: float
    answered: int
    stream: bool
    def __init__(self, peer: Peer, index: int, address: str, port: int, scope: int = 0, tags: bytes = b"") -> None: ...

class Engine:
    servers: list[Server]
    slots: int
    in_flight: int
    truncated: int
    case_lost: int
    unreachable: int
    def __init__(
        self,
        names: Names,
        servers: Sequence[Server],
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
    def newly_moved(self) -> list[Server]: ...
    def close(self) -> None: ...
