"""What runs beside a scan and must not touch it: another scan of the same process, a second engine, a reader of its
output that sleeps or leaves while the scan ends. And what is there without being used costs next to nothing.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command import QUICK, start, wait_for
from dns_peer import DnsPeer
from test_heart_cases import free_port
from test_udp import feed, names, shut, udp
from udp_peer import UdpPeer, is_probe

from scanner import scan

COUNT = 6000  # names of each of two scans
BEHIND = 400_000  # names whose lines are more than a reader that sleeps is given
MIB = 1 << 20


# -- two scans of one process ----------------------------------------------------------------------------------------


async def results(peer: DnsPeer | UdpPeer, zone: str) -> list:
    """Of names that each need a look in Python, which is when another thread has its turn."""
    config = {"resolvers": [peer.address], "workers": 4, "timeout_ms": 5000}
    return [result async for result in scan((f"b\u00fccher{number}.{zone}.example" for number in range(COUNT)), config)]


def in_two_loops(first: DnsPeer | UdpPeer, second: DnsPeer | UdpPeer) -> list[list]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda peer, zone: asyncio.run(results(peer, zone)), (first, second), "ab"))


def in_one_loop(first: DnsPeer | UdpPeer, second: DnsPeer | UdpPeer) -> list[list]:
    async def both() -> list[list]:
        return await asyncio.gather(results(first, "a"), results(second, "b"))

    return asyncio.run(both())


def asked(peer: DnsPeer | UdpPeer) -> list[str]:
    """Questions of the scan, over whatever transport."""
    if isinstance(peer, UdpPeer):
        return peer.names + asked(peer.tcp)
    return [query.name for query in peer.asked if not is_probe(query)]


@pytest.fixture
def hurried():
    """Threads take turns a hundred times as often as they do by default."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("run", [in_two_loops, in_one_loop])
@pytest.mark.parametrize("peer_with", [DnsPeer, UdpPeer])
def test_no_resolver_is_asked_the_question_of_another_scan(peer_with, run, hurried):
    with peer_with() as first, peer_with() as second:
        found = run(first, second)

    for zone, peer, those in zip("ab", (first, second), found, strict=True):
        strangers = [name for name in asked(peer) if not name.endswith(f".{zone}.example")]
        assert strangers == [], (len(strangers), strangers[:3])
        assert len(set(asked(peer))) == COUNT
        assert Counter(result.name for result in those).total() == len({result.name for result in those}) == COUNT
        assert {result.verdict for result in those} == {"taken"}


# -- an end while the output waits -----------------------------------------------------------------------------------


@contextlib.contextmanager
def unread(lab, *args: object, **options):
    """A scan by two engines of more than its reader takes; stderr is read all the while."""
    run = start("-r", udp(lab), "--threads", 2, *args, **options)
    feeder = threading.Thread(target=feed, args=(run, names(BEHIND).encode()), daemon=True)
    feeder.start()
    try:
        yield run
    finally:
        run.kill()
        run.wait()
        feeder.join()
        shut(run)


def quiet_end(run: subprocess.Popen, codes: tuple[int, ...]) -> list[bytes]:
    """Whole lines, each once, the right code, and nothing on stderr but what the program has to say."""
    with ThreadPoolExecutor(2) as pool:
        out, err = pool.map(lambda stream: stream.read(), (run.stdout, run.stderr))
    assert run.wait(10) in codes, err
    assert [line for line in err.splitlines() if not line.startswith(b"dnsscan: ")] == []
    assert out == b"" or out.endswith(b"\n")
    lines = out.splitlines()
    assert len({json.loads(line)["d"] for line in lines}) == len(lines)
    return lines


@pytest.mark.parametrize(("args", "signals_at_s", "codes"), [
    (("--max-time", 1), (), (5,)),
    (("--max-queries", 20_000), (), (5,)),
    ((), ((1.5, signal.SIGTERM),), (143,)),
    ((), ((1.5, signal.SIGINT),), (130,)),
    (("--max-time", 1), ((2.5, signal.SIGTERM),), (5, 143)),  # while it closes
    (("--max-time", 1), ((2.5, signal.SIGUSR1), (2.6, signal.SIGUSR1)), (5,)),
])  # fmt: skip
def test_a_scan_that_ends_while_its_reader_sleeps_ends_quietly(lab, args, signals_at_s, codes):
    with unread(lab, *args) as run:
        begun = time.monotonic()
        for at_s, number in signals_at_s:
            time.sleep(begun + at_s - time.monotonic())
            run.send_signal(number)
        time.sleep(max(begun + 3 - time.monotonic(), 0))

        assert quiet_end(run, codes) != []


@pytest.mark.parametrize("args", [(), ("--max-time", 1)])
def test_a_scan_whose_reader_sleeps_and_then_leaves_says_nothing(lab, args):
    with unread(lab, *args) as run:
        time.sleep(2)
        run.stdout.close()

        assert run.wait(10) == 141
        assert run.stderr.read() == b""


@pytest.mark.parametrize("args", [(), ("--max-time", 1)])
def test_output_that_cannot_be_written_ends_every_engine_with_one_line(lab, args):
    with open("/dev/full", "wb") as full, unread(lab, *args, stdout=full) as run:
        run.stdout = full  # closed with the others

        assert run.wait(10) == 4
        assert [line[:9] for line in run.stderr.read().splitlines()] == [b"dnsscan: "]


def test_who_asks_for_the_status_until_the_very_end_does_not_end_the_run(lab, tmp_path):
    beat = tmp_path / "beat.json"
    run = start("-r", udp(lab), "--threads", 2, "--quiet", "--heartbeat", beat, "--metrics", free_port(), *QUICK)
    threading.Thread(target=run.communicate, args=(names(BEHIND).encode(),), daemon=True).start()
    wait_for(beat.exists)
    time.sleep(0.3)  # until it hears signals
    while run.poll() is None:
        run.send_signal(signal.SIGUSR1)
        time.sleep(0.001)

    assert run.returncode == 0


# -- what is there and not used --------------------------------------------------------------------------------------


class Idle:
    """A scan of one name by so many proxies that all refuse and so many resolvers, some seconds after its start."""

    def __init__(self, folder: Path, proxies: int, resolvers: int, workers: int):
        config = folder / f"{proxies}-{resolvers}.json"
        config.write_text(json.dumps({
            "proxies": [f"socks5://127.0.{number // 250}.{number % 250 + 1}:9" for number in range(proxies)],
            "resolvers": [f"tcp://192.0.2.{number + 1}" for number in range(resolvers)],
            "workers": workers, "deadline_ms": 60_000,
        }))  # fmt: skip
        self.run = start("--config", config, "--quiet", true=True)
        self.run.stdin.write(b"is1.example\n")
        self.run.stdin.flush()

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.run.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / MIB

    def cpu_s(self) -> float:
        figures = Path(f"/proc/{self.run.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(figures[11]) + int(figures[12])) / os.sysconf("SC_CLK_TCK")


def idle_cores(scans: list[Idle], seconds: float = 2) -> list[float]:
    before = [each.cpu_s() for each in scans]
    time.sleep(seconds)
    return [(each.cpu_s() - since) / seconds for each, since in zip(scans, before, strict=True)]


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 6000, reason="5,000 workers need as many files")
def test_what_thousands_of_proxies_and_dozens_of_resolvers_cost_is_what_is_used_of_them(tmp_path):
    """Of 100,000 pairs 5,000 can be used, of which few ever are. Beside it a scan of as many workers by 5 pairs."""
    scans = [Idle(tmp_path, 5, 1, 5000), Idle(tmp_path, 5000, 20, 5000)]
    few_cores, many_cores = idle_cores(scans)
    for _ in range(20):  # until all have been opened, refused and given up, which takes longer beside other work
        if many_cores < few_cores + 0.1:
            break
        few_cores, many_cores = idle_cores(scans)
    few_mib, many_mib = (each.peak_mib() for each in scans)
    for each in scans:
        each.run.kill()
        each.run.wait()
        shut(each.run)

    assert many_mib < few_mib + 60, (few_mib, many_mib)
    assert many_mib < 2.2 * few_mib, (few_mib, many_mib)
    assert many_cores < few_cores + 0.25, (few_cores, many_cores)  # beside other work the same costs more time
