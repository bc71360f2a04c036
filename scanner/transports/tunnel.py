"""Tunnels: a socket to a resolver or a registry through a SOCKS5 or HTTP CONNECT proxy.

Resolvers are addresses, so `socks5` and `socks5h` are the same here. What stands behind a proxy's last octet stays in
the socket: it belongs to the stream in the tunnel.
"""

import asyncio
import socket

from scanner.model import Proxy
from scanner.text import os_error_text
from scanner.transports import http_connect, socks5
from scanner.transports.dial_error import DialError
from scanner.transports.tcp import connected

PEEK_MAX = 1 << 16  # octets looked at in one go
SAYS_NOTHING = {  # what may be wrong with a proxy that never says a word
    "http": "does it speak HTTP? A SOCKS5 proxy is written socks5://",
    "socks5": "does it speak HTTP? Then write http://",
}


class ProxyStream:
    """The socket to a proxy while the tunnel is being made; never reads an octet more than it is told to."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.has_spoken = False
        self._loop = asyncio.get_running_loop()

    async def send(self, octets: bytes) -> None:
        await self._loop.sock_sendall(self.sock, octets)

    async def exactly(self, count: int) -> bytes:
        """So many octets. Raises EOFError."""
        got = b""
        while len(got) < count:
            got += self._heard(await self._loop.sock_recv(self.sock, count - len(got)))
        return got

    async def peek(self) -> bytes:
        """What has come, at least one octet, and stays there to be taken. Raises EOFError."""
        while True:
            try:
                return self._heard(self.sock.recv(PEEK_MAX, socket.MSG_PEEK))
            except (BlockingIOError, InterruptedError):
                await self._readable()

    def drop(self, count: int) -> None:
        """Take so many of the octets that were seen."""
        self.sock.recv(count)

    def _heard(self, octets: bytes) -> bytes:
        if not octets:
            raise EOFError
        self.has_spoken = True
        return octets

    async def _readable(self) -> None:
        arrived = asyncio.Event()
        self._loop.add_reader(self.sock, arrived.set)
        try:
            await arrived.wait()
        finally:
            self._loop.remove_reader(self.sock)


async def open_tunnel(proxy: Proxy, host: str, port: int, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket whose other end is host:port. Raises DialError."""
    stream = None
    try:
        async with asyncio.timeout(timeout_s):
            stream = ProxyStream(await connected(proxy.host, proxy.port, timeout_s))
            await (ask_http if proxy.scheme == "http" else ask_socks5)(stream, proxy, host, port)
    except BaseException as error:
        if stream is not None:
            stream.sock.close()
        if not isinstance(error, DialError | EOFError | OSError):
            raise
        reason = error.reason if isinstance(error, DialError) else "proxy"
        raise DialError(reason, f"proxy {proxy}: {in_words(error, proxy, stream, timeout_s)}") from None
    return stream.sock


async def ask_socks5(stream: ProxyStream, proxy: Proxy, host: str, port: int) -> None:
    """Each message and its reply, in turn."""
    steps = socks5.handshake(host, port, proxy.user, proxy.password)
    octets, count = next(steps)
    while True:
        if octets:
            await stream.send(octets)
        try:
            octets, count = steps.send(await stream.exactly(count))
        except StopIteration:
            return


async def ask_http(stream: ProxyStream, proxy: Proxy, host: str, port: int) -> None:
    """The request, and its reply to the empty line."""
    await stream.send(http_connect.connect_request(host, port, proxy.user, proxy.password))
    reply = http_connect.ConnectReply()
    while not reply.is_complete:
        stream.drop(reply.take(await stream.peek()))


def in_words(error: DialError | EOFError | OSError, proxy: Proxy, stream: ProxyStream | None, timeout_s: float) -> str:
    """What went wrong, and what may be behind it where the proxy never said a word."""
    if isinstance(error, DialError):
        return str(error)
    if stream is None:
        return no_connection(error, timeout_s)
    hint = "" if stream.has_spoken else f": {SAYS_NOTHING[proxy.scheme.removesuffix('h')]}"
    if isinstance(error, TimeoutError):
        return f"no {'tunnel' if stream.has_spoken else 'reply'} within {timeout_s:g} s{hint}"
    if isinstance(error, EOFError):
        return f"it closed the connection {'within' if stream.has_spoken else 'before'} its reply{hint}"
    return f"{os_error_text(error)}{hint}"


def no_connection(error: EOFError | OSError, timeout_s: float) -> str:
    """Why there is none to the proxy."""
    if isinstance(error, TimeoutError):
        return f"no connection within {timeout_s:g} s"
    if isinstance(error, socket.gaierror):
        return "host name not found"
    return os_error_text(error) if isinstance(error, OSError) else "cannot connect"
