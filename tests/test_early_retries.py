"""Over UDP a lost datagram costs a few round trips: its name is asked again, and the first query is still good."""

import threading
import time
from collections import Counter, defaultdict

from command import scan
from test_udp import names, stats_of
from udp_peer import Datagram, UdpPeer

PATIENT = ("--timeout-ms", 5000, "--deadline-ms", 20_000, "--stats", "json")


def drops_the_first(asked: Counter, lost: set[str]):
    def script(datagram: Datagram) -> None:
        asked[datagram.query.name] += 1
        if asked[datagram.query.name] > 1 or datagram.query.name not in lost:
            datagram.answer()

    return script


def test_a_lost_datagram_costs_no_attempt_and_little_time():
    asked: Counter = Counter()
    lost = {f"is{number}.example" for number in range(0, 300, 10)}
    with UdpPeer(drops_the_first(asked, lost)) as peer:
        begun = time.monotonic()
        done = scan("-r", peer.address, *PATIENT, names=names(300))
        took = time.monotonic() - begun

    assert Counter((row["s"], row.get("x")) for row in done.rows) == {("taken", None): 300}
    assert took < 5  # one attempt's time
    assert stats_of(done)["retried"] == 0
    assert all(asked[name] > 1 for name in lost)


def test_the_first_query_is_still_answered_after_its_name_was_asked_again():
    asked: Counter = Counter()

    def script(datagram: Datagram) -> None:
        asked[datagram.query.name] += 1
        if datagram.query.name != "is7.example":
            datagram.answer()
        elif asked["is7.example"] == 1:
            threading.Timer(1.0, datagram.answer).start()  # and what comes later stays without an answer

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *PATIENT, names=names(100))
        again = asked["is7.example"]

    (row,) = (row for row in done.rows if row["d"] == "is7.example")
    assert again > 1
    assert (row["s"], row.get("x")) == ("taken", None)
    assert row["ms"] >= 1000


def test_without_them_a_lost_datagram_waits_for_the_end_of_the_attempt():
    times = defaultdict(list)

    def script(datagram: Datagram) -> None:
        times[datagram.query.name].append(time.monotonic())
        if datagram.query.name != "is7.example" or len(times["is7.example"]) > 1:
            datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--timeout-ms", 600, "--no-early-retries", names=names(100))

    first, second = times["is7.example"]
    assert {row["s"] for row in done.rows} == {"taken"}
    assert second - first > 0.5


def test_a_name_is_asked_again_elsewhere_where_there_is_another_resolver():
    asked: Counter = Counter()
    muted = set()

    def sleepy(datagram: Datagram) -> None:
        if len(datagram.peer.names) <= 200:
            datagram.answer()
        else:
            muted.add(datagram.query.name)

    def good(datagram: Datagram) -> None:
        asked[datagram.query.name] += 1
        datagram.answer()

    with UdpPeer(sleepy) as mute, UdpPeer(good) as other:
        done = scan("-r", mute.address, "-r", other.address, *PATIENT, names=names(1000))

    assert Counter(row["s"] for row in done.rows) == {"taken": 1000}
    assert muted
    assert all(asked[name] for name in muted)
