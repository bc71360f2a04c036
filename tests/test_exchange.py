"""The exchange through the sessions that use it: thousands of queries in flight are told apart, and each ends when its
time is over, however long that is and however rarely anybody looks."""

import random
import socket
from collections import Counter
from collections.abc import Iterator

import orjson
import pytest
from dns_peer import parse, response

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session, expire_queries
from scanner.native.udp.engine import UdpEngine

TICK_S = 0.004  # of the wheel
TURN_S = 2048 * TICK_S
TRUNCATED = b"\x83"


class Streams:
    """A pool and its sessions, and the server's side of them."""

    def __init__(self, names: int, *, timeouts_s=(2.0,), window=1024, deadline_s=1e6, retries=0):
        self.pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None,
                            deadline_s=deadline_s, retries=retries, live_max=1 << 20)  # fmt: skip
        self.pool.feed(b"".join(b"n%d.example\n" % number for number in range(names)))
        self.pool.end()
        self.sessions = [Session(self.pool, PathState(), window=window, timeout_s=timeout_s, worker=worker)
                         for worker, timeout_s in enumerate(timeouts_s)]  # fmt: skip

    @property
    def in_flight(self) -> int:
        return self.pool.exchange.in_flight

    def ask(self, now: float) -> list[tuple[Session, bytes]]:
        """What every session sends now."""
        return [(session, query) for session in self.sessions for query in messages(session.fill(now) or b"")]

    def rows(self) -> list[dict]:
        return [orjson.loads(line) for line in self.pool.writer.buffer.take().splitlines()]


def messages(octets: bytes) -> Iterator[bytes]:
    while octets:
        size = 2 + int.from_bytes(octets[:2], "big")
        yield octets[2:size]
        octets = octets[size:]


def number_of(query: bytes) -> int:
    return int(query[14 : 13 + query[12]])


def answer(session: Session, query: bytes, now: float, rcode: int) -> int:
    message = (
        query[:2] + b"\x81" + bytes([0x80 | rcode]) + query[4:6] + b"\0" * 6 + query[12 : query.index(b"\0", 12) + 5]
    )
    return session.receive(len(message).to_bytes(2, "big") + message, now)


# -- the table -------------------------------------------------------------------------------------------------


def test_thousands_in_flight_are_each_given_their_own_answer_in_any_order():
    streams, random_ = Streams(20_000, timeouts_s=[1e6] * 7), random.Random(11)
    waiting, most, rows = streams.ask(1.0), 0, []
    while waiting:
        most = max(most, streams.in_flight)
        assert streams.in_flight == len(waiting)
        random_.shuffle(waiting)
        for session, query in waiting[: len(waiting) // 2 + 1]:
            assert answer(session, query, 2.0, 3 * (number_of(query) % 2)) == 1
        waiting = waiting[len(waiting) // 2 + 1 :] + streams.ask(2.0)
        rows += streams.rows()

    assert most == 7 * 1024
    assert {row["d"]: row["s"] for row in rows} == {
        f"n{number}.example": ("taken", "nxdomain")[number % 2] for number in range(20_000)
    }
    assert len(rows) == 20_000
    assert (streams.in_flight, streams.pool.done) == (0, True)


def test_no_two_queries_of_a_connection_have_one_id_and_an_id_of_another_answers_nothing():
    streams = Streams(4096, timeouts_s=[1e6] * 4)
    asked = streams.ask(1.0)
    ids = Counter((session.worker, query[:2]) for session, query in asked)

    assert len(ids) == 4096
    for session, query in asked:
        other = streams.sessions[(session.worker + 1) % 4]
        if (other.worker, query[:2]) not in ids:
            assert answer(other, query, 1.5, 3) == 0
    assert streams.in_flight == 4096
    assert streams.rows() == []


def test_an_answer_that_comes_twice_is_a_stray_the_second_time():
    streams = Streams(1500, timeouts_s=[1e6] * 2)
    asked = streams.ask(1.0)

    assert sum(answer(session, query, 1.1, 0) for session, query in asked) == 1500
    assert sum(answer(session, query, 1.2, 3) for session, query in asked) == 0
    assert {row["s"] for row in streams.rows()} == {"taken"}
    assert sum(session.path.tally.count("strays") for session in streams.sessions) == 1500


def test_a_session_that_is_dropped_leaves_no_query_in_flight():
    streams = Streams(3000, timeouts_s=[5.0] * 3)
    streams.ask(1.0)
    assert streams.in_flight == 3000

    del streams.sessions[1]

    assert streams.in_flight == 3000 - 1024
    assert len(expire_queries(streams.pool, 7.0)) == 2
    assert streams.in_flight == 0


# -- the wheel -------------------------------------------------------------------------------------------------

TIMEOUTS_S = (0.001, 0.004, 0.5, 3.0, TURN_S - TICK_S, TURN_S, TURN_S + TICK_S, 2 * TURN_S + 0.1, 100.0)


@pytest.mark.parametrize("step_s", [0.003, 0.05, 1.3])
def test_each_query_ends_at_the_first_look_after_its_time(step_s):
    streams = Streams(30 * len(TIMEOUTS_S), timeouts_s=TIMEOUTS_S, window=1)
    sent: dict[str, tuple[float, float]] = {}  # by name: when its query was sent, and when its time is over
    now, turn, rows = 1.0, 0, 0
    while not streams.pool.done and rows < 15 * len(TIMEOUTS_S):
        for session, query in streams.ask(now):
            sent[f"n{number_of(query)}.example"] = now, now + TIMEOUTS_S[session.worker]
        turn += 1
        before, now = now, 1.0 + step_s * turn
        expire_queries(streams.pool, now)
        for row in streams.rows():
            rows += 1
            began, over = sent.pop(row["d"])
            assert before - 1e-9 <= over <= now + 1e-9, row
            assert row["e"] == "timeout"
            assert abs(row["ms"] - 1000 * (now - began)) <= 1
        assert all(over > now - 1e-9 for _, over in sent.values())
        assert streams.in_flight == len(sent)

    assert rows >= 15 * len(TIMEOUTS_S)


def test_a_query_of_two_minutes_is_still_answered_after_many_turns_of_the_wheel():
    streams = Streams(100, timeouts_s=(120.0,))
    asked = streams.ask(1.0)
    for tenth in range(1190):
        assert expire_queries(streams.pool, 1.0 + tenth / 10) == []

    for session, query in asked:
        answer(session, query, 120.0, 0)

    assert Counter(row["s"] for row in streams.rows()) == {"taken": 100}


GAPS_S = (0.001, 4.0, TURN_S - TICK_S, TURN_S, TURN_S + TICK_S, 2 * TURN_S, 61.0, 600.0, 86_400.0)


@pytest.mark.parametrize("gap_s", GAPS_S)
def test_after_a_gap_all_that_is_over_ends_at_once_and_nothing_else(gap_s):
    """A gap of minutes: the machine slept, and its clock did not stand still."""
    streams = Streams(2000 * len(TIMEOUTS_S), timeouts_s=TIMEOUTS_S, window=200)
    expire_queries(streams.pool, 1.0)
    streams.ask(1.0)
    now = 1.0 + gap_s

    touched = expire_queries(streams.pool, now)

    over = [index for index, timeout_s in enumerate(TIMEOUTS_S) if 1.0 + timeout_s <= now]
    assert sorted(session.worker for session in touched) == over
    assert [session.in_flight for session in streams.sessions] == [
        0 if index in over else 200 for index in range(len(TIMEOUTS_S))
    ]
    streams.ask(now)  # and the wheel goes on from here
    assert expire_queries(streams.pool, now) == []
    later = now + max(TIMEOUTS_S) + TICK_S
    assert len(expire_queries(streams.pool, later)) == len(TIMEOUTS_S)
    assert streams.in_flight == 0


def test_the_wheel_does_not_turn_while_the_reader_of_the_output_is_behind():
    streams = Streams(50, timeouts_s=(2.0,))
    streams.ask(1.0)
    expire_queries(streams.pool, 1.5)

    streams.pool.hold(2.0)
    assert expire_queries(streams.pool, 500.0) == []
    streams.pool.release(500.0)
    assert expire_queries(streams.pool, 500.9) == []

    assert len(expire_queries(streams.pool, 501.1)) == 1
    assert len(streams.rows()) == 50


# -- a job that has waited past its deadline -------------------------------------------------------------------


def test_a_job_that_waited_for_a_stream_past_its_deadline_has_its_line_at_the_next_look():
    """Its query's bucket of the wheel had passed when it was sent: the line came a turn of the wheel later."""
    pool = JobPool(LineBuffer(), (2,), classify_line=classify_line, room_made=lambda: None, deadline_s=1.0)
    pool.feed(b"waits.example\n")
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        opener = port_opener((), rcvbuf=1 << 16, sndbuf=1 << 16, port_range=None)
        path = PathState()
        engine = UdpEngine(pool, [Address(path, *server.getsockname(), 0, b"")], open_port=opener)
        engine.turn(1.0)
        octets, source = server.recvfrom(4096)
        message = response(parse(octets), 0)
        server.sendto(message[:2] + TRUNCATED + message[3:], source)
        engine.turn(1.1)
        engine.close()
    (fallback,) = pool.fallbacks
    session = Session(pool, path, window=8, fallback=fallback)
    for tenth in range(11, 100):  # the wheel turns, and nobody ends the jobs that wait
        expire_queries(pool, tenth / 10)
    assert session.fill(10.0)

    assert expire_queries(pool, 10.001) == [session]

    pool.expire(10.001)
    (row,) = [orjson.loads(line) for line in pool.writer.buffer.take().splitlines()]
    assert (row["d"], row["e"], row["ms"]) == ("waits.example", "truncated", 9001)


def test_a_failed_job_that_waited_past_its_deadline_is_not_asked_again():
    streams = Streams(3, timeouts_s=(0.5,), deadline_s=2.0, retries=5)
    streams.ask(1.0)
    expire_queries(streams.pool, 1.6)
    assert len(streams.pool.retry) == 3

    assert streams.ask(60.0) == []

    assert [(row["e"], row["ms"]) for row in streams.rows()] == [("timeout", 59_000)] * 3
    assert streams.pool.done
