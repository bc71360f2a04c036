"""A forger with the server's own address and port, against the engine itself: its clock is ours, so that a million
forged messages are not the thousand a second that move a resolver to TCP."""

import json
import select
import socket
import struct
from dataclasses import dataclass

import pytest
from debug_build import fewer
from dns_peer import parse, response
from test_udp import FORGERIES

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.udp.engine import UdpEngine

EACH = 100  # forged messages for one name: one more would move it to TCP
BURST = 50  # of one segmented send
ROUNDS = fewer(10_000)  # names: a million forged messages
SOL_UDP, UDP_SEGMENT = 17, 103


@dataclass
class Datagram:
    """What the forgeries of test_udp look at."""

    query: object


class Asked:
    """An engine and a server with two addresses, turn by turn; `server` is the one that was asked last."""

    def __init__(self, count: int):
        self.servers = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
        self.servers[0].bind(("127.0.0.1", 0))
        self.servers[1].bind(("127.0.0.9", self.servers[0].getsockname()[1]))
        self.server = self.servers[0]
        self.pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None,
                            deadline_s=1e9)  # fmt: skip
        self.pool.feed(b"".join(b"Forged%d.Example\n" % number for number in range(count)))
        self.pool.end()
        opener = port_opener((), rcvbuf=1 << 20, sndbuf=1 << 20, port_range=None)
        # two of them, so that the ports are not connected and the engine itself must look at the source
        port = self.server.getsockname()[1]
        self.paths = [PathState(0, resolver) for resolver in range(2)]
        addresses = [Address(path, host, port, 0, b"")
                     for path, host in zip(self.paths, ("127.0.0.1", "127.0.0.9"), strict=True)]  # fmt: skip
        self.engine = UdpEngine(self.pool, addresses, open_port=opener, slots=1, timeout_s=1e9, policy="sticky")
        self.now = 1.0

    @property
    def strays(self) -> int:
        """Messages that answered nothing, from wherever they came."""
        return sum(tally.count("strays") for tally in (self.engine.strangers, *(path.tally for path in self.paths)))

    def turn(self) -> None:
        self.engine.turn(self.now)

    def receive(self) -> tuple[bytes, tuple]:
        """The query that waits: its octets, and where from."""
        ready, _, _ = select.select(self.servers, [], [], 5)
        self.server = ready[0]  # one query is in flight at a time
        return self.server.recvfrom(4096)

    def close(self) -> None:
        self.engine.close()
        for server in self.servers:
            server.close()


def forge(asked: Asked, message: bytes, to: tuple, source: socket.socket) -> int:
    for _ in range(EACH // BURST):
        source.sendmsg([message * BURST], [(SOL_UDP, UDP_SEGMENT, struct.pack("H", len(message)))], 0, to)
        asked.turn()
    return EACH


def run(forged, source=None) -> tuple[Asked, int]:
    """Every name is forged before its true answer comes; returns how many forged messages were sent."""
    asked, sent = Asked(ROUNDS), 0
    try:
        for _ in range(ROUNDS):
            asked.turn()
            octets, port = asked.receive()
            query = parse(octets)
            sent += forge(asked, forged(Datagram(query)), port, source or asked.server)
            asked.server.sendto(response(query, 0), port)
            asked.turn()
            asked.now += 0.2  # 500 forged a second
        return asked, sent
    finally:
        asked.close()


@pytest.mark.parametrize("field", FORGERIES)
def test_no_message_with_one_wrong_field_is_believed_and_every_good_one_is(field):
    asked, sent = run(FORGERIES[field])

    rows = [json.loads(line) for line in asked.pool.writer.buffer.take().splitlines()]
    assert [(row["s"], row["r"]) for row in rows] == [("taken", 0)] * ROUNDS
    assert asked.strays == sent == ROUNDS * EACH
    assert asked.engine.newly_by_stream() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"], ids=["port", "address"])
def test_no_message_from_elsewhere_is_believed(host):
    with socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind((host, 0))
        asked, sent = run(lambda datagram: response(datagram.query, 3), elsewhere)

    assert asked.pool.books.count("taken") == ROUNDS
    assert asked.strays == sent


def test_one_forged_message_more_moves_the_name_to_tcp():
    asked = Asked(1)
    try:
        asked.turn()
        octets, port = asked.receive()
        message = FORGERIES["name"](Datagram(parse(octets)))
        forge(asked, message, port, asked.server)
        assert asked.pool.fallbacks == []
        asked.server.sendto(message, port)
        asked.turn()
        assert [(each.resolver, len(each)) for each in asked.pool.fallbacks] == [(0, 1)]
    finally:
        asked.close()
