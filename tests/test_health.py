"""The health of a path: each state and event, and what the workers that share it do meanwhile. Time is the test's."""

import asyncio
import selectors
from collections.abc import Coroutine
from itertools import product
from typing import Any

import pytest

from scanner.paths.health import (
    MOVES,
    PAUSE_CLOSED_S,
    PAUSE_FIRST_S,
    PAUSE_MAX_S,
    PAUSE_NEXT_S,
    VACANCY_S,
    Event,
    PathHealth,
    State,
)

WANTED = """
             FAILED    TRIED     ENDED    PROVED  REFUSED
OPEN         FAILING   -         -        -       LEFT_OUT
FAILING      -         ON_TRIAL  -        OPEN    LEFT_OUT
ON_TRIAL     FAILING   -         FAILING  OPEN    LEFT_OUT
LEFT_OUT     -         -         -        -       LEFT_OUT
"""
PATH_TO = {State.OPEN: [], State.FAILING: [Event.FAILED], State.ON_TRIAL: [Event.FAILED, Event.TRIED],
           State.LEFT_OUT: [Event.REFUSED]}  # fmt: skip


class Jumping(selectors.DefaultSelector):
    """Never waits: the time that the loop would have slept has passed at once."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.passed_s += timeout or 0
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.passed_s


def run(scenario: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(asyncio.wait_for(scenario, 10_000))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# -- the table -------------------------------------------------------------------------------------------------


def wanted() -> dict[tuple[State, Event], State]:
    events, *rows = (line.split() for line in WANTED.strip().splitlines())
    return {(State[state], Event[event]): State[to]
            for state, *row in rows for event, to in zip(events, row, strict=True) if to != "-"}  # fmt: skip


def test_the_table_is_what_it_should_be():
    assert wanted() == MOVES


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=lambda each: each.name)
def test_each_event_in_each_state_moves_as_the_table_says(state, event):
    async def scenario() -> None:
        health = PathHealth()
        for before in PATH_TO[state]:
            assert health._happened(before)
        assert health.state is state

        assert health._happened(event) == ((state, event) in wanted())

        assert health.state is wanted().get((state, event), state)
        assert health.is_left_out == (health.state is State.LEFT_OUT)
        worker = asyncio.ensure_future(health.admitted())
        await turns()
        assert worker.done() == (health.state in (State.OPEN, State.LEFT_OUT))
        worker.cancel()

    run(scenario())


# -- the workers -----------------------------------------------------------------------------------------------


def test_while_it_fails_one_worker_tries_it_and_the_others_wait_until_it_has_answered():
    async def scenario() -> None:
        health = PathHealth()
        assert await health.admitted() is False
        health.failed(False, "connection")
        workers = [asyncio.ensure_future(health.admitted()) for _ in range(5)]
        await turns()
        assert (health.state, health.pausing) == (State.ON_TRIAL, 5)

        await asyncio.sleep(1.25 * PAUSE_NEXT_S)
        assert [worker.done() for worker in workers] == [True, False, False, False, False]
        assert workers[0].result() is True
        health.proved()

        assert await asyncio.gather(*workers[1:]) == [False] * 4
        assert (health.state, health.pausing) == (State.OPEN, 0)

    run(scenario())


def test_of_many_workers_that_fail_at_once_the_first_counts():
    async def scenario() -> None:
        health = PathHealth()
        for _ in range(50):
            health.failed(False, "connection")

        assert (health.egress_pauses, health.resolver_pauses) == (0, 1)
        assert health.pause_s() <= 1.25 * PAUSE_NEXT_S

    run(scenario())


@pytest.mark.parametrize(("reason", "pauses"), [("proxy", (1, 0)), ("connection", (0, 1)), ("tls", (0, 1)),
                                                ("", (1, 1))])  # fmt: skip
def test_a_pause_is_booked_on_whom_it_is_due_to(reason, pauses):
    async def scenario() -> None:
        health = PathHealth()
        health.failed(False, reason)
        assert (health.egress_pauses, health.resolver_pauses) == pauses

    run(scenario())


def test_each_failed_try_doubles_the_pause_up_to_a_minute_and_an_answer_ends_that():
    async def scenario() -> None:
        health, bases = PathHealth(), [PAUSE_NEXT_S * 2**n for n in range(4)] + [PAUSE_MAX_S] * 20
        loop = asyncio.get_running_loop()
        health.failed(False, "connection")
        for base in bases:
            began = loop.time()
            assert await health.admitted() is True
            assert base <= loop.time() - began <= 1.25 * base + 0.001
            health.failed(True, "connection")
        health.proved()

        health.failed(False, "connection")

        began = loop.time()
        assert await health.admitted() is True
        assert PAUSE_FIRST_S <= loop.time() - began <= 1.25 * PAUSE_FIRST_S + 0.001  # it has worked

    run(scenario())


def test_after_the_first_close_the_next_try_comes_soon_and_then_no_more():
    async def scenario() -> None:
        health = PathHealth()
        health.failed(False)
        assert health.pause_s() <= 1.25 * PAUSE_CLOSED_S

        assert await health.admitted() is True
        health.failed(True)

        assert PAUSE_NEXT_S <= health.pause_s() <= 1.25 * PAUSE_NEXT_S

    run(scenario())


def test_a_try_that_was_neither_leaves_it_to_the_next():
    async def scenario() -> None:
        health = PathHealth()
        health.failed(False, "connection")
        assert await health.admitted() is True
        health.ended(False)  # of another worker: nothing
        assert health.state is State.ON_TRIAL

        health.ended(True)

        assert health.state is State.FAILING
        assert await health.admitted() is True
        assert health.resolver_pauses == 1

    run(scenario())


def test_a_worker_that_is_cancelled_while_it_pauses_leaves_the_try_to_the_next():
    async def scenario() -> None:
        health = PathHealth()
        health.failed(False, "connection")
        first = asyncio.ensure_future(health.admitted())
        await turns()
        assert health.state is State.ON_TRIAL

        first.cancel()
        await turns()

        assert (health.state, health.pausing) == (State.FAILING, 0)
        assert await health.admitted() is True

    run(scenario())


def test_a_path_that_is_left_out_lets_its_workers_go():
    async def scenario() -> None:
        health = PathHealth()
        health.failed(False, "connection")
        workers = [asyncio.ensure_future(health.admitted()) for _ in range(3)]
        await turns()

        health.leave_out()

        assert await asyncio.gather(*workers[1:]) == [False, False]
        assert await workers[0] is True  # after its pause; it looks before it opens
        assert health.is_left_out
        health.proved()
        health.failed(True, "connection")
        assert health.is_left_out

    run(scenario())


# -- servers that take no more connections --------------------------------------------------------------------


def test_a_connection_that_ends_makes_room_for_one_worker_that_was_turned_away():
    async def scenario() -> None:
        health = PathHealth()
        workers = [asyncio.ensure_future(health.vacancy()) for _ in range(2)]
        await asyncio.sleep(1)

        health.vacated()
        await turns()

        assert [worker.done() for worker in workers] == [True, False]
        health.leave_out()
        await workers[1]

    run(scenario())


def test_a_worker_that_is_let_go_while_it_waits_for_a_vacancy_takes_none_from_another():
    async def scenario() -> None:
        health = PathHealth()
        gone, waiting = (asyncio.ensure_future(health.vacancy()) for _ in range(2))
        await turns()
        gone.cancel()
        await turns()

        health.vacated()
        await turns()

        assert waiting.done()

    run(scenario())


def test_a_worker_that_was_turned_away_tries_again_after_a_while_all_the_same():
    async def scenario() -> None:
        begun = asyncio.get_running_loop().time()
        await PathHealth().vacancy()

        assert asyncio.get_running_loop().time() - begun == pytest.approx(VACANCY_S, abs=0.1)

    run(scenario())
