"""The UDP engine, turn by turn, at a clock of the test's own: what was lost together is not asked again at once."""

import contextlib
import socket

from dns_peer import parse, response

from scanner.input.line import classify_line as judge
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.native.peer import Peer
from scanner.native.udp import Engine
from scanner.transports.datagram import port_opener
from scanner.workers.datagrams import Target

TURNS = 200
BAD_TURN = 100  # one query of ten is answered in it
BURST = 64  # in a turn, and two for each answer taken in it
TURN_S = 0.01


def test_what_was_lost_together_is_not_asked_again_at_once():
    names = Names(Lines(1 << 30), (2,), judge=judge, room_made=lambda: None, deadline_s=1e9)
    names.feed(b"".join(b"n%d.example\n" % number for number in range(1_000_000)))
    opener = port_opener((), rcvbuf=1 << 20, sndbuf=1 << 20, port_range=None)
    most = 0
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        target = Target(Peer(), 0, "127.0.0.1", server.getsockname()[1], 0, b"")
        engine = Engine(names, [target], open_port=opener, timeout_s=0.3)
        for turn in range(TURNS):
            now = 1 + TURN_S * turn
            engine.tick(now)
            taken = engine.turn(now)
            asked = list(waiting(server))
            assert len(asked) <= BURST + 2 * taken, turn
            most = max(most, len(asked))
            for octets, port in asked[:: 10 if turn == BAD_TURN else 1]:
                server.sendto(response(parse(octets)), port)
        engine.close()

    assert most > 2 * BURST  # and yet it is fast where answers come
    assert names.books()["retried"] > BURST


def waiting(server):
    with contextlib.suppress(BlockingIOError):
        while True:
            yield server.recvfrom(4096)
