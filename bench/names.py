"""`dnsscan names` into a pipe that `cat` reads, beside the barest loop that writes the same names, and naive ways.

`python bench/names.py [--quick] [--runs N]`. Each row is run `--runs` times, the program and the loop in turn, and the
run with the median CPU a name is reported. CPU is the writer's own (user and system, from wait4) and includes its
start, of the loop too: it is a Python process that calls a Cython function.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from whole import DNSSCAN, BenchError, Spent, machine, median, peak_mib, put_table

HERE = Path(__file__).parent
LISTS = HERE.parent / "wordlists"
SIX = "[a-z]{6}.com"
FLOOR = f"import sys; sys.path.insert(0, {str(HERE)!r}); import floor_names; floor_names.run(int(sys.argv[1]))"
PRODUCT = (
    "import itertools, string, sys; rows = itertools.product(string.ascii_lowercase, repeat=6);"
    "sys.stdout.writelines(''.join(row) + '.com\\n' for row in itertools.islice(rows, int(sys.argv[1])))"
)
QUICK_SHARE = 10  # --quick writes so many times fewer names


@dataclass(frozen=True)
class Row:
    """What is written, and how many names of it."""

    title: str
    names: int
    args: tuple[str, ...]


ROWS = (
    Row("`[a-z]{6}.com`", 100_000_000, (SIX,)),
    Row("`[a-z]{6}.com --shard 2/3`", 100_000_000, (SIX, "--shard", "2/3")),
    Row("`[a-z0-9-]{6}.com`", 100_000_000, ("[a-z0-9-]{6}.com",)),
    Row("`--words words.txt --join - --tlds com,net`, pairs", 15_000_000,
        ("--words", str(LISTS / "words.txt"), "--join", "-", "--tlds", "com,net")),
    Row("`[a-z]{6}.com --shuffle 1`", 50_000_000, (SIX, "--shuffle", "1")),
    Row("`[a-z0-9-]{6}.com --shuffle 1`", 50_000_000, ("[a-z0-9-]{6}.com", "--shuffle", "1")),
    Row("`[a-z0-9-]{2,20}.com --shuffle 1`, 2^104 names", 20_000_000, ("[a-z0-9-]{2,20}.com", "--shuffle", "1")),
)  # fmt: skip


def piped(command: list[str], names: int, stdin: Path | None = None) -> Spent:
    """Run into `cat > /dev/null`; the seconds are until cat has all of it."""
    with open(stdin or os.devnull, "rb") as given, open(os.devnull, "wb") as null:
        begun = time.monotonic()
        writer = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, cwd=HERE.parent)
        reader = subprocess.Popen(["cat"], stdin=writer.stdout, stdout=null)
        assert writer.stdout is not None
        writer.stdout.close()
        peak = 0.0
        while True:
            peak = max(peak, peak_mib(writer.pid))
            pid, status, usage = os.wait4(writer.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        writer.returncode = os.waitstatus_to_exitcode(status)
        reader.wait()
        seconds = time.monotonic() - begun
    if writer.returncode:
        raise BenchError(f"{' '.join(command)} ended with {writer.returncode}")
    return Spent(names, seconds, usage.ru_utime + usage.ru_stime, peak)


def measure(row: Row, names: int, runs: int) -> tuple[Spent, Spent]:
    """The program and the loop in turn, so that both meet the same weather."""
    ours, bare = [], []
    for _ in range(runs):
        bare.append(piped([sys.executable, "-c", FLOOR, str(names)], names))
        ours.append(piped([*DNSSCAN, "names", *row.args, "--limit", str(names)], names))
    return median(ours), median(bare)


def naive(names: int, folder: Path) -> dict[str, Spent]:
    """What people do without it: a product in Python; a list that shuf shuffles in memory."""
    found = {"itertools.product and join": piped([sys.executable, "-c", PRODUCT, str(names)], names)}
    if shutil.which("shuf"):
        listed = folder / "names.txt"
        with listed.open("wb") as out:
            subprocess.run([*DNSSCAN, "names", SIX, "--limit", str(names)], stdout=out, cwd=HERE.parent, check=True)
        found["shuf, of a file with them"] = piped(["shuf"], names, listed)
    return found


def cells(title: str, spent: Spent, bare: Spent | None) -> str:
    ratio = f"{spent.cpu_us / bare.cpu_us:.1f} x" if bare else ""
    beside = f"{bare.cpu_us * 1000:.0f} ns" if bare else ""
    told = [title, f"{spent.rate / 1e6:.1f} million", f"{spent.cpu_us * 1000:.0f} ns", beside, ratio]
    return f"| {' | '.join([*told, f'{spent.rss_mib:.0f} MiB'])} |"


def keep(day: str, table: list[str]) -> None:
    """The table between its markers in README.md."""
    about = f"{day}, {machine()['cores']} cores shared with the reader, Python {machine()['python']}:"
    put_table(HERE / "README.md", "names", [about, "", *table])


def main() -> None:
    parser = argparse.ArgumentParser(description="Candidate names into a pipe.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the names, one run each; nothing is kept")
    parser.add_argument("--runs", type=int, default=3, help="of each row; the median is reported (3)")
    args = parser.parse_args()
    share, runs = (QUICK_SHARE, 1) if args.quick else (1, args.runs)
    table = ["| names | names/s | CPU a name | bare loop | ratio of CPU | peak RSS |", "|---|--:|--:|--:|--:|--:|"]
    print("\n".join(table), flush=True)
    for row in ROWS:
        table.append(cells(row.title, *measure(row, row.names // share, runs)))
        print(table[-1], flush=True)
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        for title, spent in naive(10_000_000 // share, Path(temporary)).items():
            table.append(cells(title, spent, None))
            print(table[-1], flush=True)
    if not args.quick:
        keep(datetime.date.today().isoformat(), table)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
