"""How fast a scan over a path of datagrams is, and what it costs the path: the delivery model in time of its own, so
that a busy machine changes nothing. `virtual_path.pyx` is the path; each row holds for several seeds."""

from functools import partial
from statistics import median

import pytest
from native_build import build

SEEDS = range(1, 6)
ROWS = {  # the path; what it can carry, s; at most so many times that; superfluous queries, per cent of the names
    "a resolver 30 ms away": (dict(rate=20_000, queue=100), 1.03, 1.25, 5),
    "one with a short queue": (dict(rate=20_000, queue=20), 1.03, 1.4, 8),
    "a slow one that loses": (dict(rate=2_000, queue=50, delay_s=0.05, loss=0.01), 10.05, 1.08, 2),
    "a policer on the same network": (dict(rate=2_000, queue=5, delay_s=5e-5), 10.0, 1.06, 2),
    "one datagram of ten lost": (dict(rate=5_000, queue=50, loss=0.1), 4.03, 1.6, 14.2),
    "jitter": (dict(rate=5_000, queue=100, jitter_s=0.005), 4.03, 1.15, 1),
    "much jitter": (dict(rate=5_000, queue=100, jitter_s=0.02), 4.03, 1.3, 1),
    "spread over as long again": (dict(rate=20_000, queue=1_000, spread_s=0.03), 1.06, 1.4, 1),
    "the same without a limit": (dict(spread_s=0.03), 0.4, 1.5, 1),
    "a slow server with room for many": (dict(rate=1_500, queue=277, delay_s=5e-5), 13.34, 1.05, 1),
    "names that take long": (dict(rate=5_000, queue=100, loss=0.01, slow=0.3), 6.3, 1.3, 3),
    "names that are never answered": (dict(rate=20_000, queue=100, dead=0.05), 7.03, 1.28, 8),
    "a network without a limit": (dict(), 0.3, 1.4, 0),
    "a thousand resolvers": (dict(rate=500, queue=50, loss=0.005, paths=1000), 0.4, 1.6, 3),
    "a server on the same network": (
        dict(rate=150_000, queue=250, delay_s=5e-5, server_stops_each_s=0.02, server_stops_for_s=0.003),
        0.14, 1.5, 1,
    ),
    "the same, with names never answered": (dict(rate=150_000, queue=250, delay_s=5e-5, dead=0.3), 6.14, 1.1, 8),
    # not looked at while the model was made
    "a satellite": (dict(rate=4_000, queue=200, delay_s=0.3, loss=0.005), 5.3, 1.4, 3),
    "a home router": (dict(rate=1_500, queue=30, delay_s=0.015, jitter_s=0.002), 13.35, 1.1, 3),
    "a lossy way far away": (dict(rate=8_000, queue=60, delay_s=0.12, loss=0.05), 2.62, 1.6, 5.3 + 8),
}  # fmt: skip


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return build("virtual_path", tmp_path_factory.mktemp("virtual_path")).scan


@pytest.mark.parametrize(("path", "limit_s", "times", "superfluous"), ROWS.values(), ids=ROWS)
def test_a_scan_is_as_fast_as_its_path_and_asks_little_in_vain(scan, path, limit_s, times, superfluous):
    done = [scan(seed=seed, **path) for seed in SEEDS]

    assert max(each["missing"] for each in done) == 0
    assert median(each["seconds"] for each in done) <= times * limit_s
    assert median(each["superfluous"] for each in done) <= superfluous
    assert max(each["needless"] for each in done) <= 1


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("runs_s", "away_s", "times"), [(0.02, 0.008, 1.6), (0.003, 0.006, 1.6), (0.02, 0.06, 4)])
def test_a_machine_that_does_something_else_makes_it_slower_by_no_more(scan, name, runs_s, away_s, times):
    """In turns: the scan runs for so long, then not, each exponential around that."""
    path, limit_s, *_ = ROWS[name]
    done = [scan(seed=seed, stops_each_s=runs_s, stops_for_s=away_s, **path) for seed in SEEDS]

    assert max(each["unheard"] for each in done) <= 60  # of 20,000: a second pass asks those again
    assert median(each["seconds"] for each in done) <= times * limit_s * (runs_s + away_s) / runs_s


@pytest.mark.parametrize("begins_s", [0, 4])
@pytest.mark.parametrize(("rate", "queue"), [(125, 20), (500, 20), (2000, 80), (5000, 50)])
@pytest.mark.parametrize("loss", [0.1, 0.2, 0.3])
def test_what_a_path_loses_however_little_is_asked_does_not_slow_it_down(scan, rate, queue, loss, begins_s):
    """It used to be taken for too much again and again, until next to nothing was asked."""
    seconds = 12.0
    names = round(rate * (begins_s + (seconds - begins_s) * (1 - loss)))
    path = dict(rate=rate, queue=queue, loss=loss, loss_from_s=begins_s, names=names)
    done = [scan(seed=seed, **path) for seed in SEEDS]

    asked_again = loss / (1 - loss) * 100  # per cent
    assert median(each["seconds"] for each in done) <= 1.4 * seconds
    assert median(each["superfluous"] for each in done) <= asked_again * (1.2 if begins_s == 0 else 1) + 2
    assert sum(each["missing"] for each in done) <= len(done) * (1 + names * loss**7)


def test_a_policer_beside_a_path_that_loses_leaves_its_rate(scan):
    done = [scan(rate=200, queue=5, delay_s=5e-5, loss=0.2, names=2000, seed=seed) for seed in SEEDS]

    assert median(each["seconds"] for each in done) <= 1.25 * 12.5
    assert max(each["missing"] for each in done) <= 1


def test_what_is_never_answered_costs_few_queries(scan):
    path = partial(scan, rate=20_000, queue=100, seed=1)

    assert path(dead=0.05)["superfluous"] - path()["superfluous"] < 2


@pytest.mark.parametrize(("loss", "limit_s"), [(0.05, 0.2), (0.1, 0.2), (0.2, 2.1)])
def test_what_a_near_path_loses_at_any_window_does_not_shrink_it(scan, loss, limit_s):
    """`limit_s`: with the attempts that are lost three times in a row, each of two seconds."""
    seeds = (*SEEDS, *range(100, 104))  # in some a name is lost three times
    done = [scan(rate=150_000, queue=250, delay_s=5e-5, loss=loss, seed=seed) for seed in seeds]

    assert max(each["missing"] for each in done) <= 2
    assert median(each["seconds"] for each in done) <= 1.6 * limit_s


def test_a_near_server_is_asked_more_than_one_by_one(scan):
    """Nine in flight would do for all that it answers: each system call would carry one or two of them."""
    windows = [scan(rate=150_000, queue=250, delay_s=5e-5, names=200_000, seed=seed)["window"] for seed in SEEDS]

    assert min(windows) >= 40
    assert max(windows) <= 150


@pytest.mark.parametrize("begins_s", [0.0026, 0.006, 0.02])
def test_a_near_server_that_had_been_asleep_is_near_nevertheless(scan, begins_s):
    server = dict(rate=150_000, queue=250, delay_s=5e-5, server_stops_each_s=0.02, server_stops_for_s=0.003)
    done = [scan(server_begins_s=begins_s, seed=seed, **server) for seed in range(40, 60)]

    assert max(each["missing"] for each in done) == 0
    assert max(each["seconds"] for each in done) <= 0.3
    assert max(each["superfluous"] for each in done) <= 2
