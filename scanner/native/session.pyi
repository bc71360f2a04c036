from scanner.native.names import Aside, Names
from scanner.native.peer import Peer

class Session:
    peer: Peer
    worker: int
    exit: int
    resolver: int
    window: int
    in_flight: int
    sent: int
    answered: int
    silent: int
    strays: int
    excused: bool
    smooth: bool
    def __init__(
        self,
        names: Names,
        peer: Peer,
        *,
        window: int = 0,
        timeout_s: float = 2.0,
        worker: int = 0,
        exit: int = 0,
        resolver: int = 0,
        tags: bytes = b"",
        edns: bool = True,
        aside: Aside | None = None,
    ) -> None: ...
    def opened(self) -> None: ...
    @property
    def room(self) -> int: ...
    @property
    def used_up(self) -> bool: ...
    def fill(self, now: float) -> bytes | None: ...
    def exchange(self, octets: bytes, now: float) -> bytes | None: ...
    def receive(self, octets: bytes, now: float) -> int: ...
    def expire(self, now: float) -> int: ...
    @property
    def hopeless(self) -> bool: ...
    def abandon(self, reason: int, now: float) -> int: ...
