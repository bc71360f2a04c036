"""Lines that wait for their resolver's canaries, on their own: kept, written in their order, or asked again; in bounded
memory, and every name has one line."""

import json
from collections import Counter

import pytest

from scanner.input.line import classify_line
from scanner.model import REASONS
from scanner.native.input.columns import Columns
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import acknowledge, export_jobs, import_jobs
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import TRUSTS, PathState
from scanner.native.session import Session

TRUSTED, HELD, DISTRUSTED, VOUCHED = map(TRUSTS.index, ("trusted", "held", "distrusted", "vouched"))
TAKEN, NXDOMAIN, REFUSED = 0, 3, 5
WINDOW_S = 60.0
USUAL = {"fields": ("n",), "resolvers": 2, "recheck_s": WINDOW_S, "retries": 0}


class Resolvers:
    """A pool, and a stream to each of two resolvers."""

    def __init__(self, text: bytes, *, limit: int = 1 << 30, **options):
        self.pool = JobPool(LineBuffer(limit), (2,), classify_line=classify_line, room_made=lambda: None,
                            **{**USUAL, **options})  # fmt: skip
        self.pool.feed(text)
        self.pool.end()
        self.paths = [PathState(0, resolver) for resolver in range(2)]
        self.sessions = [Session(self.pool, path, window=64) for path in self.paths]
        self.written = b""

    @property
    def store(self):
        return self.pool.unproven

    def turn(self, resolver: int, rcode: int, now: float = 1.0) -> int:
        """Have it asked once, and answered; how many queries that were."""
        octets, count = self.sessions[resolver].fill(now) or b"", 0
        while octets:
            size = 2 + int.from_bytes(octets[:2], "big")
            query, octets = octets[2:size], octets[size:]
            question = query[12 : query.index(b"\0", 12) + 5]
            message = query[:2] + b"\x81" + bytes([0x80 | rcode]) + query[4:6] + b"\0" * 6 + question
            self.sessions[resolver].receive(len(message).to_bytes(2, "big") + message, now)
            count += 1
        return count

    def ask_all(self, resolver: int, rcode: int, now: float = 1.0) -> None:
        while self.turn(resolver, rcode, now):
            pass

    def distrust(self, resolver: int, now: float = 1.0) -> None:
        self.paths[resolver].trust = DISTRUSTED
        self.pool.judge(resolver, DISTRUSTED, now)

    def prove(self, resolver: int, now: float = 1.0) -> None:
        self.pool.prove(resolver, self.store.put_of(resolver))
        self.let_out(now)

    def let_out(self, now: float = 1.0) -> None:
        while self.pool.lets_out:
            self.pool.let_out(now)
            self.written += self.pool.writer.buffer.take()

    def rows(self) -> list[dict]:
        self.written += self.pool.writer.buffer.take()
        return [json.loads(line) for line in self.written.splitlines()]


def names(count: int) -> bytes:
    return b"".join(b"n%d.example\n" % number for number in range(count))


def test_lines_wait_until_their_resolver_has_passed_and_leave_in_their_order():
    both = Resolvers(names(1000), limit=4096)
    while both.turn(0, NXDOMAIN) + both.turn(1, NXDOMAIN):
        pass
    assert (both.rows(), both.store.count, both.pool.is_finished, both.pool.done) == ([], 1000, True, False)
    assert both.pool.books.count("written") == 0

    both.prove(0)
    first = both.rows()
    both.prove(1)
    rows = both.rows()

    assert len(first) == both.store.put_of(0)
    assert Counter(row["n"] for row in rows) == Counter(range(1, 1001))
    assert [row["n"] for row in first] == sorted(row["n"] for row in first)
    assert {row["s"] for row in rows} == {"nxdomain"}
    assert (both.store.count, both.store.octets, both.pool.done) == (0, 0, True)
    assert (both.pool.books.count("written"), both.pool.books.count("nxdomain")) == (1000, 1000)


def test_only_what_was_said_before_its_canaries_is_proven():
    both = Resolvers(names(200))
    both.turn(0, NXDOMAIN)
    until = both.store.put_of(0)
    both.ask_all(0, NXDOMAIN)
    both.pool.prove(0, until)
    both.let_out()

    assert 0 < len(both.rows()) == until < 200
    both.distrust(0)
    assert both.store.again_count == 200 - until
    both.ask_all(1, NXDOMAIN)
    both.prove(1)
    assert Counter(row["n"] for row in both.rows()) == Counter(range(1, 201))


LINES = {
    "plain": names(300),
    "each twice": b"".join(b"n%d.example\nn%d.example\n" % (number, number) for number in range(150)),
    "with texts": "".join(f"faß{number}.example\nN{number}.Example.\n" for number in range(150)).encode(),
    "with blanks and what is no name": b"# a comment\n\n" + names(100) + b"a b\n" * 10,
}


@pytest.mark.parametrize("lines", LINES)
def test_what_a_liar_has_said_is_asked_again_and_every_name_has_one_line(lines):
    both = Resolvers(LINES[lines])
    both.ask_all(0, TAKEN)
    both.distrust(0)
    assert both.pool.waits
    assert both.pool.has_jobs(1.0)
    both.ask_all(1, NXDOMAIN)
    both.prove(1)

    rows, books = both.rows(), both.pool.books
    wanted = [line for line in LINES[lines].decode().splitlines() if line and not line.startswith("#")]
    assert sorted(row["d"] for row in rows) == sorted(wanted)
    assert {row["s"] for row in rows if row.get("e") != "badname"} == {"nxdomain"}
    assert {row.get("x") for row in rows} == {None}
    assert len({row["n"] for row in rows}) == len(wanted)
    assert (both.pool.done, both.store.octets) == (True, 0)
    assert books.count("written") == books.count("expected") == len(wanted)


def test_metadata_and_types_of_a_line_come_back_with_its_name():
    both = Resolvers(b"a.example,A,x\nb.example,MX,y\n" * 20, columns=Columns(("name", "type", "meta"), ","),
                     type_of=lambda octets: {b"A": 1, b"MX": 15}[octets], fields=("n", "m"))  # fmt: skip
    both.ask_all(0, TAKEN)
    both.distrust(0)
    both.ask_all(1, NXDOMAIN)
    both.prove(1)

    assert Counter((row["d"], row["t"], row["m"], row["s"]) for row in both.rows()) == Counter(
        {("a.example", "A", "x", "nxdomain"): 20, ("b.example", "MX", "y", "nxdomain"): 20}
    )


def test_lines_of_one_that_is_alone_wait_for_it_and_it_may_come_back():
    both = Resolvers(names(100))
    both.ask_all(0, TAKEN)
    both.distrust(0)
    assert both.turn(0, TAKEN) == 0
    both.paths[0].trust = VOUCHED
    both.pool.judge(0, VOUCHED, 2.0)
    both.ask_all(0, NXDOMAIN, 2.0)
    both.prove(0)

    assert Counter(row["s"] for row in both.rows()) == Counter({"nxdomain": 100})


def test_what_nobody_can_be_asked_about_again_ends_as_an_error():
    both = Resolvers(names(100))
    both.ask_all(0, TAKEN)
    both.distrust(0)
    assert both.pool.fail(REASONS.index("timeout"), 40.0, 1000) == 100

    assert Counter((row["s"], row["e"]) for row in both.rows()) == Counter({("error", "timeout"): 100})
    assert both.pool.done


def test_errors_do_not_wait_and_neither_does_what_needs_no_proof():
    both = Resolvers(names(300))
    both.pool.judge(1, TRUSTED, 1.0)
    both.turn(0, REFUSED)
    both.turn(1, NXDOMAIN)

    assert Counter(row["s"] for row in both.rows()) == Counter({"error": 64, "nxdomain": 64})
    assert both.store.count == 0
    both.turn(0, NXDOMAIN)
    assert both.store.count == 64
    both.pool.judge(0, TRUSTED, 1.0)  # there is nothing better
    both.let_out()
    assert len(both.rows()) == 192


def test_a_resolver_that_was_found_during_the_scan_needs_no_proof():
    both = Resolvers(names(64), resolvers=1)
    both.ask_all(1, NXDOMAIN)

    assert len(both.rows()) == 64


def test_a_line_that_is_older_than_the_window_is_written_but_not_during_a_round():
    both = Resolvers(names(100))
    both.ask_all(0, NXDOMAIN, 1.0)
    both.pool.judge(0, HELD, 2.0)
    both.pool.expire(1.0 + WINDOW_S + 0.1)
    both.let_out(1.0 + WINDOW_S + 0.1)
    assert both.rows() == []
    both.pool.judge(0, VOUCHED, 62.0)
    both.pool.expire(0.9 + WINDOW_S)
    both.let_out(0.9 + WINDOW_S)
    assert both.rows() == []
    both.pool.expire(1.1 + WINDOW_S)
    both.let_out(1.1 + WINDOW_S)

    assert len(both.rows()) == 100
    both.distrust(0)
    assert both.pool.done


def test_when_too_much_is_kept_no_further_name_is_begun_until_something_is_proven():
    most = 1 << 20
    both = Resolvers(names(50_000), unproven_most=most)
    both.ask_all(0, NXDOMAIN)

    kept = both.store.count
    assert most <= both.store.octets < most + (128 << 10)
    assert 5000 < kept < 20_000
    assert not both.pool.has_jobs(1.0)
    both.distrust(0)  # what is to be asked again is asked all the same
    both.turn(1, NXDOMAIN)
    assert both.store.put_of(1) > 0
    while not both.pool.done:
        both.turn(1, NXDOMAIN)
        assert both.store.octets < 2 * most
        if not both.pool.has_jobs(1.0):
            both.prove(1)
    assert Counter(row["n"] for row in both.rows()) == Counter(range(1, 50_001))


def test_while_the_reader_of_the_output_is_behind_nothing_leaves():
    both = Resolvers(names(100))
    both.ask_all(0, NXDOMAIN)
    both.pool.hold(2.0)
    both.prove(0)
    assert both.rows() == []
    both.pool.release(3.0)
    both.let_out(3.0)

    assert len(both.rows()) == 100


def test_what_is_doubted_when_the_scan_is_stopped_is_left_to_another_run():
    both = Resolvers(names(1000))
    both.turn(0, TAKEN)
    both.turn(1, NXDOMAIN)
    both.pool.stop()
    both.distrust(0)
    both.prove(1)

    books = both.pool.books
    assert Counter(row["s"] for row in both.rows()) == Counter({"nxdomain": 64})
    assert (books.count("written"), books.count("unfinished"), books.count("expected")) == (64, 64, 128)
    assert both.pool.done


@pytest.mark.parametrize("end", ["stop", "leave"])
def test_what_waits_to_be_asked_again_is_left_to_another_run_when_the_scan_is_stopped(end):
    both = Resolvers(names(1000))
    both.turn(0, TAKEN)
    both.distrust(0)
    getattr(both.pool, end)()

    books = both.pool.books
    assert (books.count("unfinished"), books.count("expected"), both.pool.done) == (64, 64, True)


def test_what_only_leaves_out_is_kept_too_and_counted_when_it_is_proven():
    both = Resolvers(names(128), only=("nxdomain",))
    both.turn(0, TAKEN)
    both.turn(1, TAKEN)
    both.distrust(0)
    both.ask_all(1, NXDOMAIN)
    assert both.pool.books.count("filtered") == 0
    both.prove(1)

    books = both.pool.books
    assert (books.count("filtered"), books.count("written"), books.count("taken")) == (64, 64, 64)
    assert len(both.rows()) == 64


def test_a_name_of_the_second_pass_has_recovered_when_its_verdict_is_written(tmp_path):
    both = Resolvers(names(20), spill=lambda: (tmp_path / "spill").open("w+b"))
    both.turn(0, REFUSED)
    both.ask_all(1, NXDOMAIN)
    assert both.pool.books.count("recovered") == 0
    both.prove(1)

    assert (both.pool.books.count("second"), both.pool.books.count("recovered")) == (20, 20)
    both.pool.deferral.close()


def test_jobs_go_to_another_engine_where_there_is_nobody_here_to_ask_again():
    here = Resolvers(names(3000), engines=2, exports_retries=True)
    there = Resolvers(b"", engines=2, index=1)
    here.ask_all(0, TAKEN)
    here.distrust(0)
    for _ in range(20):
        transfer = export_jobs(here.pool, 1.0)
        if transfer is None:
            break
        import_jobs(there.pool, transfer, 1.0)
        there.ask_all(1, NXDOMAIN)
        for index, finished in there.pool.slots.finished_since():
            assert index == 0
            acknowledge(here.pool, finished)
    there.prove(1)

    assert Counter(row["n"] for row in there.rows()) == Counter(range(1, 3001))
    assert (here.pool.done, there.pool.done, here.store.octets) == (True, True, 0)


def test_without_a_window_nothing_is_kept():
    both = Resolvers(names(64), recheck_s=0)
    both.ask_all(0, NXDOMAIN)
    both.pool.judge(0, DISTRUSTED, 1.0)

    assert (both.store, both.pool.lets_out, len(both.rows())) == (None, False, 64)


def test_what_is_kept_at_the_end_is_freed():
    both = Resolvers("".join(f"faß{number}.example\n" for number in range(300)).encode())
    both.turn(0, NXDOMAIN)
    both.distrust(0)
    both.turn(1, NXDOMAIN)

    assert both.store.count == 64
    del both
