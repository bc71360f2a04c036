"""The native session, fed by a scripted stream: no I/O, no clock, every message also one octet at a time."""

import gc
import itertools
import random

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.input.line import classify_line as judge
from scanner.model import REASONS
from scanner.native.jobs.pool import JobPool
from scanner.native.limits import Bucket
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session, expire_queries

NS, CONNECTION = 2, REASONS.index("connection")


class Script:
    """One session with its names and lines, and the server's side of it."""

    def __init__(
        self, text: bytes, *, window=8, retries=0, deadline_s=10.0, types=(NS,), sessions=1, fields=(), rate=0
    ):
        self.lines = LineBuffer()
        self.pool = JobPool(
            self.lines,
            types,
            classify_line=judge,
            room_made=lambda: None,
            retries=retries,
            deadline_s=deadline_s,
            fields=fields,
        )
        self.pool.retry.workers = self.pool.retry.egresses = sessions
        bucket = Bucket(rate)  # one path, of one egress each
        self.paths = [PathState(i, 0, bucket) for i in range(sessions)]
        self.sessions = [Session(self.pool, path, window=window, worker=i) for i, path in enumerate(self.paths)]
        self.session = self.sessions[0]
        self.pool.feed(text)
        self.pool.end()

    def queries(self, now=1.0, session=0):
        return [dns.message.from_wire(frame) for frame in frames(self.sessions[session].fill(now) or b"")]

    def expire(self, now):
        return expire_queries(self.pool, now)

    def results(self):
        return [orjson.loads(line) for line in self.lines.take().splitlines()]


def frames(octets):
    while octets:
        size = 2 + int.from_bytes(octets[:2], "big")
        yield octets[2:size]
        octets = octets[size:]


def framed(*messages):
    wires = [m if isinstance(m, bytes) else m.to_wire() for m in messages]
    return b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires)


def response(query, rcode=0, answer=("NS", "ns1.example.")):
    message = dns.message.make_response(query)
    message.set_rcode(rcode)
    if answer and rcode in (0, 3):
        message.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", *answer))
    return message


def nx(query):
    return response(query, 3, answer=None)


def name_of(query):
    return query.question[0].name.to_text(omit_final_dot=True)


def test_a_query_is_what_dnspython_reads_it_to_be():
    desk = Script(b"www.Example.com\n")

    (query,) = desk.queries()

    assert name_of(query) == "www.Example.com"
    assert query.question[0].rdtype == NS
    assert query.flags == dns.flags.RD
    assert (query.edns, query.payload, query.ednsflags) == (0, 1232, 0)


def test_each_verdict_has_its_line():
    desk = Script(b"a.com\nb.com\nc.com\nd.com\ne.com\n")
    a, b, c, d, e = desk.queries(1.0)

    desk.session.receive(
        framed(
            response(a),
            nx(b),
            response(c, 0, answer=None),
            response(d, 3, ("CNAME", "x.example.")),
            response(e, 2),
        ),
        1.0625,
    )

    assert desk.results() == [
        {"d": "a.com", "s": "taken", "r": 0, "ms": 63, "re": True},
        {"d": "b.com", "s": "nxdomain", "r": 3, "ms": 63, "re": False},
        {"d": "c.com", "s": "taken", "r": 0, "ms": 63, "re": True, "e": "nodata"},
        {"d": "d.com", "s": "taken", "r": 3, "ms": 63, "re": False, "e": "cname_nx"},
        {"d": "e.com", "s": "error", "r": 2, "ms": 63, "re": False, "e": "servfail"},
    ]
    assert desk.pool.done


@pytest.mark.parametrize(
    ("rcode", "reason"),
    [
        (1, "formerr"),
        (2, "servfail"),
        (4, "notimp"),
        (5, "refused"),
        (9, "rcode9"),
        (16, "rcode16"),
        (23, "rcode23"),
        (19, "rcode19"),
    ],
)
def test_every_other_rcode_is_an_error_with_its_reason(rcode, reason):
    desk = Script(b"a.com\n")
    for now in (1.0, 2.0):  # FORMERR, NOTIMP, SERVFAIL count when heard again without EDNS
        for query in desk.queries(now):
            desk.session.receive(framed(response(query, rcode)), now + 0.1)

    (line,) = desk.results()
    assert (line["s"], line["e"], line["r"]) == ("error", reason, rcode)


def test_an_nxdomain_that_carries_answers_is_not_believed():
    desk = Script(b"a.com\n")
    (query,) = desk.queries()

    desk.session.receive(framed(response(query, 3)), 1.1)

    assert desk.results()[0]["e"] == "badresp"


def test_a_frame_split_at_every_octet_reads_the_same():
    for cut in range(1, 60):
        desk = Script(b"a.com\nb.com\n")
        a, b = desk.queries()
        octets = framed(response(a), nx(b))

        desk.session.receive(octets[:cut], 1.1)
        desk.session.receive(octets[cut:], 1.1)

        assert [line["s"] for line in desk.results()] == ["taken", "nxdomain"]


def test_many_frames_one_octet_at_a_time_in_any_order():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(20)), window=20)
    queries = desk.queries()

    for octet in framed(*(nx(q) if i % 2 else response(q) for i, q in reversed(list(enumerate(queries))))):
        desk.session.receive(bytes([octet]), 1.1)

    results = {line["d"]: line["s"] for line in desk.results()}
    assert results == {f"n{i}.com": "nxdomain" if i % 2 else "taken" for i in range(20)}


def test_a_late_response_is_never_given_to_the_next_name():
    desk = Script(b"a.com\nb.com\n", window=1)
    (a,) = desk.queries(1.0)
    desk.expire(3.5)
    (b,) = desk.queries(3.5)

    late = nx(a)
    late.id = b.id  # the worst case: the next name drew the same ID
    desk.session.receive(framed(nx(a), late), 3.6)

    assert [(line["d"], line["e"]) for line in desk.results()] == [("a.com", "timeout")]
    assert desk.session.strays == 2
    desk.session.receive(framed(response(b)), 3.7)
    assert [(line["d"], line["s"]) for line in desk.results()] == [("b.com", "taken")]


def wrong_id(query):
    message = nx(query)
    message.id ^= 1
    return message


def wrong_question(query):
    return nx(dns.message.make_query("b.com", "NS", id=query.id))


def wrong_type(query):
    return nx(dns.message.make_query("a.com", "MX", id=query.id))


def wrong_class(query):
    return nx(dns.message.make_query("a.com", "NS", "CH", id=query.id))


def no_question(query):
    message = nx(query)
    message.question = []
    return message


def not_a_response(query):
    return query


def other_opcode(query):
    wire = bytearray(nx(query).to_wire())
    wire[2] |= 0x20
    return bytes(wire)


@pytest.mark.parametrize(
    "forge", [wrong_id, wrong_question, wrong_type, wrong_class, no_question, not_a_response, other_opcode]
)
def test_what_does_not_answer_the_query_is_passed_over(forge):
    desk = Script(b"a.com\n")
    (query,) = desk.queries()

    desk.session.receive(framed(forge(query)), 1.1)

    assert desk.results() == []
    assert desk.session.strays == 1
    desk.session.receive(framed(response(query)), 1.2)
    assert [line["s"] for line in desk.results()] == ["taken"]


@pytest.mark.parametrize("size", [0, 1, 11])
def test_a_frame_too_short_for_a_header_is_passed_over(size):
    desk = Script(b"a.com\n")
    (query,) = desk.queries()

    for octet in framed(b"\0" * size, response(query)):
        desk.session.receive(bytes([octet]), 1.1)

    assert [line["s"] for line in desk.results()] == ["taken"]


def test_a_frame_of_65535_octets_that_never_comes_holds_no_name_back():
    desk = Script(b"a.com\n", sessions=2)
    desk.queries()

    desk.session.receive(b"\xff\xff" + b"\0" * 100, 1.1)
    given_back = desk.session.abandon(CONNECTION, 1.2)

    assert given_back == 1
    (again,) = desk.queries(1.2, session=1)
    desk.sessions[1].receive(framed(response(again)), 1.3)
    assert desk.results() == [{"d": "a.com", "s": "taken", "r": 0, "ms": 100, "re": True}]


def test_two_answers_to_one_query_make_one_line():
    desk = Script(b"a.com\n")
    (query,) = desk.queries()

    desk.session.receive(framed(response(query), nx(query)), 1.1)

    assert [line["s"] for line in desk.results()] == ["taken"]


@pytest.mark.parametrize("rcode", [1, 2, 4, 5])
def test_an_error_may_leave_the_question_out(rcode):
    desk = Script(b"a.com\n")
    for now in (1.0, 2.0):
        for query in desk.queries(now):
            message = response(query, rcode)
            message.question = []
            desk.session.receive(framed(message), now + 0.1)

    assert desk.results()[0]["r"] == rcode


def test_a_resolver_without_edns_is_asked_without_it():
    desk = Script(b"a.com\n")
    (query,) = desk.queries()
    message = response(query, 1)
    message.use_edns(-1)

    desk.session.receive(framed(message), 1.1)
    (again,) = desk.queries(1.5)
    desk.session.receive(framed(response(again)), 1.6)

    assert again.edns == -1
    (line,) = desk.results()
    assert line["s"] == "taken"
    assert "x" not in line


@pytest.mark.parametrize(("knows_edns", "last_edns"), [(True, 0), (False, -1)])
def test_only_a_server_that_never_sends_opt_is_asked_without_edns_from_the_start(knows_edns, last_edns):
    desk = Script(b"a.com\nb.com\nc.com\nd.com\n", window=1)
    for now in (1.0, 2.0, 3.0):
        (query,) = desk.queries(now)
        refusal = response(query, 1)
        refusal.use_edns(0 if knows_edns else -1)
        desk.session.receive(framed(refusal), now + 0.1)
        (again,) = desk.queries(now + 0.5)
        plain = response(again)
        plain.use_edns(-1)
        desk.session.receive(framed(plain), now + 0.6)
        assert (query.edns, again.edns) == (0, -1)

    (last,) = desk.queries(4.0)

    assert last.edns == last_edns


def test_no_query_in_flight_pays_for_a_resolver_without_edns():
    desk = Script(b"a.com\nb.com\n")
    refusals = [response(query, 1) for query in desk.queries()]
    for refusal in refusals:
        refusal.use_edns(-1)

    desk.session.receive(framed(*refusals), 1.1)
    desk.session.receive(framed(*map(response, desk.queries(1.5))), 1.6)

    assert [line.get("x") for line in desk.results()] == [None, None]


def test_counts_that_lie_make_a_bad_response():
    desk = Script(b"a.com\n")
    (query,) = desk.queries()
    wire = bytearray(response(query).to_wire())
    wire[7] = 9

    desk.session.receive(framed(bytes(wire)), 1.1)

    assert desk.results()[0]["e"] == "badresp"


def test_a_name_is_tried_elsewhere_until_its_attempts_are_used_up():
    desk = Script(b"a.com\n", retries=2, sessions=2)
    seen = []
    for turn in range(3):
        (query,) = desk.queries(1.0 + turn * 2.0, session=turn % 2)
        seen.append(query.id)
        assert desk.queries(1.0 + turn * 2.0, session=(turn + 1) % 2) == []
        desk.expire(1.0 + turn * 2.0 + 2.0)

    (line,) = desk.results()
    assert line == {"d": "a.com", "s": "error", "r": None, "ms": 6000, "re": False, "e": "timeout", "x": 2}


def test_the_deadline_ends_a_name_before_its_attempts_are_used_up():
    desk = Script(b"a.com\n", retries=9, deadline_s=3.0)
    desk.queries(1.0)
    desk.expire(3.0)
    desk.queries(3.3)

    desk.expire(4.01)

    assert [(line["e"], line["ms"]) for line in desk.results()] == [("timeout", 3010)]


def test_a_failed_name_waits_for_another_worker_first():
    desk = Script(b"a.com\n", retries=1, sessions=2)
    (query,) = desk.queries()
    desk.session.receive(framed(response(query, 2)), 1.1)

    assert desk.queries(1.1, session=0) == []
    assert len(desk.queries(1.1, session=1)) == 1


def test_a_close_among_answers_spends_no_attempt():
    desk = Script(b"a.com\nb.com\nc.com\nd.com\n", retries=0, window=2)
    for now in (1.0, 2.0, 3.0):
        first, *_ = desk.queries(now)
        desk.session.receive(framed(response(first)), now + 0.1)
        desk.session.abandon(CONNECTION, now + 0.2)
        desk.session.opened()
        desk.paths[0].quota = 0

    assert [line["s"] for line in desk.results()] == ["taken"] * 3


def test_a_closing_connection_spends_no_attempt_the_first_time_and_one_after():
    desk = Script(b"a.com\n", retries=1)
    for now in (1.0, 2.0):
        desk.queries(now)
        desk.session.abandon(CONNECTION, now + 0.1)
        desk.session.opened()
        assert desk.results() == []

    desk.queries(3.0)
    desk.session.abandon(CONNECTION, 3.1)

    (line,) = desk.results()
    assert (line["e"], line["x"]) == ("connection", 1)


def test_a_server_that_closes_after_one_answer_gets_one_query_a_connection():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(9)), window=0, sessions=2)
    for _ in range(2):
        first, *_ = desk.queries(1.0)
        desk.session.receive(framed(response(first)), 1.1)
        desk.session.fill(1.1)
        desk.session.abandon(CONNECTION, 1.2)
        desk.session.opened()

    assert len(desk.queries(2.0)) == 1
    assert desk.session.room == 0


def answered_turns(desk, round_trips_s):
    """Each turn, all that the window allows is asked, and answered after the round trip for so many; the time then."""
    now = 1.0
    for _ in range(14):
        queries = desk.queries(now)
        now += round_trips_s(len(queries))
        desk.session.receive(framed(*(response(q) for q in queries)), now)
    return now


@pytest.mark.parametrize(
    ("round_trips_s", "window"),
    [
        (lambda _: 0.001, range(64, 65)),  # beyond it nothing is gained
        (lambda _: 0.05, range(1024, 1025)),  # the way is long: many fill it
        (lambda asked: max(0.05, asked / 4000), range(200, 320)),  # 4,000 a second: 200 are on the way, more queue
        (lambda asked: 0.006 + 0.001 * asked, range(64, 65)),  # one after the other: more bring a queue at once
    ],
    ids=["near", "far", "far, with a limit", "one at a time"],
)
def test_the_window_is_as_large_as_the_way_is_long(round_trips_s, window):
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(8000)), window=0)

    answered_turns(desk, round_trips_s)

    assert desk.session.window in window


def test_the_window_collapses_in_silence():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(5000)), window=0)
    now = answered_turns(desk, lambda _: 0.001)
    desk.queries(now)

    desk.expire(now + 2.1)

    assert desk.session.window == 1


def test_a_connection_silent_twice_is_hopeless():
    desk = Script(b"a.com\nb.com\n", window=1)
    desk.queries(1.0)
    desk.expire(3.1)
    assert not desk.session.hopeless
    desk.queries(3.1)

    desk.expire(5.2)

    assert desk.session.hopeless


@pytest.mark.parametrize("noise", [b"\1", b"\xff\xff", b"\0\0", b"\0\2ab"])
def test_noise_through_an_attempt_ends_the_connection_and_costs_no_attempt(noise):
    desk = Script(b"a.com\nb.com\n", sessions=2)
    desk.queries(1.0)
    desk.session.receive(noise, 2.0)

    assert desk.expire(3.1) == [desk.session]

    assert desk.session.hopeless
    assert desk.session.noisy
    assert desk.session.abandon(CONNECTION, 3.2) == 0
    assert not desk.session.excused
    desk.sessions[1].receive(framed(*map(response, desk.queries(3.2, session=1))), 3.3)
    assert sorted((line["d"], line["s"], "x" in line) for line in desk.results()) == [
        ("a.com", "taken", False),
        ("b.com", "taken", False),
    ]


def test_noise_after_answers_holds_new_names_off_until_an_answer():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(9)), window=2, sessions=2)
    first, _ = desk.queries(1.0)
    desk.session.receive(framed(nx(first)), 1.5)
    (third,) = desk.queries(1.5)
    desk.session.receive(b"\0\0", 2.0)

    desk.expire(3.1)  # the second's attempt; the third's goes on

    assert not desk.session.hopeless
    assert desk.session.room == 0
    desk.session.receive(framed(nx(third)), 3.4)
    assert desk.session.room == 2
    assert not desk.session.hopeless


def test_noise_after_answers_ends_the_connection_an_attempt_after_the_last_answer():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(9)), window=2, sessions=2)
    first, _ = desk.queries(1.0)
    desk.session.receive(framed(nx(first)), 1.5)
    desk.queries(1.5)
    desk.session.receive(b"\0\0", 2.0)
    desk.expire(3.1)

    desk.expire(3.6)

    assert desk.session.noisy
    assert desk.pool.books.count("retried") == 0


def test_an_answer_in_pieces_that_is_whole_in_time_keeps_its_connection():
    desk = Script(b"a.com\nb.com\n", window=1)
    (query,) = desk.queries(1.0)
    octets = framed(response(query))
    for at in range(0, len(octets), 2):
        desk.session.receive(octets[at : at + 2], 1.0 + 1.9 * at / len(octets))
        desk.expire(1.0 + 1.9 * at / len(octets))

    (line,) = desk.results()
    assert (line["s"], desk.session.hopeless) == ("taken", False)


def test_late_answers_are_life_though_their_names_are_lost():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(99)), window=1)
    for turn in range(9):
        (query,) = desk.queries(1.0 + 3 * turn)
        desk.expire(3.1 + 3 * turn)
        desk.session.receive(framed(nx(query)), 3.5 + 3 * turn)

        assert not desk.session.hopeless
    assert {line["e"] for line in desk.results()} == {"timeout"}


def test_a_stray_beside_answers_spends_its_names_attempt_and_ends_nothing():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(9)), window=2)
    stray, other = desk.queries(1.0)
    desk.session.receive(framed(wrong_id(stray)), 1.1)
    desk.session.receive(framed(nx(other)), 1.2)

    desk.expire(3.1)

    assert not desk.session.hopeless
    assert [(line["d"], line["e"]) for line in desk.results() if "e" in line] == [("n0.com", "timeout")]


def test_an_attempt_cut_short_by_its_deadline_condemns_nothing():
    desk = Script(b"a.com\n", deadline_s=0.5)
    desk.queries(1.0)
    desk.session.receive(b"\0", 1.2)

    desk.expire(1.6)

    assert not desk.session.hopeless
    assert [line["e"] for line in desk.results()] == ["timeout"]


def test_noise_while_others_of_its_path_answer_is_no_proof_against_the_path():
    desk = Script(b"a.com\nb.com\n", window=1)
    other = Session(desk.pool, desk.paths[0], window=1, worker=1)
    desk.queries(1.0)
    (query,) = [dns.message.from_wire(frame) for frame in frames(other.fill(1.0))]
    desk.session.receive(b"\0", 1.5)
    other.receive(framed(nx(query)), 2.0)

    desk.expire(3.1)
    desk.session.abandon(CONNECTION, 3.1)

    assert desk.session.noisy
    assert desk.session.excused


def test_a_hundred_messages_in_a_row_that_answer_nothing_are_a_lost_framing():
    desk = Script(b"a.com\nb.com\nc.com\n", window=1)
    (query,) = desk.queries(1.0)
    desk.session.receive(b"\0\0" * 90 + framed(nx(query)), 1.1)
    desk.queries(1.1)
    desk.session.receive(b"\0\0" * 90, 1.2)
    assert not desk.session.hopeless

    desk.session.receive(b"\0\0" * 11, 1.3)

    assert desk.session.hopeless


def test_the_same_name_in_a_row_is_asked_once_and_answered_each_time():
    desk = Script(b"a.com\n" * 1000 + b"A.com\n", fields=("n",))

    queries = desk.queries()
    desk.session.receive(framed(*(response(q) for q in queries)), 1.1)

    assert [name_of(q) for q in queries] == ["a.com", "A.com"]
    assert sorted(line["n"] for line in desk.results()) == list(range(1, 1002))


def test_each_type_has_its_line():
    desk = Script(b"a.com\nb.com\n", types=(1, 2))

    queries = desk.queries()
    desk.session.receive(framed(*(nx(q) for q in queries)), 1.1)

    assert [(name_of(q), q.question[0].rdtype) for q in queries] == [
        ("a.com", 1),
        ("a.com", 2),
        ("b.com", 1),
        ("b.com", 2),
    ]
    assert len(desk.results()) == 4
    assert desk.pool.done


def test_message_ids_are_spread_and_unlike_their_neighbours():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(4000)), window=1000)
    ids = []
    while queries := desk.queries():
        ids += [q.id for q in queries]
        desk.session.receive(framed(*(nx(q) for q in queries)), 1.1)
        desk.lines.take()

    buckets = [sum(1 for i in ids if i >> 12 == bucket) for bucket in range(16)]
    assert len(ids) == 4000
    assert all(150 < count < 350 for count in buckets)
    assert sum(abs(a - b) < 16 for a, b in itertools.pairwise(ids)) < 20


def test_a_stopped_reader_holds_the_clock_of_deadlines():
    desk = Script(b"a.com\nb.com\n", window=1)
    (query,) = desk.queries(1.0)
    desk.pool.hold(1.5)
    desk.expire(100.0)
    assert desk.queries(100.0) == []

    desk.pool.release(100.0)
    desk.expire(101.0)
    desk.session.receive(framed(response(query)), 101.2)

    assert [(line["s"], line["ms"]) for line in desk.results()] == [("taken", 1700)]  # nobody waited for it meanwhile


def test_time_for_which_the_reader_stood_still_is_not_spent_on_a_name():
    desk = Script(b"a.com\n")
    desk.queries(1.0)
    desk.pool.hold(1.5)
    desk.pool.release(100.0)
    desk.expire(101.6)

    assert [(line["e"], line["ms"]) for line in desk.results()] == [("timeout", 2100)]


@pytest.mark.parametrize("seed", range(20))
def test_a_name_waited_for_none_of_the_many_times_that_the_reader_stood_still(seed):
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(100)), window=8, deadline_s=1e6)
    draw = random.Random(seed)
    now, held, in_flight, waited = 1.0, [], {}, {}
    while len(waited) < 100:
        in_flight.update({name_of(query): (query, now, len(held)) for query in desk.queries(now)})
        for name in draw.sample(sorted(in_flight), draw.randint(0, len(in_flight))):
            query, sent, before = in_flight.pop(name)
            waited[name] = now - sent - sum(held[before:][-1024:])  # so many are remembered
            desk.session.receive(framed(nx(query)), now)
        for _ in range(draw.choice((0, 1, 3, 700))):
            desk.pool.hold(now + 0.5)
            held.append(draw.choice((0.25, 0.5)))
            desk.pool.release(now + 0.5 + held[-1])
            now += 1.0
        now += 0.125

    assert {line["d"]: line["ms"] for line in desk.results()} == {name: round(s * 1000) for name, s in waited.items()}


def test_the_bucket_lets_no_more_through_than_its_rate():
    desk = Script(b"".join(b"n%d.com\n" % i for i in range(5000)), window=1000, rate=1000)
    sent = 0
    for tick in range(101):
        queries = desk.queries(1.0 + tick / 100)
        sent += len(queries)
        desk.session.receive(framed(*(nx(q) for q in queries)), 1.0 + tick / 100)
        desk.lines.take()

    assert 980 <= sent <= 1021


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_octets_from_the_peer_lose_a_name(octets, cut):
    desk = Script(b"a.com\nb.com\n")
    desk.queries()

    desk.session.receive(octets[:cut], 1.1)
    desk.session.receive(octets[cut:], 1.1)
    desk.session.abandon(CONNECTION, 1.2)
    desk.pool.expire(100.0)

    assert sorted(line["d"] for line in desk.results()) == ["a.com", "b.com"]
    assert desk.pool.done


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_answer_is_judged_as_dnspython_would_or_not_at_all(data):
    desk = Script(b"a.com\n")
    (query,) = desk.queries()
    wire = bytearray(nx(query).to_wire())
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))

    desk.session.receive(framed(bytes(wire)), 1.1)

    for line in desk.results():
        if line["s"] == "nxdomain":
            parsed = dns.message.from_wire(bytes(wire), ignore_trailing=True, continue_on_error=True)
            assert parsed.rcode() == 3
            assert parsed.question == query.question or name_of(parsed).lower() == "a.com"


def test_a_name_that_was_cut_but_not_asked_when_the_user_stops_is_not_started_any_more():
    desk = Script(b"a.com\nb.com\nc.com\n", window=1)
    (query,) = desk.queries(1.0)
    assert desk.pool.look_ahead()  # b.com is at hand

    desk.pool.stop()
    assert desk.queries(2.0) == []
    desk.session.receive(framed(nx(query)), 2.1)

    assert [line["d"] for line in desk.results()] == ["a.com"]
    assert desk.pool.done
    assert [desk.pool.books.count(name) for name in ("read", "written", "expected")] == [1, 1, 1]


def test_a_name_that_hurts_again_after_others_were_answered_excuses_the_peer():
    desk = Script(b"hurts.com\na.com\nb.com\n", window=1)
    desk.queries(1.0)
    desk.session.abandon(CONNECTION, 1.1)
    blamed_at_first = not desk.session.excused
    desk.session.opened()
    (query,) = desk.queries(2.0)
    desk.session.receive(framed(nx(query)), 2.1)
    desk.session.abandon(CONNECTION, 2.2)
    desk.session.opened()
    (again,) = desk.queries(3.0)
    desk.session.abandon(CONNECTION, 3.1)

    assert blamed_at_first
    assert (name_of(query), name_of(again)) == ("a.com", "hurts.com")  # a doubted peer is asked a fresh name first
    assert desk.session.excused


def close_beside(desk, now, session=0):
    """A connection that closes on all that it was asked; returns the names."""
    asked = [name_of(query) for query in desk.queries(now, session)]
    desk.sessions[session].abandon(CONNECTION, now + 0.1)
    desk.sessions[session].opened()
    return asked


def hurt_to_the_last(desk):
    """Two jobs whose last attempt was ended by closes that either may have brought about; a third was answered."""
    (third,) = [query for query in desk.queries(1.0) if name_of(query) == "answered.com"]
    desk.session.receive(framed(nx(third)), 1.1)
    desk.session.abandon(CONNECTION, 1.2)
    desk.session.opened()
    desk.paths[0].quota = 0
    for turn in range(20):
        if len(asked := close_beside(desk, 2.0 + turn)) != 2:
            return asked
        desk.paths[0].quota = 0
    raise AssertionError("always together")


def test_a_close_ends_no_job_that_was_not_alone_on_its_connection():
    desk = Script(b"answered.com\ncloses.com\ngood.com\n", window=3, deadline_s=60)
    (first,) = hurt_to_the_last(desk)
    (second,) = desk.queries(30.0)

    assert {first, name_of(second)} == {"closes.com", "good.com"}
    assert desk.session.room == 0  # nothing goes beside it
    desk.session.receive(framed(nx(second)), 30.1)

    lines = {line["d"]: (line["s"], line.get("e")) for line in desk.results()}
    assert lines.pop("answered.com") == ("nxdomain", None)
    assert lines == {first: ("error", "connection"), name_of(second): ("nxdomain", None)}
    assert desk.session.room == 3
    assert desk.pool.done


def test_a_connection_that_answers_sends_no_more_until_it_is_replaced_for_such_a_job():
    desk = Script(b"answered.com\ncloses.com\ngood.com\nlast.com\nmore.com\n", window=3, deadline_s=60)
    busy = Session(desk.pool, desk.paths[0], window=1, worker=1)
    answered, *_ = desk.queries(1.0)
    (last,) = [dns.message.from_wire(frame) for frame in frames(busy.fill(1.0))]
    busy.receive(framed(nx(last)), 1.05)
    (more,) = [dns.message.from_wire(frame) for frame in frames(busy.fill(1.05))]
    desk.session.receive(framed(nx(answered)), 1.1)
    desk.session.abandon(CONNECTION, 1.2)
    desk.session.opened()
    for turn in range(20):
        desk.paths[0].quota = 0
        if len(close_beside(desk, 2.0 + turn / 10)) != 2:
            break
    (job,) = hurt_jobs = desk.results()[-1:]
    assert job["e"] == "connection"
    assert (len(hurt_jobs), len(desk.session.retry)) == (1, 1)

    busy.receive(framed(nx(more)), 4.5)  # it has room now
    assert busy.fill(4.5) is None

    assert (busy.room, busy.used_up) == (0, True)
    busy.abandon(CONNECTION, 4.6)
    busy.opened()
    (alone,) = [dns.message.from_wire(frame) for frame in frames(busy.fill(4.7))]
    busy.receive(framed(nx(alone)), 4.8)
    assert (busy.room, busy.used_up) == (1, False)
    assert desk.pool.done


def test_a_peer_that_closes_twice_without_an_answer_is_excused_once():
    desk = Script(b"a.com\nb.com\nc.com\n", window=1)
    (query,) = desk.queries(1.0)
    desk.session.receive(framed(nx(query)), 1.1)
    excused = []
    for now in (2.0, 3.0):
        desk.session.opened()
        desk.queries(now)
        desk.session.abandon(CONNECTION, now + 0.1)
        excused.append(desk.session.excused)

    assert excused == [True, False]


def test_names_dropped_by_the_garbage_collector_leave_nothing_behind():
    """The debug build shows it: the collector clears what an object refers to before it lets go of the object."""
    desk = Script("bücher.example\nfaß.example\na.com\n".encode(), window=2)
    desk.queries(1.0)
    desk.session.abandon(CONNECTION, 1.1)
    desk.queries(1.5)
    started = desk.pool.live
    keeper = [desk.pool]
    keeper.append(keeper)
    del desk, keeper

    assert started
    assert gc.collect()
