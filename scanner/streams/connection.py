"""One connection as the event loop sees it: octets to the session, the session's octets out. No task, no future per
query."""

import asyncio
import random
from collections.abc import Callable
from math import inf
from typing import cast

from scanner.model import REASONS
from scanner.native.clock import Clock
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.streams.flush import Flush
from scanner.streams.keeping import AGE_LEAST
from scanner.streams.waiters import Waiters

CONNECTION = REASONS.index("connection")


class Connection(asyncio.Protocol):
    """The protocol of one open stream; `lost` is done when it has ended and its jobs are given back. `proved()` is
    called at its first response."""

    __slots__ = ("_buffer", "_clock", "_flush", "_is_proved", "_proved", "_session", "_transport", "_waiters",
                 "is_resting", "lost", "opened_at", "share_of_age")  # fmt: skip

    def __init__(self, session: Session, waiters: Waiters, flush: Flush, clock: Clock, proved: Callable[[], None]):
        self._session, self._waiters, self._flush, self._clock, self._proved = session, waiters, flush, clock, proved
        self._buffer: LineBuffer = flush.buffer
        self._is_proved = False
        self.is_resting = False  # it stands among the waiters
        self.opened_at = 0.0
        self.share_of_age = random.uniform(AGE_LEAST, 1)
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._session.opened(self)
        self.opened_at = self._clock()
        self._waiters.live.add(self)
        self._waiters.unproved.add(self)
        self.pump(self.opened_at)

    def data_received(self, data: bytes) -> None:
        session, flush = self._session, self._flush
        octets = session.exchange_octets(data, self._clock())
        if octets is not None:
            self._transport.write(octets)  # type: ignore[union-attr]
        if session.smooth and self._is_proved and flush.scheduled:
            return  # nearly always: what follows costs a tenth of the rest
        if self._buffer.used:
            flush.poke()
        if session.answered and not self._is_proved:
            self._is_proved = True
            self._waiters.unproved.discard(self)
            self._proved()
        if session.room:
            self._rest()
        elif session.used_up:
            self.abort()
        if session.has_retries:
            self._waiters.wake()

    def pump(self, now: float) -> None:
        """Send what the session has room for; a stream that is closing takes no jobs any more."""
        if self._transport is None or self._transport.is_closing():
            return
        octets = self._session.fill(now)
        if octets is not None:
            self._transport.write(octets)
        if self._session.room:
            self._rest()
        elif self._session.used_up:
            self.abort()
        if self._buffer.used:
            self._flush.poke()

    def _rest(self) -> None:
        """There is room and nothing to send: wait to be woken."""
        if not self.is_resting:
            self._waiters.rest(self)
        if self._session.hopeless:
            self.abort()

    @property
    def state(self) -> PathState:
        """Its path's."""
        return self._session.path

    @property
    def idle_since(self) -> float:
        """When it was last used; infinite while something is in flight."""
        return inf if self._session.in_flight else max(self.opened_at, self._session.heard_at)

    @property
    def retires(self) -> bool:
        """It gets no more names."""
        return self._session.retires

    def retire(self) -> None:
        """End when what is in flight has been answered, or its attempts are over."""
        self._session.retires = True
        if self._session.used_up:
            self.abort()

    def attempts_ended(self, now: float) -> None:
        """Attempts ran out here: send others, or end a connection that is silent, noisy or used up."""
        self._flush.poke()
        self._waiters.wake()
        if not self._session.hopeless:
            self.pump(now)
        if self._session.hopeless or self._session.used_up:
            self.abort()

    def hold(self, is_held: bool) -> None:
        """While the reader of the output is behind, what the peer sends waits in the kernel: each answer of 64 KB would
        become a line of several hundred, for all that is in flight."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if is_held else self._transport.resume_reading)()

    def abort(self) -> None:
        """End the connection at once; `connection_lost` follows."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._waiters.live.discard(self)
        self._waiters.unproved.discard(self)
        if self._session.abandon(CONNECTION, self._clock()):
            self._flush.poke()
        self._waiters.wake()
        if not self.lost.done():
            self.lost.set_result(None)
