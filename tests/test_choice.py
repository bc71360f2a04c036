"""Which resolver a worker's next connection goes to."""

import asyncio
from collections import Counter

import pytest

from scanner.config.endpoints import resolver_from_text
from scanner.native.path import TRUSTS
from scanner.paths.path import Buckets, Paths
from scanner.routes import Routes
from scanner.streams.choice import Choice

COUNT = 6


class Pool:
    """Six resolvers of one route, one egress."""

    def __init__(self, policy: str, count: int = COUNT, members: list[list[int]] | None = None):
        resolvers = [resolver_from_text(f"192.0.2.{index + 1}") for index in range(count)]
        self.routes = Routes(members or [list(range(count))])
        self.paths = Paths((), resolvers, Buckets(resolvers, 0, 0), self.routes)
        self.connections: Counter[int] = Counter()
        self.choice = Choice(policy, range(count), 1, self.routes, self.paths,
                             lambda _, resolver: self.connections[resolver])  # fmt: skip

    def fail(self, *resolvers: int) -> None:
        for resolver in resolvers:
            self.paths.path(0, resolver).health.failed(False, "connection")


def in_loop(scenario):
    async def run():
        scenario()

    asyncio.run(run())


def test_sequential_is_the_first_that_works_and_goes_back_to_an_earlier_one():
    def scenario():
        pool = Pool("sequential")
        assert pool.choice.next(0, 3) == 0
        pool.fail(0, 1)
        assert pool.choice.next(0, 0) == 2
        assert pool.choice.goes_before(0, 2) is None
        pool.paths.path(0, 0).health.proved()
        assert pool.choice.goes_before(0, 2) == 0
        pool.paths.trust(0, TRUSTS.index("distrusted"))
        assert pool.choice.next(0, 2) == 2

    in_loop(scenario)


def test_a_failing_one_is_chosen_again_when_it_is_due_and_by_one_worker():
    def scenario():
        pool = Pool("sequential")
        pool.fail(0)
        health = pool.paths.path(0, 0).health
        health.try_at = 0  # its pause is over
        assert pool.choice.next(0, 1) == 0
        task = asyncio.ensure_future(health.admitted())
        asyncio.get_running_loop().call_soon(lambda: tried.append(pool.choice.next(0, 1)))
        tasks.append(task)

    tried, tasks = [], []

    async def run():
        scenario()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert tried == [1]
        assert await tasks[0]

    asyncio.run(run())


@pytest.mark.parametrize("policy", ["random", "best"])
def test_one_that_fails_is_not_chosen_while_others_work(policy):
    def scenario():
        pool = Pool(policy)
        pool.fail(0, 1, 2, 3)

        assert {pool.choice.next(0, 0) for _ in range(200)} == {4, 5}

    in_loop(scenario)


def test_where_all_fail_the_one_that_is_due_first_is_chosen():
    def scenario():
        pool = Pool("best")
        pool.fail(*range(COUNT))
        pool.paths.path(0, 3).health.try_at -= 3

        assert pool.choice.next(0, 0) == 3

    in_loop(scenario)


def test_the_best_have_as_many_connections_each_where_none_is_better():
    def scenario():
        pool = Pool("best", count=2)
        for resolver in range(2):
            pool.paths.path(0, resolver)
        for _ in range(50):
            pool.connections[pool.choice.next(0, 0)] += 1

        assert pool.connections == {0: 25, 1: 25}

    in_loop(scenario)


def test_a_choice_stays_among_resolvers_of_the_same_routes():
    pool = Pool("random", members=[[0, 1, 2], [3, 4, 5]])

    in_loop(lambda: check(pool))


def check(pool: Pool) -> None:
    assert {pool.choice.next(0, 1) for _ in range(100)} == {0, 1, 2}
    assert {pool.choice.next(0, 4) for _ in range(100)} == {3, 4, 5}


def test_without_moving_as_many_workers_have_each_resolver():
    choice = Pool("round-robin").choice

    assert not choice.moves
    assert Counter(choice.first(worker) for worker in range(12)) == dict.fromkeys(range(COUNT), 2)
