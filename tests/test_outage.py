"""A resolver that is gone for longer than a name's deadline and comes back: that costs what was in flight, and time."""

import socket
import time
from collections import Counter

import pytest
from command import fed, scan, start
from dns_peer import DnsPeer, Talk
from udp_peer import Datagram, UdpPeer

COUNT = 3000
GONE_S = 3  # more than twice the deadline
IN_FLIGHT = 1500  # at most: what leaves in a deadline
HASTY = ("--timeout-ms", 300, "--deadline-ms", 1000, "--rate", 1000, "--workers", 2, "--no-second-pass")


class Outage:
    """Begins with the `after`th query, and lasts."""

    def __init__(self, after: int = 500):
        self.left, self.until = after, 0.0

    @property
    def is_on(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.until = time.monotonic() + GONE_S
        return time.monotonic() < self.until


def udp_peer(outage: Outage) -> UdpPeer:
    """What comes while it stands still waits in its socket, and is answered when nobody waits for it any more."""

    def script(datagram: Datagram) -> None:
        while outage.is_on:
            time.sleep(0.01)
        datagram.answer()

    return UdpPeer(script)


def tcp_peer(outage: Outage) -> DnsPeer:
    """It closes every connection, those that it has with the queries in flight."""

    def script(talk: Talk) -> None:
        if time.monotonic() < outage.until:
            return
        for query in talk.queries():
            if outage.is_on:
                return
            talk.answer(query)

    return DnsPeer(script)


@pytest.mark.parametrize("peer_with", [udp_peer, tcp_peer])
def test_an_outage_costs_no_name_that_was_not_asked(peer_with):
    with peer_with(Outage()) as peer:
        done = scan("-r", peer.address, *HASTY, names="".join(f"is{number}.example\n" for number in range(COUNT)),
                    limit_s=60)  # fmt: skip

    assert done.code == 0, done.err
    verdicts = Counter((row["s"], row.get("e")) for row in done.rows)
    assert sum(verdicts.values()) == COUNT
    assert verdicts["taken", None] >= COUNT - IN_FLIGHT, verdicts


@pytest.fixture(scope="module")
def closed() -> int:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(("way", "reason"), [
    (("-r", "192.0.2.53", "--proxy", "socks5://127.0.0.1:{closed}"), "proxy"),
    (("-r", "192.0.2.53", "--proxy", "http://127.0.0.1:{closed}"), "proxy"),
    (("-r", "127.0.0.1:{closed}"), "connection"),
    (("-r", "tls://127.0.0.1:{plain}#dns.example"), "tls"),
    (("-r", "udp://127.0.0.1:{closed}"), "timeout"),
])  # fmt: skip
def test_a_name_that_could_not_be_asked_tells_the_time_that_it_waited(closed, way, reason):
    with DnsPeer(lambda talk: None) as plain:
        words = [word.format(closed=closed, plain=plain.address.rpartition(":")[2]) for word in way]
        names = "".join(f"n{number}.example\n" for number in range(50))
        done = scan(*words, "--timeout-ms", 200, "--deadline-ms", 1000, names=names)

    assert done.code == 3
    assert Counter(row["e"] for row in done.rows) == {reason: 50}
    assert all(200 <= row["ms"] < 20_000 for row in done.rows), done.rows
    assert sum(row["ms"] >= 900 for row in done.rows) >= 40  # of the others: what their first pass took


def test_a_name_that_came_late_has_not_waited_as_long_as_the_others(closed):
    with start("-r", f"127.0.0.1:{closed}", "--timeout-ms", "200", "--deadline-ms", "1500", "--quiet") as run:
        rows = fed(run, ["first.example\n", "second.example\n"], 0.8)

    first, second = (row["ms"] for row in sorted(rows, key=lambda row: row["d"]))
    assert first >= 1400
    assert second <= first - 500
