"""When canaries are asked out of turn because lines wait for them, and what comes of one that does not finish them."""

import pytest
from test_unproven import NXDOMAIN, VOUCHED, Resolvers, names

from scanner.config.endpoints import resolver_from_text
from scanner.engine import report_of
from scanner.paths.asking import Asking
from scanner.scanning.proving import PAUSE_S, TRIES, Proving

MOST = 1 << 20


class Engine:
    """Two resolvers whose jobs are ordered about at once."""

    def __init__(self, count: int):
        self.both = Resolvers(names(count), unproven_most=MOST)
        self.pool = self.both.pool

    def order(self, order) -> None:
        order(self.pool, 1.0)

    @property
    def report(self):
        return report_of(self.pool)


def asking() -> Asking:
    return Asking(resolver_from_text("192.0.2.1"), ())


def with_lines(count: int, asked: int, resolver: int = 0) -> tuple[Engine, Proving]:
    engine = Engine(count)
    while engine.both.store.count < asked:
        engine.both.turn(resolver, NXDOMAIN)
    return engine, Proving([engine], 2, MOST)


def wanted(proving: Proving, resolver: int = 0, now: float = 0, *, is_dear: bool = False) -> bool:
    proving.look()
    return proving.wants(resolver, now, is_dear=is_dear)


def test_while_names_are_asked_and_little_is_kept_canaries_come_in_their_turn():
    _, proving = with_lines(10_000, 500)

    assert not wanted(proving)
    assert proving.kept(0) >= 500


def test_when_nothing_else_is_left_to_do_they_are_asked_at_once():
    engine, proving = with_lines(500, 500)
    assert wanted(proving, is_dear=True)
    assert not wanted(proving, 1)
    asked = asking()
    proving.began(asked, 0, out_of_turn=True)
    proving.passed(asked, 0)

    assert not wanted(proving)
    engine.both.let_out()
    assert engine.pool.done


def test_when_much_is_kept_they_are_asked_of_those_that_said_most_of_it():
    engine, proving = with_lines(50_000, 6000)
    engine.both.turn(1, NXDOMAIN)
    assert wanted(proving)
    assert not wanted(proving, 1)
    assert not wanted(proving, is_dear=True)
    engine.both.ask_all(0, NXDOMAIN)
    assert not engine.pool.has_jobs(1.0)
    assert wanted(proving, is_dear=True)  # now the scan waits for it


def test_what_is_proven_and_about_to_leave_asks_for_nothing():
    engine, proving = with_lines(50_000, 6000)
    asked = asking()
    proving.began(asked, 0, out_of_turn=True)
    engine.both.pool.hold(1.0)
    proving.passed(asked, 0)

    assert engine.both.store.count >= 6000
    assert not wanted(proving)


def test_lines_of_after_the_canaries_are_not_proven_by_them():
    engine, proving = with_lines(1000, 100)
    asked = asking()
    proving.began(asked, 0, out_of_turn=False)
    before = engine.both.store.put_of(0)
    engine.both.ask_all(0, NXDOMAIN)
    proving.passed(asked, 0)
    engine.both.let_out()

    assert len(engine.both.rows()) == before < 1000
    assert proving.kept(0) == 1000 - before


@pytest.mark.parametrize("is_hurried", [False, True])
def test_one_that_does_not_finish_is_tried_again_and_then_given_up(is_hurried):
    _, proving = with_lines(100, 100)
    proving.is_hurried = is_hurried
    now, given_up = 0.0, []
    for _ in range(1 if is_hurried else TRIES):
        assert wanted(proving, now=now)
        asked = asking()
        proving.began(asked, 0, out_of_turn=True)
        given_up.append(proving.fell_short(asked, 0, now))
        assert given_up[-1] or not wanted(proving, now=now + 0.9 * PAUSE_S)
        now += PAUSE_S

    assert given_up == ([True] if is_hurried else [False, False, True])


def test_rounds_in_turn_that_do_not_finish_are_the_engines_business():
    engine, proving = with_lines(10_000, 100)
    for _ in range(2 * TRIES):
        asked = asking()
        proving.began(asked, 0, out_of_turn=False)
        assert not proving.fell_short(asked, 0, 0.0)

    proving.judge(0, VOUCHED)
    assert engine.both.rows() == []
