"""The UDP engine, turn by turn, at a clock of the test's own: what was lost together is not asked again together."""

import contextlib
import socket

from dns_peer import parse, response

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.udp.engine import UdpEngine

TURNS = 200
BAD_TURN = 100  # one query of ten is answered in it
FIRST = 16  # queries that are sent before anything is known
TURN_S = 0.01


def test_no_turn_sends_more_than_twice_what_the_path_has_carried():
    pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None, deadline_s=1e9)
    pool.feed(b"".join(b"n%d.example\n" % number for number in range(1_000_000)))
    opener = port_opener((), rcvbuf=1 << 20, sndbuf=1 << 20, port_range=None)
    carried = FIRST  # responses in one turn, the most so far
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        address = Address(PathState(), "127.0.0.1", server.getsockname()[1], 0, b"")
        engine = UdpEngine(pool, [address], open_port=opener, timeout_s=0.3)
        for turn in range(TURNS):
            now = 1 + TURN_S * turn
            engine.tick(now)
            taken = engine.turn(now)
            asked = list(waiting(server))
            carried = max(carried, taken)
            assert len(asked) <= 2 * carried, turn
            for octets, port in asked[:: 10 if turn == BAD_TURN else 1]:
                server.sendto(response(parse(octets)), port)
        engine.close()

    assert carried > 8 * FIRST  # and yet it is fast where answers come


def waiting(server):
    with contextlib.suppress(BlockingIOError):
        while True:
            yield server.recvfrom(4096)
