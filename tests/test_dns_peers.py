"""Resolvers that answer as they should not: no false or torn answer lands on a name, no name is lost."""

import struct
import threading
import time
from collections.abc import Callable

import pytest
from command import Scan, scan, wait_for
from dns_peer import (
    FORMERR,
    NOERROR,
    NXDOMAIN,
    QR,
    REFUSED,
    SERVFAIL,
    DnsPeer,
    Query,
    Talk,
    frame,
    good,
    response,
)  # fmt: skip
from udp_peer import UdpPeer

NAMES = [f"{kind}{number}.example" for kind in ("is", "nx") for number in range(50)]
INPUT = "\n".join(NAMES) + "\n"
PATIENT = ("--timeout-ms", 2000, "--deadline-ms", 10000)
QUICK = ("--timeout-ms", 300, "--deadline-ms", 2500)


def ask(*peers: DnsPeer, names: str = INPUT, args=PATIENT, workers: int = 2, limit_s: float = 30) -> Scan:
    resolvers = [flag for peer in peers for flag in ("-r", peer.address)]
    done = scan(*resolvers, "--workers", workers, *args, names=names, limit_s=limit_s)
    assert "Traceback" not in done.err
    assert sorted(row["d"] for row in done.rows) == sorted(names.split())
    return done


def assert_right(done: Scan) -> None:
    """Every name has the verdict that the zone gives it."""
    assert done.code == 0, done.err
    wrong = [row for row in done.rows if row["s"] != ("nxdomain" if row["d"].startswith("nx") else "taken")]
    assert wrong == []


def for_each_query(act) -> Callable[[Talk], None]:
    """A script that does `act(talk, query)` for each query."""

    def script(talk: Talk) -> None:
        for query in talk.queries():
            act(talk, query)

    return script


def on_each_query(act) -> DnsPeer:
    """A peer that does so on every connection."""
    return DnsPeer(for_each_query(act))


# -- connections -----------------------------------------------------------------------------------


def test_an_honest_peer_gives_right_answers():
    with DnsPeer(good) as peer:
        assert_right(ask(peer))


def test_a_server_of_one_query_a_connection_gives_right_answers():
    def script(talk: Talk) -> None:
        talk.answer(talk.query())

    with DnsPeer(script) as peer:
        assert_right(ask(peer))


@pytest.mark.parametrize("answered", [1, 3, 7])
def test_a_close_with_queries_in_flight_loses_no_name(answered):
    def script(talk: Talk) -> None:
        for _ in range(answered):
            talk.answer(talk.query())
        talk.query()

    with DnsPeer(script) as peer:
        assert_right(ask(peer, args=(*PATIENT, "--pipeline", 8)))


def test_a_reset_with_queries_in_flight_loses_no_name():
    chance = iter(range(10_000))

    def script(talk: Talk) -> None:
        for query in talk.queries():
            if next(chance) % 10 == 9:
                talk.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST
                return
            talk.answer(query)

    with DnsPeer(script) as peer:
        assert_right(ask(peer, args=(*PATIENT, "--pipeline", 4)))


def test_answers_in_reversed_order_land_on_their_names():
    def script(talk: Talk) -> None:
        while True:
            batch = [talk.query() for _ in range(4)]
            for query in reversed(batch):
                talk.answer(query)

    names = "\n".join(NAMES) + "\n"
    with DnsPeer(script) as peer:
        done = ask(peer, names=names, workers=1, args=("--timeout-ms", 400, "--pipeline", 4))

    assert {row["s"] for row in done.rows if row["d"].startswith("is")} <= {"taken", "error"}
    assert {row["s"] for row in done.rows if row["d"].startswith("nx")} <= {"nxdomain", "error"}
    assert sum(row["s"] == "error" for row in done.rows) <= 8


# -- what an answer must match ---------------------------------------------------------------------


def lies_first(lie):
    """A peer that sends a false message (the opposite verdict) and then the true answer."""

    def act(talk: Talk, query: Query) -> None:
        opposite = NXDOMAIN if query.exists else NOERROR
        talk.send(frame(lie(query, opposite)))
        talk.answer(query)

    return on_each_query(act)


def other_question(query: Query) -> bytes:
    return b"\x05other\x07example\x00" + query.question[-4:]


LIES = {
    "wrong ID": lambda query, rcode: response(query, rcode, change_id=0x5555),
    "wrong question": lambda query, rcode: response(query, rcode, question=other_question(query)),
    "wrong type": lambda query, rcode: response(query, rcode, question=query.question[:-4] + b"\x00\x10\x00\x01"),
    "wrong class": lambda query, rcode: response(query, rcode, question=query.question[:-2] + b"\x00\x03"),
    "a query, not a response": lambda query, rcode: response(query, rcode, flags=0),
    "another opcode": lambda query, rcode: response(query, rcode, flags=QR | 0x2000),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_before_the_answer_is_never_believed(lie):
    with lies_first(lie) as peer:
        done = ask(peer)

    told = {row["d"]: row["s"] for row in done.rows}
    assert not [name for name in NAMES if told[name] == ("taken" if name.startswith("nx") else "nxdomain")]


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_nothing_but_lies_is_an_error(lie):
    def act(talk: Talk, query: Query) -> None:
        talk.send(frame(lie(query, NXDOMAIN)))

    with on_each_query(act) as peer:
        done = ask(peer, names="is1.example\nis2.example\n", args=QUICK)

    assert {row["s"] for row in done.rows} == {"error"}
    assert {row["e"] for row in done.rows} <= {"timeout", "badresp", "connection"}


def test_two_answers_to_one_query_give_one_line():
    def act(talk: Talk, query: Query) -> None:
        talk.answer(query)
        talk.answer(query, SERVFAIL)

    with on_each_query(act) as peer:
        assert_right(ask(peer))


def test_a_late_answer_is_never_given_to_the_next_name():
    def act(talk: Talk, query: Query) -> None:
        if query.name.startswith("late"):
            held.append(query)
            return
        for late in held:
            talk.answer(late, NXDOMAIN)
        held.clear()
        talk.answer(query)

    held: list[Query] = []
    names = "".join(f"late{n}.example\nis{n}.example\n" for n in range(5))
    with on_each_query(act) as peer:
        done = ask(peer, names=names, workers=1, args=("--timeout-ms", 200, "--deadline-ms", 3000, "--retries", 0))

    told = {row["d"]: row["s"] for row in done.rows}
    assert {told[f"is{n}.example"] for n in range(5)} == {"taken"}
    assert all(row["d"].startswith("late") for row in done.rows if row["s"] == "nxdomain")


# -- frames ----------------------------------------------------------------------------------------


def test_answers_one_octet_at_a_time_are_read():
    def act(talk: Talk, query: Query) -> None:
        for octet in frame(response(query)):
            talk.send(bytes((octet,)))

    with on_each_query(act) as peer:
        assert_right(ask(peer))


def test_many_answers_in_one_segment_are_read():
    def script(talk: Talk) -> None:
        talk.connection.settimeout(0.05)
        waiting: list[Query] = []
        while True:
            try:
                waiting.append(talk.query())
            except TimeoutError:
                talk.send(b"".join(frame(response(query)) for query in waiting))
                waiting.clear()

    with DnsPeer(script) as peer:
        assert_right(ask(peer, args=(*PATIENT, "--pipeline", 16)))


@pytest.mark.parametrize("size", [0, 1, 11])
def test_a_frame_too_short_for_a_header_harms_nothing(size):
    def act(talk: Talk, query: Query) -> None:
        if query.message_id % 4 == 0:
            talk.send(frame(bytes(size)))
        talk.answer(query)

    with on_each_query(act) as peer:
        done = ask(peer)

    assert not [row for row in done.rows if row["s"] == ("taken" if row["d"].startswith("nx") else "nxdomain")]
    assert sum(row["s"] == "error" for row in done.rows) <= len(NAMES) // 4


def test_a_frame_of_65535_octets_that_never_comes_is_an_error_not_a_hang():
    def script(talk: Talk) -> None:
        talk.query()
        talk.send(b"\xff\xff" + bytes(100))

    with DnsPeer(script) as peer:
        done = ask(peer, names="is1.example\nis2.example\n", args=QUICK)

    assert {row["s"] for row in done.rows} == {"error"}


def test_a_whole_frame_of_65535_octets_is_read():
    def act(talk: Talk, query: Query) -> None:
        message = response(query)
        talk.send(frame(message + bytes(65535 - len(message))))

    with on_each_query(act) as peer:
        done = ask(peer, names="is1.example\nnx1.example\n", args=QUICK)

    assert not [row for row in done.rows if row["s"] == ("taken" if row["d"].startswith("nx") else "nxdomain")]


@pytest.mark.parametrize("cut", [12, 14, 20, -1])
def test_a_message_cut_short_inside_its_frame_is_never_a_verdict_of_nxdomain(cut):
    def act(talk: Talk, query: Query) -> None:
        talk.send(frame(response(query, NXDOMAIN)[:cut]))

    with on_each_query(act) as peer:
        done = ask(peer, names="is1.example\nis2.example\n", args=QUICK)

    assert {row["s"] for row in done.rows} <= {"error", "nxdomain"}
    assert cut == -1 or {row["s"] for row in done.rows} == {"error"}


def test_a_compression_loop_in_the_answer_is_no_hang():
    def act(talk: Talk, query: Query) -> None:
        head = struct.pack("!6H", query.message_id, QR | 0x0180, 1, 1, 0, 0)
        loop = struct.pack("!H", 0xC000 | (12 + len(query.question)))
        talk.send(frame(head + query.question + loop + struct.pack("!HHIH", 2, 1, 300, 2) + loop))

    with on_each_query(act) as peer:
        done = ask(peer, names="is1.example\nis2.example\n", args=QUICK)

    assert len(done.rows) == 2
    assert "nxdomain" not in {row["s"] for row in done.rows}


# -- RCODEs and other resolvers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rcode", "reason"),
    [(1, "formerr"), (2, "servfail"), (4, "notimp"), (5, "refused"), (9, "rcode9"), (15, "rcode15")],
)
def test_an_rcode_is_an_error_with_its_reason(rcode, reason):
    with on_each_query(lambda talk, query: talk.answer(query, rcode)) as peer:
        row = ask(peer, names="is1.example\n", args=(*QUICK, "--retries", 0)).row

    assert (row["s"], row["e"], row["r"], row["re"]) == ("error", reason, rcode, False)


def test_a_failure_is_retried_and_counted():
    with on_each_query(lambda talk, query: talk.answer(query, SERVFAIL)) as peer:
        row = ask(peer, names="is1.example\n", args=(*PATIENT, "--retries", 2, "--no-second-pass")).row

        assert (row["e"], row["x"]) == ("servfail", 2)
        assert peer.names_asked.count("is1.example") == 3


def test_servfail_here_and_good_elsewhere_is_good():
    with on_each_query(lambda talk, query: talk.answer(query, SERVFAIL)) as bad, DnsPeer(good) as fine:
        assert_right(ask(bad, fine, workers=4))


def test_a_resolver_that_refuses_everything_is_left_out_with_one_warning():
    names = "".join(f"is{number}.example\n" for number in range(500))
    with on_each_query(lambda talk, query: talk.answer(query, REFUSED)) as bad:

        def act(talk: Talk, query: Query) -> None:
            wait_for(lambda: len(bad.names_asked) >= 20)  # or a busy machine may let this one answer everything
            talk.answer(query)

        with on_each_query(act) as fine:
            done = ask(bad, fine, names=names, workers=4)

        assert_right(done)
        assert len(bad.names_asked) < 300
        assert sum("refuse" in line.lower() for line in done.err.splitlines()) == 1, done.err


def test_formerr_on_edns_is_asked_again_without():
    def act(talk: Talk, query: Query) -> None:
        if query.has_edns:
            head = struct.pack("!6H", query.message_id, QR | FORMERR, 0, 0, 0, 0)
            talk.send(frame(head))
        else:
            talk.answer(query)

    with on_each_query(act) as peer:
        assert_right(ask(peer))


def test_formerr_with_the_question_in_it_is_asked_again_without_edns():
    def act(talk: Talk, query: Query) -> None:
        talk.answer(query, FORMERR if query.has_edns else None)

    with on_each_query(act) as peer:
        assert_right(ask(peer))


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize("rcode", [FORMERR, SERVFAIL, 4])
def test_an_error_without_edns_in_it_is_asked_again_without(rcode, scheme):
    """So answer servers that know no EDNS (RFC 2671 section 5.3, RFC 6891 section 7)."""

    def act(query: Query) -> bytes:
        head = struct.pack("!6H", query.message_id, QR | rcode, 1, 0, 0, 0)
        return head + query.question if query.has_edns else response(query)

    with UdpPeer(lambda datagram: datagram.send(act(datagram.query)),
                 tcp_script=for_each_query(lambda talk, query: talk.send(frame(act(query))))) as peer:  # fmt: skip
        done = scan("-r", peer.address.replace("udp", scheme), "--retries", 0, names=INPUT)

    assert_right(done)
    assert not any("x" in row for row in done.rows)  # it costs no attempt


def cname_answer(query: Query, rcode: int) -> bytes:
    head = struct.pack("!6H", query.message_id, QR | 0x0180 | rcode, 1, 1, 0, 0)
    target = b"\x06target\x07example\x00"
    return head + query.question + b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 300, len(target)) + target


def test_nxdomain_at_the_end_of_a_cname_chain_is_taken():
    with on_each_query(lambda talk, query: talk.send(frame(cname_answer(query, NXDOMAIN)))) as peer:
        row = ask(peer, names="is1.example\n").row

    assert (row["s"], row["r"], row["re"], row["e"]) == ("taken", 3, False, "cname_nx")


def test_an_empty_noerror_is_taken_without_data():
    def act(talk: Talk, query: Query) -> None:
        talk.send(frame(struct.pack("!6H", query.message_id, QR | 0x0180, 1, 0, 0, 0) + query.question))

    with on_each_query(act) as peer:
        row = ask(peer, names="is1.example\n").row

    assert (row["s"], row["r"], row["re"], row["e"]) == ("taken", 0, True, "nodata")


# -- time ------------------------------------------------------------------------------------------


def test_silence_is_a_timeout_after_every_retry():
    with on_each_query(lambda talk, query: None) as peer:
        began = time.monotonic()
        row = ask(peer, names="is1.example\n", args=("--timeout-ms", 200, "--retries", 2, "--deadline-ms", 5000)).row

        assert (row["s"], row["e"], row["x"], row["r"]) == ("error", "timeout", 2, None)
        assert row["ms"] >= 590
        assert peer.names_asked.count("is1.example") == 3
        assert time.monotonic() - began < 5


def test_the_deadline_holds_against_a_peer_that_drips():
    def script(talk: Talk) -> None:
        query = talk.query()
        for octet in frame(response(query)):
            talk.send(bytes((octet,)))
            time.sleep(0.2)

    with DnsPeer(script) as peer:
        began = time.monotonic()
        done = ask(peer, names="is1.example\nis2.example\n", args=("--timeout-ms", 400, "--deadline-ms", 1500))

    assert time.monotonic() - began < 6
    assert {row["s"] for row in done.rows} == {"error"}
    assert all(row["ms"] <= 2000 for row in done.rows)


def test_a_peer_that_does_not_read_costs_no_more_than_the_deadline():
    stop = threading.Event()

    def script(talk: Talk) -> None:
        stop.wait(8)

    with DnsPeer(script) as peer:
        began = time.monotonic()
        done = ask(peer, args=("--timeout-ms", 300, "--deadline-ms", 1500))
        took = time.monotonic() - began
        stop.set()

    assert took < 12
    assert {row["s"] for row in done.rows} == {"error"}


def test_the_round_trip_is_measured():
    def act(talk: Talk, query: Query) -> None:
        time.sleep(0.15)
        talk.answer(query)

    with on_each_query(act) as peer:
        row = ask(peer, names="is1.example\n").row

    assert 140 <= row["ms"] < 1000


# -- rewriting -------------------------------------------------------------------------------------


def rewriting() -> DnsPeer:
    return on_each_query(lambda talk, query: talk.answer(query, NOERROR))


def test_a_resolver_that_rewrites_nxdomain_is_warned_of():
    with rewriting() as peer:
        done = ask(peer, names="is1.example\n", args=("--type", "A"))

    assert done.code == 0
    assert "NXDOMAIN" in done.err or "exist" in done.err


def test_with_strict_a_resolver_that_rewrites_nxdomain_ends_the_scan():
    with rewriting() as peer:
        done = scan("-r", peer.address, "--strict", "-t", "A", names="is1.example\n")

    assert done.code == 3
    assert "Traceback" not in done.err


def test_with_strict_an_honest_resolver_is_used():
    with DnsPeer(good) as peer:
        assert_right(ask(peer, args=("--strict",)))
