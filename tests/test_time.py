"""Time that jumps and time that is lost: the clock set by days while a scan runs, and the scan itself stopped for
longer than its deadline. No name pays for either."""

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import servers
from command import environment, scan, start, wait_for
from socks_peer import BOUND, Client, SocksPeer

from scanner.lab import zone
from scanner.native.clock import Clock

NAMES = 6000
STOPPED_S = 1.3
STOPS = 2
LONG_STOP_S = 8
BRIEF = ("--timeout-ms", 500, "--deadline-ms", 1000)  # both are over while it is stopped


@pytest.fixture
def far(new_lab):
    """A lab so far away that at every moment some hundred names are in flight."""
    with new_lab("--proxies", "2", "--delay-ms", "30:60") as lab:
        yield lab


def write_listed(path: Path, count: int) -> list[str]:
    listed = [f"time{number}.lab.test" for number in range(count)]
    path.write_text("".join(f"{name}\n" for name in listed))
    return listed


def assert_right(path: Path, listed: list[str]) -> list[dict]:
    """Each name has its line, once, and the verdict that the zone foretells."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert Counter(row["d"] for row in rows) == Counter(listed)
    wrong = [row for row in rows if (row["s"], row.get("e")) != zone.expected(row["d"])]
    assert wrong == []
    return rows


# -- the process does not run ------------------------------------------------------------------------------------

WAYS = {
    "tcp": ("-r", "tcp://{resolver}"),
    "a proxy": ("-r", "{resolver}", "--proxy", "{proxy}", "--workers", "8"),
    "udp": ("-r", "udp://{resolver}", "--threads", "1"),
    "udp, two engines": ("-r", "udp://{resolver}", "--threads", "2", "--max-in-flight", "200", "--rate", "0"),
    "udp, no room for what comes meanwhile": ("-r", "udp://{resolver}", "--rcvbuf", "4096"),
}


def test_a_scan_that_is_stopped_for_longer_than_its_deadline_goes_on_as_if_nothing_had_been(far, tmp_path):
    """All at once, to be quick. A process that does not run has no reason to give a name up."""
    listed = write_listed(tmp_path / "names", NAMES)
    words = {"resolver": far.config["resolvers"][0], "proxy": far.config["proxies"][0]}
    runs = {}
    for way, options in WAYS.items():
        with (tmp_path / way).open("wb") as out:
            runs[way] = start("--rate", 3000, *(option.format(**words) for option in options), *BRIEF, "--quiet",
                              tmp_path / "names", stdin=subprocess.DEVNULL, stdout=out)  # fmt: skip
    wait_for(lambda: all((tmp_path / way).stat().st_size for way in WAYS))
    for _ in range(STOPS):
        time.sleep(0.4)
        for run in runs.values():
            run.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        unfinished = [way for way in WAYS if len((tmp_path / way).read_bytes().splitlines()) < NAMES]
        for run in runs.values():
            run.send_signal(signal.SIGCONT)
    ended = {way: (run.communicate(timeout=60)[1], run.returncode) for way, run in runs.items()}

    assert unfinished == list(WAYS)
    assert ended == dict.fromkeys(WAYS, (b"", 0))
    for way in WAYS:
        rows = assert_right(tmp_path / way, listed)
        assert max(row["ms"] for row in rows) < 1000 + 250  # of answers that came, and waited to be read


def test_a_connection_that_was_being_opened_is_opened_again_at_once(far):
    """The tunnel's time is over when the scan wakes up, but it did not run meanwhile."""
    asked, over = threading.Event(), threading.Event()

    def slow_at_first(client: Client) -> None:
        target = client.agree()
        asked.set()
        over.wait(10)
        client.send(b"\x05\x00\x00" + BOUND)
        client.relay(target)

    with SocksPeer(slow_at_first) as proxy:
        run = start("-r", far.config["resolvers"][0], "--proxy", proxy.url, "--workers", 1, *BRIEF, "--quiet")
        run.stdin.write(b"opened.lab.test\n")
        run.stdin.close()
        run.stdin = None
        asked.wait(10)
        run.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        run.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        over.set()
        out, err = run.communicate(timeout=20)

    assert (run.returncode, err) == (0, b"")
    assert json.loads(out)["s"] in ("taken", "nxdomain")


def test_the_clock_stands_still_while_it_is_not_asked_and_never_goes_back():
    clock, begun = Clock(), time.monotonic()
    first = clock.at(begun)

    assert clock.at(begun + 0.4) == pytest.approx(first + 0.4)
    assert clock.at(begun + 0.8) == pytest.approx(first + 0.8)
    assert clock.at(begun + 3600.8) == pytest.approx(first + 0.8)
    assert clock.at(begun + 3600.9) == pytest.approx(first + 0.9)
    assert clock.at(begun + 3602) == pytest.approx(first + 0.9)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_after_a_stop_the_heartbeat_says_how_long_ago_the_last_answer_came(far, tmp_path, scheme):
    """A response every 50 ms: without the time that the scan did not run it is never a second since the last one."""
    beat, names = tmp_path / "beat.json", tmp_path / "names"
    write_listed(names, NAMES)
    run = start("-r", f"{scheme}://{far.config['resolvers'][0]}", "--rate", 20, "--heartbeat", beat, "--quiet", names,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    wait_for(lambda: beat.exists() and json.loads(beat.read_text())["last_answer_s"] is not None)

    run.send_signal(signal.SIGSTOP)
    time.sleep(LONG_STOP_S)
    run.send_signal(signal.SIGCONT)
    time.sleep(1)  # a heartbeat that was due is written, and responses come again
    written = beat.stat().st_mtime_ns
    wait_for(lambda: beat.stat().st_mtime_ns != written)
    found = json.loads(beat.read_text())
    run.kill()
    run.communicate()

    assert found["ended_by"] is None
    assert 0 <= found["last_answer_s"] < 1


# -- the clock is set --------------------------------------------------------------------------------------------

JUMPS_S = {"+0": 0, "+2d": 2 * 86_400, "-3h": -3 * 3600}  # in words of libfaketime


class Wall:
    """The wall clock of what runs in `environment`; the monotonic one stays the machine's."""

    def __init__(self, folder: Path):
        servers.program("faketime")
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._file = folder / "clock"
        self.environment = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file),
                            "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
        self.set("+0")

    def set(self, to: str) -> None:
        """Seen within a second, when the library looks again."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{to}\n")
        new.replace(self._file)


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_clock_that_is_set_by_days_costs_no_name_and_is_seen_in_ts(far, tmp_path, scheme):
    """Nor does `--max-time` end for it, nor `--resume` care."""
    wall, listed, out = Wall(tmp_path), write_listed(tmp_path / "names", 20_000), tmp_path / "out"
    command = ("-r", f"{scheme}://{far.config['resolvers'][0]}", "--fields", "ts", "--fsync", 1, "--max-time", 3600,
               "--quiet", "--output", out, "--resume", tmp_path / "names")  # fmt: skip
    run = start(*command, "--rate", 1000, stdin=subprocess.DEVNULL, env=environment(**wall.environment))
    for to, jump_s in JUMPS_S.items():
        wall.set(to)
        wait_for(lambda jump_s=jump_s: abs(last_ts(out) - jump_s - time.time()) < 60)
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (143, b"")

    done = scan(*command, "--rate", 0, limit_s=100, **wall.environment)

    assert done.code == 0, done.err
    rows = assert_right(out, listed)
    assert max(row["ms"] for row in rows) < 1000


def last_ts(out: Path) -> float:
    """Of the last whole line; 0 before the first."""
    lines = out.read_bytes().splitlines(keepends=True)[-2:] if out.exists() else []
    return next((json.loads(line)["ts"] for line in reversed(lines) if line.endswith(b"\n")), 0.0)
