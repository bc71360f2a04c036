"""A worker: one tunnel, one connection at a time, for life. It opens, watches, pauses and opens again; jobs flow
through its connection without it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from scanner.native.clock import Clock
from scanner.native.session import Session
from scanner.paths.path import Path
from scanner.streams.connection import Connection
from scanner.streams.flush import Flush
from scanner.streams.waiters import Waiters
from scanner.transports.dial import DialLimits, open_stream
from scanner.transports.dial_error import DialError

BRIEF_S = 0.2  # a connection that ends so soon, with nothing answered, has failed


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker works with, beside its session."""

    path: Path
    waiters: Waiters
    flush: Flush
    clock: Clock
    limits: DialLimits
    dial_failed: Callable[[DialError], None]
    moves: bool = False  # the next connection may go by another path


async def work(make_session: Callable[[], Session], place: Workplace, *, first: bool = True) -> None:
    """Keep one connection for a session of its own, while jobs need it, as they do when this is called; returns only
    when the path is left out, and where the next may go by another path, after one. `first`: it is the worker's."""
    path, health, clock = place.path, place.path.health, place.clock
    session = None
    is_needed = True
    while not health.is_left_out:
        if not is_needed:
            await place.waiters.needed(lambda: path.state.routes)
        is_needed = False
        on_trial = await health.admitted()
        if health.is_left_out:
            break
        if session is None:
            session = make_session()
        connection = Connection(session, place.waiters, place.flush, clock, health.proved)
        lost_s = clock.lost_s
        try:
            async with place.limits.at_once:
                tls = place.limits.tls if path.target.scheme == "tls" else None
                await open_stream(connection, path.stream_target, path.proxy, place.limits.timeout_s, tls)
        except DialError as error:
            clock()
            if clock.lost_s > lost_s:  # we did not run meanwhile: what ended by time is no proof of anything
                health.ended(on_trial)
            else:
                health.failed(on_trial, error.reason)
                place.dial_failed(error)
            if place.moves:
                return
            continue
        except BaseException:
            # uvloop closes the stream of an opening that is cancelled, and calls nothing
            connection.connection_lost(None)
            health.ended(on_trial)
            raise
        opened = monotonic()
        if not first:
            path.state.reconnected()
        first = False
        try:
            await connection.lost
        finally:
            connection.abort()
        assess_close(session, place, on_trial, monotonic() - opened)
        if place.moves:
            return
        if session.turned_away:
            await health.vacancy()


def assess_close(session: Session, place: Workplace, on_trial: bool, lived_s: float) -> None:
    """What the end of a connection means for its path."""
    path = place.path
    if session.answered == 0 and not session.excused and (session.sent or lived_s < BRIEF_S):
        path.health.failed(on_trial)
        place.dial_failed(no_answer(session, place))
    else:
        if session.used_up and not session.retires:
            path.state.used_up()
        path.health.ended(on_trial)
        if session.answered:
            path.health.vacated()


def no_answer(session: Session, place: Workplace) -> DialError:
    """Why a connection ended that had answered nothing."""
    if session.noisy:
        return DialError("timeout", f"{place.path.stream_target}: nothing that it sent was an answer")
    if session.hopeless:
        return DialError("timeout", f"{place.path.stream_target}: it took the connection and answered nothing")
    return DialError("connection", f"{place.path.stream_target}: the connection closed before any answer")
