"""Limits that engines in several threads share: a rate is kept, a budget is exact; and whose turn it is wraps."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from dns_peer import parse

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.limits import Bucket, Budget
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.native.udp.engine import UdpEngine

OPENER = port_opener((), rcvbuf=1 << 16, sndbuf=1 << 20, port_range=None)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port, at every address of this machine, that takes queries and answers none."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        yield server.getsockname()[1]


def pool_of(names: int, budget: Budget | None = None) -> JobPool:
    pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None, deadline_s=1e9,
                   live_max=1 << 20, budget=budget)  # fmt: skip
    pool.feed(b"".join(b"n%d.example\n" % number for number in range(names)))
    return pool


class Engine:
    """One that asks many resolvers, so that no window limits it."""

    def __init__(self, port: int, resolvers: int, *, names=10_000, bucket: Bucket | None = None,
                 buckets: Sequence[Bucket] = (), budget: Budget | None = None):  # fmt: skip
        self.states = [PathState(0, index, each) for index, each in enumerate(buckets or [bucket] * resolvers)]
        addresses = [Address(state, f"127.0.1.{index + 1}", port, 0, b"") for index, state in enumerate(self.states)]
        self.pool = pool_of(names, budget)
        self.native = UdpEngine(self.pool, addresses, open_port=OPENER, timeout_s=1e6)

    def turn(self, now: float) -> None:
        self.native.tick(now)
        self.native.turn(now)

    @property
    def sent(self) -> int:
        return sum(state.tally.count("queries") for state in self.states)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """`work(index)` in so many threads at once; what is raised in one is raised here."""
    faults: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


# -- a rate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "burst_s"), [(1000, 0.004), (20_000, 0.02), (300, 0.02), (7, 0.02)])
def test_two_engines_in_two_threads_send_together_no_more_than_the_rate(silent, rate, burst_s):
    """At each moment both take what they can, so that whatever the bucket gives twice would show."""
    bucket, steps, step_s = Bucket(rate, burst_s), 400, 0.0021
    engines, barrier = [Engine(silent, 100, bucket=bucket) for _ in range(2)], threading.Barrier(2)
    sent: list[int] = []  # by step, of both

    def work(index: int) -> None:
        for step in range(steps):
            barrier.wait(20)
            engines[index].turn(1.0 + step_s * step)
            barrier.wait(20)
            if index == 0:
                sent.append(sum(engine.sent for engine in engines))

    in_threads(2, work)
    for engine in engines:
        engine.native.close()

    saved = max(rate * burst_s, 1)
    for step, count in enumerate(sent):
        assert count <= rate * step_s * step + saved + 1e-6, step
    for step, count in enumerate(sent[:20]):  # later the windows close, as nothing is answered
        assert count >= int(rate * step_s * step) - 1, step


def test_of_many_resolvers_each_is_asked_at_its_own_rate(silent):
    """Not all of them are looked at in each turn: when time brings one its next token is known."""
    rates = [20 + 3 * index for index in range(60)]
    engine = Engine(silent, 60, buckets=[Bucket(rate, 0.004) for rate in rates])
    for step in range(250):
        engine.turn(1.0 + 0.0013 * step)
    engine.native.close()

    sent = [state.tally.count("queries") for state in engine.states]
    most = [rate * 0.0013 * 250 + 1 for rate in rates]
    assert all(min(0.95 * each - 1, 12) <= count <= each + 1e-6 for count, each in zip(sent, most, strict=True)), sent


def test_a_full_bucket_that_two_threads_empty_at_one_moment_gives_each_token_once(silent):
    """Both take a thousand and more, one by one, at the same time."""
    for _ in range(20):
        bucket = Bucket(75_000, 0.02)  # of 1500 tokens when it is full; it begins with one
        engines, barrier = [Engine(silent, 100, names=1200, bucket=bucket) for _ in range(2)], threading.Barrier(2)
        engines[0].turn(1.0)
        assert engines[0].sent == 1

        def work(index: int, engines=engines, barrier=barrier) -> None:
            barrier.wait(20)
            engines[index].turn(2.0)

        in_threads(2, work)
        for engine in engines:
            engine.native.close()

        assert sum(engine.sent for engine in engines) == 1 + 1500


def test_two_paths_with_one_bucket_keep_its_rate_together_and_one_with_its_own_does_not_count():
    shared = Bucket(100, 0.02)
    pool = pool_of(5000)
    states = [PathState(0, 0, shared), PathState(0, 1, shared), PathState(0, 2, Bucket(100, 0.02)), PathState(0, 3)]
    sessions = [Session(pool, state, window=1024, timeout_s=1e6) for state in states]
    for step in range(1001):
        for session in sessions:
            session.fill(1.0 + step / 1000)

    counts = [state.tally.count("queries") for state in states]
    assert counts[0] + counts[1] in (100, 101, 102)
    assert counts[2] in (100, 101, 102)
    assert counts[3] == 1024


# -- a budget --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 1000, 3001])
def test_a_budget_that_four_threads_take_from_is_used_to_the_last_query_and_no_further(silent, most):
    budget = Budget(most)
    engines, barrier = [Engine(silent, 100, budget=budget) for _ in range(4)], threading.Barrier(4)

    def work(index: int) -> None:
        barrier.wait(20)
        for turn in range(3000):
            engines[index].turn(1.0 + turn / 1000)

    in_threads(4, work)
    for engine in engines:
        engine.native.close()

    assert sum(engine.sent for engine in engines) == most
    assert budget.used_up
    assert budget.most == most


def test_what_is_taken_of_a_budget_and_given_back_unused_is_all_there_again(silent):
    """Each turn without a name takes and gives back, in three threads at once."""
    budget = Budget(1000)
    engines, barrier = [Engine(silent, 100, names=0, budget=budget) for _ in range(3)], threading.Barrier(3)

    def work(index: int) -> None:
        barrier.wait(20)
        for turn in range(30_000):
            engines[index].native.turn(1.0 + turn / 1e6)

    in_threads(3, work)
    assert not budget.used_up
    engines[0].pool.feed(b"".join(b"n%d.example\n" % number for number in range(5000)))
    for turn in range(5):
        engines[0].turn(2.0 + turn)
    for engine in engines:
        engine.native.close()

    assert engines[0].sent == 1000
    assert budget.used_up


def test_the_last_queries_of_a_budget_leave_and_an_unused_rest_is_given_back():
    budget = Budget(100)
    pool = pool_of(30, budget)
    states = [PathState(), PathState()]
    first, second = (Session(pool, state, window=64) for state in states)
    first.fill(1.0)
    assert not budget.used_up  # there were 30 names, and 64 were asked for
    pool.feed(b"".join(b"more%d.example\n" % number for number in range(200)))

    first.fill(1.0)
    second.fill(1.0)

    assert [state.tally.count("queries") for state in states] == [64, 36]
    assert budget.used_up
    assert first.fill(1.0) is second.fill(1.0) is None
    assert not pool.look_ahead()


# -- whose turn it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn_of", [0, 2**31 - 3, 2**31 - 1, 2**31, 2**32 - 5, 2**32 - 1])
def test_round_robin_goes_on_after_two_and_four_thousand_million_picks(turn_of):
    """Found by reading: the count of picks was signed, and an index below 0 ended the program."""
    servers = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(3)]
    try:
        for index, server in enumerate(servers):
            server.bind((f"127.0.0.{index + 1}", 0))
            server.setblocking(False)
        addresses = [Address(PathState(0, index), *server.getsockname(), 0, b"")
                     for index, server in enumerate(servers)]  # fmt: skip
        engine = UdpEngine(pool_of(12), addresses, open_port=OPENER, policy="round-robin")
        engine.turn_of = turn_of
        engine.turn(1.0)
        asked = [list(names_at(server)) for server in servers]
        engine.close()
    finally:
        for server in servers:
            server.close()

    assert Counter(name for names in asked for name in names) == Counter(f"n{number}.example" for number in range(12))
    assert all(3 <= len(names) <= 5 for names in asked), asked
    assert 12 <= (engine.turn_of - turn_of) % 2**32 < 16


def names_at(server: socket.socket) -> Iterator[str]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield str(parse(server.recvfrom(4096)[0]).name)
