"""Resolvers that tell the truth at first and lie later: not one lie is written that came after the canary that
convicts. The tests go on feeding names until what they wait for has happened, however long that takes."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import scan, start, wait_for
from dns_peer import DnsPeer, Query, response
from peer_answers import answer, own, server
from test_liars import below, each
from tls_peer import TlsPeer, trusting
from udp_peer import UdpPeer, is_probe

FIRST, PIECE, LAST = 1500, 30, 300  # names: before a peer turns, until something has happened, after that
LIMIT_S = 100


class Turncoat:
    """Answers as one resolver: the truth (no name of the scan exists), or lies while `is_lying`. It remembers which
    names it was asked for after it lied about a canary, in that time."""

    def __init__(self, lies_about: Callable[[Query], bool] = lambda query: True, *, is_lying: bool = False):
        self.lies_about, self.is_lying = lies_about, is_lying
        self.lock = threading.Lock()
        self.names = self.canaries = self.lies = 0
        self.kinds: set[str] = set()  # suffixes of canaries that it told the truth about
        self.is_convicted = False
        self.late: list[str] = []

    def __call__(self, query: Query) -> bytes:
        with self.lock:
            self.canaries += is_probe(query)
            self.names += not is_probe(query)
            if not self.is_lying or not self.lies_about(query):
                if is_probe(query):
                    self.kinds.add(query.name.rpartition(".")[2])
                return response(query)
            if is_probe(query):
                self.is_convicted = True
            elif self.is_convicted:
                self.late.append(query.name)
            else:
                self.lies += 1
            return answer(query, [own() if query.qtype == 1 else server(b"\xc0\x0c")])


def peer_of(resolver: Turncoat, scheme: str):
    if scheme == "udp":
        return UdpPeer(lambda datagram: datagram.send(resolver(datagram.query)), with_probes=True)
    return (TlsPeer if scheme == "tls" else DnsPeer)(each(resolver))


class Feeder:
    """A scan that is fed by turns; canaries come each second."""

    def __init__(self, folder: Path, *peers, suffix: str = "example", flags=()):
        self.path, self.suffix, self.fed = folder / "out.jsonl", suffix, 0
        resolvers = [part for peer in peers for part in ("-r", peer.address)]
        with self.path.open("wb") as out:
            self.run = start(*resolvers, "--canary-every", 1, "--timeout-ms", 1000, *flags, stdout=out,
                             stderr=subprocess.PIPE)  # fmt: skip

    def feed(self, count: int) -> None:
        names = "".join(f"nx{number}.{self.suffix}\n" for number in range(self.fed, self.fed + count))
        self.run.stdin.write(names.encode())
        self.run.stdin.flush()
        self.fed += count

    def feed_until(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < end
            self.feed(PIECE)
            time.sleep(0.05)

    def end(self) -> tuple[list[dict], int, str]:
        """Its rows, exit code and stderr."""
        self.feed(LAST)
        _, err = self.run.communicate(timeout=LIMIT_S)
        rows = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        assert len({row["d"] for row in rows}) == len(rows) == self.fed
        return rows, self.run.returncode, err.decode()


def turned(scan: Feeder, liar: Turncoat) -> None:
    """The peer tells the truth for a while, and then no more until it is convicted."""
    scan.feed(FIRST)
    wait_for(lambda: liar.names > 10 and {"com", "invalid", scan.suffix} - {"example"} <= liar.kinds, LIMIT_S)
    liar.is_lying = True
    scan.feed_until(lambda: liar.is_convicted)


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
def test_not_one_lie_is_written_after_the_canary_that_convicts(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv(*trusting(tmp_path).popitem())
    liar, honest = Turncoat(), Turncoat()
    with peer_of(liar, scheme) as first, peer_of(honest, scheme) as second:
        scan = Feeder(tmp_path, first, second)
        turned(scan, liar)
        rows, code, err = scan.end()

    assert (code, liar.late) == (0, []), err
    assert {row["s"] for row in rows} <= {"taken", "nxdomain"}
    assert sum(row["s"] == "taken" for row in rows) <= liar.lies
    assert err.count("rewriting); it is not asked until it tells the truth") == 1


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_the_only_one_is_waited_for_and_comes_back(scheme, tmp_path):
    liar = Turncoat()
    with peer_of(liar, scheme) as peer:
        scan = Feeder(tmp_path, peer)
        turned(scan, liar)
        wait_for(lambda: liar.canaries > 8, LIMIT_S)
        liar.is_lying, before = False, liar.names
        scan.feed_until(lambda: liar.names > before + 100)
        rows, code, err = scan.end()

    assert (code, liar.late) == (0, []), err
    assert "no resolver is left that tells the truth" in err
    assert sum(row["s"] == "taken" for row in rows) <= liar.lies


@pytest.mark.parametrize("other", ["udp", "tcp"])
def test_one_that_begins_to_lie_about_one_suffix_is_found_out(other, tmp_path):
    liar, honest = Turncoat(lambda query: below("shop")(query.name)), Turncoat()
    with peer_of(liar, "udp") as first, peer_of(honest, other) as second:
        scan = Feeder(tmp_path, first, second, suffix="shop")
        turned(scan, liar)
        _, code, err = scan.end()

    assert (code, liar.late) == (0, []), err
    assert "answers names below shop that do not exist; it is not asked" in err


def test_with_strict_a_scan_in_which_one_turned_has_all_its_lines_and_code_3(tmp_path):
    liar, honest = Turncoat(), Turncoat()
    with peer_of(liar, "udp") as first, peer_of(honest, "udp") as second:
        scan = Feeder(tmp_path, first, second, flags=("--strict",))
        turned(scan, liar)
        _, code, _ = scan.end()

    assert code == 3


def test_canaries_are_at_most_one_of_a_hundred_queries_of_the_scan(tmp_path):
    honest = Turncoat()
    with peer_of(honest, "udp") as peer:
        scan = Feeder(tmp_path, peer)
        scan.feed(FIRST)
        wait_for(lambda: honest.names, LIMIT_S)
        before = honest.canaries
        scan.feed_until(lambda: honest.canaries > before + 6)
        during = honest.canaries - before
        scan.end()

    assert during <= honest.names / 100


NAMES = "".join(f"nx{number}.example\n" for number in range(2000))


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_of_several_only_those_that_pass_are_asked(scheme):
    liar, honest = Turncoat(is_lying=True), Turncoat()
    with peer_of(liar, scheme) as first, peer_of(honest, scheme) as second:
        done = scan("-r", first.address, "-r", second.address, names=NAMES)

    assert (done.code, {row["s"] for row in done.rows}) == (0, {"nxdomain"}), done.err
    assert liar.names == 0
    assert done.err.count("; it is not asked until it tells the truth") == 1


def test_where_none_passes_they_are_asked_all_the_same():
    liars = Turncoat(is_lying=True), Turncoat(is_lying=True)
    with peer_of(liars[0], "udp") as first, peer_of(liars[1], "tcp") as second:
        done = scan("-r", first.address, "-r", second.address, names=NAMES)

    assert (done.code, {row["s"] for row in done.rows}) == (0, {"taken"})
    assert done.err.count("rewriting") == 2
    assert "it is not asked" not in done.err
