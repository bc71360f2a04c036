"""A job may have two queries in flight: the response that comes first settles it, and the other query does no harm.

Which comes first is chance in a scan, so this is asked in C: two_queries.pyx is built for it, beside the sources."""

import orjson
import pytest
from native_build import build

from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return build("two_queries", tmp_path_factory.mktemp("two_queries"))


@pytest.fixture
def pair(native):
    pool = JobPool(LineBuffer(), (1,), classify_line=classify_line, room_made=lambda: None, retries=1)
    pool.feed(b"a.example\n")
    pool.end()
    return native.Pair(pool)


def rows(pair) -> list[dict]:
    return [orjson.loads(line) for line in pair.pool.writer.buffer.take().splitlines()]


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_response_settles_the_job_with_its_own_round_trip(pair, first):
    pair.answer(first, 3, 2.0)

    (row,) = rows(pair)
    assert (row["d"], row["s"], row["ms"]) == ("a.example", "nxdomain", (1000, 500)[first])
    assert pair.pool.done


@pytest.mark.parametrize("first", [0, 1])
def test_the_other_keeps_its_key_until_it_can_no_longer_be_answered_and_writes_nothing(pair, first):
    other = 1 - first
    pair.answer(first, 0, 2.0)
    rows(pair)

    assert pair.is_reserved(other)
    assert pair.expire(2.99) == []
    assert pair.expire((3.0, 3.5)[other] + 0.01) == [other]
    assert (pair.in_flight, pair.is_reserved(other), rows(pair)) == (0, False, [])


@pytest.mark.parametrize("failed", [0, 1])
def test_a_failure_waits_for_the_other_query(pair, failed):
    pair.answer(failed, 2, 2.0)

    assert (rows(pair), len(pair.pool.retry), pair.in_flight) == ([], 0, 1)
    pair.answer(1 - failed, 3, 2.5)
    assert [row["s"] for row in rows(pair)] == ["nxdomain"]


def test_only_the_end_of_the_last_query_spends_an_attempt(pair):
    assert pair.expire(3.01) == [0]
    assert (rows(pair), len(pair.pool.retry)) == ([], 0)

    assert pair.expire(3.51) == [1]
    assert (rows(pair), len(pair.pool.retry)) == ([], 1)
