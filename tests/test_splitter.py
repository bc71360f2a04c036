"""The splitter: chunks of input for several takers, each line whole and with its number, and no further ahead than they
are."""

import json

import pytest

from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.scanning.splitter import AHEAD, Splitter


class Taker:
    """What the splitter sees of a JobPool."""

    def __init__(self):
        self.fed: list[tuple[bytes, int]] = []
        self.chunks_waiting = 0
        self.ended = False

    def feed(self, chunk, before=-1):
        assert chunk
        self.fed.append((chunk, before))
        self.chunks_waiting += 1

    def end(self):
        self.ended = True

    @property
    def lines(self) -> dict[int, bytes]:
        """Lines by their number, as a JobPool would number them."""
        found, line, carry = {}, 0, b""
        for chunk, before in self.fed:
            if before >= 0:
                assert carry == b"", "a chunk with a number must not follow a torn line"
                line = before
            *whole, carry = (carry + chunk).split(b"\n")
            for text in whole:
                line += 1
                found[line] = text
        return {**found, line + 1: carry} if carry else found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_split_lines_keep_their_numbers_wherever_the_input_is_cut(size, end):
    texts = [b"x" * (number % 9) + str(number).encode() for number in range(1, 200)]
    octets = b"\n".join(texts) + end
    takers, made = [Taker(), Taker(), Taker()], []
    splitter = Splitter(takers, lambda: made.append(1))
    chunks = [octets[at : at + size] for at in range(0, len(octets), size)]

    for chunk in chunks:
        splitter.feed(chunk)
        for taker in takers:
            taker.chunks_waiting = 0
        splitter.split()
    splitter.end()
    found = {}
    for taker in takers:
        assert taker.ended
        assert not found.keys() & taker.lines.keys()
        found |= taker.lines
    assert found == dict(enumerate(texts, 1))
    assert len(made) == len(chunks)


def test_no_more_than_is_ahead_is_handed_out_and_the_end_comes_behind_it():
    taker, made = Taker(), []
    splitter = Splitter([taker], lambda: made.append(1))
    for number in range(5):
        splitter.feed(b"%d\n" % number)
    splitter.end()
    assert (len(taker.fed), len(made), taker.ended) == (AHEAD, AHEAD, False)

    taker.chunks_waiting = 0
    splitter.split()
    taker.chunks_waiting = 0
    splitter.split()

    assert (len(taker.fed), len(made), taker.ended) == (5, 5, True)


def test_the_end_comes_behind_the_last_chunk_in_a_pool_too():
    pool = JobPool(LineBuffer(), (2,), classify_line=classify_line, room_made=lambda: None, fields=("n",))
    pool.feed(b"a..b\nc..", 6)
    pool.feed(b"d")
    pool.end()
    pool.feed(b"late..\n")

    assert not pool.look_ahead()
    assert pool.done
    assert [json.loads(line)["n"] for line in pool.writer.buffer.take().splitlines()] == [7, 8]


# -- how far ahead ---------------------------------------------------------------------------------------------


class Reader:
    """The source: it reads on while there is room for a chunk, as `source.py` does."""

    def __init__(self, takers: list[Taker]):
        self.room = AHEAD * len(takers)
        self.read = 0  # chunks
        self.splitter = Splitter(takers, self.room_made)

    def room_made(self) -> None:
        self.room += 1

    def go_on(self, chunk: bytes, most: int) -> None:
        while self.room and self.read < most:
            self.room -= 1
            self.read += 1
            self.splitter.feed(chunk)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("chunk", [b"x" * 1000, b"x" * 998 + b"\n."], ids=["a line without an end", "torn lines"])
def test_takers_that_take_nothing_hold_up_the_reading(count, chunk):
    """A line without an end goes to one taker, and would all be in memory if that were not asked what it has."""
    takers = [Taker() for _ in range(count)]
    reader = Reader(takers)

    reader.go_on(chunk, 1000)

    assert reader.read <= 2 * AHEAD * count
    assert all(taker.chunks_waiting <= AHEAD + 1 for taker in takers)


@pytest.mark.parametrize("count", [1, 3])
def test_a_line_without_an_end_is_read_on_as_it_is_taken(count):
    takers = [Taker() for _ in range(count)]
    reader = Reader(takers)
    for _ in range(2000):
        reader.go_on(b"x" * 1000, 1000)
        for taker in takers:
            taker.chunks_waiting = max(taker.chunks_waiting - 1, 0)
        reader.splitter.split()
    reader.splitter.end()

    assert reader.read == 1000
    assert sum(len(chunk) for taker in takers for chunk, _ in taker.fed) == 1_000_000
    assert sum(len(taker.lines) for taker in takers) == 1


@pytest.mark.parametrize("chunk", [b"a line\n" * 5, b"a line\n" * 5 + b"to"], ids=["whole lines", "torn lines"])
def test_all_takers_get_their_share(chunk):
    """The rest of a torn line goes to one taker; not what is behind it, or that one would get all there is."""
    takers = [Taker() for _ in range(4)]
    splitter = Splitter(takers, lambda: None)

    for _ in range(100):
        for _ in takers:
            splitter.feed(chunk)
        for taker in takers:
            taker.chunks_waiting = max(taker.chunks_waiting - 2, 0)
        splitter.split()

    shares = [sum(len(each) for each, _ in taker.fed) for taker in takers]
    assert sum(shares) == 400 * len(chunk)
    assert min(shares) > 0.2 * sum(shares), shares


def test_a_single_chunk_is_shared_by_all_takers_and_counts_once():
    octets = b"".join(b"line %d\n" % number for number in range(20_000))
    takers, made = [Taker() for _ in range(3)], []
    splitter = Splitter(takers, lambda: made.append(1))

    splitter.feed(octets)
    while any(taker.chunks_waiting for taker in takers):
        for taker in takers:
            taker.chunks_waiting = max(taker.chunks_waiting - 1, 0)
        splitter.split()

    assert made == [1]
    assert min(len(taker.lines) for taker in takers) > 5000
    assert {n: text for taker in takers for n, text in taker.lines.items()} == {
        number + 1: b"line %d" % number for number in range(20_000)
    }


def test_where_one_taker_is_slow_the_others_go_on():
    takers = [Taker() for _ in range(3)]
    splitter = Splitter(takers, lambda: None)

    for _ in range(400):
        splitter.feed(b"a line\n" * 5 + b"to")
        for taker in takers[1:]:
            taker.chunks_waiting = max(taker.chunks_waiting - 2, 0)
        splitter.split()

    assert takers[0].chunks_waiting <= AHEAD + 1
    assert sum(len(taker.fed) for taker in takers[1:]) > 390


# -- takers that rest ------------------------------------------------------------------------------------------


def test_a_taker_that_rests_gets_nothing_while_another_takes():
    takers = [Taker(), Taker(), Taker()]
    splitter = Splitter(takers, lambda: None)
    splitter.resting = {0, 2}

    for number in range(AHEAD + 3):
        splitter.feed(b"%d\n" % number)

    assert [len(taker.fed) for taker in takers] == [0, AHEAD, 0]
    splitter.resting = set()
    splitter.split()
    assert [len(taker.fed) for taker in takers] in ([2, AHEAD, 1], [1, AHEAD, 2])


def test_where_all_rest_all_take():
    takers = [Taker(), Taker()]
    splitter = Splitter(takers, lambda: None)
    splitter.resting = {0, 1}

    for number in range(2 * AHEAD):
        splitter.feed(b"%d\n" % number)

    assert [len(taker.fed) for taker in takers] == [AHEAD, AHEAD]


def test_the_rest_of_a_line_goes_to_the_taker_that_has_its_head_even_if_that_rests():
    takers = [Taker(), Taker()]
    splitter = Splitter(takers, lambda: None)
    splitter.feed(b"one\ntw")
    holder = takers.index(next(taker for taker in takers if taker.fed))
    splitter.resting = {holder}

    splitter.feed(b"o\nthree\n")
    splitter.end()

    assert takers[holder].lines == {1: b"one", 2: b"two"}
    assert takers[1 - holder].lines == {3: b"three"}


# -- the end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chunks", "cut_short"), [(1, False), (AHEAD, False), (AHEAD + 1, True)])
def test_a_stop_drops_what_was_not_handed_out_and_says_so(chunks, cut_short):
    taker = Taker()
    splitter = Splitter([taker], lambda: None)
    for number in range(chunks):
        splitter.feed(b"%d\n" % number)

    splitter.stop()
    splitter.stop()

    assert (splitter.cut_short, taker.ended) == (cut_short, True)
    assert len(taker.fed) == min(chunks, AHEAD)
