"""Responses that come faster than this machine takes them: the kernel drops them, and says so."""

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

NAMES = 20_000
TURN_S = 0.01


def waiting(server):
    with contextlib.suppress(BlockingIOError):
        while True:
            yield server.recvfrom(4096)


def test_what_this_machine_drops_is_seen_and_makes_it_take_less_at_once_and_no_name_is_lost():
    pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None, deadline_s=1e9)
    pool.feed(b"".join(b"n%d.example\n" % number for number in range(NAMES)))
    pool.end()
    dropped = []
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        address = Address(PathState(), "127.0.0.1", server.getsockname()[1], 0, b"")
        opener = port_opener((), rcvbuf=49_152, sndbuf=1 << 20, port_range=None)  # room for some hundred responses
        engine = UdpEngine(pool, [address], open_port=opener, timeout_s=0.3)
        turn = 0
        while not pool.done and turn < 100_000:
            turn += 1
            now = 1 + TURN_S * turn
            engine.tick(now)
            engine.turn(now)
            dropped.append(engine.overruns)
            for octets, port in waiting(server):
                server.sendto(response(parse(octets)), port)
        engine.close()

    assert pool.books.counts()["taken"] == NAMES
    assert dropped[-1] > 0
    assert dropped[-1] - dropped[len(dropped) // 2] <= dropped[len(dropped) // 2]  # it learns
