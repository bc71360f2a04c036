"""The worker on its own: what it leaves behind when it is let go."""

import asyncio
import os
from typing import Any

import pytest
import uvloop
from dns_peer import DnsPeer

from scanner.config.endpoints import resolver_from_text
from scanner.input.line import classify_line as judge
from scanner.native.clock import Clock
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.native.session import Session
from scanner.sink import Sink
from scanner.workers.crew import Crew
from scanner.workers.way import Way
from scanner.workers.worker import Openings, work


def test_a_worker_let_go_while_its_connection_opens_sends_nothing_more():
    """Found by `yes | dnsscan | head -1`: uvloop closes such a stream and tells nobody, and a write to it was a bug's
    traceback and code 1."""

    async def scenario(address: str) -> list[dict[str, Any]]:
        loop, faults = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        lines = Lines()
        names = Names(lines, (2,), judge=judge, room_made=lambda: None)
        names.feed(b"one.example\n")  # so the connection has room, and rests until there are more
        null = os.open(os.devnull, os.O_WRONLY)
        sink = Sink(lines, null, behind=lambda _: None, failed=lambda _: None, flushed=lambda: None)
        crew = Crew(names, sink, Clock())
        way = Way(0, None, 0, resolver_from_text(address), 0)
        openings = Openings(asyncio.Semaphore(1), 5.0, None, lambda _: None)
        task = loop.create_task(work(Session(names, way.peer), way, crew, openings))
        while not crew.live:
            await asyncio.sleep(0)
        task.cancel()
        names.feed(b"two.example\nthree.example\n")
        for _ in range(10):
            crew.wake()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        await sink.close()
        os.close(null)
        return faults

    with DnsPeer() as peer, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario(peer.address)) == []
