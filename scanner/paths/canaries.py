"""The question before the scan, to every resolver (`canary` says which): over streams one connection each."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import cast

from scanner.input.line import classify_line
from scanner.model import Proxy, Resolver
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.paths.canary import A, Heard, names_of_nobody
from scanner.paths.datagram_canaries import DatagramCanaries
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError


class StreamCanary(asyncio.Protocol):
    """Asks its few names and sets `over` when they show what it wants to know, or when nothing more will come."""

    def __init__(self) -> None:
        names = names_of_nobody()
        self._pool = JobPool(LineBuffer(), (A,), classify_line=classify_line, room_made=lambda: None, retries=0)
        self._pool.feed("\n".join(names).encode())
        self._pool.end()
        self._session = Session(self._pool, PathState(), window=len(names))
        self._transport: asyncio.Transport | None = None
        self.over = asyncio.Event()

    async def open(self, resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> None:
        """Connect and ask. Raises DialError."""
        tls = limits.tls if resolver.scheme == "tls" else None
        await open_stream(self, resolver, proxy, limits.timeout_s, tls)

    def close(self) -> None:
        """End the asking."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._session.fill(monotonic()) or b"")

    def data_received(self, data: bytes) -> None:
        octets = self._session.exchange_octets(data, monotonic())
        if octets is not None:  # without EDNS, which the resolver may not know
            cast(asyncio.Transport, self._transport).write(octets)
        if self.heard.is_enough:
            self.over.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    @property
    def heard(self) -> Heard:
        """What came so far."""
        books = self._pool.books.counts()
        reasons = books["reasons"]
        return Heard(books["written"], books["taken"] - sum(reasons.values()), reasons.get("referral", 0))


async def faults_of(resolvers: Sequence[Resolver], proxy: Proxy | None, limits: DialLimits) -> list[str]:
    """What is wrong with the answers of each; "" when nothing is known to be, or it cannot be asked now."""
    datagrams = [resolver for resolver in resolvers if resolver.scheme == "udp"]
    streams = [resolver for resolver in resolvers if resolver.scheme != "udp"]
    by_datagram, by_stream = await asyncio.gather(
        DatagramCanaries(datagrams).faults(limits.timeout_s),
        asyncio.gather(*(fault_of(resolver, proxy, limits) for resolver in streams)),
    )
    by_resolver = dict(zip((*datagrams, *streams), (*by_datagram, *by_stream), strict=True))
    return [by_resolver[resolver] for resolver in resolvers]


async def fault_of(resolver: Resolver, proxy: Proxy | None, limits: DialLimits) -> str:
    """The same of one that is asked over a stream."""
    canary = StreamCanary()
    async with limits.at_once:
        try:
            async with asyncio.timeout(limits.timeout_s):
                await canary.open(resolver, proxy, limits)
                await canary.over.wait()
        except (TimeoutError, DialError):
            return ""
        finally:
            canary.close()
    return canary.heard.fault
