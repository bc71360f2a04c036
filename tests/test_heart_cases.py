"""Every name has its line in time, whatever the network does to the queries: a firewall that lets none leave, no route,
a resolver that is silent, a connection that never opens. Each limit is the deadline and a little; signals end the run.
"""

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import DNSSCAN, ROOT, STARTED, Scan, scan, start, wait_for
from namespace import can_be_made, inside
from test_threads import spread
from test_udp import feed, names, shut
from udp_peer import Datagram, UdpPeer

PORT = 5300  # of the resolver in a namespace, where it is nobody else's
LATE_MS = 250  # after its deadline a name has its line
START_S = 6  # which the command may take to start and to end, on a busy machine
HUNG_S = 12  # after which a run is taken to go on for ever
NO_RULES = ""
DROPPED = """table inet cut {{
  chain output {{
    type filter hook output priority 0;
    {what} udp dport {port} drop
  }}
}}
"""  # what the output hook drops fails with EPERM
SILENT_RUN = ("--no-second-pass", "--timeout-ms", 300, "--deadline-ms", 1000)


# -- queries that cannot leave ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cage:
    """A network namespace with rules of nftables, in which commands run."""

    rules: Path

    def command(self, *args: object) -> list[str]:
        return inside(self.rules, *DNSSCAN, *args)

    def scan(self, *args: object, names: str) -> tuple[Scan, float]:
        """What a run left behind, and its seconds."""
        begun = time.monotonic()
        done = subprocess.run(self.command(*args), input=names.encode(), capture_output=True, cwd=ROOT,
                              timeout=HUNG_S, check=False)  # fmt: skip
        return Scan(done.returncode, done.stdout, done.stderr.decode()), time.monotonic() - begun


@pytest.fixture
def cage_with(tmp_path):
    """`cage_with(rules)`."""
    if not can_be_made():
        pytest.skip("no network namespace with nftables can be made here")

    def made(rules: str) -> Cage:
        path = tmp_path / "rules.nft"
        path.write_text(rules)
        return Cage(path)

    return made


def dropped(what: str = "", port: int = PORT) -> str:
    return DROPPED.format(what=what, port=port)


def in_time(rows: Sequence[dict], deadline_ms: int, count: int) -> None:
    """Each name has its one line, an error's, no later than it must be there."""
    assert Counter(row["d"] for row in rows).total() == len({row["d"] for row in rows}) == count
    assert {row["s"] for row in rows} == {"error"}
    assert max(row["ms"] for row in rows) <= deadline_ms + LATE_MS


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_names_whose_queries_a_firewall_drops_have_their_lines_in_time(cage_with, address):
    done, seconds = cage_with(dropped()).scan(
        "-r", f"udp://{address}:{PORT}", "--deadline-ms", 3000, "--timeout-ms", 500, names=names(40)
    )

    in_time(done.rows, 3000, 40)
    assert done.code == 3, done.err
    assert seconds <= (3000 + LATE_MS) / 1000 + START_S


@pytest.mark.parametrize("addresses", [("192.0.2.1", "192.0.2.2"), ("[2001:db8::1]", "192.0.2.2")])
def test_names_have_their_lines_in_time_where_no_resolver_has_a_route(cage_with, addresses):
    resolvers = [word for address in addresses for word in ("-r", f"udp://{address}")]

    done, seconds = cage_with(NO_RULES).scan(*resolvers, "--deadline-ms", 1500, "--timeout-ms", 300, names=names(40))

    in_time(done.rows, 1500, 40)
    assert done.code == 3, done.err
    assert seconds <= (1500 + LATE_MS) / 1000 + START_S


def test_more_names_than_fit_in_flight_have_their_lines_in_time_too(cage_with):
    done, seconds = cage_with(dropped()).scan(
        "-r", f"udp://127.0.0.1:{PORT}", "--deadline-ms", 1500, "--timeout-ms", 300, "--max-in-flight", 1000,
        names=names(5000),
    )  # fmt: skip

    in_time(done.rows, 1500, 5000)
    assert seconds <= 2 * (1500 + LATE_MS) / 1000 + START_S


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_scan_whose_queries_cannot_leave(cage_with, tmp_path, number):
    """Its input stays open, so that nothing else would."""
    beat = tmp_path / "beat.json"
    command = cage_with(dropped()).command("-r", f"udp://127.0.0.1:{PORT}", "--deadline-ms", 3000, "--quiet",
                                           "--heartbeat", beat)  # fmt: skip
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    STARTED.append(run := subprocess.Popen(command, cwd=ROOT, **pipes))
    run.stdin.write(names(40).encode())
    run.stdin.flush()
    wait_for(beat.exists)
    time.sleep(1.5)
    run.send_signal(number)
    begun = time.monotonic()

    assert run.wait(HUNG_S) == 128 + number
    assert time.monotonic() - begun <= (3000 + LATE_MS) / 1000 + START_S
    rows = [json.loads(line) for line in run.stdout]
    assert rows  # those that were started; what was only read is dropped
    in_time(rows, 3000, len(rows))
    shut(run)


@pytest.mark.parametrize(("bad", "rules"), [
    ("192.0.2.1", NO_RULES),
    ("[2001:db8::1]", NO_RULES),
    ("127.0.0.9", dropped("ip daddr 127.0.0.9")),
])  # fmt: skip
def test_a_resolver_to_which_nothing_can_be_sent_does_not_stop_the_others(cage_with, bad, rules):
    begun = time.monotonic()
    command = cage_with(rules).command(
        "lab", "--proxies", 0, "--port", PORT, "--", "timeout", "-s", "KILL", HUNG_S - 2, *DNSSCAN,
        "-r", f"udp://{bad}:{PORT}", "-r", f"udp://127.0.0.1:{PORT}", "--stats", "json",
    )  # fmt: skip
    listed = [f"beside{number}.lab.test" for number in range(5000)]
    done = subprocess.run(command, input="\n".join(listed).encode(), capture_output=True, cwd=ROOT, timeout=HUNG_S,
                          check=False)  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert sorted(row["d"] for row in rows) == sorted(listed), done.stderr
    assert {row["s"] for row in rows} == {"taken", "nxdomain"}
    assert time.monotonic() - begun < START_S


# -- queries that are not answered -----------------------------------------------------------------------------------


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The address of a resolver that takes queries and says nothing."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"udp://127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def unopened() -> Iterator[int]:
    """A port at which connections are neither accepted nor refused: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("turn", range(2))  # whether one is late is a matter of phases
@pytest.mark.parametrize("threads", [1, 2])
def test_a_name_that_waited_beyond_its_deadline_has_its_line_then(threads, turn):
    """A resolver that answers nothing is soon asked only now and then: names wait for that, and their time passes."""
    with silent() as address:
        done = scan("-r", address, *SILENT_RUN, "--threads", threads, names=names(5000))

    in_time(done.rows, 1000, 5000)


@pytest.mark.parametrize("more", [(), ("--retries", 20), ("--no-second-pass",)])
def test_a_name_that_waited_for_its_turn_beyond_its_deadline_has_its_line_then(more):
    with silent() as address:
        done = scan("-r", address, "--rate", 1, "--timeout-ms", 300, "--deadline-ms", 1500, *more, names=names(30))

    in_time(done.rows, 1500, 30)


def test_a_name_that_waits_for_a_connection_which_never_opens_has_its_line_in_time():
    with unopened() as port:
        begun = time.monotonic()
        done = scan("-r", f"tcp://127.0.0.1:{port}", "--timeout-ms", 300, "--deadline-ms", 1500, names=names(30))

    in_time(done.rows, 1500, 30)
    assert time.monotonic() - begun <= (1500 + LATE_MS + 2.5 * 300) / 1000 + START_S


def test_a_truncated_name_that_waits_for_a_connection_which_never_opens_has_its_line_in_time():
    def truncates(datagrams: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                octets, source = datagrams.recvfrom(4096)
                datagrams.sendto(octets[:2] + b"\x83\x80" + octets[4:10] + b"\0\0" + octets[12:-11], source)

    with unopened() as port, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", port))
        threading.Thread(target=truncates, args=(datagrams,), daemon=True).start()
        done = scan("-r", f"udp://127.0.0.1:{port}", "--timeout-ms", 300, "--deadline-ms", 1500, names=names(30))

    in_time(done.rows, 1500, 30)


# -- a deadline of silence, asked by others all the while --------------------------------------------------------------


@pytest.mark.parametrize("turn", range(3))
def test_each_engine_of_a_silent_resolver_gives_each_name_its_line_once(tmp_path, turn):
    """Lines of every kind, and others who ask how it goes: with each look at it an engine is at work."""
    listed = [f"{'' if number % 3 else 'bad..'}is{number}.example" for number in range(30_000)]
    beat, port = tmp_path / "beat.json", free_port()
    with silent() as address:
        run = start("-r", address, *SILENT_RUN, "--threads", 2, "--fields", "n", "--heartbeat", beat,
                    "--metrics", port, "--quiet")  # fmt: skip
        threading.Thread(target=feed, args=(run, spread(listed, 6).encode()), daemon=True).start()
        wait_for(beat.exists)
        over = threading.Event()
        asking = threading.Thread(target=ask_on, args=(run, port, beat, over), daemon=True)
        asking.start()
        rows = []
        for line in run.stdout:
            rows.append(json.loads(line))
            if len(rows) == len(listed):
                over.set()
        assert run.wait(HUNG_S) == 3, run.stderr.read()
        asking.join(5)
        shut(run)

    assert Counter(row["d"] for row in rows) == Counter(listed)
    assert len({row["n"] for row in rows}) == len(listed)
    assert max(row["ms"] for row in rows) <= 1000 + LATE_MS


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask_on(run: subprocess.Popen, port: int, beat: Path, over: threading.Event) -> None:
    """Ask by every way there is until all is over."""
    time.sleep(0.5)  # until it hears signals
    while not over.is_set():
        with contextlib.suppress(OSError):
            run.send_signal(signal.SIGUSR1)
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1).read()
            json.loads(beat.read_text())
        time.sleep(0.02)


def test_a_resolver_that_falls_silent_in_the_middle_costs_no_engine_a_line():
    answers = iter(range(2000))

    def script(datagram: Datagram) -> None:
        if next(answers, None) is not None:
            datagram.answer()

    listed = names(6000).split()
    with UdpPeer(script) as peer:
        run = start("-r", peer.address, *SILENT_RUN, "--threads", 2, "--quiet")
        threading.Thread(target=feed, args=(run, spread(listed, 6).encode()), daemon=True).start()
        time.sleep(3)
        run.send_signal(signal.SIGTERM)
        rows = [json.loads(line) for line in run.stdout]
        assert run.wait(HUNG_S) in (0, 143)
        shut(run)

    assert max(Counter(row["d"] for row in rows).values()) == 1
    assert 2000 <= sum(row["s"] == "taken" for row in rows) <= 2100
    assert max(row["ms"] for row in rows if row["s"] == "error") <= 1000 + LATE_MS
