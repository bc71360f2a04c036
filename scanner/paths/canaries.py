"""Asks the canaries of many resolvers (`asking` says what they show): over streams on as many connections as it
takes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from scanner.model import Proxy
from scanner.paths.asking import Asking
from scanner.paths.datagram_canaries import DatagramCanaries
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError

BARREN_MAX = 2  # connections in a row without an answer: no other will bring more,
BARREN_PROXIES_MAX = 5  # unless it goes through another proxy
STALL = 0.2  # of the whole time, without a further answer, after which another connection is tried

Ended = Callable[[Asking], None]
"""What is called for each that is over, when it is."""


class StreamAsking(asyncio.Protocol):
    """What is open of one asking, on one connection; `over` is set when nothing more is open, or will come."""

    def __init__(self, asking: Asking, first: int) -> None:
        self._asking, self._first = asking, first
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.gained = 0  # answers
        self.over = asyncio.Event()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        ids = self._asking.open
        first = self._first % max(len(ids), 1)
        self._ask(ids[first:] + ids[:first])  # some servers close on a name, and the others are asked before it

    def _ask(self, ids: Sequence[int]) -> None:
        messages = [self._asking.query(message_id) for message_id in ids]
        cast(asyncio.Transport, self._transport).write(
            b"".join(len(message).to_bytes(2) + message for message in messages)
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2])):
            message = bytes(self._buffer[2:end])
            del self._buffer[:end]
            ids = self._asking.hear(message)
            if ids is not None:
                self.gained += 1
                self._ask(ids)
        if not self._asking.open:
            self.over.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()


async def ask_all(askings: Sequence[Asking], proxies: Sequence[Proxy], limits: DialLimits, ended: Ended) -> None:
    """Ask, through proxies where there are any; `ended` is called once for each, in any order."""
    datagrams = [asking for asking in askings if asking.resolver.scheme == "udp"]
    streams = [asking for asking in askings if asking.resolver.scheme != "udp"]

    async def ask_stream(asking: Asking) -> None:
        await ask_by_stream(asking, proxies, limits)
        ended(asking)

    async def ask_datagrams() -> None:
        cut: list[Asking] = []
        await DatagramCanaries(datagrams, lambda asking: cut.append(asking) if is_cut(asking) else ended(asking)).ask(
            limits.timeout_s
        )
        await asyncio.gather(*(ask_stream(asking) for asking in cut))

    await asyncio.gather(ask_datagrams(), *(ask_stream(asking) for asking in streams))


def is_cut(asking: Asking) -> bool:
    """True when a datagram could not hold what is still open: TCP is asked."""
    return asking.is_cut and bool(asking.open)


async def ask_by_stream(asking: Asking, proxies: Sequence[Proxy], limits: DialLimits) -> None:
    """Ask one resolver what is open, over streams; each through the next proxy, the last one first."""
    target = replace(asking.resolver, scheme="tcp") if asking.resolver.scheme == "udp" else asking.resolver
    tls = limits.tls if target.scheme == "tls" else None
    barren = opened = 0
    barren_max = max(BARREN_MAX, min(len(proxies), BARREN_PROXIES_MAX))
    try:
        async with asyncio.timeout(limits.timeout_s):
            while asking.open and barren < barren_max:
                stream = StreamAsking(asking, opened)
                opened += 1
                proxy = proxies[-opened % len(proxies)] if proxies else None
                try:
                    async with limits.at_once:
                        await open_stream(stream, target, proxy, limits.timeout_s, tls)
                    await over_or_stalled(stream, STALL * limits.timeout_s)
                except DialError:
                    pass
                finally:
                    stream.close()
                barren = 0 if stream.gained else barren + 1
    except TimeoutError:
        pass


async def over_or_stalled(stream: StreamAsking, stall_s: float) -> None:
    """Until nothing more will come, or no more came for a while after something had."""
    gained = -1
    while gained < stream.gained or stream.gained == 0:
        gained = stream.gained
        try:
            async with asyncio.timeout(stall_s):
                await stream.over.wait()
            return
        except TimeoutError:
            pass
