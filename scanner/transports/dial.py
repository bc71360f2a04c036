"""Streams to a resolver: TCP, or TLS over it (DoT, RFC 7858), direct or in a tunnel. It opens; it never reads."""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass

from scanner.model import Proxy, Resolver
from scanner.text import os_error_text
from scanner.transports.dial_error import DialError
from scanner.transports.tcp import connected_to
from scanner.transports.tls import tls_error_text
from scanner.transports.tunnel import open_tunnel


@dataclass(frozen=True, slots=True)
class DialLimits:
    """What all workers of a scan open connections with."""

    at_once: asyncio.Semaphore  # connections being opened
    timeout_s: float  # for one opening, handshakes included
    tls: ssl.SSLContext | None


async def open_stream(
    protocol: asyncio.Protocol, resolver: Resolver, proxy: Proxy | None, timeout_s: float,
    tls: ssl.SSLContext | None,
) -> None:  # fmt: skip
    """Connect and hand the stream to `protocol`. `tls` is given for a tls:// resolver. Raises DialError."""
    loop = asyncio.get_running_loop()
    sock = await (dial(resolver, timeout_s) if proxy is None
                  else open_tunnel(proxy, resolver.address, resolver.port, timeout_s))  # fmt: skip
    try:
        tune(sock, timeout_s)
        if tls is None:
            await loop.create_connection(lambda: protocol, sock=sock)
        else:
            name = resolver.server_name or resolver.address
            await loop.create_connection(lambda: protocol, sock=sock, ssl=tls, server_hostname=name,
                                         ssl_handshake_timeout=timeout_s)  # fmt: skip
    except ssl.SSLError as error:
        sock.close()
        raise DialError("tls", f"{resolver}: {tls_error_text(error)}") from None
    except OSError as error:
        sock.close()
        raise DialError("connection" if tls is None else "tls", f"{resolver}: {os_error_text(error)}") from None
    except BaseException:
        sock.close()
        raise


async def dial(resolver: Resolver, timeout_s: float) -> socket.socket:
    """A direct connection: a non-blocking socket. Raises DialError."""
    family = socket.AF_INET6 if ":" in resolver.address else socket.AF_INET
    address, _, zone = resolver.address.partition("%")
    try:
        async with asyncio.timeout(timeout_s):
            target = (address, resolver.port, 0, socket.if_nametoindex(zone)) if zone else (address, resolver.port)
            return await connected_to(family, target)
    except TimeoutError:
        raise DialError("connection", f"{resolver}: no connection within {timeout_s:g} s") from None
    except OSError as error:
        raise DialError("connection", f"{resolver}: {os_error_text(error)}") from None


def tune(sock: socket.socket, timeout_s: float) -> None:
    """No waiting for more octets, and an end for a path that acknowledges nothing (RFC 5482)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, user_timeout, int(timeout_s * 2000))
