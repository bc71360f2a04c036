"""Names that failed are tried once more at the end, slower and elsewhere, before their line is written; and budgets,
which end a scan early without a wrong line."""

import json
import os
import re
import subprocess
import threading
import time
from collections import Counter

import pytest
from command import QUICK, refusal, scan, start
from dns_peer import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, DnsPeer, Talk, bare_response, frame
from test_udp import names, stats_of
from udp_peer import UdpPeer

from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session

ONCE = ("--retries", 0, "--timeout-ms", 300, "--no-early-retries")


def lab_at(lab, scheme: str) -> str:
    return f"{scheme}://{lab.config['resolvers'][0]}"


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize("trouble", ["servfail-1", "drop-1"])
def test_a_name_that_failed_is_asked_once_more_at_the_end(lab, scheme, trouble):
    listed = [f"good{number}.lab.test" for number in range(100)]
    listed.insert(0, f"{trouble}.second{scheme}{trouble}.lab.test")

    done = scan("-r", lab_at(lab, scheme), *ONCE, "--stats", "json", names="\n".join(listed))

    failed = {row["d"]: row for row in done.rows}[listed[0]]
    books = stats_of(done)
    assert (failed["s"] in ("taken", "nxdomain"), failed["x"]) == (True, 1)
    assert (books["second"], books["recovered"]) == (1, 1)
    assert len(done.rows) == 101


def test_without_a_second_pass_the_first_failure_stands(lab):
    done = scan("-r", lab_at(lab, "tcp"), *ONCE, "--no-second-pass", names="servfail-1.never.lab.test\n")

    assert (done.row["e"], done.row.get("x")) == ("servfail", None)


def test_a_refusal_is_tried_again_at_the_end_too():
    asked = Counter()

    def script(datagram) -> None:
        asked[datagram.query.name] += 1
        datagram.answer(REFUSED if asked[datagram.query.name] == 1 and datagram.query.name == "is7.example" else None)

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *ONCE, names=names(50))

    assert Counter((row["s"], row.get("x")) for row in done.rows) == {("taken", None): 49, ("taken", 1): 1}


def test_it_goes_elsewhere_where_there_is_somewhere_else():
    def fails(talk: Talk) -> None:
        for query in talk.queries():  # the questions before the scan it answers, or it would not be asked at all
            talk.answer(query, SERVFAIL if re.fullmatch(r"is[0-9]+\.example", query.name.lower()) else NXDOMAIN)

    with DnsPeer(fails) as bad, DnsPeer() as good:
        done = scan("-r", bad.address, "-r", good.address, *ONCE, "--workers", 2, names=names(300))

    assert Counter(row["s"] for row in done.rows) == {"taken": 300}
    assert {row.get("x") for row in done.rows} == {None, 1}


def test_a_last_failure_is_told_with_every_attempt_and_all_time_spent():
    with UdpPeer(lambda d: d.answer() if d.query.name == "is0.example" else None) as peer:
        done = scan("-r", peer.address, "--retries", 1, "--timeout-ms", 200, names=names(3))

    lost = [row for row in done.rows if row["s"] == "error"]
    assert Counter((row["e"], row["x"]) for row in lost) == {("timeout", 2): 2}
    assert all(600 <= row["ms"] < 1100 for row in lost)


def test_the_deadline_of_a_name_is_that_of_both_passes():
    with UdpPeer(lambda d: d.answer() if d.query.name == "is0.example" else None) as peer:
        done = scan("-r", peer.address, "--retries", 1, "--timeout-ms", 400, "--deadline-ms", 900, names=names(3))

    assert max(row["ms"] for row in done.rows) <= 900 + 250


def test_nothing_is_tried_again_where_nothing_ever_answered():
    with DnsPeer() as peer:
        address = peer.address
    done = scan("-r", address, *QUICK, "--stats", "json", names=names(20))

    assert done.code == 3
    assert stats_of(done)["second"] == 0
    assert Counter(row["e"] for row in done.rows) == {"connection": 20}


@pytest.mark.parametrize("reason", ["nxdomain", "formerr", "notimp", "rcode-9", "badname", "nodata"])
def test_what_would_not_change_is_not_tried_again(lab, reason):
    name = "b\xe4d..x" if reason == "badname" else f"{reason}.same.lab.test"

    done = scan("-r", lab_at(lab, "tcp"), *ONCE, "--stats", "json", names=f"{name}\ngood.lab.test\n")

    assert stats_of(done)["second"] == 0
    assert len(done.rows) == 2


def test_an_interrupt_writes_the_lines_of_the_first_pass():
    failing = threading.Event()

    def script(datagram) -> None:
        if datagram.query.name == "is0.example":
            failing.set()
            time.sleep(0.5)
            datagram.answer()
        else:
            datagram.answer(SERVFAIL)

    with UdpPeer(script) as peer:
        run = start("-r", peer.address, "--retries", 0, "--timeout-ms", 3000, "--stats", "json")
        run.stdin.write(names(50, "was").encode() + b"is0.example\n")
        run.stdin.flush()
        failing.wait(5)
        run.terminate()
        run.wait(10)  # stdin stays open: its end must not come before the signal
        out, err = run.communicate()

    rows = [json.loads(line) for line in out.splitlines()]
    assert run.returncode == 143
    assert len(rows) == 51
    assert json.loads(err.splitlines()[-1])["second"] == 0
    assert Counter(row.get("e") for row in rows) == {"servfail": 50, None: 1}


# -- what waits goes to a file ---------------------------------------------------------------------------------


class Failing:
    """Jobs, and a session whose every query gets SERVFAIL until `healed`."""

    def __init__(self, count: int, spill, **options):
        self.pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None,
                            fields=("n",), retries=0, spill=spill, **options)  # fmt: skip
        self.listed = [f"spilled{number}.example" if number % 3 else f"faß{number}.example" for number in range(count)]
        self.pool.feed("".join(f"{name}\n" for name in self.listed).encode())
        self.pool.end()
        self.session = Session(self.pool, PathState(), window=64)
        self.healed = False

    def turn(self) -> bool:
        sent = self.session.fill(1.0)
        at = 0
        while sent and at < len(sent):
            size = int.from_bytes(sent[at : at + 2], "big")
            answer = bare_response(sent[at + 2 : at + 2 + size], NOERROR if self.healed else SERVFAIL)
            self.session.receive(frame(answer), 1.0)
            at += 2 + size
        return bool(sent)


def test_a_hundred_thousand_failed_names_wait_in_a_temporary_file(tmp_path):
    opened = []

    def spill():
        opened.append((tmp_path / "spill").open("w+b"))
        return opened[-1]

    failing = Failing(100_000, spill)
    while len(failing.pool.deferral) < 100_000:
        assert failing.turn()
    assert len(opened) == 1
    assert (tmp_path / "spill").stat().st_size > 5_000_000
    assert failing.pool.live == 0
    failing.healed = True
    while failing.turn():
        assert failing.pool.live <= failing.pool.deferral.live_max

    rows = [json.loads(line) for line in failing.pool.writer.buffer.take().splitlines()]
    assert Counter(row["n"] for row in rows) == Counter(range(1, 100_001))
    assert all(failing.listed[row["n"] - 1] == row["d"] for row in rows)
    assert all((row.get("q") is not None) == ("ß" in row["d"]) for row in rows)
    assert {(row["s"], row["x"]) for row in rows} == {("taken", 1)}
    assert failing.pool.done
    opened[0].close()


@pytest.mark.parametrize("trouble", ["cannot be opened", "is full"])
def test_where_no_temporary_file_can_be_written_no_name_is_lost(trouble):
    def spill():
        if trouble == "cannot be opened":
            raise OSError
        return full

    with open("/dev/full", "w+b", buffering=0) as full:
        failing = Failing(60_000, spill)
        while failing.turn():
            deferred = len(failing.pool.deferral)
            failing.healed = 0 < deferred == 60_000 - failing.pool.books.count("written")
    rows = [json.loads(line) for line in failing.pool.writer.buffer.take().splitlines()]

    assert Counter(row["n"] for row in rows) == Counter(range(1, 60_001))
    assert failing.pool.done
    assert {row["s"] for row in rows} == {"taken", "error"}


def test_names_asked_together_are_tried_again_each_with_its_own_line():
    failing = JobPool(LineBuffer(), (2,), classify_line=classify_line, room_made=lambda: None, retries=0,
                      spill=lambda: None)  # fmt: skip
    failing.feed(b"same.example\nSame.example\nsame.example.\n")
    failing.end()
    session = Session(failing, PathState(), window=8)
    for rcode in (SERVFAIL, NXDOMAIN, NXDOMAIN, NXDOMAIN):
        sent = session.fill(1.0)
        while sent:
            size = int.from_bytes(sent[:2], "big")
            session.receive(frame(bare_response(sent[2 : 2 + size], rcode)), 1.0)
            sent = sent[2 + size :]

    rows = [json.loads(line) for line in failing.writer.buffer.take().splitlines()]
    assert sorted(row["d"] for row in rows) == ["Same.example", "same.example", "same.example."]
    assert {(row["s"], row["x"]) for row in rows} == {("nxdomain", 1)}


# -- budgets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_no_more_queries_than_the_budget_and_no_wrong_line(scheme):
    with UdpPeer() as udp, DnsPeer() as tcp:
        address = udp.address if scheme == "udp" else tcp.address
        done = scan("-r", address, "--max-queries", 250, "--stats", "json", names=names(2000))
        asked = udp.names if scheme == "udp" else [name for name in tcp.names_asked if name.endswith(".example")]

    books = stats_of(done)
    assert done.code == 5
    assert len(asked) == books["queries"] == 250
    assert books["read"] == books["written"] + books["unfinished"] + books["blank"]
    assert Counter(row["s"] for row in done.rows) == {"taken": books["written"]}
    assert books["ended_by"] == "max-queries"


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_the_budget_counts_every_retry_and_leaves_out_what_it_has_no_attempt_for(lab, scheme):
    listed = [f"servfail.budget{number}.lab.test" for number in range(100)]

    done = scan("-r", lab_at(lab, scheme), "--max-queries", 150, "--stats", "json", names="\n".join(listed))

    books = stats_of(done)
    assert (done.code, books["queries"]) == (5, 150)
    assert books["written"] + books["unfinished"] == books["read"] <= 100
    assert books["unfinished"] > 0


def test_a_budget_that_is_just_enough_is_no_early_end(lab):
    done = scan("-r", lab_at(lab, "tcp"), "--max-queries", 100, names="".join(f"e{n}.lab.test\n" for n in range(100)))

    assert (done.code, len(done.rows)) == (0, 100), done.err


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_time_that_is_up_ends_the_scan_with_whole_lines(lab, scheme):
    begun = time.monotonic()
    run = start("-r", lab_at(lab, scheme), "--rate", 500, "--max-time", 1, "--stats", "json")
    out, err = run.communicate(names(100_000).encode(), timeout=20)

    books = json.loads(err.splitlines()[-1])
    assert (run.returncode, books["ended_by"]) == (5, "max-time")
    assert time.monotonic() - begun < 5
    assert 100 < books["written"] == len(out.splitlines()) < 5000
    assert books["read"] == books["written"] + books["unfinished"]


def test_time_is_up_while_nothing_answers():
    with UdpPeer(lambda d: None) as peer:
        done = scan("-r", peer.address, "--max-time", 1, "--timeout-ms", 500, "--stats", "json", names=names(5000))

    books = stats_of(done)
    assert done.code == 5
    assert books["unfinished"] + books["written"] == books["read"]
    assert books["written"] == len(done.rows)


def test_time_is_up_while_no_name_comes():
    run = start("-r", "127.0.0.1:9", "--max-time", 1, stdin=subprocess.PIPE)
    begun = time.monotonic()
    assert run.wait(5) == 5
    assert time.monotonic() - begun < 3
    run.communicate()


@pytest.mark.parametrize(("options", "said"), [
    (("--max-time", "0"), "--max-time"), (("--max-time", "soon"), "--max-time"), (("--max-queries", "-1"), "--max-q"),
])  # fmt: skip
def test_wrong_budgets_are_one_line(options, said):
    refusal(scan("-r", "127.0.0.1:9", *options, names="a.example\n"), said)
    assert os.getpid()
