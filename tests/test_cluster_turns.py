"""Parts on one node: the next begins beside the last names of the one before, and both together keep its rates."""

import json
import time
from bisect import bisect
from contextlib import ExitStack
from datetime import datetime

import fsspec
import pytest
from udp_peer import Datagram, UdpPeer

from scanner.cluster.lanes import Lanes
from scanner.cluster.part import Task, is_shared
from scanner.cluster.plan import plan_of
from scanner.cluster.run import run
from scanner.config.endpoints import resolver_from_text
from scanner.native.limits import Bucket
from scanner.paths.path import Buckets

RATE = 500


class Told:
    """What a scan was told, and whether its part left."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.left = 0

    def leave(self) -> None:
        self.left += 1


def test_the_shares_of_a_node_are_never_more_than_the_whole_and_two_parts_at_most_have_one():
    lanes, told = Lanes(1), [Told() for _ in range(4)]
    with ExitStack() as last, ExitStack() as others:
        one = others.enter_context(lanes.turn(told[0].leave))
        one.begin(told[0].shares.append)
        assert one.pass_on(0.25)
        two = last.enter_context(lanes.turn(told[1].leave))
        two.begin(told[1].shares.append)
        assert not two.pass_on(0.125), "the first has not ended"
        assert [each.left for each in told] == [1, 0, 0, 0]
        others.close()
        assert two.pass_on(0.125)
        with lanes.turn(told[2].leave) as three:
            three.begin(told[2].shares.append)
        assert told[2].left == 0, "it ended before it could pass anything on, as where it fails"
    with lanes.turn(told[3].leave) as four:
        four.begin(told[3].shares.append)
        four.end()
        four.leave()
    assert [each.shares for each in told] == [[1], [0.75, 1], [0.875], [1]]
    assert [each.left for each in told] == [1, 1, 0, 1]


def test_a_rate_becomes_a_share_of_itself_and_the_whole_again():
    bucket = Bucket(1000, 0.02)
    bucket.limit(125, 0.02)
    assert bucket.rate == 125
    resolvers = [resolver_from_text("udp://8.8.8.8:53"), resolver_from_text("udp://127.0.0.1:53")]
    buckets = Buckets(resolvers, None, 1000, 300)
    public, private = buckets.bucket(0, 0), buckets.bucket(0, 1)
    buckets.pace(0.25)
    late = buckets.bucket(1, 0)
    assert [each.rate for each in (public, private, late)] == [250, 0, 250]
    assert buckets.most == 300
    buckets.pace(1)
    assert [each.rate for each in (public, private, late)] == [1000, 0, 1000]


@pytest.mark.parametrize("key", ["proxies", "max_in_flight", "port_range"])
def test_what_is_not_counted_in_queries_a_second_is_used_by_one_part_at_a_time(key):
    assert is_shared({"rate": 5, key: None}, [])
    assert not is_shared({"rate": 5, key: [1]}, [])
    assert not is_shared({"rate": 5}, ["--metrics", "9000"])


def test_the_next_part_begins_while_the_last_names_of_the_one_before_wait(capfd):
    """In all names of two letters; those with an a in front are in the first part, and get no answer."""
    came: list[float] = []

    def script(datagram: Datagram) -> None:
        came.append(time.monotonic())
        if not datagram.query.name.startswith("a"):
            datagram.answer()

    with UdpPeer(script) as peer:
        table = {"resolvers": [peer.address], "rate": RATE, "timeout_ms": 1500, "retries": 1, "fields": []}
        plan = plan_of((), ["[a-z]{2}.example"], 340, table, "jsonl.zst")
        code = run(Task(plan, "memory://turns", table), scheduler=None, workers=1, resume=False, quiet=False)

    assert code == 0, capfd.readouterr().err
    first, second = (
        json.loads(fsspec.filesystem("memory").cat(f"/turns/part-00000{number}.json")) for number in (0, 1)
    )
    assert first["reasons"] == {"timeout": 26}
    assert second["reasons"] == {}
    assert second["lines"] == 336
    gap_s = moment(second["began"]) - moment(first["began"])
    assert 0 < gap_s < first["seconds"], "the second did not wait for the first's last names"
    busiest = max(bisect(came, at + 1) - index for index, at in enumerate(came))
    assert busiest < 1.5 * RATE, "two scans, each at its own rate, would come to twice as many"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
