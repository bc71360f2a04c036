"""One connection as the event loop sees it: octets to the session, the session's octets out. No task, no future
per query."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from scanner.model import REASONS
from scanner.native.session import Session

if TYPE_CHECKING:
    from scanner.workers.crew import Crew
    from scanner.workers.way import Way

CONNECTION = REASONS.index("connection")


class Connection(asyncio.Protocol):
    """The protocol of one open stream; `lost` is done when it has ended and its names are given back."""

    __slots__ = ("_clock", "_crew", "_names", "_proved", "_session", "_sink", "_transport", "_way", "lost", "resting")

    def __init__(self, session: Session, way: Way, crew: Crew):
        self._session = session
        self._way = way
        self._crew = crew
        self._names, self._sink, self._clock = crew.names, crew.sink, crew.clock
        self._proved = False  # an answer came
        self.resting = False  # stands in the crew's list of those with room
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._session.opened()
        self._crew.opened(self)
        self.pump(self._clock())

    def data_received(self, data: bytes) -> None:
        session, sink = self._session, self._sink
        octets = session.exchange(data, self._clock())
        if octets is not None:
            self._transport.write(octets)  # type: ignore[union-attr]
        if session.smooth and self._proved and sink.scheduled:
            return  # nearly always: what follows costs a tenth of the rest
        if self._names.lines.used:
            sink.poke()
        if session.answered and not self._proved:
            self._proved = True
            self._way.proved()
        if session.room:
            self._pause()
        elif session.used_up:
            self.abort()
        if self._names.queued:
            self._crew.wake()

    def pump(self, now: float) -> None:
        """Send what the session has room for; a stream that is closing takes no names any more."""
        if self._transport is None or self._transport.is_closing():
            return
        octets = self._session.fill(now)
        if octets is not None:
            self._transport.write(octets)
        if self._session.room:
            self._pause()
        if self._names.lines.used:
            self._sink.poke()

    def _pause(self) -> None:
        """There is room and nothing to send: wait to be woken."""
        if not self.resting:
            self._crew.rest(self)
        if self._session.strays > 100:
            self.abort()

    @property
    def way(self) -> Way:
        """The exit and resolver of this connection."""
        return self._way

    def expire(self, now: float) -> None:
        """Give back names whose time ran out; end a connection that is silent or used up."""
        session = self._session
        if session.expire(now):
            self._sink.poke()
            self._crew.wake()
            self.pump(now)
        if session.hopeless or session.used_up:
            self.abort()

    def abort(self) -> None:
        """End the connection at once; `connection_lost` follows."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._crew.closed(self)
        if self._session.abandon(CONNECTION, self._clock()):
            self._sink.poke()
        self._crew.wake()
        if not self.lost.done():
            self.lost.set_result(None)
