"""A pool of 1,000 resolvers of which many are no good, beside what the good ones carry together.

`python bench/pool.py [--names N] [--runs N] [--share S] [--only TEXT]`. Each resolver is 30 ms away. `--share` takes
that part of every rate, for a machine that cannot carry 200,000 answers a second beside the scan. Reported are medians:
the seconds without the start of the process, what the good ones would take, and CPU a name, beside that of the same
names asked of one resolver that carries as much as the good ones together, and of one without a limit: all is asked of
that one in less time, and what costs something each second costs it less a name. Every output is held against
the lab's zone: no lie, no name lost, none without its answer.
"""

import argparse
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from turns import LIMIT_S, keep
from whole import DNSSCAN, HERE, BenchError, check, serving, write_names

DELAY_MS = 30
QUEUE_S = 0.04  # of each resolver: 20 datagrams at 500/s
HEAD = [
    "| resolvers | seconds | good ones carry | share | asked again | CPU a name | as fast | ratio | no limit |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
]


@dataclass(frozen=True)
class Some:
    """So many resolvers of a kind; a rate of 0 is none at all."""

    count: int
    rate: int
    loss: float = 0.0


@dataclass(frozen=True)
class Row:
    title: str
    answering: tuple[Some, ...]
    dead: int = 0
    lying: int = 0

    def rate(self, share: float) -> float:
        """Answers a second of all that answer rightly."""
        return sum(each.count * max(each.rate * share, 1) * (1 - each.loss) for each in self.answering)


ROWS = (
    Row("1,000: 333 dead, 100 lying, 100 lose 20 %, 100 at 50/s, 367 at 500/s",
        (Some(100, 500, 0.2), Some(100, 50), Some(367, 500)), dead=333, lying=100),
    Row("1,000: 100 dead, 900 at 500/s, 0.5 % lost", (Some(900, 500, 0.005),), dead=100),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_s: float
    queries: int


@dataclass(frozen=True)
class Turn:
    """One run of a row: the scan, one of no names, and the same names at one resolver."""

    found: Run
    started: Run
    as_fast: Run
    unlimited: Run

    def cpu_us(self, run: Run, count: int) -> float:
        """CPU a name, without the start of the process."""
        return (run.cpu_s - self.started.cpu_s) / count * 1e6


# -- resolvers --


def lie(message: bytes) -> bytes:
    """Everything exists, and at one address."""
    end = 12
    while message[end]:
        end += 1 + message[end]
    head = message[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
    return head + message[12 : end + 5] + b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\x01"


@contextmanager
def liars(count: int) -> Iterator[list[str]]:
    """They answer from a thread of this process: few questions come, once they are found out."""
    with ExitStack() as stack:
        chosen = stack.enter_context(selectors.DefaultSelector())
        socks = [stack.enter_context(bound()) for _ in range(count)]
        for sock in socks:
            chosen.register(sock, selectors.EVENT_READ)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                for key, _ in chosen.select(0.1):
                    message, source = socks_of(key).recvfrom(4096)
                    socks_of(key).sendto(lie(message), source)

        thread = threading.Thread(target=serve)
        thread.start()
        yield [address_of(sock) for sock in socks]
        over.set()
        thread.join()


def socks_of(key: selectors.SelectorKey) -> socket.socket:
    assert isinstance(key.fileobj, socket.socket)
    return key.fileobj


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def address_of(sock: socket.socket) -> str:
    return f"udp://127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def lab(some: Some, share: float, seed: int) -> Iterator[list[str]]:
    rate = max(round(some.rate * share), 1) if some.rate else 0
    path = f"{rate}:{max(round(some.rate * QUEUE_S), 20) if rate else 0}:{DELAY_MS}:{some.loss}"
    command = [*DNSSCAN, "lab", "--path", path, "--addresses", str(some.count), "--seed", str(seed)]
    with serving(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["resolvers"]
        process.send_signal(signal.SIGTERM)


@contextmanager
def pool(row: Row, share: float, seed: int, folder: Path) -> Iterator[Path]:
    """The list of all of them, mixed."""
    with ExitStack() as stack:
        listed = [stack.enter_context(lab(some, share, seed)) for some in row.answering]
        listed.append(stack.enter_context(liars(row.lying)))
        listed.append([address_of(stack.enter_context(bound())) for _ in range(row.dead)])
        placed = [((at + 0.5) / len(kind), text) for kind in listed for at, text in enumerate(kind)]
        path = folder / "resolvers.txt"
        path.write_text("\n".join(text for _, text in sorted(placed)))
        yield path


# -- runs --


def scan(where: list[str], names: Path, out: Path) -> Run:
    """A scan without a flag for speed; the start of the process is in it."""
    command = [*DNSSCAN, *where, "--type", "A", "--stats", "json", str(names)]
    with out.open("wb") as stdout, out.with_suffix(".err").open("w+b") as stderr:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=HERE.parent)
        watchdog = threading.Timer(LIMIT_S, process.kill)
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        watchdog.cancel()
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        said = stderr.read().decode(errors="replace").splitlines()
    if process.returncode:
        raise BenchError(f"the scan ended with {process.returncode}: {' '.join(said)[-500:]}")
    stats = json.loads(next(line for line in reversed(said) if line.startswith("{")))
    return Run(seconds, usage.ru_utime + usage.ru_stime, stats["queries"])


def run(row: Row, names: Path, count: int, share: float, seed: int) -> Turn:
    out = names.with_name("out.jsonl")
    with pool(row, share, seed, names.parent) as listed:
        started = scan(["-r", f"@{listed}"], Path(os.devnull), names.with_name("none.jsonl"))
        found = scan(["-r", f"@{listed}"], names, out)
    if errors := check(out, count)["errors"]:  # and no name twice, none wrong
        raise BenchError(f"{row.title}: {errors} names without the answer that they have")
    alone = []
    for rate in (round(row.rate(share)), 0):
        with lab(Some(1, rate), 1, seed) as one:
            alone.append(scan(["-r", one[0]], names, out))
    return Turn(found, started, *alone)


def table_line(row: Row, turns: list[Turn], count: int, share: float) -> str:
    seconds = statistics.median(turn.found.seconds - turn.started.seconds for turn in turns)
    cpu_us = statistics.median(turn.cpu_us(turn.found, count) for turn in turns)
    one_us = statistics.median(turn.cpu_us(turn.as_fast, count) for turn in turns)
    unlimited_us = statistics.median(turn.cpu_us(turn.unlimited, count) for turn in turns)
    again = statistics.median(turn.found.queries / count - 1 for turn in turns)
    limit = count / row.rate(share) + DELAY_MS / 1000
    cells = (row.title, f"{seconds:.2f}", f"{limit:.2f}", f"{limit / seconds:.2f}", f"{again * 100:.1f} %",
             f"{cpu_us:.1f} us", f"{one_us:.1f} us", f"{cpu_us / one_us:.2f} x", f"{unlimited_us:.1f} us")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="1,000 resolvers, many of them no good.")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="of each row, in turn; the median is reported")
    parser.add_argument("--share", type=float, default=1.0, help="of every rate; below 1 nothing is kept")
    parser.add_argument("--only", default="", help="only rows whose title holds this; nothing is kept")
    parser.add_argument("--quick", action="store_true", help="a tenth of names and rates, one run; nothing is kept")
    args = parser.parse_args()
    if args.quick:
        args.names, args.runs, args.share = args.names // 10, 1, args.share / 10
    rows = [row for row in ROWS if args.only in row.title]
    load = os.getloadavg()[0]
    found: dict[str, list[Turn]] = {row.title: [] for row in rows}
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        names = write_names(Path(temporary) / "names.txt", args.names)
        for seed in range(1, args.runs + 1):
            for row in rows:
                found[row.title].append(run(row, names, args.names, args.share, seed))
                print(
                    f"  {seed} of {args.runs}: {row.title}: {found[row.title][-1].found.seconds:.2f} s", file=sys.stderr
                )
    table = [*HEAD, *(table_line(row, found[row.title], args.names, args.share) for row in rows)]
    about = (
        f"{args.names:,} names, medians of {args.runs}, {args.share:g} of the rates; load when it began: {load:.0f}."
    )
    print("\n".join([about, "", *table]))
    if rows == list(ROWS) and args.share == 1 and args.names >= 1_000_000:
        keep("pool", about, table, {title: len(turns) for title, turns in found.items()})


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
