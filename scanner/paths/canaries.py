"""The question before the scan: does this resolver invent answers for names that do not exist?

Captive portals and some access providers do; every NXDOMAIN of the scan would then be a `taken`.
"""

import asyncio
import secrets
from time import monotonic
from typing import Any, cast

from scanner.input.line import classify_line
from scanner.model import Proxy, Resolver
from scanner.native.jobs.pool import JobPool
from scanner.native.message.query import encode
from scanner.native.message.response import inspect
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.text import os_error_text
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError

NOBODY_HAS = ("{}.invalid", "{}.com")  # RFC 6761 section 6.4, and a TLD where random names are free


class Canary:
    """Asks its few names and sets `over` when they show what it wants to know: all are answered with records, or one is
    not (who refuses one does not invent it); or when nothing more will come."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | asyncio.DatagramTransport | None = None
        self.over = asyncio.Event()

    def close(self) -> None:
        """End the asking."""
        if self._transport is not None:
            self._transport.abort()


class StreamCanary(Canary, asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        names = [pattern.format(secrets.token_hex(12)) for pattern in NOBODY_HAS]
        self._pool = JobPool(LineBuffer(), (1,), classify_line=classify_line, room_made=lambda: None, retries=0)
        self._pool.feed("\n".join(names).encode())
        self._pool.end()
        self._session = Session(self._pool, PathState(), window=len(names))

    async def open(self, resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> None:
        """Connect and ask. Raises DialError."""
        tls = limits.tls if resolver.scheme == "tls" else None
        await open_stream(self, resolver, proxy, limits.timeout_s, tls)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = stream = cast(asyncio.Transport, transport)
        stream.write(self._session.fill(monotonic()) or b"")

    def data_received(self, data: bytes) -> None:
        octets = self._session.exchange_octets(data, monotonic())
        if octets is not None:  # without EDNS, which the resolver may not know
            cast(asyncio.Transport, self._transport).write(octets)
        if self._books["reasons"] or self._books["written"] > self._books["taken"] or self._pool.done:
            self.over.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    @property
    def _books(self) -> dict[str, Any]:
        return self._pool.books.counts()

    @property
    def invented(self) -> bool:
        """True when every name that nobody has was answered with records."""
        return bool(self._books["taken"] == len(NOBODY_HAS) and not self._books["reasons"])


class DatagramCanary(Canary, asyncio.DatagramProtocol):
    """The same over UDP: a datagram for each name."""

    def __init__(self) -> None:
        super().__init__()
        self._open = {
            secrets.randbelow(65536): pattern.format(secrets.token_hex(12)).encode() for pattern in NOBODY_HAS
        }
        self._wanted = len(self._open)
        self._taken = 0

    async def open(self, resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> None:
        """Ask. Raises DialError."""
        target = (resolver.address, resolver.port)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=target)
        except OSError as error:
            raise DialError("connection", f"{resolver}: {os_error_text(error)}") from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = datagrams = cast(asyncio.DatagramTransport, transport)
        for message_id, name in self._open.items():
            datagrams.sendto(encode(name, 1, message_id))

    def datagram_received(self, data: bytes, source: object) -> None:
        name = self._open.get(int.from_bytes(data[:2], "big"))
        try:
            found = name and inspect(data, name, 1)
        except ValueError:
            found = None
        if not found:
            return
        del self._open[int.from_bytes(data[:2], "big")]
        is_taken = found[0] == 0 and found[1] > 0
        self._taken += is_taken
        if not (is_taken and self._open):
            self.over.set()

    def error_received(self, error: Exception) -> None:
        self.over.set()

    @property
    def invented(self) -> bool:
        """True when every name that nobody has was answered with records."""
        return self._taken == self._wanted


async def rewrites(resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> bool:
    """True when the resolver answers names that do not exist; False when it does not, or cannot be asked now."""
    canary = DatagramCanary() if resolver.scheme == "udp" else StreamCanary()
    async with limits.at_once:
        try:
            async with asyncio.timeout(limits.timeout_s):
                await canary.open(resolver, proxy, limits)
                await canary.over.wait()
        except (TimeoutError, DialError):
            return False
        finally:
            canary.close()
    return canary.invented
