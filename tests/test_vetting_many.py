"""A scan that ends before all of many resolvers have said what they say: whom it waits for."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from scanner.config.endpoints import resolver_from_text
from scanner.paths.standing import Traffic
from scanner.routes import Routes
from scanner.scanning.vetting import Questions, Vetting
from scanner.transports.dial import DialLimits

FAR_S, SOON_S, A_WHILE_S = 600, 60, 0.2
MANY = 30


class Engines:
    """Those that have asked names of `answered`, which answered."""

    queries = 1000

    def __init__(self, *answered: int):
        self.answered = answered

    def trust(self, resolver: int, trust: int) -> None:
        pass

    def in_flight(self, resolver: int) -> int:
        return 0

    def has_answered(self, resolver: int) -> bool:
        return resolver in self.answered

    def traffic(self) -> dict[int, Traffic]:
        return {index: Traffic(index in self.answered, 0, 1.0) for index in range(MANY)}


@pytest.fixture
def silent() -> Iterator[list[str]]:
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(MANY)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        yield [f"udp://127.0.0.1:{sock.getsockname()[1]}" for sock in socks]


def waits(addresses: list[str], engines: Engines, look_s: float) -> bool:
    """Whether the end of a scan still waits for their canaries after `look_s`."""

    async def ended() -> bool:
        resolvers = [resolver_from_text(text) for text in addresses]
        vetting = Vetting(resolvers, (), DialLimits(asyncio.Semaphore(1), FAR_S, None), Questions((1,), (), 0), engines,
                          routes=Routes([range(len(resolvers))]), authorities=(), trusted=(), proving=None, warn=print,
                          failed=print, stranded=print)  # fmt: skip
        canaries = asyncio.create_task(vetting.ask(["org"], ""))
        await asyncio.sleep(0)
        ending = asyncio.create_task(vetting.finish(canaries, FAR_S))
        done, _ = await asyncio.wait([ending], timeout=look_s)
        for task in (ending, canaries):
            task.cancel()
        await asyncio.gather(ending, canaries, return_exceptions=True)
        return not done

    return asyncio.run(ended())


def test_of_many_it_waits_for_none_that_answered_no_name(silent):
    assert not waits(silent, Engines(), SOON_S)


def test_of_many_it_waits_for_one_that_answered_names(silent):
    assert waits(silent, Engines(7), A_WHILE_S)


def test_of_few_it_waits_for_all(silent):
    assert waits(silent[:2], Engines(), A_WHILE_S)
