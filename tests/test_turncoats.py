"""Resolvers that tell the truth at first and lie later: not one lie is written that came after the canary that
convicts."""

import threading
import time
from collections.abc import Callable

import pytest
from command import scan
from dns_peer import DnsPeer, Query, response
from peer_answers import answer, own, server
from test_liars import below, each
from tls_peer import TlsPeer, trusting
from udp_peer import UdpPeer, is_probe

NAMES = "".join(f"nx{number}.shop.example\n" for number in range(3000))  # none of them exists
SOON = ("--canary-every", 1, "--timeout-ms", 1000)


class Turncoat:
    """Answers as one resolver: the truth until `turns_s` after its first name, then lies until `returns_s`. It
    remembers which names it was asked for after it lied about a canary, while it lied."""

    def __init__(self, lies_about: Callable[[Query], bool], turns_s: float, returns_s: float = 1e9):
        self.lies_about, self.turns_s, self.returns_s = lies_about, turns_s, returns_s
        self.lock = threading.Lock()
        self.begun = 0.0
        self.is_convicted = False
        self.late: list[str] = []  # names asked after that
        self.lied = 0
        self.canaries: list[float] = []
        self.names_after: list[float] = []  # when names were asked after it had come back

    def __call__(self, query: Query) -> bytes:
        with self.lock:
            now = time.monotonic()
            if not is_probe(query) and not self.begun:
                self.begun = now
            age = now - self.begun if self.begun else 0
            if is_probe(query):
                self.canaries.append(now)
            elif age >= self.returns_s:
                self.names_after.append(now)
            if not self.turns_s <= age < self.returns_s or not self.lies_about(query):
                return response(query)
            if is_probe(query):
                self.is_convicted = True
            elif self.is_convicted:
                self.late.append(query.name)
            else:
                self.lied += 1
            return answer(query, [own() if query.qtype == 1 else server(b"\xc0\x0c")])


def peer_of(resolver: Turncoat, scheme: str):
    if scheme == "udp":
        return UdpPeer(lambda datagram: datagram.send(resolver(datagram.query)), with_probes=True)
    return (TlsPeer if scheme == "tls" else DnsPeer)(each(resolver))


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
def test_not_one_lie_is_written_after_the_canary_that_convicts(scheme, tmp_path):
    liar, honest = Turncoat(lambda query: True, 1.0), Turncoat(lambda query: False, 0)
    with peer_of(liar, scheme) as first, peer_of(honest, scheme) as second:
        done = scan("-r", first.address, "-r", second.address, "--rate", 600, *SOON, names=NAMES, **trusting(tmp_path))

    assert done.code == 0, done.err
    assert len({row["d"] for row in done.rows}) == len(done.rows) == 3000
    assert liar.is_convicted
    assert liar.late == []
    assert {row["s"] for row in done.rows} <= {"taken", "nxdomain"}
    assert sum(row["s"] == "taken" for row in done.rows) <= liar.lied
    assert done.err.count("rewriting); it is not asked") == 1


def test_with_strict_a_scan_in_which_one_turned_ends_with_code_3_and_all_its_lines():
    liar, honest = Turncoat(lambda query: True, 1.0), Turncoat(lambda query: False, 0)
    with peer_of(liar, "udp") as first, peer_of(honest, "udp") as second:
        done = scan("-r", first.address, "-r", second.address, "--rate", 600, *SOON, "--strict", names=NAMES)

    assert (done.code, len(done.rows)) == (3, 3000)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_the_only_one_is_waited_for_and_comes_back_through_probation(scheme):
    liar = Turncoat(lambda query: True, 1.0, 3.0)
    with peer_of(liar, scheme) as peer:
        done = scan("-r", peer.address, "--rate", 600, *SOON, names=NAMES, limit_s=60)

    assert done.code == 0, done.err
    assert len(done.rows) == 3000
    assert (liar.is_convicted, liar.late) == (True, [])
    assert "no resolver is left that tells the truth" in done.err
    assert len(liar.names_after) > 500
    assert sum(row["s"] == "taken" for row in done.rows) <= liar.lied


def test_one_that_begins_to_lie_about_one_suffix_is_found_out():
    names = NAMES.replace(".shop.example", ".shop")
    liar, honest = Turncoat(lambda query: below("shop")(query.name), 1.0), Turncoat(lambda query: False, 0)
    with peer_of(liar, "udp") as first, peer_of(honest, "tcp") as second:
        done = scan("-r", first.address, "-r", second.address, "--rate", 600, *SOON, names=names)

    assert done.code == 0, done.err
    assert (len(done.rows), liar.is_convicted, liar.late) == (3000, True, [])
    assert "answers names below shop that do not exist; it is not asked" in done.err


def test_canaries_are_at_most_one_of_a_hundred_queries_of_the_scan():
    honest = Turncoat(lambda query: False, 0)
    with peer_of(honest, "udp") as peer:
        done = scan("-r", peer.address, "--rate", 600, *SOON, names=NAMES)

    during = [at for at in honest.canaries if at > honest.begun + 0.3]
    assert done.code == 0
    assert 0 < len(during) <= 30


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_of_several_only_those_that_pass_are_ever_asked(scheme, tmp_path):
    liar, honest = Turncoat(lambda query: True, -1), Turncoat(lambda query: False, 0)
    with peer_of(liar, scheme) as first, peer_of(honest, scheme) as second:
        done = scan("-r", first.address, "-r", second.address, names=NAMES)

    assert done.code == 0, done.err
    assert {row["s"] for row in done.rows} == {"nxdomain"}
    assert (liar.late, liar.lied) == ([], 0)
    assert done.err.count("; it is not asked until it tells the truth") == 1


def test_where_none_passes_they_are_asked_all_the_same():
    liars = Turncoat(lambda query: True, -1), Turncoat(lambda query: True, -1)
    with peer_of(liars[0], "udp") as first, peer_of(liars[1], "tcp") as second:
        done = scan("-r", first.address, "-r", second.address, names=NAMES)

    assert (done.code, {row["s"] for row in done.rows}) == (0, {"taken"})
    assert done.err.count("rewriting") == 2
    assert "it is not asked" not in done.err
