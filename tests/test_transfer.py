"""Jobs on their way from one engine to another: each has its line once, and the bound on jobs alive holds for both
together."""

import random
import socket
from collections import Counter, deque
from tempfile import TemporaryFile

import orjson
import pytest
from dns_peer import bare_response, frame, parse, response

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.model import REASONS
from scanner.native.jobs.pool import JobPool
from scanner.native.jobs.transfer import acknowledge, export_jobs, give_back, import_jobs
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session, expire_queries
from scanner.native.udp.engine import UdpEngine

TAKEN, SERVFAIL, NXDOMAIN = 0, 2, 3
CONNECTION = REASONS.index("connection")


class Engine:
    """A pool and one stream of it, whose queries are answered with one RCODE; `asked` are the names of its queries."""

    def __init__(self, index: int, text: bytes = b"", *, engines=2, window=64, **options):
        self.pool = JobPool(LineBuffer(1 << 30), (2,), classify_line=classify_line, room_made=lambda: None,
                            fields=("n",), index=index, engines=engines, **options)  # fmt: skip
        self.pool.feed(text)
        self.pool.end()
        self.session = Session(self.pool, PathState(), window=window)
        self.asked: list[str] = []

    def turn(self, rcode: int, now: float = 1.0, session: Session | None = None) -> bool:
        """Send, and answer all of it; True when something was sent."""
        session = session or self.session
        sent = octets = session.fill(now) or b""
        while octets:
            size = 2 + int.from_bytes(octets[:2], "big")
            query, octets = octets[2:size], octets[size:]
            self.asked.append(str(parse(query).name))
            session.receive(frame(bare_response(query, rcode)), now)
        return bool(sent)

    def rows(self) -> list[dict]:
        return [orjson.loads(line) for line in self.pool.writer.buffer.take().splitlines()]


def names(count: int) -> bytes:
    return b"".join(b"n%d.example\n" % number for number in range(count))


def settle(home: Engine, away: Engine) -> None:
    """What is finished elsewhere is finished at home."""
    for index, finished in away.pool.slots.finished_since():
        assert index == home.pool.index
        acknowledge(home.pool, finished)


def counts(*engines: Engine) -> Counter:
    total: Counter = Counter()
    for engine in engines:
        books = engine.pool.books.counts()
        books.pop("reasons")
        total.update(books)
    return total


def test_what_fails_here_is_asked_there_and_has_one_line():
    here, there = Engine(0, names(50), exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    transfer = export_jobs(here.pool, 1.0)
    assert transfer.count == 50
    assert (here.pool.live, here.pool.slots.away, len(here.pool.retry)) == (50, 50, 0)

    import_jobs(there.pool, transfer, 1.0)
    assert there.pool.live == 50
    there.turn(TAKEN)

    assert (here.rows(), export_jobs(here.pool, 1.0)) == ([], None)
    rows = there.rows()
    assert sorted((row["n"], row["d"]) for row in rows) == [(n + 1, f"n{n}.example") for n in range(50)]
    assert {(row["s"], row["x"]) for row in rows} == {("taken", 1)}
    assert there.pool.done
    assert not here.pool.done  # nobody has told it yet
    settle(here, there)
    assert here.pool.done
    assert (here.pool.live, here.pool.slots.away, there.pool.slots.finished_since()) == (0, 0, [])
    books = counts(here, there)
    assert books["read"] == books["written"] == books["taken"] == 50


def test_a_transfer_that_is_imported_twice_is_empty_the_second_time():
    here, there = Engine(0, names(5), exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    transfer = export_jobs(here.pool, 1.0)

    import_jobs(there.pool, transfer, 1.0)
    import_jobs(there.pool, transfer, 1.0)

    assert there.pool.live == 5


def test_a_transfer_that_is_dropped_frees_what_it_holds():
    here = Engine(0, "faß.example\nfaß.example\nb.example\n".encode(), exports_retries=True)
    here.turn(SERVFAIL)

    assert export_jobs(here.pool, 1.0).count == 3  # and it is gone

    assert here.pool.live == 3


def test_an_engine_that_gives_its_input_away_has_no_more_jobs_alive_than_it_may():
    here, there = Engine(0, names(5000), live_max=100, exports_retries=True), Engine(1)
    here.pool.drains = True
    rows, most = [], 0
    while not here.pool.done:
        while (transfer := export_jobs(here.pool, 1.0)) is not None:
            import_jobs(there.pool, transfer, 1.0)
            most = max(most, here.pool.live)
            assert here.pool.live <= 100
            assert there.pool.live <= here.pool.live
        there.turn(TAKEN)
        rows += there.rows()
        settle(here, there)

    assert most == 100
    assert sorted(row["n"] for row in rows) == list(range(1, 5001))
    assert here.asked == []
    assert {row.get("x") for row in rows} == {None}


def test_lines_that_are_the_same_travel_together_and_are_asked_once():
    text = b"same.example\nsame.example\nsame.example.\nother.example\nother.example\n"
    here, there = Engine(0, text, exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    assert here.asked == ["same.example", "other.example"]
    transfer = export_jobs(here.pool, 1.0)
    assert (transfer.count, here.pool.live) == (5, 5)

    import_jobs(there.pool, transfer, 1.0)
    assert there.pool.live == 5
    there.turn(NXDOMAIN)

    assert there.asked == ["same.example", "other.example"]
    assert sorted((row["n"], row["d"], row["s"], row["x"]) for row in there.rows()) == [
        (1, "same.example", "nxdomain", 1), (2, "same.example", "nxdomain", 1), (3, "same.example.", "nxdomain", 1),
        (4, "other.example", "nxdomain", 1), (5, "other.example", "nxdomain", 1),
    ]  # fmt: skip
    settle(here, there)
    assert (here.pool.done, there.pool.done) == (True, True)


def test_a_line_that_is_the_same_as_one_that_is_away_is_a_job_of_its_own():
    here, there = Engine(0, b"a.example\nb.example\na.example\n", exports_retries=True, window=1), Engine(1)
    here.turn(SERVFAIL)
    import_jobs(there.pool, export_jobs(here.pool, 1.0), 1.0)

    here.turn(TAKEN)
    here.turn(TAKEN)
    there.turn(NXDOMAIN)

    assert [(row["n"], row["s"]) for row in here.rows()] == [(2, "taken"), (3, "taken")]
    assert [(row["n"], row["s"]) for row in there.rows()] == [(1, "nxdomain")]


def test_the_text_of_a_name_beyond_ascii_travels_with_it():
    listed = [f"faß{number}.example" for number in range(40)]
    text = "".join(f"{name}\n{name}\n" for name in listed).encode()
    here, there = Engine(0, text, exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    transfer = export_jobs(here.pool, 1.0)
    del here

    import_jobs(there.pool, transfer, 1.0)
    del transfer
    there.turn(TAKEN)

    rows = there.rows()
    assert Counter(row["d"] for row in rows) == Counter(listed * 2)
    assert all(classify_line(row["d"].encode())[0].decode() == row["q"] for row in rows)


# -- leaving ---------------------------------------------------------------------------------------------------


def test_what_is_on_its_way_when_a_budget_is_used_up_is_left_unfinished():
    here, there = Engine(0, names(64), exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    transfer = export_jobs(here.pool, 1.0)
    here.pool.leave()
    there.pool.leave()
    assert not here.pool.done

    import_jobs(there.pool, transfer, 1.0)

    assert not there.turn(TAKEN)
    settle(here, there)
    assert (here.pool.done, there.pool.done) == (True, True)
    books = counts(here, there)
    assert (books["read"], books["written"], books["unfinished"]) == (64, 0, 64)


def test_what_is_in_flight_elsewhere_may_still_be_answered_when_a_budget_is_used_up():
    here, there = Engine(0, names(64), exports_retries=True), Engine(1, window=16)
    here.turn(SERVFAIL)
    import_jobs(there.pool, export_jobs(here.pool, 1.0), 1.0)
    octets = there.session.fill(1.0)
    here.pool.leave()
    there.pool.leave()

    assert there.session.in_flight == 16
    assert there.session.fill(1.1) is None
    expire_queries(there.pool, 9.0)

    settle(here, there)
    assert octets
    assert (here.pool.done, there.pool.done) == (True, True)
    books = counts(here, there)
    assert (books["read"], books["written"] + books["unfinished"]) == (64, 64)


def test_jobs_that_are_the_same_are_each_left_unfinished():
    here, there = Engine(0, b"same.example\n" * 7, exports_retries=True), Engine(1)
    here.turn(SERVFAIL)
    transfer = export_jobs(here.pool, 1.0)
    there.pool.leave()

    import_jobs(there.pool, transfer, 1.0)

    assert there.pool.slots.finished_since() == [(0, 7)]
    assert there.pool.books.count("unfinished") == 7


# -- the second pass -------------------------------------------------------------------------------------------


def test_what_waits_here_for_its_second_pass_has_it_there():
    here = Engine(0, names(200) + "faß.example\n".encode() * 2, retries=0, exports_retries=True, spill=TemporaryFile,
                  live_max=80)  # fmt: skip
    there, rows = Engine(1, spill=TemporaryFile, retries=0), []
    while here.turn(SERVFAIL):
        pass
    assert len(here.pool.deferral) + here.pool.live == 202
    assert here.rows() == []
    while not here.pool.done:
        transfer = export_jobs(here.pool, 1.0)
        import_jobs(there.pool, transfer, 1.0)
        assert here.pool.live <= here.pool.deferral.live_max
        assert here.pool.slots.second_live == 0
        assert there.pool.slots.second_live == there.pool.live == here.pool.slots.away
        there.turn(TAKEN)
        rows += there.rows()
        settle(here, there)

    assert sorted(row["n"] for row in rows) == list(range(1, 203))
    assert {(row["s"], row["x"]) for row in rows} == {("taken", 1)}
    assert there.pool.slots.second_live == 0
    books = counts(here, there)
    assert (books["second"], books["recovered"], books["written"]) == (202, 202, 202)


def test_a_second_pass_is_the_last_wherever_it_fails():
    here = Engine(0, names(20), retries=0, exports_retries=True, spill=TemporaryFile)
    there = Engine(1, spill=TemporaryFile, retries=5)
    here.turn(SERVFAIL)
    here.pool.retry.resolvers = 1
    for _ in range(20):
        transfer = export_jobs(here.pool, 1.0)
        if transfer is not None:
            import_jobs(there.pool, transfer, 1.0)
        there.turn(SERVFAIL)
        settle(here, there)

    assert Counter((row["e"], row["x"]) for row in there.rows()) == {("servfail", 1): 20}
    assert len(there.asked) == 20
    assert (here.pool.done, there.pool.done) == (True, True)


def test_what_fails_there_waits_there_for_its_second_pass():
    here = Engine(0, names(20), retries=1, exports_retries=True)
    there = Engine(1, retries=1, spill=TemporaryFile)
    here.turn(SERVFAIL)
    import_jobs(there.pool, export_jobs(here.pool, 1.0), 1.0)
    there.turn(SERVFAIL)

    settle(here, there)
    assert here.pool.done
    assert not there.pool.done
    assert len(there.pool.deferral) == 20
    while there.turn(TAKEN):
        pass
    assert Counter((row["s"], row["x"]) for row in there.rows()) == {("taken", 2): 20}
    assert there.pool.slots.finished_since() == []  # they were its own by then
    assert there.pool.done


# -- to a stream, and back -------------------------------------------------------------------------------------


def truncated(count: int, **options) -> JobPool:
    """A pool of datagrams, each of whose jobs a datagram could not answer."""
    pool = JobPool(LineBuffer(), (2,), classify_line=classify_line, room_made=lambda: None, fields=("n",), index=1,
                   engines=2, exports_fallback=True, **options)  # fmt: skip
    pool.feed(names(count))
    pool.end()
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        opener = port_opener((), rcvbuf=1 << 16, sndbuf=1 << 16, port_range=None)
        address = Address(PathState(0, 5), *server.getsockname(), 0, b"")
        engine = UdpEngine(pool, [address], open_port=opener)
        engine.turn(1.0)
        for _ in range(count):
            octets, source = server.recvfrom(4096)
            message = response(parse(octets), 0)
            server.sendto(message[:2] + b"\x83" + message[3:], source)
        engine.turn(1.1)
        engine.close()
    return pool


def test_what_a_datagram_cannot_hold_goes_to_the_streams_of_its_resolver():
    datagrams, streams = truncated(10), Engine(0)
    transfer = export_jobs(datagrams, 1.2)
    assert transfer.count == 10
    import_jobs(streams.pool, transfer, 1.2)
    assert not streams.turn(TAKEN)  # no other stream takes them

    (fallback,) = filter(None, streams.pool.fallbacks)
    assert (fallback.resolver, len(fallback)) == (5, 10)
    session = Session(streams.pool, PathState(0, 5), window=64, fallback=fallback)
    streams.turn(NXDOMAIN, 1.3, session)

    assert sorted((row["n"], row["s"]) for row in streams.rows()) == [(n, "nxdomain") for n in range(1, 11)]
    assert streams.pool.slots.finished_since() == [(1, 10)]
    acknowledge(datagrams, 10)
    assert datagrams.done


def test_what_no_stream_could_be_opened_for_goes_back_and_has_one_line():
    datagrams, streams = truncated(10), Engine(0, exports_retries=True)
    import_jobs(streams.pool, export_jobs(datagrams, 1.2), 1.2)
    (fallback,) = filter(None, streams.pool.fallbacks)

    give_back(streams.pool, fallback, CONNECTION, 1.3, elsewhere=True)
    assert len(fallback) == 0
    transfer = export_jobs(streams.pool, 1.3)
    assert (transfer.count, streams.pool.live) == (10, 10)
    assert streams.pool.slots.finished_since() == [(1, 10)]  # from now on they are away from the streams
    import_jobs(datagrams, transfer, 1.3)
    acknowledge(datagrams, 10)
    assert (datagrams.live, len(datagrams.retry)) == (10, 10)
    assert datagrams.fail(CONNECTION, 2.0, 100) == 10

    rows = [orjson.loads(line) for line in datagrams.writer.buffer.take().splitlines()]
    assert sorted((row["n"], row["e"], row["x"]) for row in rows) == [(n, "truncated", 1) for n in range(1, 11)]
    assert datagrams.slots.finished_since() == [(0, 10)]
    acknowledge(streams.pool, 10)
    assert (streams.pool.done, datagrams.done) == (True, True)


def test_what_was_truncated_and_no_other_resolver_can_bring_is_over_at_once():
    datagrams, streams = truncated(10), Engine(0, exports_retries=True)
    import_jobs(streams.pool, export_jobs(datagrams, 1.2), 1.2)
    (fallback,) = filter(None, streams.pool.fallbacks)

    give_back(streams.pool, fallback, CONNECTION, 1.3, elsewhere=False)

    assert [(row["e"], row["r"], row.get("x")) for row in streams.rows()] == [("truncated", 0, None)] * 10
    assert streams.pool.slots.finished_since() == [(1, 10)]


# -- all of it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_jobs_that_wander_among_three_engines_have_each_their_line_once(seed):
    """Failing here and there, in transfers of any size and late acknowledgements."""
    random_ = random.Random(seed)
    listed = [random_.choice(("n{}.example", "faß{}.example")).format(number // 3) for number in range(3000)]
    shares = [listed[:1000], listed[1000:2000], listed[2000:]]
    engines = [Engine(index, "".join(f"{name}\n" for name in share).encode(), engines=3, retries=6, live_max=300,
                      exports_retries=True, spill=TemporaryFile, window=40)
               for index, share in enumerate(shares)]  # fmt: skip
    post: deque = deque()
    rows = Counter()
    for turn in range(100_000):
        engine = random_.choice(engines)
        step = random_.randrange(4)
        if step == 0:
            engine.turn(random_.choice((TAKEN, NXDOMAIN, SERVFAIL, SERVFAIL)), 1.0)
        elif step == 1 and (transfer := export_jobs(engine.pool, 1.0)) is not None:
            post.append((random_.choice(engines), transfer))
        elif step == 2 and post:
            receiver, transfer = post.popleft()
            import_jobs(receiver.pool, transfer, 1.0)
        elif step == 3:
            for index, finished in engine.pool.slots.finished_since():
                acknowledge(engines[index].pool, finished)
        rows.update(row["d"] for row in engine.rows())
        if turn % 50 == 0 and not post and all(each.pool.done for each in engines):
            break

    assert rows == Counter(listed)
    assert [(each.pool.live, each.pool.slots.away, each.pool.slots.second_live) for each in engines] == [(0, 0, 0)] * 3
    books = counts(*engines)
    assert books["read"] == books["written"] == 3000
