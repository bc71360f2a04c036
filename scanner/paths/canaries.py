"""The question before the scan: what does this resolver say of names that do not exist?

Captive portals and some access providers invent answers; every NXDOMAIN of the scan would then be a `taken`. A server
that only names other servers (an upward referral) is no resolver, and knows nothing of the scan's names.
"""

import asyncio
import secrets
from time import monotonic
from typing import cast

from scanner.input.line import classify_line
from scanner.model import Proxy, Resolver
from scanner.native.jobs.pool import JobPool
from scanner.native.message.query import encode
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.native.verdict import classify
from scanner.text import os_error_text
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError

NOBODY_HAS = ("{}.invalid", "{}.com")  # RFC 6761 section 6.4, and a TLD where random names are free
A = 1
INVENTS = "answers names that do not exist (NXDOMAIN rewriting)"
REFERS = "does not resolve: it answers with the names of other servers (referrals)"


class Canary:
    """Asks its few names and sets `over` when they show what it wants to know: all are answered alike, or one is not as
    a resolver with a fault would (who refuses one does not invent it); or when nothing more will come."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | asyncio.DatagramTransport | None = None
        self.over = asyncio.Event()

    def close(self) -> None:
        """End the asking."""
        if self._transport is not None:
            self._transport.abort()

    def count(self, verdict: str, reason: str) -> int:
        """How many of the names had this verdict, for this reason ("" = for none)."""
        raise NotImplementedError

    @property
    def heard(self) -> int:
        """How many of the names have been answered."""
        raise NotImplementedError

    def look(self) -> None:
        """Is that enough?"""
        alike = max(self.count("taken", ""), self.count("error", "referral"))
        if self.heard == len(NOBODY_HAS) or self.heard > alike:
            self.over.set()

    @property
    def fault(self) -> str:
        """What is wrong with a resolver that said the same of every name; "" when nothing is known to be."""
        if self.count("taken", "") == len(NOBODY_HAS):
            return INVENTS
        return REFERS if self.count("error", "referral") == len(NOBODY_HAS) else ""


class StreamCanary(Canary, asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        names = [pattern.format(secrets.token_hex(12)) for pattern in NOBODY_HAS]
        self._pool = JobPool(LineBuffer(), (A,), classify_line=classify_line, room_made=lambda: None, retries=0)
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
        self.look()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    def count(self, verdict: str, reason: str) -> int:
        books = self._pool.books.counts()
        return int(books["reasons"].get(reason, 0) if reason else books[verdict] - sum(books["reasons"].values()))

    @property
    def heard(self) -> int:
        return int(self._pool.books.counts()["written"])


class DatagramCanary(Canary, asyncio.DatagramProtocol):
    """The same over UDP: a datagram for each name."""

    def __init__(self) -> None:
        super().__init__()
        self._open = {
            secrets.randbelow(65536): pattern.format(secrets.token_hex(12)).encode() for pattern in NOBODY_HAS
        }
        self._heard: list[tuple[str, str]] = []  # verdict and reason

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
            datagrams.sendto(encode(name, A, message_id))

    def datagram_received(self, data: bytes, source: object) -> None:
        name = self._open.get(int.from_bytes(data[:2], "big"))
        if name and (found := classify(data, name, A)):
            del self._open[int.from_bytes(data[:2], "big")]
            self._heard.append(found)
            self.look()

    def error_received(self, error: Exception) -> None:
        self.over.set()

    def count(self, verdict: str, reason: str) -> int:
        return self._heard.count((verdict, reason))

    @property
    def heard(self) -> int:
        return len(self._heard)


async def fault_of(resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> str:
    """What is wrong with the resolver's answers; "" when nothing is, or it cannot be asked now."""
    canary = DatagramCanary() if resolver.scheme == "udp" else StreamCanary()
    async with limits.at_once:
        try:
            async with asyncio.timeout(limits.timeout_s):
                await canary.open(resolver, proxy, limits)
                await canary.over.wait()
        except (TimeoutError, DialError):
            return ""
        finally:
            canary.close()
    return canary.fault
