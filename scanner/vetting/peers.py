"""One resolver as it is spoken to: over datagrams, or over streams that are opened again where they close."""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from time import monotonic
from typing import Protocol, cast

from scanner.model import Resolver
from scanner.text import os_error_text
from scanner.transports.dial import open_stream
from scanner.transports.dial_error import DialError
from scanner.vetting.pending import Pending, Reply

STAMPS = 35  # SO_TIMESTAMPNS, of Linux: when a datagram came, however long we take to read it
TIMESPEC = struct.Struct("@ll")
DATAGRAM_MAX = 4096
STAMP_ROOM = 64
RECEIVE_OCTETS = 256 * 1024

Heard = Callable[[Reply], object]


class Peer(Protocol):
    """Either kind."""

    sent: int  # queries
    trouble: str  # why it could not be reached, "" while that is not known
    is_stream: bool

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the connection has ended, and what was asked on it has no answer to come."""

    async def ready(self) -> bool:
        """False where it cannot be asked; `trouble` says why."""

    def send(self, query: bytes, heard: Heard) -> None:
        """Ask; `heard` is called with the answer."""

    def close(self) -> None:
        """Ask no more."""


class DatagramPeer:
    """A socket of its own: its source port is the kernel's choice, and only its resolver's datagrams come in."""

    is_stream = False

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._pending = Pending()
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()  # never
        self.sent = 0
        self.trouble = ""

    async def ready(self) -> bool:
        if self._socket is None:
            try:
                self._socket = connected(self._resolver)
            except OSError as error:
                self.trouble = os_error_text(error)
                return False
            self._loop.add_reader(self._socket.fileno(), self._read)
        return True

    def send(self, query: bytes, heard: Heard) -> None:
        assert self._socket is not None
        octets = self._pending.add(query, monotonic(), time.time_ns(), heard)
        self.sent += 1
        try:
            self._socket.send(octets)
        except ConnectionRefusedError as error:  # of one before: this one was not sent
            self.trouble = os_error_text(error)
            with contextlib.suppress(OSError):
                self._socket.send(octets)
        except OSError as error:  # as good as lost
            self.trouble = os_error_text(error)

    def close(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        self.ended.cancel()

    def _read(self) -> None:
        assert self._socket is not None
        try:
            octets, stamps, _, _ = self._socket.recvmsg(DATAGRAM_MAX, STAMP_ROOM)
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                self.trouble = os_error_text(error)
            return
        came_ns = next((stamp_ns(data) for _, kind, data in stamps if kind == STAMPS), None)
        self._pending.hear(octets, monotonic(), came_ns)


def connected(resolver: Resolver) -> socket.socket:
    """A socket for datagrams to and from this one. Raises OSError."""
    address, _, zone = resolver.address.partition("%")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
        place = (address, resolver.port)
        sock.connect((*place, 0, socket.if_nametoindex(zone)) if zone else place)
    except BaseException:
        sock.close()
        raise
    return sock


def stamp_ns(data: bytes) -> int:
    """A struct timespec, in nanoseconds."""
    seconds, rest = TIMESPEC.unpack_from(data)
    return int(seconds) * 1_000_000_000 + int(rest)


class StreamPeer(asyncio.Protocol):
    """TCP, or TLS over it. One connection at a time."""

    is_stream = True

    def __init__(self, resolver: Resolver, timeout_s: float, tls: ssl.SSLContext | None) -> None:
        self._resolver, self._timeout_s = resolver, timeout_s
        self._tls = tls if resolver.scheme == "tls" else None
        self._pending = Pending()
        self._opening = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.sent = 0
        self.trouble = ""

    async def ready(self) -> bool:
        async with self._opening:
            if self._transport is not None:
                return True
            try:
                async with asyncio.timeout(self._timeout_s):
                    await open_stream(self, self._resolver, None, self._timeout_s, self._tls)
            except DialError as error:
                self.trouble = str(error).removeprefix(f"{self._resolver}: ")
            except TimeoutError:
                self.trouble = f"no connection within {self._timeout_s:g} s"
            return self._transport is not None

    def send(self, query: bytes, heard: Heard) -> None:
        octets = self._pending.add(query, monotonic(), time.time_ns(), heard)
        self.sent += 1
        if self._transport is not None:
            self._transport.write(len(octets).to_bytes(2) + octets)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.ended.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer.clear()
        if self.ended.done():
            self.ended = self._loop.create_future()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2])):
            message = bytes(self._buffer[2:end])
            del self._buffer[:end]
            self._pending.hear(message, monotonic())

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self.ended.done():
            self.ended.set_result(None)
