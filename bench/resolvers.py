"""`dnsscan resolvers` over a list of 1,000, of which 667 are a lab's and the others are silent.

`python bench/resolvers.py [--runs N]`. Seconds and CPU are the command's own, its start included. Every verdict is
checked. The silent ones are sockets that nobody reads: the kernel tells of no closed port.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from whole import DNSSCAN, HERE, BenchError, machine, put_table, serving

LIVE, SILENT = 667, 333
LUCK_MAX = 10
PAGE = HERE.parent / "docs" / "how-to" / "resolvers.md"


@dataclass(frozen=True)
class Row:
    title: str
    path: str  # of the lab
    verdict: str  # of the live ones


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_s: float
    queries: int
    rate: float  # median of what was found to be borne


ROWS = (
    Row("5 ms away", "0:0:5:0", "good"),
    Row("50 ms away, 500/s each, queue 20", "500:20:50:0", "good"),
    Row("30 ms away, 20 % lost", "0:0:30:0.2", "lossy"),
)


@contextmanager
def resolvers(row: Row, folder: Path) -> Iterator[Path]:
    """The list of live and silent ones, mixed."""
    command = [*DNSSCAN, "lab", "--addresses", str(LIVE), "--nx", "1", "--path", row.path]
    with serving(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as lab, ExitStack() as up:
        assert lab.stdout is not None
        live = json.loads(lab.stdout.readline())["resolvers"]
        silent = []
        for _ in range(SILENT):
            sock = up.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind(("127.0.0.1", 0))
            silent.append(f"udp://127.0.0.1:{sock.getsockname()[1]}")
        path = folder / "list.txt"
        path.write_text(
            "\n".join(text for at, text in enumerate(live) for text in (text, *silent[at // 2 : at // 2 + at % 2]))
        )
        yield path


def run(row: Row, folder: Path) -> Run:
    with resolvers(row, folder) as listed, (folder / "out.jsonl").open("wb") as out, open(os.devnull) as null:
        command = [*DNSSCAN, "resolvers", "--stats", "json", str(listed)]
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=null, stdout=out, stderr=subprocess.PIPE, cwd=HERE.parent)
        assert process.stderr is not None
        err = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{row.title}: ended with {process.returncode}: {err.decode()[-500:]}")
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    check(row, Counter(each["verdict"] for each in rows))
    rates = [each["rate"] for each in rows if each["rate"]]
    return Run(seconds, usage.ru_utime + usage.ru_stime, json.loads(err)["queries"], statistics.median(rates))


def check(row: Row, found: Counter[str]) -> None:
    """Of those that lose a fifth a few may have been lucky, or without an answer to 5 tries: 13 and 3 of 10,000."""
    few = LUCK_MAX if row.verdict == "lossy" else 0
    if found[row.verdict] < LIVE - few or found["silent"] < SILENT or sum(found.values()) != LIVE + SILENT:
        raise BenchError(f"{row.title}: {dict(found)}")


def table_line(row: Row, runs: list[Run]) -> str:
    middle = {key: statistics.median(asdict(each)[key] for each in runs) for key in asdict(runs[0])}
    cells = (
        row.title,
        f"{middle['seconds']:.1f}",
        f"{middle['cpu_s']:.1f}",
        f"{middle['queries']:,}",
        f"{middle['rate']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="A list of 1,000 resolvers, a third of them silent.")
    parser.add_argument("--runs", type=int, default=3, help="of each row; the median is reported")
    parser.add_argument("--quick", action="store_true", help="one run; nothing is kept")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    found: dict[str, list[Run]] = {row.title: [] for row in ROWS}
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as folder:
        for _ in range(1 if args.quick else args.runs):
            for row in ROWS:
                found[row.title].append(run(row, Path(folder)))
                print(f"  {row.title}: {found[row.title][-1].seconds:.1f} s", file=sys.stderr)
    here = machine()
    busy = f"; load by other work when it began: {load:.0f}" if load >= 1 else ""
    table = [
        f"{time.strftime('%Y-%m-%d')}, {here['cores']} cores shared with the lab, Python {here['python']}: "
        f"{LIVE + SILENT:,} resolvers on loopback, of which {SILENT} are silent (`python bench/resolvers.py`){busy}.",
        "", f"| the {LIVE} others | seconds | CPU s | queries | `rate`, median |", "|---|--:|--:|--:|--:|",
        *(table_line(row, found[row.title]) for row in ROWS),
    ]  # fmt: skip
    print("\n".join(table))
    if not args.quick:
        put_table(PAGE, "resolvers", table)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
