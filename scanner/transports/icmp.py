"""ICMP errors that come back to a socket for datagrams (Linux). They are hints, which anybody can send."""

import contextlib
import socket

IP_RECVERR, IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
ERRORS = 0x2000  # MSG_ERRQUEUE


def report_errors(sock: socket.socket) -> None:
    """Have them queued, and the next call fail. Raises OSError where the kernel knows no such thing."""
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)  # of IPv6 too: its datagrams may go to IPv4 (::ffff:192.0.2.1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


def take_errors(sock: socket.socket) -> list[tuple[object, ...]]:
    """Where the datagrams were going that could not be delivered, as addresses of Python's sockets."""
    found = []
    with contextlib.suppress(OSError):
        while True:
            found.append(sock.recvmsg(0, 0, ERRORS)[3])
    return found
