"""Servers that limit connections: what is one too many is not served, or closed. No name may wait for it, and nothing
wrong may be learned from it."""

import json
import threading
from collections.abc import Callable

import dns.message
import dns.rcode
import orjson
import pytest
from command import Scan, scan
from dns_peer import DnsPeer, Talk

from scanner.input.line import classify_line
from scanner.model import REASONS
from scanner.native.jobs.pool import JobPool
from scanner.native.limits import Budget
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session, expire_queries, find_stuck

CONNECTION = REASONS.index("connection")
SERVED = 4  # connections, by the scripted server
LIMIT_S = 120  # of an attempt: no test waits so long


# -- a connection that is not served, beside one that is ------------------------------------------------------------


class Desk:
    """Two connections of one path: of the first, the server never reads a query."""

    def __init__(self, names: int = 9, window: int = 2, budget: Budget | None = None):
        self.lines, self.path = LineBuffer(), PathState()
        self.pool = JobPool(self.lines, (2,), classify_line=classify_line, room_made=lambda: None, budget=budget)
        self.sessions = [Session(self.pool, self.path, window=window, worker=worker) for worker in range(2)]
        self.unserved, self.served = self.sessions
        self.pool.feed(b"".join(b"n%d.com\n" % number for number in range(names)))
        self.pool.end()

    def asked(self, session: Session, now: float) -> list[dns.message.Message]:
        return [dns.message.from_wire(message) for message in messages(session.fill(now) or b"")]

    def answer(self, session: Session, queries: list[dns.message.Message], now: float) -> None:
        session.receive(b"".join(framed(query) for query in queries), now)

    def is_stuck(self, now: float) -> bool:
        return find_stuck(self.path, self.sessions, now)

    def rows(self) -> list[str]:
        return sorted(orjson.loads(line)["d"] for line in self.lines.take().splitlines())


def messages(octets: bytes) -> list[bytes]:
    found = []
    while octets:
        size = 2 + int.from_bytes(octets[:2], "big")
        found.append(octets[2:size])
        octets = octets[size:]
    return found


def framed(query: dns.message.Message) -> bytes:
    """NXDOMAIN, with its length before it."""
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.NXDOMAIN)
    wire = answer.to_wire()
    return len(wire).to_bytes(2, "big") + wire


def names_of(queries: list[dns.message.Message]) -> list[str]:
    return [query.question[0].name.to_text(omit_final_dot=True) for query in queries]


def test_names_of_a_connection_that_is_not_served_are_asked_on_another_too_and_have_one_line_each():
    desk = Desk(names=4)
    first = desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    desk.rows()

    assert desk.is_stuck(1.2)
    again = desk.asked(desk.served, 1.2)
    assert sorted(names_of(again)) == sorted(names_of(first)) == ["n0.com", "n1.com"]
    desk.answer(desk.served, again, 1.21)
    assert desk.rows() == ["n0.com", "n1.com"]
    assert desk.pool.done
    desk.answer(desk.unserved, first, 1.5)
    assert (desk.rows(), desk.unserved.answered, desk.pool.exchange.in_flight) == ([], 2, 0)


def test_the_answer_that_comes_first_settles_such_a_name_on_the_connection_that_was_late_too():
    desk = Desk(names=4)
    first = desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    assert desk.is_stuck(1.2)
    again = desk.asked(desk.served, 1.2)
    desk.rows()
    desk.answer(desk.unserved, first, 1.21)

    assert desk.rows() == ["n0.com", "n1.com"]
    desk.answer(desk.served, again, 1.22)
    assert (desk.rows(), desk.pool.exchange.in_flight) == ([], 0)


def test_a_name_is_asked_on_one_other_connection_and_no_third():
    desk = Desk(names=4)
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    assert desk.is_stuck(1.2)
    assert len(desk.asked(desk.served, 1.2)) == 2

    assert not desk.is_stuck(1.3)
    assert desk.pool.books.count("requeued") == 2
    assert desk.pool.books.count("retried") == 0


@pytest.mark.parametrize(("now", "is_stuck"), [(1.04, False), (1.06, True)])
def test_a_connection_without_an_answer_is_waited_for_at_least_50_ms(now, is_stuck):
    desk = Desk()
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)

    assert desk.is_stuck(now) is is_stuck


@pytest.mark.parametrize(("now", "is_stuck"), [(2.1, False), (2.3, True)])
def test_and_for_four_round_trips_of_the_others(now, is_stuck):
    desk = Desk()
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.3)

    assert desk.is_stuck(now) is is_stuck


def test_where_nobody_is_answered_nothing_is_asked_twice():
    desk = Desk()
    desk.asked(desk.unserved, 1.0)
    desk.asked(desk.served, 1.0)

    assert not desk.is_stuck(1.9)


def test_a_connection_that_was_answered_once_keeps_its_names():
    desk = Desk()
    first, _ = desk.asked(desk.unserved, 1.0)
    desk.answer(desk.unserved, [first], 1.01)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.02)

    assert not desk.is_stuck(1.9)


def test_an_answer_that_comes_after_all_keeps_what_was_not_yet_asked_again():
    desk = Desk()
    first, _ = desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    assert desk.is_stuck(1.2)
    desk.answer(desk.unserved, [first], 1.21)

    assert "n1.com" not in names_of(desk.asked(desk.served, 1.22))


def test_a_budget_of_queries_counts_those_that_are_asked_again():
    desk = Desk(names=4, budget=Budget(5))
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)

    assert desk.is_stuck(1.2)
    assert len(desk.asked(desk.served, 1.2)) == 1


def test_a_scan_that_is_being_left_asks_nothing_again():
    desk = Desk(names=4)
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    desk.pool.leave()
    desk.is_stuck(1.2)

    assert desk.asked(desk.served, 1.2) == []


def silent_to_its_end(desk: Desk) -> None:
    """The unserved connection is given up after an attempt and its probe; the other is answered all along."""
    desk.asked(desk.unserved, 1.0)
    desk.answer(desk.served, desk.asked(desk.served, 1.0), 1.01)
    expire_queries(desk.pool, 3.1)
    desk.asked(desk.unserved, 3.1)
    desk.answer(desk.served, desk.asked(desk.served, 3.1), 3.11)
    expire_queries(desk.pool, 5.2)
    assert desk.unserved.hopeless
    desk.unserved.abandon(CONNECTION, 5.2)


def test_silence_to_the_end_beside_answers_is_no_failure_of_the_path():
    desk = Desk()
    silent_to_its_end(desk)

    assert (desk.unserved.turned_away, desk.unserved.excused) == (True, True)


def test_silence_to_the_end_where_nobody_is_answered_any_more_is_one():
    desk = Desk()
    desk.answer(desk.served, desk.asked(desk.served, 0.5), 0.51)
    desk.served.abandon(CONNECTION, 0.6)
    desk.asked(desk.unserved, 1.0)
    expire_queries(desk.pool, 3.1)
    desk.asked(desk.unserved, 3.1)
    expire_queries(desk.pool, 5.2)
    desk.unserved.abandon(CONNECTION, 5.2)

    assert (desk.unserved.turned_away, desk.unserved.excused) == (False, False)


def test_closes_without_an_answer_beside_answers_teach_no_quota():
    desk = Desk(window=3)
    desk.answer(desk.served, desk.asked(desk.served, 1.0)[:1], 1.01)
    for _ in range(3):
        desk.asked(desk.unserved, 1.1)
        desk.unserved.abandon(CONNECTION, 1.2)
        desk.unserved.opened()

    assert desk.path.quota == 0


def test_a_quota_is_forgotten_when_a_connection_gives_more():
    desk = Desk(window=3)
    queries = desk.asked(desk.served, 1.0)
    for _ in range(2):
        desk.asked(desk.unserved, 1.0)
        desk.unserved.abandon(CONNECTION, 1.1)
        desk.unserved.opened()
    assert desk.path.quota == 1
    desk.answer(desk.served, queries[:2], 1.2)

    assert desk.path.quota == 0


# -- whole scans ----------------------------------------------------------------------------------------------------


def at_most(served: int, too_many: Callable[[Talk], object]) -> Callable[[Talk], None]:
    """A script: so many connections at once are served; what becomes of another is `too_many`'s business."""
    places = threading.BoundedSemaphore(served)

    def script(talk: Talk) -> None:
        if not places.acquire(blocking=False):
            too_many(talk)
            return
        try:
            for query in talk.queries():
                talk.answer(query)
        finally:
            places.release()

    return script


def scanned(peer: DnsPeer, names: int) -> tuple[Scan, dict]:
    """A scan in which nothing ends by time, all of whose names exist; and its books."""
    limits = ("--timeout-ms", 1000 * LIMIT_S, "--deadline-ms", 2000 * LIMIT_S)
    done = scan("-r", peer.address, "--stats", "json", *limits, limit_s=LIMIT_S,
                names="".join(f"is{number}.example\n" for number in range(names)))  # fmt: skip
    assert done.code == 0, done.err
    assert sorted(row["d"] for row in done.rows) == sorted(f"is{number}.example" for number in range(names))
    assert {(row["s"], row.get("e"), row.get("x", 0)) for row in done.rows} == {("taken", None, 0)}
    return done, json.loads(done.err.splitlines()[-1])


def test_no_name_waits_for_a_connection_that_its_server_never_serves():
    with DnsPeer(at_most(SERVED, Talk.wait_for_close)) as peer:
        _, books = scanned(peer, 1000)  # with the names of 12 connections waiting for theirs, it would take LIMIT_S

    assert books["retried"] == 0
    assert books["queries"] <= 1000 + 3 * 16


@pytest.mark.parametrize("too_many", [lambda talk: None, Talk.query], ids=["at once", "when asked"])
def test_a_server_that_closes_connections_beyond_a_number_is_asked_much_on_the_others(too_many):
    with DnsPeer(at_most(SERVED, too_many)) as peer:
        scanned(peer, 4000)

    assert peer.connections < 200  # one for each few names, where a quota is learned from the closes: it was 1,101
