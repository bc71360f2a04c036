"""Which of several resolvers is asked next: the policies, by datagrams and over streams."""

import json
import time
from collections import Counter

import pytest
from command import scan
from dns_peer import DnsPeer
from udp_peer import UdpPeer

LISTED = "\n".join(f"is{number}.example" for number in range(3000))


def silent_at_first(for_s: float):
    """It answers nothing for so long after the first query, then everything."""
    until = []

    def script(datagram):
        until.append(time.monotonic() + for_s)
        if time.monotonic() > until[0]:
            datagram.answer()

    return script


def test_sequential_goes_to_the_next_while_the_first_does_not_answer_and_back_when_it_does():
    with UdpPeer(silent_at_first(0.6)) as first, UdpPeer() as second, UdpPeer() as third:
        words = [word for each in (first, second, third) for word in ("-r", each.address)]
        done = scan(*words, "--policy", "sequential", "--timeout-ms", 150, "--rate", 1000, "--quiet", names=LISTED)

    assert Counter(row["s"] for row in done.rows) == {"taken": 3000}
    assert len(second.names) > 20
    assert len(first.names) > 100
    assert len(third.names) < len(second.names)


def test_sequential_is_kept_in_each_route():
    with UdpPeer() as one, UdpPeer() as two, UdpPeer() as three:
        config = {"routes": {"example": [two.address, three.address]}, "resolvers": [one.address, three.address],
                  "policy": "sequential"}  # fmt: skip
        names = [f"{label}.{suffix}" for suffix in ("example", "test") for label in "abcdefgh"]
        done = scan("--config", "-", "--quiet", "--all-names", names="\n".join([json.dumps(config), *names]))

        assert len(done.rows) == 16
        assert {name.rpartition(".")[2].lower() for name in one.names} == {"test"}
        assert {name.rpartition(".")[2].lower() for name in two.names} == {"example"}
        assert three.names == []


# -- over streams ----------------------------------------------------------------------------------------------------


def over_streams(policy: str, *peers: DnsPeer, workers: int = 6, names: str = LISTED):
    words = [word for each in peers for word in ("-r", each.address)]
    return scan(*words, "--policy", policy, "--workers", workers, "--timeout-ms", 500, "--quiet", names=names)


def heard(peer: DnsPeer) -> int:
    """Names of the scan that it was asked for."""
    return sum(name.endswith(".example") for name in peer.names_asked)


@pytest.mark.parametrize("policy", ["random", "round-robin", "sticky", "sequential", "best"])
def test_every_policy_scans_a_list_over_streams(policy):
    with DnsPeer() as first, DnsPeer() as second:
        done = over_streams(policy, first, second)

        assert Counter(row["s"] for row in done.rows) == {"taken": 3000}
        if policy == "sequential":
            assert heard(second) == 0
        elif policy in ("round-robin", "sticky"):
            assert min(heard(first), heard(second)) > 300


def test_sequential_workers_go_to_the_next_where_the_first_does_not_work():
    with DnsPeer() as second, DnsPeer() as third:
        gone = DnsPeer()
        gone.__enter__()
        gone.__exit__()
        done = over_streams("sequential", gone, second, third)

        assert Counter(row["s"] for row in done.rows) == {"taken": 3000}
        assert heard(second) == 3000
        assert heard(third) == 0


@pytest.mark.parametrize("policy", ["best", "random"])
def test_a_worker_whose_resolver_is_gone_goes_to_another(policy):
    """With as many workers as resolvers, of which a third work, and pauses that are longer than the scan."""
    gone = []
    for _ in range(4):
        peer = DnsPeer()
        peer.__enter__()
        peer.__exit__()
        gone.append(peer)
    with DnsPeer() as one, DnsPeer() as other:
        done = over_streams(policy, *gone, one, other)

        assert Counter(row["s"] for row in done.rows) == {"taken": 3000}
        assert max(row.get("x", 0) for row in done.rows) == 0
        assert one.connections + other.connections >= 6  # questions of known answer included


@pytest.mark.parametrize(("count", "expected"), [(20, "random"), (21, "best")])
def test_the_best_of_a_long_list_are_asked_without_a_flag(count, expected):
    words = [word for number in range(count) for word in ("-r", f"udp://127.0.0.{number + 1}")]

    done = scan(*words, "--dry-run", names="")

    assert json.loads(done.out)["policy"] == expected


def test_a_word_may_be_written_as_other_programs_do():
    done = scan("-r", "udp://127.0.0.1", "--policy", "round_robin", "--dry-run", names="")

    assert json.loads(done.out)["policy"] == "round-robin"
