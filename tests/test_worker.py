"""The worker on its own: what it leaves behind when it is let go."""

import asyncio
from typing import Any

import pytest
import uvloop
from dns_peer import DnsPeer

from scanner.config.endpoints import resolver_from_text
from scanner.input.line import classify_line
from scanner.native.clock import Clock
from scanner.native.jobs.pool import JobPool
from scanner.native.limits import Bucket
from scanner.native.output.buffer import LineBuffer
from scanner.native.session import Session
from scanner.paths.path import Path
from scanner.streams.flush import Flush
from scanner.streams.waiters import Waiters
from scanner.streams.worker import Workplace, work
from scanner.transports.dial import DialLimits


def test_a_worker_let_go_while_its_connection_opens_sends_nothing_more():
    """Found by `yes | dnsscan | head -1`: uvloop closes such a stream without a word, and a write to it was a bug's
    traceback and code 1."""

    async def scenario(address: str) -> list[dict[str, Any]]:
        loop, faults = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        buffer = LineBuffer()
        pool = JobPool(buffer, (2,), classify_line=classify_line, room_made=lambda: None)
        pool.feed(b"one.example\n")  # so the connection has room, and rests until there are more
        waiters = Waiters(pool, Clock())
        path = Path(0, None, 0, resolver_from_text(address), Bucket())
        limits = DialLimits(asyncio.Semaphore(1), 5.0, None)
        place = Workplace(path, waiters, Flush(buffer, lambda _: None, lambda: None), Clock(), limits, lambda _: None)
        task = loop.create_task(work(lambda: Session(pool, path.state), place))
        while not waiters.live:
            await asyncio.sleep(0)
        task.cancel()
        pool.feed(b"two.example\nthree.example\n")
        for _ in range(10):
            waiters.wake()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        return faults

    with DnsPeer() as peer, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario(peer.address)) == []
