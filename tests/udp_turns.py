"""The UDP engine beside a socket of the test's own, turn by turn at a clock of the test's own."""

import contextlib
import socket
from collections.abc import Iterator, Sequence

from dns_peer import parse, response

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.udp.engine import UdpEngine

TURN_S = 0.01
MIB = 1 << 20


class Turns:
    """`count` names to ask, of `server` and `others`. In a turn the engine takes what came and sends; then they may
    answer."""

    def __init__(
        self, server: socket.socket, count: int, rcvbuf: int, *, others: Sequence[socket.socket] = (), gso: bool = False
    ) -> None:
        self.server = server
        self.pool = JobPool(
            LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None, deadline_s=1e9
        )
        self.pool.feed(b"".join(b"n%d.example\n" % number for number in range(count)))
        self.pool.end()
        self._path = PathState()
        places = [(self._path, server), *((PathState(), other) for other in others)]
        addresses = [Address(path, "127.0.0.1", place.getsockname()[1], 0, b"") for path, place in places]
        opener = port_opener((), rcvbuf=rcvbuf, sndbuf=MIB, port_range=None)
        self.engine = UdpEngine(self.pool, addresses, open_port=opener, timeout_s=0.3, gso=gso)
        self._now = 1.0

    def turn(self, after_s: float = TURN_S) -> int:
        """How many responses were taken in it; `after_s` since the one before, on the engine's clock."""
        self._now += after_s
        self.engine.tick(self._now)
        return self.engine.turn(self._now)

    @property
    def sent(self) -> int:
        """Queries that it has sent; a busy kernel may bring some of them later."""
        return self._path.tally.count("queries")

    def asked(self) -> list[tuple[bytes, tuple]]:
        """What has come to the server: octets and where from."""
        return list(self._waiting())

    def answer(self, asked: list[tuple[bytes, tuple]]) -> None:
        for octets, source in asked:
            self.server.sendto(response(parse(octets)), source)

    def _waiting(self) -> Iterator[tuple[bytes, tuple]]:
        with contextlib.suppress(BlockingIOError):
            while True:
                yield self.server.recvfrom(4096)


@contextlib.contextmanager
def turns(count: int, *, rcvbuf: int = MIB) -> Iterator[Turns]:
    """Of an engine whose sockets have `rcvbuf` octets for responses."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        made = Turns(server, count, rcvbuf)
        try:
            yield made
        finally:
            made.engine.close()
