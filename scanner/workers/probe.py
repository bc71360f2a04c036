"""The question before the scan: does this resolver invent answers for names that do not exist?

Captive portals and some access providers do; every NXDOMAIN of the scan would then be a `taken`.
"""

import asyncio
import secrets
from time import monotonic
from typing import cast

from scanner.inputline import judge
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.native.session import Peer, Session
from scanner.transports.stream import open_stream
from scanner.transports.trouble import Trouble
from scanner.workers.way import Way
from scanner.workers.worker import Openings

NOBODY_HAS = ("{}.invalid", "{}.com")  # RFC 6761 section 6.4, and a TLD where random names are free


class Probe(asyncio.Protocol):
    """One connection that asks its few names and says when all are answered."""

    def __init__(self) -> None:
        self._lines = Lines()
        names = [pattern.format(secrets.token_hex(12)) for pattern in NOBODY_HAS]
        self._names = Names(self._lines, (1,), judge=judge, room_made=lambda: None)
        self._names.feed("\n".join(names).encode())
        self._names.end()
        self._session = Session(self._names, Peer(), window=len(names))
        self._transport: asyncio.Transport | None = None
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._session.fill(monotonic()) or b"")

    def data_received(self, data: bytes) -> None:
        self._session.receive(data, monotonic())
        if self._names.done:
            self.over.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def invented(self) -> bool:
        """True when every name that nobody has was answered with records."""
        books = self._names.books()
        return bool(books["taken"] == len(NOBODY_HAS) and not books["reasons"])


async def rewrites(way: Way, openings: Openings) -> bool:
    """True when the resolver answers names that do not exist; False when it does not, or cannot be asked now."""
    probe = Probe()
    try:
        async with asyncio.timeout(openings.timeout_s):
            tls = openings.tls if way.resolver.scheme == "tls" else None
            await open_stream(probe, way.resolver, way.proxy, openings.timeout_s, tls)
            await probe.over.wait()
    except (TimeoutError, Trouble):
        return False
    finally:
        probe.close()
    return probe.invented
