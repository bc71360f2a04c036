"""How long connections are kept: idle ones, old ones, too many of them. No name pays for it."""

import time
from dataclasses import dataclass
from math import inf

from command import fed, scan, start
from dns_peer import DnsPeer

from scanner.streams.keeping import Keeping

NAMES = "\n".join(f"is{number}.example" for number in range(600))


@dataclass(eq=False)
class Held:
    opened_at: float
    idle_since: float = inf
    share_of_age: float = 1.0
    state: str = "a"
    retires: bool = False


def test_what_is_idle_for_long_is_drained_and_what_is_in_use_is_not():
    idle, fresh, used = Held(0, idle_since=1), Held(0, idle_since=8), Held(0)

    due = Keeping(expire_s=5).due([used, fresh, idle], 10, names_wait=False)

    assert due == [idle]


def test_where_names_wait_for_a_rate_nothing_is_idle():
    assert Keeping(expire_s=5, idle_max=1).due([Held(0, 0), Held(0, 1)], 100, names_wait=True) == []


def test_an_old_one_is_drained_in_use_or_not_and_each_at_an_age_of_its_own():
    young, old = Held(0, share_of_age=1), Held(1, share_of_age=0.75)

    assert Keeping(age_max_s=10).due([young, old], 9, names_wait=True) == [old]


def test_of_too_many_idle_ones_of_a_path_those_go_that_were_idle_for_longest():
    first, second, third, other = Held(5, 1), Held(4, 2), Held(3, 3), Held(0, 0, state="b")

    due = Keeping(idle_max=1).due([third, first, other, second], 10, names_wait=False)

    assert due == [first, second]


def test_one_that_is_drained_already_is_not_drained_again():
    assert Keeping(expire_s=1).due([Held(0, 0, retires=True)], 100, names_wait=False) == []


def test_a_connection_of_its_age_is_drained_and_no_name_pays():
    """It answers slowly, so that many names are in flight whenever a connection has its age."""

    def slowly(talk):
        for query in talk.queries():
            time.sleep(0.004)
            talk.answer(query)

    with DnsPeer(slowly) as peer:
        done = scan("-r", peer.address, "--workers", 2, "--max-age-ms", 400, "--retries", 0, "--no-second-pass",
                    "--stats", "json", names=NAMES)  # fmt: skip

        assert {(row["s"], row.get("x", 0)) for row in done.rows} == {("taken", 0)}
        assert len(done.rows) == 600
        assert peer.connections > 2
        assert len(peer.names_asked) == len(set(peer.names_asked))


def test_an_idle_connection_ends_and_the_next_name_has_a_new_one():
    with DnsPeer() as peer:
        with start("-r", peer.address, "--workers", 1, "--expire-ms", 300) as run:
            rows = fed(run, ["a.example\n", "b.example\n"], 1.5)

        assert [(row["s"], row.get("x", 0)) for row in rows] == [("taken", 0)] * 2
        assert peer.connections >= 2
