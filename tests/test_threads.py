"""Several UDP engines at once (`--threads`): the input is split in chunks, what needs TCP comes back, and the books are
one. Comments between the names fill chunks, so that every engine gets some."""

import json
import os
import threading
import time
from collections import Counter

import pytest
from command import scan, start
from dns_peer import NXDOMAIN, SERVFAIL, response
from test_udp import FAST, feed, forge_at, names, shut, stats_of, udp
from udp_peer import Datagram, UdpPeer

from scanner.lab import zone

COMMENTS = ("#" + 4000 * "x" + "\n") * 65  # just over 256 KiB


def spread(listed: list[str], parts: int = 12) -> str:
    """The names in so many parts with a chunk of comments between them."""
    size = -(-len(listed) // parts)
    return COMMENTS.join("".join(f"{name}\n" for name in listed[at : at + size]) for at in range(0, len(listed), size))


def test_each_name_has_its_verdict_once_and_its_own_line_number(lab):
    listed = [f"thread{number:06d}.lab.test" for number in range(100_000)]

    done = scan("-r", udp(lab), "--threads", 3, "--fields", "n", "--stats", "json", names="\n".join(listed))

    assert done.code == 0, done.err
    assert sorted(row["n"] for row in done.rows) == list(range(1, 100_001))
    assert {row["d"]: row["s"] for row in done.rows} == {name: zone.expected(name)[0] for name in listed}
    assert all(listed[row["n"] - 1] == row["d"] for row in done.rows)
    books = stats_of(done)
    assert (books["read"], books["written"], books["blank"]) == (100_000, 100_000, 0)


def test_each_trouble_has_the_verdict_that_the_zone_foretells(lab):
    troubles = """nxdomain servfail refused formerr notimp rcode-9 nodata cname cname-nx delay-30 drop late wrongid qr0
    lie garbage short twice edns-formerr servfail-1 drop-1 drop-2 close-1 reset-2 big truncate""".split()
    listed = [f"{label}.t{number}.lab.test" for number, label in enumerate(troubles * 3)]

    done = scan("-r", udp(lab), "--threads", 3, *FAST, names=spread(listed))

    assert {row["d"]: (row["s"], row.get("e")) for row in done.rows} == {n: zone.expected(n) for n in listed}
    assert len(done.rows) == len(listed)


def test_odd_lines_and_comments_are_counted_over_all_engines(lab):
    listed = ["good.lab.test", "b\xe4d..example", "http://x.example/", "faß.lab.test", ""] * 24

    done = scan("-r", udp(lab), "--threads", 4, "--stats", "json", names=spread(listed))

    assert Counter(row.get("e") for row in done.rows) == {None: 48, "badname": 48}
    books = stats_of(done)
    assert books["read"] == books["written"] + books["blank"]
    assert books["blank"] == 24 + 65 * 11


def test_truncated_answers_come_back_from_every_engine_to_the_streams():
    def script(datagram: Datagram) -> None:
        datagram.send(forge_at(response(datagram.query, 0), 2, b"\x83"))

    listed = names(240).split()
    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--threads", 3, "--stats", "json", names=spread(listed + listed[-1:]))

    assert Counter(row["d"] for row in done.rows) == Counter(listed + listed[-1:])
    assert {(row["s"], row.get("x")) for row in done.rows} == {("taken", None)}
    assert 0 < stats_of(done)["truncated"] <= 241


def test_a_resolver_whose_answers_are_forged_is_asked_over_tcp_by_every_engine():
    def script(datagram: Datagram) -> None:
        for _ in range(30):
            datagram.send(response(datagram.query, NXDOMAIN, change_id=0x5555))
        datagram.answer()

    listed = names(600).split()
    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--threads", 2, *FAST, names=spread(listed))

    assert Counter(row["s"] for row in done.rows) == {"taken": 600}, done.err


def test_a_refusing_resolver_is_left_out_by_every_engine():
    def refuses(datagram: Datagram) -> None:
        datagram.send(response(datagram.query, 5))

    listed = names(20_000).split()
    with UdpPeer(refuses) as bad, UdpPeer() as good:
        both = ("-r", bad.address, "-r", good.address, "--policy", "round-robin")
        done = scan(*both, "--threads", 2, names=spread(listed))

    assert Counter(row["s"] for row in done.rows) == {"taken": 20_000}
    assert done.err.count("is left out") == 1
    assert len(bad.names) < 400


def test_nobody_at_the_port_is_exit_code_3():
    with UdpPeer() as peer:
        address = peer.address
    done = scan(
        "-r", address, "--threads", 3, "--timeout-ms", 100, "--deadline-ms", 600, names=spread(names(60).split())
    )

    assert done.code == 3, done.err
    assert {row["s"] for row in done.rows} == {"error"}
    assert len(done.rows) == 60


def test_failures_are_retried_and_told():
    """Three attempts, and the second pass."""

    def script(datagram: Datagram) -> None:
        datagram.send(response(datagram.query, SERVFAIL))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--threads", 3, *FAST, names=spread(names(120).split()))

    assert Counter((row["e"], row["x"]) for row in done.rows) == {("servfail", 3): 120}


def test_a_slow_reader_makes_no_timeouts_in_any_engine(lab):
    run = start("-r", udp(lab), "--threads", 3, "--timeout-ms", 300, "--deadline-ms", 900, "--retries", 0, "--quiet")
    feeder = threading.Thread(target=feed, args=(run, names(100_000, "slow.reader").encode()), daemon=True)
    feeder.start()
    time.sleep(2)
    rows = [json.loads(line) for line in run.stdout]
    run.wait(20)
    feeder.join(5)
    shut(run)

    assert len(rows) == 100_000
    assert {row["s"] for row in rows} <= {"taken", "nxdomain"}


def test_a_closed_stdout_ends_every_engine(lab):
    run = start("-r", udp(lab), "--threads", 3)
    feeder = threading.Thread(target=feed, args=(run, names(200_000).encode()), daemon=True)
    feeder.start()
    run.stdout.readline()
    run.stdout.close()

    assert run.wait(10) == 141
    assert run.stderr.read() == b""
    feeder.join(5)
    shut(run)


@pytest.mark.parametrize(("words", "said"), [
    (("-r", "udp://192.0.2.1", "-r", "tcp://192.0.2.1", "--threads", "4"), "not every resolver is udp://"),
    (("-r", "udp://127.0.0.1", "--rate", "10", "--threads", "4"), "counted or paced"),
])  # fmt: skip
def test_one_engine_where_more_would_not_keep_the_promise(words, said):
    done = scan(*words, "--dry-run")

    assert (done.code, json.loads(done.out)["threads"]) == (0, 1)
    assert said in done.err


def test_the_default_is_one_per_core_but_one():
    done = scan("-r", "udp://127.0.0.1", "--dry-run")

    assert json.loads(done.out)["threads"] == max(len(os.sched_getaffinity(0)) - 1, 1)
