"""A resolver that turns liar in mid-scan, by the real command: with --recheck-window not one of its lies is written,
those from before the canary that convicts it included; and every name has one line, whatever ends the scan."""

import json
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest
from command import refusal, scan, start, wait_for
from dns_peer import DnsPeer, Query, response
from peer_answers import answer, own, server
from socks_peer import SocksPeer
from test_liars import each
from test_turncoats import LIMIT_S, Feeder, Turncoat, peer_of, turned
from tls_peer import trusting
from udp_peer import UdpPeer, cut, is_probe

COUNT, HONEST = 1500, 100  # names; of these, that a liar is asked for before it turns
NAMES = "".join(f"nx{number}.example\n" for number in range(COUNT))
FAST = ("--timeout-ms", 500, "--strict")


class Turning(Turncoat):
    """Tells the truth about the first names, and then no more."""

    def __call__(self, query: Query) -> bytes:
        self.is_lying = self.is_lying or self.names >= HONEST
        return super().__call__(query)


def addresses(*peers) -> list[str]:
    return [part for peer in peers for part in ("-r", peer.address)]


def assert_each_once(rows: list[dict]) -> None:
    assert Counter(row["d"] for row in rows) == Counter(NAMES.split())


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
def test_no_lie_from_before_the_canary_that_convicts_is_written(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv(*trusting(tmp_path).popitem())
    liar, honest = Turncoat(), Turncoat()
    with peer_of(liar, scheme) as first, peer_of(honest, scheme) as second:
        scan = Feeder(tmp_path, first, second, flags=("--recheck-window", "60"))
        turned(scan, liar)
        rows, code, err = scan.end()

    assert liar.lies > 0
    assert (code, Counter(row["s"] for row in rows)) == (0, Counter(nxdomain=len(rows))), err


@pytest.mark.parametrize("kept", [True, False])
def test_of_three_one_turns_after_its_last_canary_and_the_end_finds_it_out(kept):
    """The round at the end convicts it; without a window nobody would have known."""
    liar, honest = Turning(), Turncoat()
    with peer_of(liar, "udp") as first, peer_of(honest, "udp") as second, peer_of(honest, "udp") as third:
        done = scan(*addresses(first, second, third), *FAST, *(() if kept else ("--recheck-window", 0)),
                    "--threads", 2, "--stats", "json", names=NAMES)  # fmt: skip

    books = json.loads(done.err.splitlines()[-1])
    assert_each_once(done.rows)
    assert liar.lies > 0
    taken = Counter(row["s"] for row in done.rows)["taken"]
    assert taken == 0 if kept else 0 < taken <= liar.lies  # less where another answered before
    assert (done.code, "rewriting); it is not asked" in done.err) == ((3, True) if kept else (0, False)), done.err
    assert books["written"] == books["expected"] == COUNT


@pytest.mark.parametrize("way", ["tls", "socks", "truncated"])
def test_the_same_over_every_way(way, tmp_path):
    liar, honest = Turning(), Turncoat()
    with SocksPeer() as proxy:
        if way == "truncated":  # what a datagram cannot hold is asked over TCP, and asked again by datagrams
            peers = UdpPeer(cut, each(liar), with_probes=True), UdpPeer(cut, each(honest), with_probes=True)
        else:
            peers = peer_of(liar, "tls" if way == "tls" else "tcp"), peer_of(honest, "tls" if way == "tls" else "tcp")
        with peers[0] as first, peers[1] as second:
            done = scan(*addresses(first, second), *FAST, *(("--proxy", proxy.url) if way == "socks" else ()),
                        names=NAMES, **trusting(tmp_path))  # fmt: skip

    assert_each_once(done.rows)
    assert (done.code, {row["s"] for row in done.rows}) == (3, {"nxdomain"}), done.err
    assert liar.lies > 0


def test_names_of_the_only_one_wait_until_it_comes_back(tmp_path):
    liar = Turncoat()
    with peer_of(liar, "udp") as peer:
        scan = Feeder(tmp_path, peer, flags=("--strict",))
        turned(scan, liar)
        wait_for(lambda: liar.canaries > 8, LIMIT_S)
        liar.is_lying, before = False, liar.names
        scan.feed_until(lambda: liar.names > before + 100)
        rows, code, err = scan.end()

    assert liar.lies > 0
    assert (code, {row["s"] for row in rows}) == (3, {"nxdomain"}), err


def test_one_that_answers_names_and_no_canary_any_more_is_given_up():
    counted, lock = Counter(), threading.Lock()

    def mute(datagram) -> None:
        with lock:
            counted[is_probe(datagram.query)] += 1
        if not (is_probe(datagram.query) and counted[False]):
            datagram.answer()

    with UdpPeer(mute, with_probes=True) as first, UdpPeer() as second:
        done = scan(*addresses(first, second), "--timeout-ms", 200, "--strict", names=NAMES)

    assert_each_once(done.rows)
    assert (done.code, {row["s"] for row in done.rows}) == (3, {"nxdomain"}), done.err
    assert "of known answer unanswered; it is not asked until it tells the truth" in done.err
    assert counted[False] > 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_scan_that_is_ended_and_resumed_loses_no_name_and_doubles_none(number, tmp_path):
    liar, honest = Turning(), Turncoat()
    names, out = tmp_path / "names.txt", tmp_path / "out.jsonl"
    names.write_text(NAMES)
    with peer_of(liar, "udp") as first, peer_of(honest, "tcp") as second:
        command = *FAST, "--canary-every", 1, "-o", out, "--resume", names
        run = start(*addresses(first, second), *command, "--rate", 700)
        wait_for(lambda: liar.lies > 50, LIMIT_S)
        run.send_signal(number)
        _, err = run.communicate(timeout=LIMIT_S)
        before = [json.loads(line) for line in out.read_bytes().splitlines()]
        done = scan(*addresses(second), *command)

    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number), err
    assert done.code == 0, done.err
    assert len(before) < COUNT
    assert {row["s"] for row in rows} == {"nxdomain"}
    assert_each_once(rows)
    if number != signal.SIGKILL:
        assert b"unfinished" in err


def test_a_budget_that_is_used_up_leaves_what_is_doubted_to_another_run(tmp_path):
    liar = Turning()
    with peer_of(liar, "udp") as peer:
        done = scan("-r", peer.address, *FAST, "--max-queries", HONEST + 100, "--stats", "json", names=NAMES)

    books = json.loads(done.err.splitlines()[-1])
    assert (done.code, done.out) == (5, b"")
    assert books["unfinished"] == books["expected"] >= HONEST + 100


def test_an_honest_scan_ends_soon_and_its_lines_are_those_of_one_without():
    """Wildcards, what does not exist, bad names, several types: what waits is the same line."""

    def script(talk) -> None:
        for query in talk.queries():
            wild = query.name.endswith(".wild.example") and not is_probe(query)
            octets = answer(query, [own() if query.qtype == 1 else server(b"\xc0\x0c")]) if wild else response(query)
            talk.send(len(octets).to_bytes(2) + octets)

    names = "".join(f"{kind}{n}.example\n" for n in range(50) for kind in ("is", "nx")) + "a b\nis.wild.example\n"
    with DnsPeer(script) as peer:
        args = "-r", peer.address, "-t", "A", "-t", "NS", "--wildcards", "--timeout-ms", 1000
        fields, massdns = ("--fields", "a,t,n"), ("--format", "massdns")
        plain, strict = (scan(*args, *fields, *more, names=names) for more in ((), ("--strict",)))
        other = scan(*args, *massdns, "--strict", names=names)

    assert (plain.code, strict.code, other.code) == (0, 0, 0)
    assert len(plain.rows) == len(other.rows) == 204
    assert without_time(plain.rows) == without_time(strict.rows)


def without_time(rows: list[dict]) -> list[str]:
    return sorted(str({key: value for key, value in row.items() if key != "ms"}) for row in rows)


@pytest.mark.parametrize(
    ("flags", "window"),
    [((), 0), (("--strict",), 60), (("--strict", "--recheck-window", "90s"), 90), (("--recheck-window", "5m"), 300),
     (("--strict", "--recheck-window", 0), 0), (("--strict", "--canary-every", 0), 0)],
)  # fmt: skip
def test_lines_wait_by_default_with_strict_only(flags, window):
    done = scan("-r", "192.0.2.1", *flags, "--dry-run")

    assert json.loads(done.out)["recheck_window"] == window


def test_lines_that_would_wait_for_canaries_that_never_come_are_refused():
    done = scan("-r", "192.0.2.1", "--recheck-window", "1m", "--canary-every", 0)

    refusal(done, "--recheck-window", "--canary-every is 0")


def test_progress_counts_what_waits(tmp_path: Path):
    honest = Turncoat()
    with peer_of(honest, "udp") as peer:
        run = start("-r", peer.address, "--strict", "--stats", "json", stderr=subprocess.PIPE)
        run.stdin.write(NAMES.encode())
        run.stdin.flush()
        wait_for(lambda: honest.names >= COUNT, LIMIT_S)
        run.send_signal(signal.SIGUSR1)
        line = run.stderr.readline()
        run.communicate(timeout=LIMIT_S)

    assert b"to be proven" in line
    assert b"0 written" in line
