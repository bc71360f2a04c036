"""Asks servers one question at a time, as the finding of zones needs it: over TCP or TLS, through proxies where there
are any, or by datagrams, and over TCP what those could not hold."""

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from scanner.model import Proxy, Resolver
from scanner.native.clock import Clock
from scanner.native.limits import Bucket, Budget
from scanner.registry.messages import Reply, query, read
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError

STREAMS_MAX = 64  # that are kept open
SLICE_S = 0.1  # of an attempt's time
TOKEN_S = 0.005  # between two looks whether the whole scan's rate lets one more query leave

Found = TypeVar("Found")


class NoReply(Exception):
    """Nothing came, for a reason of the closed list."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


class Pace:
    """One server's: so many questions a second, 0 = any."""

    def __init__(self, rate: float):
        self._rate, self._next_at = rate, 0.0

    async def turn(self) -> None:
        """Wait until one more may be asked."""
        if self._rate:
            now = asyncio.get_running_loop().time()
            at = max(now, self._next_at)
            self._next_at = at + 1 / self._rate
            await asyncio.sleep(at - now)


async def within(seconds: float, work: Coroutine[Any, Any, Found]) -> Found:
    """What it brings within so much time, of which only that counts in which this loop was there to hear: what comes
    while others have the machine is not late. Raises TimeoutError."""
    task = asyncio.ensure_future(work)
    try:
        left = seconds
        while left > 0 and not task.done():
            await asyncio.wait([task], timeout=min(left, SLICE_S))
            left -= SLICE_S
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


class Limits:
    """The whole scan's, which these questions count towards too."""

    def __init__(self, rate: Bucket | None = None, budget: Budget | None = None, clock: Clock | None = None):
        self._rate, self._budget, self._clock = rate, budget, clock or Clock()

    async def turn(self) -> None:
        """Wait until one more query may be sent; where none may any more, for the scan to end."""
        while self._rate is not None and not self._rate.take(self._clock()):
            await asyncio.sleep(TOKEN_S)
        if self._budget is not None and not self._budget.spend():
            await asyncio.get_running_loop().create_future()


class Open(asyncio.Protocol):
    """The questions on one stream, or from one port."""

    def __init__(self, *, is_stream: bool):
        self._is_stream = is_stream
        self._transport: asyncio.BaseTransport | None = None
        self._buffer = bytearray()
        self.waiting: dict[int, tuple[str, str, asyncio.Future[Reply]]] = {}  # by message ID
        self.is_lost = False

    def ask(self, name: str, kind: str, *, recursive: bool) -> "asyncio.Future[Reply]":
        """Send the question."""
        message_id = secrets.randbelow(65536)
        while message_id in self.waiting:
            message_id = secrets.randbelow(65536)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.waiting[message_id] = name, kind, reply
        reply.add_done_callback(lambda _: self.waiting.pop(message_id, None))
        octets = query(name, kind, message_id, recursive=recursive)
        if self._is_stream:
            cast(asyncio.Transport, self._transport).write(len(octets).to_bytes(2) + octets)
        else:
            cast(asyncio.DatagramTransport, self._transport).sendto(octets)
        return reply

    def close(self) -> None:
        """End it."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2])):
            self._hear(bytes(self._buffer[2:end]))
            del self._buffer[:end]

    def datagram_received(self, data: bytes, _: object) -> None:
        """One message."""
        self._hear(data)

    def _hear(self, message: bytes) -> None:
        name, kind, reply = self.waiting.get(int.from_bytes(message[:2], "big"), ("", "", None))
        found = read(message, name, kind) if reply is not None else None
        if found is not None and reply is not None and not reply.done():
            reply.set_result(found)

    def error_received(self, error: OSError) -> None:
        """The port is closed there, or there is no way."""
        self.connection_lost(error)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True
        for _name, _kind, reply in list(self.waiting.values()):
            if not reply.done():
                reply.set_exception(NoReply("connection", "the connection closed before any answer"))


class Asker:
    """`rate_of(server)` is how many questions a second one server may get, 0 = any."""

    def __init__(self, proxies: Sequence[Proxy], limits: DialLimits, timeout_s: float,
                 rate_of: Callable[[Resolver], float], whole: Limits | None = None):  # fmt: skip
        self._proxies, self._limits, self._timeout_s, self._rate_of = proxies, limits, timeout_s, rate_of
        self._whole = whole or Limits()
        self._streams: dict[Resolver, Open] = {}
        self._opening: dict[Resolver, asyncio.Lock] = {}
        self._paces: dict[str, Pace] = {}
        self._opened = random.randrange(len(proxies)) if proxies else 0

    async def ask(self, server: Resolver, name: str, kind: str, *, recursive: bool, patience: int = 1) -> Reply:
        """The reply of one server, within so many times an attempt's time. Raises NoReply."""
        timeout_s = patience * self._timeout_s
        await self._turn(server)
        try:
            if server.scheme == "udp":
                reply = await within(timeout_s, by_datagram(server, name, kind, recursive=recursive))
                if not reply.is_cut:
                    return reply
                server = replace(server, scheme="tcp")
                await self._turn(server)
            return await within(timeout_s, self._by_stream(server, name, kind, recursive=recursive))
        except TimeoutError:
            raise NoReply("timeout", f"{server}: no answer in time") from None
        except DialError as error:
            raise NoReply(error.reason, str(error)) from None
        except OSError as error:
            raise NoReply("connection", f"{server}: {error.strerror}") from None

    async def _turn(self, server: Resolver) -> None:
        """Wait until the server, and the whole scan, may be asked once more."""
        if server.address not in self._paces:
            self._paces[server.address] = Pace(self._rate_of(server))
        await self._paces[server.address].turn()
        await self._whole.turn()

    async def _by_stream(self, server: Resolver, name: str, kind: str, *, recursive: bool) -> Reply:
        """On the stream to it that is open, or on a new one where that has ended."""
        was_open = server in self._streams
        stream = await self._stream(server)
        try:
            return await stream.ask(name, kind, recursive=recursive)
        except NoReply:
            if not was_open:
                raise
        stream = await self._stream(server)
        return await stream.ask(name, kind, recursive=recursive)

    async def _stream(self, server: Resolver) -> Open:
        async with self._opening.setdefault(server, asyncio.Lock()):
            stream = self._streams.pop(server, None)
            if stream is None or stream.is_lost:
                stream = await self._new_stream(server)
            self._streams[server] = stream  # the last one is the latest used
            self._let_go()
            return stream

    async def _new_stream(self, server: Resolver) -> Open:
        """Through the next proxy."""
        stream = Open(is_stream=True)
        proxy = self._proxies[self._opened % len(self._proxies)] if self._proxies else None
        self._opened += 1
        async with self._limits.at_once:
            tls = self._limits.tls if server.scheme == "tls" else None
            await open_stream(stream, server, proxy, self._timeout_s, tls)
        return stream

    def _let_go(self) -> None:
        """Of those that are too many, what waits for nothing."""
        for server, stream in list(self._streams.items())[: max(len(self._streams) - STREAMS_MAX, 0)]:
            if not stream.waiting:
                del self._streams[server]
                self._opening.pop(server, None)
                stream.close()

    def close(self) -> None:
        """End every stream."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()


async def by_datagram(server: Resolver, name: str, kind: str, *, recursive: bool) -> Reply:
    """From a port of its own. Raises OSError, or NoReply where the other end has none open."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: cast(asyncio.DatagramProtocol, Open(is_stream=False)), remote_addr=(server.address, server.port)
    )
    try:
        return await cast(Open, protocol).ask(name, kind, recursive=recursive)
    finally:
        transport.close()
