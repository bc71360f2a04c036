"""Segmented sends (GSO): queries of one length to one address leave together and come as datagrams."""

import contextlib
import socket
import struct

import pytest
from dns_peer import parse, response
from udp_turns import MIB, Turns

UDP_GRO = 104  # linux/udp.h: a segmented send comes as it left, with the length of its datagrams
NAMES = 400


def server() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


def sends(sock: socket.socket) -> list[tuple[list[bytes], tuple]]:
    """Those that have come: the datagrams of each, and where they are from."""
    came = []
    with contextlib.suppress(BlockingIOError):
        while True:
            octets, control, _, source = sock.recvmsg(1 << 16, 64)
            size = struct.unpack("i", control[0][2])[0] if control else len(octets)
            came.append(([octets[at : at + size] for at in range(0, len(octets), size)], source))
    return came


@pytest.mark.parametrize(("servers", "gso", "is_segmented"), [
    (1, True, True), (1, False, False), (3, True, True), (3, False, False), (16, True, True), (17, True, False),
])  # fmt: skip
def test_each_address_gets_its_queries_whole_and_those_of_one_length_together(servers, gso, is_segmented):
    """Of many addresses hardly two queries of a batch go to one."""
    asked, together = set(), 0
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(server()) for _ in range(servers)]
        turns = Turns(sockets[0], NAMES, MIB, others=sockets[1:], gso=gso)
        opened.callback(turns.engine.close)
        for _ in range(100):
            turns.turn()
            for sock in sockets:
                for datagrams, source in sends(sock):
                    together = max(together, len(datagrams))
                    for octets in datagrams:
                        asked.add(parse(octets).name)
                        sock.sendto(response(parse(octets)), source)

    assert asked == {f"n{number}.example" for number in range(NAMES)}
    assert (together > 1) == is_segmented
