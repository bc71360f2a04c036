"""Descriptors: too few of them in mid-scan, closed from the start, and pipes that are small, slow or non-blocking."""

import fcntl
import json
import os
import resource
import subprocess
import threading
import time
from collections import Counter

import pytest
from command import DNSSCAN, QUICK, ROOT, Scan, refusal, start
from dns_peer import DnsPeer, Talk
from socks_peer import SocksPeer
from udp_peer import UdpPeer

COUNT = 20_000
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)
PIPE_LEAST = 4096  # octets: one page


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def listed(count: int) -> list[str]:
    return [f"is{number}.example" for number in range(count)]


def octets_of(names: list[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def assert_each_is_taken_once(out: bytes, names: list[str]) -> None:
    assert out.endswith(b"\n")
    rows = [json.loads(line) for line in out.splitlines()]
    assert Counter(row["d"] for row in rows) == Counter(names)
    assert Counter(row["s"] for row in rows) == {"taken": len(names)}


# -- too few -----------------------------------------------------------------------------------------------------


def one_a_connection(talk: Talk) -> None:
    """A server that makes the scan open a connection for each name."""
    talk.answer(talk.query())


def held_to(run: subprocess.Popen, count: int) -> None:
    """Let it open nothing beyond descriptor `count`; what is open stays so."""
    _, most = resource.prlimit(run.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (count, most))


@pytest.mark.parametrize("way", ["tcp", "a proxy", "udp"])
def test_descriptors_that_run_out_for_a_second_cost_no_name(way):
    """The limit falls while every connection, tunnel and source port is used up again and again."""
    names = listed(COUNT if way == "udp" else 3000)
    with DnsPeer(one_a_connection) as tcp, SocksPeer() as proxy, UdpPeer() as udp:
        options = {"tcp": ("-r", tcp.address), "a proxy": ("-r", tcp.address, "--proxy", proxy.url),
                   "udp": ("-r", udp.address, "--rate", 10_000)}[way]  # fmt: skip
        with start(*options, "--workers", 8, "--quiet") as run:
            threading.Thread(target=feed, args=(run, octets_of(names)), daemon=True).start()
            first = run.stdout.readline()
            held_to(run, 3)
            time.sleep(1)
            held_to(run, 1000)
            out, err = run.stdout.read(), run.stderr.read()

    assert (run.returncode, b"Traceback" in err) == (0, False), err
    assert_each_is_taken_once(first + out, names)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_descriptors_that_run_out_for_good_are_told_once_and_each_name_has_its_line(scheme):
    """Over UDP each of the sixteen ports that may be open is good for a thousand names."""
    names = listed(COUNT)
    with DnsPeer(one_a_connection) as tcp, UdpPeer() as udp:
        address = tcp.address if scheme == "tcp" else udp.address
        with start("-r", address, "--rate", 10_000, "--workers", 8, "--quiet", *QUICK) as run:
            threading.Thread(target=feed, args=(run, octets_of(names)), daemon=True).start()
            first = run.stdout.readline()
            held_to(run, 3)
            out, err = run.stdout.read(), run.stderr.read().decode()

    rows = [json.loads(line) for line in (first + out).splitlines()]
    assert Counter(row["d"] for row in rows) == Counter(names)
    assert {row.get("e") for row in rows} == {None, "connection" if scheme == "tcp" else "timeout"}
    assert run.returncode == 3, err
    assert len(err.splitlines()) == 1
    assert "Too many open files" in err


def feed(run: subprocess.Popen, octets: bytes) -> None:
    run.stdin.write(octets)
    run.stdin.close()


# -- pipes -------------------------------------------------------------------------------------------------------


def a_pipe(octets: int = PIPE_LEAST) -> tuple[int, int]:
    """As small as a pipe can be."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, F_SETPIPE_SZ, octets)
    return reads, writes


@pytest.mark.parametrize("blocks", [True, False], ids=["blocking", "non-blocking"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_the_smallest_pipes_carry_every_line_whole(resolver, scheme, blocks):
    """Inherited non-blocking at both ends, as from a parent that uses them in an event loop."""
    names = listed(COUNT)
    from_us, to_us = a_pipe(), a_pipe()
    for descriptor in (from_us[0], to_us[1]):
        os.set_blocking(descriptor, blocks)
    with UdpPeer() as udp:
        address = resolver.address if scheme == "tcp" else udp.address
        run = start("-r", address, "--timeout-ms", 1000, "--quiet", stdin=from_us[0], stdout=to_us[1])
        os.close(from_us[0])
        os.close(to_us[1])
        feeder = threading.Thread(target=write_all, args=(from_us[1], octets_of(names)), daemon=True)
        feeder.start()
        time.sleep(0.5)  # a full pipe: what is non-blocking says so now
        with open(to_us[0], "rb") as reader:
            out = reader.read()
        _, err = run.communicate(timeout=30)
        feeder.join(10)

    assert (run.returncode, err) == (0, b"")
    assert_each_is_taken_once(out, names)


def write_all(descriptor: int, octets: bytes) -> None:
    with open(descriptor, "wb") as writer:
        writer.write(octets)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_reader_of_one_line_a_second_makes_no_timeout_and_the_books_balance(resolver, scheme, full):
    names, reads = listed(COUNT), a_pipe()
    with UdpPeer() as udp:
        address = resolver.address if scheme == "tcp" else udp.address
        run = start("-r", address, "--timeout-ms", 500, "--deadline-ms", 2000, "--no-second-pass", "--stats", "json",
                    stdout=reads[1])  # fmt: skip
        os.close(reads[1])
        threading.Thread(target=feed, args=(run, octets_of(names)), daemon=True).start()
        with open(reads[0], "rb", buffering=0) as reader:
            slowly = b""
            for _ in range(60 if full else 4):
                slowly += reader.readline()
                time.sleep(1)
            rest = reader.read()
        err = run.stderr.read()
        run.wait(30)
        run.stderr.close()

    books = json.loads(err.splitlines()[-1])
    assert_each_is_taken_once(slowly + rest, names)
    assert (run.returncode, books["read"], books["written"]) == (0, COUNT, COUNT)


# -- closed from the start ---------------------------------------------------------------------------------------


def with_closed(closed: str, *args: object) -> Scan:
    command = " ".join(map(str, (*DNSSCAN, *args)))
    done = subprocess.run(["sh", "-c", f"exec {command} {closed}"], stdin=subprocess.DEVNULL, capture_output=True,
                          cwd=ROOT, timeout=30, check=False)  # fmt: skip
    return Scan(done.returncode, done.stdout, done.stderr.decode())


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_with_stdout_closed_no_socket_takes_its_place(closed, tmp_path):
    """Code 4 before any connection: the first socket would be descriptor 1, and lines would go to the resolver."""
    (tmp_path / "names").write_bytes(octets_of(listed(10)))
    with DnsPeer() as peer:
        done = with_closed(closed, "-r", peer.address, tmp_path / "names")

        assert (done.code, peer.connections) == (4, 0)
    if "2>&-" not in closed:
        refusal(done, "stdout is closed", code=4)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_with_stdin_or_stderr_closed_a_file_is_scanned_and_nothing_else_goes_to_the_resolver(closed, scheme, tmp_path):
    names = listed(50)
    (tmp_path / "names").write_bytes(octets_of(names))
    with DnsPeer() as tcp, UdpPeer() as udp:
        address = tcp.address if scheme == "tcp" else udp.address
        done = with_closed(closed, "-r", address, "-r", f"{address.rpartition(':')[0]}:9", tmp_path / "names")

    assert done.code == 0, done.err
    assert_each_is_taken_once(done.out, names)
