"""Whole-program runs: the real command against `dnsscan lab`, beside the floor and the naive client.

`python bench/whole.py [--quick] [--only TEXT] [--runs N]`. Each shape is run `--runs` times, scanner and
floor in turn, and the run with the median CPU per query is reported. CPU is the client's own (user and
system, from wait4), start-up included for the scanner and the naive client, the loop alone for the floor.
Every output is held against the lab's zone. Rates of one run can be compared with each other; those of two
machines, or of two days, cannot.
"""

import argparse
import datetime
import json
import os
import platform
import pty
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the lab's zone, for the check
DNSSCAN = (sys.executable, "-m", "scanner")
LIMIT_S = 300  # for one run; more is a hang
WINDOW_AUTO = 64  # what the floor has in flight beside an `auto` row


@dataclass(frozen=True)
class Shape:
    """One row: how many names are asked over how many connections, by which way."""

    title: str
    names: int
    workers: int
    window: int  # 0: auto
    proxies: int = 0  # microsocks in front
    udp: bool = False  # the other engine; `workers` and `window` are the floor's sockets and what is in flight
    gso: bool = False
    delay_ms: int = 0  # of the lab's answers
    naive: int = 0  # names for the naive client; 0: it is not run
    checked: bool = True


SHAPES = (
    Shape("direct, 1 in flight", 1_000_000, 500, 1, naive=20_000),
    Shape("direct, 8 in flight", 4_000_000, 500, 8),
    Shape("direct, 32 in flight", 4_000_000, 100, 32),
    Shape("direct, auto", 4_000_000, 100, 0),
    Shape("1 microsocks, 1 in flight", 200_000, 500, 1, proxies=1, naive=10_000),
    Shape("1 microsocks, 8 in flight", 1_000_000, 500, 8, proxies=1),
    Shape("1 microsocks, 32 in flight", 2_000_000, 100, 32, proxies=1),
    Shape("1 microsocks, auto", 2_000_000, 500, 0, proxies=1),
    Shape("10 microsocks, auto, 0 ms", 2_000_000, 500, 0, proxies=10),
    Shape("10 microsocks, auto, 20 ms", 1_000_000, 500, 0, proxies=10, delay_ms=20),
    Shape("10 microsocks, auto, 100 ms", 500_000, 500, 0, proxies=10, delay_ms=100, naive=20_000),
    Shape("10 microsocks, auto, 1,000 tunnels", 100_000, 1000, 0, proxies=10),
)
UDP_SHAPES = (
    Shape("UDP, one by one", 2_000_000, 16, 1000, udp=True),
    Shape("UDP, segmented (GSO)", 2_000_000, 16, 1000, udp=True, gso=True),
)
MEMORY_SHAPES = (
    Shape("memory, 100 thousand names", 100_000, 100, 0),
    Shape("memory, 10 million names", 10_000_000, 100, 0, checked=False),
    Shape("memory, 10 million names over UDP", 10_000_000, 16, 1000, udp=True, gso=True, checked=False),
)
WATCHED = Shape("watched", 40_000_000, 100, 0, checked=False)  # long: the import of one more library takes 0.07 s
PAIRS = 4  # of the same scan, watched and not
QUICK_SHARE = 10  # --quick asks so many times fewer names


@dataclass(frozen=True)
class Spent:
    """What one client process took."""

    queries: int
    seconds: float
    cpu_s: float
    rss_mib: float = 0

    @property
    def rate(self) -> float:
        return self.queries / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.queries * 1e6


class BenchError(Exception):
    """A run that gives no number: told in one line, and the bench fails."""


# -- processes --


def peak_mib(pid: int) -> float:
    """VmHWM of a live process: ru_maxrss would count this process, from which it was forked, too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0


def run_client(command: list[str], names: Path, out: Path, log: Path, queries: int) -> Spent:
    """Run to the end with names on stdin; times and memory are the process's own. `log` may be a terminal."""
    with names.open("rb") as stdin, out.open("wb") as stdout, log.open("wb", buffering=0) as stderr:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, cwd=HERE.parent)
        watchdog = threading.Timer(LIMIT_S, process.kill)
        watchdog.start()
        peak = 0.0
        while True:
            peak = max(peak, peak_mib(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        seconds = time.monotonic() - begun
        watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said = log.read_text(errors="replace")[-500:]
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return Spent(queries, seconds, usage.ru_utime + usage.ru_stime, peak)


@contextmanager
def serving(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server process in the foreground, stopped by its pid."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=HERE.parent, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def lab(delay_ms: int) -> Iterator[str]:
    """A lab with no proxies of its own; gives the address of its DNS server as HOST:PORT."""
    command = [*DNSSCAN, "lab", "--proxies", "0"]
    if delay_ms:
        command += ["--delay-ms", f"{delay_ms}:{delay_ms}"]
    with serving(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchError("the lab did not start")
        config = json.loads(line)
        resolver = config.get("resolver") or config["resolvers"][0]
        yield resolver.rpartition("/")[2]


@contextmanager
def microsocks() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["microsocks", "-i", "127.0.0.1", "-p", str(port)]
    with serving(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        wait_for(port)
        yield f"127.0.0.1:{port}"


def wait_for(port: int) -> None:
    until = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


# -- names, and the check of what came out --


def name_of(index: int) -> str:
    """Of the usual length of a real name in a list, and all different."""
    return f"shop{index:08d}.com"


def write_names(path: Path, count: int) -> Path:
    with path.open("w") as out:
        for first in range(0, count, 100_000):
            out.writelines(f"{name_of(i)}\n" for i in range(first, min(count, first + 100_000)))
    return path


def check(out: Path, count: int) -> dict[str, int]:
    """Every name exactly once, each with the verdict that it has in the lab's zone."""
    from scanner.lab import zone

    seen = bytearray(count)
    wrong = errors = lines = 0
    with out.open("rb") as results:
        for line in results:
            row = json.loads(line)
            lines += 1
            seen[int(row["d"][4:12])] = 1
            if row["s"] == "error":
                errors += 1
            elif row["s"] != zone.expected(row["d"])[0]:
                wrong += 1
    found = {"lines": lines, "missing": count - sum(seen), "errors": errors, "wrong": wrong}
    if lines != count or found["missing"] or wrong:
        raise BenchError(f"{count} names, but {found}")
    return found


# -- the clients --


def scan(shape: Shape, server: str, proxies: list[str], folder: Path) -> Spent:
    config = folder / "config.json"
    settings: dict[str, Any] = {"resolver": f"{'udp' if shape.udp else 'tcp'}://{server}"}
    if proxies:
        settings["proxies"] = [f"socks5://{proxy}" for proxy in proxies]
    config.write_text(json.dumps(settings))
    pipeline = str(shape.window or "auto")
    command = [*DNSSCAN, "--config", str(config), "--workers", str(shape.workers), "--pipeline", pipeline]
    command += ["--rate", "0", "--type", "NS", "--quiet"]
    if shape.udp:
        command = [*DNSSCAN, "--config", str(config), "--rate", "0", "--quiet", *([] if shape.gso else ["--no-gso"])]
    out = folder / "out.jsonl" if shape.checked else Path(os.devnull)
    return run_client(command, folder / "names.txt", out, folder / "scan.err", shape.names)


def floor(shape: Shape, server: str, proxies: list[str], names: Path) -> Spent:
    numbers = (shape.workers, shape.window or WINDOW_AUTO, shape.names)
    command = [sys.executable, str(HERE / "floor_run.py"), server, *map(str, numbers), *proxies]
    if shape.udp:
        numbers = (shape.window, shape.names, int(shape.gso))
        command = [sys.executable, str(HERE / "floor_udp_run.py"), server, *map(str, numbers)]
    with names.open("rb") as stdin:
        done = subprocess.run(command, stdin=stdin, capture_output=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise BenchError(f"the floor: {done.stderr.decode(errors='replace')[-500:]}")
    return Spent(**json.loads(done.stdout))


def naive(shape: Shape, server: str, proxies: list[str], folder: Path) -> Spent:
    names = write_names(folder / "naive.txt", shape.naive)
    command = [sys.executable, str(HERE / "naive.py"), server, str(shape.workers), *proxies[:1]]
    return run_client(command, names, folder / "naive.out", folder / "naive.err", shape.naive)


def others(server: str, names: Path, count: int, folder: Path) -> dict[str, Spent]:
    """Other scanners that are on PATH, on the same names over 100 connections; what fails is left out."""
    host, _, port = server.rpartition(":")
    queries = folder / "dnsperf.txt"
    with names.open() as listed, queries.open("w") as out:
        out.writelines(f"{line.strip()} NS\n" for line in listed)
    resolvers = folder / "resolvers.txt"
    resolvers.write_text(f"{server}\n")
    commands = {
        "dnsperf, tcp, 32 in flight on each of 100": [
            *("dnsperf", "-m", "tcp", "-s", host, "-p", port, "-d", str(queries)),
            *("-n", "1", "-c", "100", "-q", "3200", "-T", "1", "-e"),
        ],
        "massdns, udp": ["massdns", "-r", str(resolvers), "-t", "NS", "-o", "J", "-s", "1000", str(names)],
        "zdns, tcp": [
            "zdns",
            "NS",
            "--tcp-only",
            "--name-servers",
            server,
            "--threads",
            "100",
            "-f",
            str(names),
        ],
        "dnsx, tcp": [
            "dnsx",
            "-silent",
            "-ns",
            "-json",
            "-r",
            f"tcp:{server}",
            "-t",
            "100",
            "-l",
            str(names),
        ],
    }
    found = {}
    for title, command in commands.items():
        if shutil.which(command[0]):
            try:
                found[title] = run_client(command, names, folder / "other.out", folder / "other.err", count)
            except BenchError as error:
                print(f"  {error}", file=sys.stderr)
    return found


# -- being watched --


@contextmanager
def terminal() -> Iterator[Path]:
    """A terminal whose screen nobody looks at; gives its path."""
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=drain, args=(ours,), daemon=True)
    reader.start()
    try:
        yield Path(os.ttyname(theirs))
    finally:
        os.close(theirs)
        reader.join(5)
        os.close(ours)


def drain(descriptor: int) -> None:
    with suppress(OSError):  # EIO: the other end is closed
        while os.read(descriptor, 65536):
            pass


@contextmanager
def scraping(port: int) -> Iterator[list[int]]:
    """Ask for the metrics every second, as no Prometheus would; gives the octets of each answer."""
    sizes: list[int] = []
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(1):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                sizes.append(len(page.read()))

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield sizes
    finally:
        ended.set()
        thread.join()


def watched(shape: Shape, pairs: int, folder: Path) -> dict[str, Any]:
    """The same scan with and without all that watches it, in turn; of each the median of CPU and of names a second."""
    names = write_names(folder / "names.txt", shape.names)
    plain, seen = [], []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with lab(0) as server, terminal() as screen, scraping(port) as scrapes:
        command = [*DNSSCAN, "-r", server, "--workers", str(shape.workers), "--rate", "0"]
        watching = ["--metrics", str(port), "--metrics-file", str(folder / "bench.prom"),
                    "--heartbeat", str(folder / "beat.json")]  # fmt: skip
        for _ in range(pairs):
            plain.append(run_client([*command, "--quiet"], names, Path(os.devnull), screen, shape.names))
            seen.append(run_client([*command, *watching], names, Path(os.devnull), screen, shape.names))
    return {
        "names": shape.names, "pairs": pairs, "scrapes": len(scrapes),
        "cpu": statistics.median(each.cpu_us for each in seen) / statistics.median(each.cpu_us for each in plain),
        "cpu_least": min(each.cpu_us for each in seen) / min(each.cpu_us for each in plain),
        "rate": statistics.median(each.rate for each in seen) / statistics.median(each.rate for each in plain),
        "runs": [(asdict(one), asdict(other)) for one, other in zip(plain, seen, strict=True)],
    }  # fmt: skip


def watched_lines(found: dict[str, Any]) -> list[str]:
    return [
        "",
        "Watched (progress on a terminal, a heartbeat, metrics in a file and scraped every second), beside the same",
        f"scan with `--quiet`: direct, auto (100), {found['names']:,} names, {found['pairs']} each in turn. Medians:",
        f"{found['cpu']:.3f} x the CPU a name (the least of each: {found['cpu_least']:.3f} x), {found['rate']:.3f} x",
        "the names/s; the import of one more library is in it.",
    ]


# -- rows --


def median(runs: list[Spent]) -> Spent:
    return sorted(runs, key=lambda each: each.cpu_us)[(len(runs) - 1) // 2]


def quick(shape: Shape) -> Shape:
    return replace(shape, names=shape.names // QUICK_SHARE, naive=shape.naive // QUICK_SHARE)


def measure(shape: Shape, runs: int, folder: Path) -> dict[str, Any]:
    """One row: scanner and floor in turn, so that both meet the same weather."""
    names = write_names(folder / "names.txt", shape.names)
    scans, floors = [], []
    checked: dict[str, int] = {}
    with ExitStack() as stack:
        server = stack.enter_context(lab(shape.delay_ms))
        proxies = [stack.enter_context(microsocks()) for _ in range(shape.proxies)]
        for _ in range(runs):
            floors.append(floor(shape, server, proxies, names))
            scans.append(scan(shape, server, proxies, folder))
            if shape.checked and not checked:
                checked = check(folder / "out.jsonl", shape.names)
        beside = naive(shape, server, proxies, folder) if shape.naive else None
    row = {
        "shape": asdict(shape),
        "scan": asdict(median(scans)),
        "floor": asdict(median(floors)),
        "check": checked,
    }
    row["rss_mib"] = max(each.rss_mib for each in scans)
    row["naive"] = asdict(beside) if beside else None
    costs = [each.cpu_us for each in scans]
    row["spread"] = statistics.pstdev(costs) / statistics.mean(costs)
    return row


TABLE_HEAD = (
    "| shape (connections) | names/s | CPU a name | bare loop: queries/s | CPU a query | ratio of CPU "
    "| naive: names/s | CPU a name | peak RSS |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def table_line(row: dict[str, Any]) -> str:
    scanned, bare = Spent(**row["scan"]), Spent(**row["floor"])
    beside = Spent(**row["naive"]) if row["naive"] else None
    cells = [
        f"{row['shape']['title']} ({row['shape']['workers']})",
        f"{scanned.rate:,.0f}",
        f"{scanned.cpu_us:.2f} us",
        f"{bare.rate:,.0f}",
        f"{bare.cpu_us:.2f} us",
        f"{scanned.cpu_us / bare.cpu_us:.2f} x",
        f"{beside.rate:,.0f}" if beside else "",
        f"{beside.cpu_us:.0f} us" if beside else "",
        f"{row['rss_mib']:.0f} MiB",
    ]
    return f"| {' | '.join(cells)} |"


def other_lines(found: dict[str, Spent]) -> list[str]:
    if not found:
        return []
    lines = ["", "Others on the same machine, the same lab and the same names:", ""]
    lines += ["| program | names/s | CPU a name |", "|---|--:|--:|"]
    return lines + [f"| {title} | {each.rate:,.0f} | {each.cpu_us:.2f} us |" for title, each in found.items()]


def machine() -> dict[str, Any]:
    python = platform.python_version()
    return {"cores": os.cpu_count(), "kernel": platform.release(), "python": python}


def keep(day: str, rows: list[dict[str, Any]], found: dict[str, Any], table: list[str]) -> None:
    """The numbers as JSON, and the table between its markers in README.md."""
    told = {
        "date": day,
        "machine": machine(),
        "rows": rows,
        "others": {k: asdict(v) for k, v in found["others"].items()},
        "watched": found["watched"],
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{day}.json").write_text(json.dumps(told, indent=1) + "\n")
    about = f"{day}, {machine()['cores']} cores shared by client and lab, Python {machine()['python']}:"
    put_table(HERE / "README.md", "table", [about, "", *table])


def put_table(page: Path, name: str, lines: list[str]) -> None:
    """In place of what stands between the markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text().partition(begin)
    page.write_text("\n".join([before + begin, *lines, end + rest.partition(end)[2]]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole-program runs against the lab.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the names, one run each; nothing is kept")
    parser.add_argument("--only", default="", help="only the shapes whose title holds this; nothing is kept")
    parser.add_argument("--runs", type=int, default=3, help="of each shape; the median is reported (3)")
    args = parser.parse_args()
    shapes = SHAPES + UDP_SHAPES if args.quick else SHAPES + UDP_SHAPES + MEMORY_SHAPES
    shapes = tuple(each for each in shapes if args.only in each.title)
    if not shutil.which("microsocks"):
        print("microsocks is not installed: rows through it are left out", file=sys.stderr)
        shapes = tuple(each for each in shapes if not each.proxies)
    rows, found, table = [], {}, TABLE_HEAD.splitlines()
    print(TABLE_HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        folder = Path(temporary)
        for shape in shapes:
            row = measure(quick(shape), 1, folder) if args.quick else measure(shape, args.runs, folder)
            rows.append(row)
            table.append(table_line(row))
            print(table[-1], flush=True)
        if not args.only:
            count = 20_000 if args.quick else 300_000
            with lab(0) as server:
                found = others(server, write_names(folder / "names.txt", count), count, folder)
            print("\n".join(other_lines(found)))
            table += other_lines(found)
        if not args.only or args.only in WATCHED.title:
            beside = watched(quick(WATCHED), 1, folder) if args.quick else watched(WATCHED, PAIRS, folder)
            print("\n".join(watched_lines(beside)))
            table += watched_lines(beside)
    if not (args.quick or args.only):
        keep(datetime.date.today().isoformat(), rows, {"others": found, "watched": beside}, table)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
