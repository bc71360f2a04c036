"""dnsscan over the lab's paths (`dnsscan lab --path`) without a flag, beside what each path can carry.

`python bench/paths.py [--quick] [--only TEXT] [--names N] [--runs N]`. All rows are run in turn, each time with another
seed and a lab of its own, which counts what came. The start of the process (a scan of no names, in turn with the rows)
is taken off. Reported are medians; a name without the answer that its server would have given is a failure. Shares are
of the names that are answered. The attempts for names that never are stand in no limit; the row without a cap shows
them alone.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from servers import query
from turns import arguments, keep, scan, start
from whole import DNSSCAN, BenchError, check, name_of, serving, write_names

from scanner.lab.link import slowness_ms
from scanner.lab.path import LabPath

NAMES, RUNS = 20_000, 5
HEAD = [
    "| path | seconds | limit | beside it | superfluous | of these needless | lost or dropped | missing | lab late |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
]


@dataclass(frozen=True)
class Row:
    title: str
    path: LabPath
    addresses: int = 1


ROWS = (
    Row("20,000/s, queue 100, 30 ms", LabPath(20_000, 100, 30)),
    Row("20,000/s, queue 20, 30 ms", LabPath(20_000, 20, 30)),
    Row("2,000/s, queue 50, 50 ms, 1 % lost", LabPath(2000, 50, 50, 0.01)),
    Row("policer 2,000/s, queue 5, no delay", LabPath(2000, 5)),
    Row("5,000/s, queue 50, 30 ms, 10 % lost", LabPath(5000, 50, 30, 0.1)),
    Row("2,000/s, queue 50, 50 ms, 30 % lost", LabPath(2000, 50, 50, 0.3)),
    Row("5,000/s, queue 100, 30 ms, jitter 5 ms", LabPath(5000, 100, 30, jitter_ms=5)),
    Row("5,000/s, queue 100, 30 ms, jitter 20 ms", LabPath(5000, 100, 30, jitter_ms=20)),
    Row("5,000/s, queue 100, 30 ms, 1 % lost, 30 % slow: median 150 ms, sigma 0.8",
        LabPath(5000, 100, 30, 0.01, slow=0.3, slow_median_ms=150, slow_sigma=0.8)),
    Row("20,000/s, queue 100, 30 ms, 5 % never answered", LabPath(20_000, 100, 30, dead=0.05)),
    Row("no cap, 30 ms, 5 % never answered", LabPath(delay_ms=30, dead=0.05)),  # what their own attempts take
    Row("no cap, 30 ms", LabPath(delay_ms=30)),
    Row("1,000 resolvers, each 500/s, queue 20, 30 ms, 0.5 % lost", LabPath(500, 20, 30, 0.005), 1000),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One scan. Shares are of the names that the server answers; `needless`, too, leaves out the others."""

    seconds: float  # from start to end of the process
    limit_s: float
    superfluous: float  # queries beyond one for each name and for each probe before the scan
    needless: float
    gone: float  # queries lost or dropped
    missing: int  # names that the server answers, and the scan has no answer
    overrun: int  # datagrams that the lab's own socket had no room for
    late_ms: float


# -- the lab --


def flags(row: Row, seed: int) -> list[str]:
    path = row.path
    found = ["--path", f"{path.rate}:{path.queue}:{path.delay_ms}:{path.loss}", "--addresses", str(row.addresses)]
    found += ["--jitter-ms", str(path.jitter_ms), "--dead", str(path.dead), "--seed", str(seed)]
    return [*found, "--slow", f"{path.slow}:{path.slow_median_ms}:{path.slow_sigma}"]


@contextmanager
def lab(row: Row, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Up while the block runs; then the dict has its counts. Its config is `folder / "lab.json"`."""
    counts: dict[str, Any] = {}
    command = [*DNSSCAN, "lab", *flags(row, seed)]
    with serving(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        config = process.stdout.readline()
        if not config:
            raise BenchError(f"the lab did not start: {process.stderr.read().decode()[-500:]}")
        (folder / "lab.json").write_bytes(config)
        yield counts
        process.send_signal(signal.SIGTERM)
        counts.update(json.loads(process.stderr.read()))


# -- one run --


def slowness(path: LabPath, names: int, seed: int) -> list[float | None]:
    """Of each name, in the order of the list: milliseconds; None where it is never answered."""
    if not path.slow and not path.dead:
        return [0.0] * names
    return [slowness_ms(path, query(name_of(index)), seed) for index in range(names)]


def limit_s(row: Row, slow: list[float | None]) -> float:
    """When the last answer can be had, where nothing is lost and the names are asked in their order at the rate."""
    interval = 1 / (row.path.rate * row.addresses) if row.path.rate else 0.0
    last = max((at + 1) * interval + each / 1000 for at, each in enumerate(slow) if each is not None)
    return last + row.path.delay_ms / 1000


def run(row: Row, names: Path, count: int, seed: int) -> Run:
    slow, out = slowness(row.path, count, seed), names.with_name("out.jsonl")
    dead = slow.count(None)
    with lab(row, seed, names.parent) as counts:
        seconds = scan(["--config", str(names.with_name("lab.json"))], names, out)
    errors = check(out, count)["errors"]  # and no name twice, none wrong
    answered = count - dead
    return Run(
        seconds=seconds,
        limit_s=limit_s(row, slow),
        superfluous=(counts["repeated"] - (counts["silent"] - dead)) / answered,
        needless=counts["needless"] / answered,
        gone=(counts["lost"] + counts["dropped"]) / answered,
        missing=errors - dead,
        overrun=counts["overrun"],
        late_ms=counts["late_ms"],
    )


# -- rows --


def table_line(row: Row, runs: list[Run], start_s: float) -> str:
    middle = {key: statistics.median(asdict(each)[key] for each in runs) for key in asdict(runs[0])}
    seconds = middle["seconds"] - start_s
    cells = [
        row.title,
        f"{seconds:.2f}",
        f"{middle['limit_s']:.2f}",
        f"{seconds / middle['limit_s']:.2f} x",
        *(f"{middle[share] * 100:.1f} %" for share in ("superfluous", "needless", "gone")),
        str(max(each.missing for each in runs)),
        f"{max(each.late_ms for each in runs):.0f} ms",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    args = arguments("Over the lab's paths, beside what they carry.", NAMES, RUNS)
    rows = [row for row in ROWS if args.only in row.title]
    found: dict[str, list[Run]] = {row.title: [] for row in rows}
    starts = []
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        names = write_names(Path(temporary) / "names.txt", args.names)
        for seed in range(1, args.runs + 1):
            for row in rows:
                starts.append(start(["-r", "udp://127.0.0.1:9"], names))  # nothing is sent there
                found[row.title].append(run(row, names, args.names, seed))
                print(f"  {seed} of {args.runs}: {row.title}: {found[row.title][-1].seconds:.2f} s", file=sys.stderr)
    if not rows:
        return
    start_s = statistics.median(starts)
    table = [*HEAD, *(table_line(row, found[row.title], start_s) for row in rows)]
    about = f"Medians of {args.runs}, each with another seed; the start of the process, {start_s:.2f} s, is taken off."
    table += too_busy(found)
    print("\n".join([about, "", *table]))
    missing = [title for title, runs in found.items() if any(each.missing for each in runs)]
    if missing:
        raise BenchError(f"names without the answer that their server gives: {'; '.join(missing)}")
    if args.kept:
        keep("paths", about, table, {title: [asdict(each) for each in runs] for title, runs in found.items()})


def too_busy(found: dict[str, list[Run]]) -> list[str]:
    overrun = [title for title, runs in found.items() if any(each.overrun for each in runs)]
    if not overrun:
        return []
    return ["", f"The machine was too busy for the lab, whose own sockets lost datagrams: {'; '.join(overrun)}."]


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
