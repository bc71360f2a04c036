"""The question before the scan: does this resolver invent answers for names that do not exist?

Captive portals and some access providers do; every NXDOMAIN of the scan would then be a `taken`.
"""

import asyncio
import secrets
from time import monotonic
from typing import cast

from scanner.input.line import classify_line as judge
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.native.peer import Peer
from scanner.native.session import Session
from scanner.native.wire import encode, inspect
from scanner.transports.stream import open_stream, said
from scanner.transports.trouble import Trouble
from scanner.workers.way import Way
from scanner.workers.worker import Openings

NOBODY_HAS = ("{}.invalid", "{}.com")  # RFC 6761 section 6.4, and a TLD where random names are free


class Probe:
    """Asks its few names and says when all are answered, or nothing more will come."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | asyncio.DatagramTransport | None = None
        self.over = asyncio.Event()

    def close(self) -> None:
        """End the asking."""
        if self._transport is not None:
            self._transport.abort()


class StreamProbe(Probe, asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = Lines()
        names = [pattern.format(secrets.token_hex(12)) for pattern in NOBODY_HAS]
        self._names = Names(self._lines, (1,), judge=judge, room_made=lambda: None)
        self._names.feed("\n".join(names).encode())
        self._names.end()
        self._session = Session(self._names, Peer(), window=len(names))

    async def open(self, way: Way, openings: Openings) -> None:
        """Connect and ask. Raises Trouble."""
        tls = openings.tls if way.resolver.scheme == "tls" else None
        await open_stream(self, way.resolver, way.proxy, openings.timeout_s, tls)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = stream = cast(asyncio.Transport, transport)
        stream.write(self._session.fill(monotonic()) or b"")

    def data_received(self, data: bytes) -> None:
        self._session.receive(data, monotonic())
        if self._names.done:
            self.over.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    @property
    def invented(self) -> bool:
        """True when every name that nobody has was answered with records."""
        books = self._names.books()
        return bool(books["taken"] == len(NOBODY_HAS) and not books["reasons"])


class DatagramProbe(Probe, asyncio.DatagramProtocol):
    """The same over UDP: a datagram for each name."""

    def __init__(self) -> None:
        super().__init__()
        self._open = {
            secrets.randbelow(65536): pattern.format(secrets.token_hex(12)).encode() for pattern in NOBODY_HAS
        }
        self._wanted = len(self._open)
        self._taken = 0

    async def open(self, way: Way, openings: Openings) -> None:
        """Ask. Raises Trouble."""
        target = (way.resolver.address, way.resolver.port)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=target)
        except OSError as error:
            raise Trouble("connection", f"{way.resolver}: {said(error)}") from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = datagrams = cast(asyncio.DatagramTransport, transport)
        for message_id, name in self._open.items():
            datagrams.sendto(encode(name, 1, message_id)[2:])

    def datagram_received(self, data: bytes, source: object) -> None:
        name = self._open.get(int.from_bytes(data[:2], "big"))
        try:
            found = name and inspect(data, name, 1)
        except ValueError:
            found = None
        if found:
            del self._open[int.from_bytes(data[:2], "big")]
            self._taken += found[0] == 0 and found[1] > 0
        if not self._open:
            self.over.set()

    def error_received(self, error: Exception) -> None:
        self.over.set()

    @property
    def invented(self) -> bool:
        """True when every name that nobody has was answered with records."""
        return self._taken == self._wanted


async def rewrites(way: Way, openings: Openings) -> bool:
    """True when the resolver answers names that do not exist; False when it does not, or cannot be asked now."""
    probe = DatagramProbe() if way.resolver.scheme == "udp" else StreamProbe()
    async with openings.limit:
        try:
            async with asyncio.timeout(openings.timeout_s):
                await probe.open(way, openings)
                await probe.over.wait()
        except (TimeoutError, Trouble):
            return False
        finally:
            probe.close()
    return probe.invented
