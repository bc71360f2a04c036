"""A scan in parts: what the engine costs on one node, and what four nodes bring where each egress is the limit.

`python bench/cluster.py [--quick] [--names N] [--runs N]`. Scan and cluster in turn, the median of each: as fast as the
lab answers, then once with a rate, as resolvers have one (`--names 10000000`: ten parts of a million). In the second
table the egresses are four proxies of the lab, each allowed 5,000 queries a second of its own. `--full [--names N]` is
another program, in `cluster_faults.py`: workers and schedulers die, and it says PASS or FAIL.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import NoReturn

from cluster_faults import NAMES as FULL_NAMES
from cluster_faults import full
from turns import arguments, keep, timed
from whole import DNSSCAN, BenchError, serving, write_names

NAMES, RUNS, PARTS, NODES = 2_000_000, 3, 10, 4
EGRESS_RATE = 5000
EGRESS_SHARE, EGRESS_NAMES = 5, 1_000_000  # the second table asks so many times fewer names, and at most so many
EMPTY_TASKS = 20_000
PACE = 100_000  # queries a second of the paced rows
HEAD = ["| scan | names | wall, s | beside it |", "|---|--:|--:|--:|"]


@contextmanager
def lab(folder: Path, *options: str) -> Iterator[dict[str, object]]:
    """The configuration of a lab that runs."""
    with serving([*DNSSCAN, "lab", *options], stdout=PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchError("the lab did not start")
        yield json.loads(line)


def cluster(names: Path, config: Path, folder: Path, nodes: int, part_lines: int) -> float:
    """Wall seconds of the whole command."""
    out = folder / "parts"
    shutil.rmtree(out, ignore_errors=True)
    command = [*DNSSCAN, "cluster", str(names), "-o", str(out), "--config", str(config), "--quiet",
               "--local", str(nodes), "--part-lines", str(part_lines)]  # fmt: skip
    return timed(command, folder / "cluster.out")


def first_result(config: Path, folder: Path) -> float:
    """Seconds from the start of two workers to the first part."""
    names, out = folder / "few.txt", folder / "first"
    names.write_text("a.com\nb.com\n")
    shutil.rmtree(out, ignore_errors=True)
    begun = time.monotonic()
    with serving([*DNSSCAN, "cluster", str(names), "-o", str(out), "--config", str(config), "--quiet", "--local", "2",
                  "--part-lines", "1"]):  # fmt: skip
        while not list(out.glob("part-*.json")):
            if time.monotonic() > begun + 60:
                raise BenchError("no part within a minute")
            time.sleep(0.01)
        return time.monotonic() - begun


def tasks_a_second() -> float:
    """Tasks that do nothing, in hand as parts are."""
    import distributed

    with (
        distributed.LocalCluster(4, threads_per_worker=1, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        client.submit(int, 1).result()
        begun = time.monotonic()
        waiting = distributed.as_completed([client.submit(int, number, pure=False) for number in range(12)])
        for handed, _ in enumerate(waiting, 13):
            if handed <= EMPTY_TASKS:
                waiting.add(client.submit(int, handed, pure=False))
        return EMPTY_TASKS / (time.monotonic() - begun)


def overhead(names: Path, count: int, runs: int, folder: Path) -> list[str]:
    """One node and ten parts, beside one scan."""
    with lab(folder, "--proxies", "0") as config:
        path = folder / "near.json"
        path.write_text(json.dumps(config))
        alone, parts, first = [], [], []
        for _ in range(runs):
            alone.append(one_scan(names, path, folder))
            parts.append(cluster(names, path, folder, 1, count // PARTS))
            first.append(first_result(path, folder))
        path.write_text(json.dumps({**config, "rate": PACE}))
        paced = one_scan(names, path, folder), cluster(names, path, folder, 1, count // PARTS)
    return [*beside("", count, statistics.median(alone), statistics.median(parts)),
            *beside(f", {PACE:,}/s", count, *paced),
            f"| `--local 2`, to the first part | 2 | {statistics.median(first):.2f} | |"]  # fmt: skip


def one_scan(names: Path, config: Path, folder: Path) -> float:
    """Wall seconds."""
    given = ["--config", str(config), "--quiet", "--output", str(folder / "one.jsonl"), "--force", str(names)]
    return timed([*DNSSCAN, *given], folder / "one.out")


def beside(how: str, count: int, one: float, many: float) -> list[str]:
    """Two rows: one scan, and the same in parts."""
    parts = f"`--local 1`, {PARTS} parts of {count // PARTS:,}{how}"
    return [f"| one scan{how} | {count:,} | {one:.2f} | |",
            f"| {parts} | {count:,} | {many:.2f} | {many / one:.2f} x |"]  # fmt: skip


def nodes(names: Path, count: int, folder: Path) -> list[str]:
    """Four nodes beside one, where an egress is the limit."""
    with lab(folder, "--proxies", str(NODES)) as config:
        walls = {}
        for number in (1, NODES):
            path = folder / f"{number}.json"
            proxies = config["proxies"][:number]  # type: ignore[index]
            path.write_text(json.dumps({**config, "proxies": proxies, "rate_per_resolver": EGRESS_RATE}))
            walls[number] = cluster(names, path, folder, number, count // (4 * NODES))
    limit = count / EGRESS_RATE
    return [f"| one node, an egress of {EGRESS_RATE:,}/s | {count:,} | {walls[1]:.1f} | limit {limit:.1f} |",
            f"| {NODES} nodes, one each | {count:,} | {walls[NODES]:.1f} | {walls[1] / walls[NODES]:.2f} x as fast; "
            f"limit {limit / NODES:.1f} |"]  # fmt: skip


def full_run() -> NoReturn:
    """Ten million names and faults, in the place of the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--names", type=int, default=FULL_NAMES)
    sys.exit(full(parser.parse_args().names))


def main() -> None:
    if "--full" in sys.argv:
        full_run()
    args = arguments("A scan in parts.", NAMES, RUNS)
    print("\n".join(HEAD), flush=True)
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        folder = Path(temporary)
        table = overhead(write_names(folder / "names.txt", args.names), args.names, args.runs, folder)
        print("\n".join(table), flush=True)
        few = min(args.names // EGRESS_SHARE, EGRESS_NAMES)
        table += nodes(write_names(folder / "few.txt", few), few, folder)
        print("\n".join(table[-2:]), flush=True)
        table.append(f"| tasks that do nothing, 4 workers | {EMPTY_TASKS:,} | | {tasks_a_second():,.0f}/s |")
        print(table[-1], flush=True)
    if args.kept:
        keep("cluster", "Lab and scan share the machine.", [*HEAD, *table], table)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
