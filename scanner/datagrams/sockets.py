"""Sockets for datagrams: bound, non-blocking, each with a source port of its own. It opens; it never sends."""

import contextlib
import itertools
import secrets
import socket
from collections.abc import Callable, Sequence

from scanner.transports.icmp import report_errors

# asm-generic/socket.h: what the kernel says beside each datagram, when it came and how many it has dropped
SO_TIMESTAMPNS, SO_RXQ_OVFL = 35, 40
# linux/in.h: datagrams leave whole or not at all, whatever an ICMP message says of the way, so none needs an ID
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
TRIES = 64  # ports of a range that may be taken


def port_opener(
    binds: Sequence[str], *, rcvbuf: int, sndbuf: int, port_range: tuple[int, int] | None
) -> Callable[[bool], socket.socket]:
    """A function that opens a socket, of IPv6 or IPv4, from the `binds` of that family in turn. Buffers in octets."""
    by_family = {v6: [address for address in binds if (":" in address) == v6] for v6 in (False, True)}
    turns = {v6: itertools.cycle(addresses or ["::" if v6 else "0.0.0.0"]) for v6, addresses in by_family.items()}

    def open_port(v6: bool) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
                sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
                report_errors(sock)
            bind(sock, next(turns[v6]), port_range)
        except BaseException:
            sock.close()
            raise
        return sock

    return open_port


def bind(sock: socket.socket, address: str, port_range: tuple[int, int] | None) -> None:
    """To a port of the kernel's choice, or to one of the range at random. Raises OSError when none is free."""
    if port_range is None:
        sock.bind((address, 0))
        return
    least, most = port_range
    for attempt in range(TRIES):
        try:
            sock.bind((address, least + secrets.randbelow(most - least + 1)))
            return
        except OSError:
            if attempt == TRIES - 1:
                raise
