"""A worker: one tunnel, one connection at a time, for life. It opens, watches, pauses and opens again; names flow
through its connection without it."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from scanner.native.session import Session
from scanner.transports.stream import open_stream
from scanner.transports.trouble import Trouble
from scanner.workers.connection import Connection
from scanner.workers.crew import Crew
from scanner.workers.way import Way

BRIEF_S = 0.2  # a connection that ends so soon, with nothing answered, has failed


@dataclass(frozen=True, slots=True)
class Openings:
    """What all workers open connections with."""

    limit: asyncio.Semaphore  # connections being opened at once
    timeout_s: float  # for one opening, handshakes included
    tls: ssl.SSLContext | None
    trouble: Callable[[Trouble], None]  # told of each failure


async def work(session: Session, way: Way, crew: Crew, openings: Openings) -> None:
    """Keep one connection for `session`; returns only when the way is left out."""
    way.sessions.append(session)
    first = True
    while not way.left_out:
        await crew.needed()
        probing = await way.admitted()
        if way.left_out:
            break
        connection, lost_s = Connection(session, way, crew), crew.clock.lost_s
        try:
            async with openings.limit:
                tls = openings.tls if way.resolver.scheme == "tls" else None
                await open_stream(connection, way.resolver, way.proxy, openings.timeout_s, tls)
        except Trouble as trouble:
            crew.clock()
            if crew.clock.lost_s > lost_s:  # we did not run meanwhile: what ended by time is no proof of anything
                way.ended(probing)
                continue
            way.failed(probing, trouble.reason)
            openings.trouble(trouble)
            continue
        except BaseException:
            connection.connection_lost(None)  # uvloop closes the stream of an opening that is let go, and tells nobody
            way.ended(probing)
            raise
        opened = monotonic()
        if not first:
            way.peer.reconnected()
        first = False
        try:
            await connection.lost
        finally:
            connection.abort()
        judge(session, way, probing, monotonic() - opened, openings)


def judge(session: Session, way: Way, probing: bool, lived_s: float, openings: Openings) -> None:
    """What the end of a connection says of the way."""
    if session.answered == 0 and not session.excused and (session.sent or lived_s < BRIEF_S):
        way.failed(probing)
        openings.trouble(Trouble("connection", f"{way.resolver}: the connection closed before any answer"))
    else:
        if session.used_up:
            way.peer.used_up()
        way.ended(probing)
