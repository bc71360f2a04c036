"""A resolver that is gone for longer than a name's deadline and comes back: that costs what was in flight, and time."""

import time
from collections import Counter

import pytest
from command import scan
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
