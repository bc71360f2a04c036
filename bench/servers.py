"""dnsscan at real servers from Debian on loopback, over UDP and TCP, beside dnsperf at the best of its settings.

`python bench/servers.py [--quick] [--only TEXT] [--names N] [--runs N]`. Each server has a zone with a wildcard and its
default socket buffers. The clients are run in turn, and the median of each is reported. The start of the process (a
scan of no names, in turn with the others) is taken off: dnsperf, too, counts from its first query. What is missing is
left out, in words.
"""

import json
import re
import shutil
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turns import arguments, keep, scan, start, timed
from whole import BenchError, serving

NAMES, SMALL, RUNS = 20_000, 2500, 5
IN_FLIGHT = (20, 50, 100, 200, 500)  # dnsperf's -q
WAIT_S = 10
HEAD = [
    "| server, names | dnsscan, UDP | dnsscan, TCP | dnsperf | its -q | UDP beside it | TCP beside it | start, aside |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
]
ZONE = """$TTL 60
@  SOA ns hostmaster 1 900 300 604800 300
@  NS  ns
ns A   127.0.0.1
*  A   192.0.2.1
"""
KNOT = """
server:
    listen: 127.0.0.1@{port}
    rundir: "{folder}"
database:
    storage: "{folder}"
control:
    listen: "{folder}/knot.sock"
log:
  - target: stderr
    any: error
zone:
  - domain: bench.test
    file: "{folder}/zone"
    zonefile-sync: -1
    journal-content: none
"""
UNBOUND = """
server:
  directory: "{folder}"
  pidfile: ""
  username: ""
  chroot: ""
  do-daemonize: no
  use-syslog: no
  do-ip6: no
  interface: 127.0.0.1@{port}
  local-zone: "bench.test." redirect
  local-data: "bench.test. 60 IN A 192.0.2.1"
remote-control:
  control-enable: no
"""
BIND = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no;
}};
controls {{ }};
zone "bench.test" {{ type primary; file "{folder}/zone"; }};
"""
NSD = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  database: ""
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  rrl-ratelimit: 0 # Debian's answers 200 a second to one client
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: zone
"""
DNSMASQ = """
keep-in-foreground
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=
pid-file=
address=/bench.test/192.0.2.1
"""


@dataclass(frozen=True)
class Server:
    """One that answers `*.bench.test`: what it is called, and how it is started with a config file."""

    title: str
    package: str  # Debian's
    program: str
    flags: tuple[str, ...]  # the last takes the path of the config
    config: str


SERVERS = (
    Server("knot", "knot", "knotd", ("-c",), KNOT),
    Server("unbound", "unbound", "unbound", ("-d", "-p", "-c"), UNBOUND),
    Server("BIND", "bind9", "named", ("-f", "-4", "-c"), BIND),
    Server("NSD", "nsd", "nsd", ("-d", "-c"), NSD),
    Server("dnsmasq", "dnsmasq-base", "dnsmasq", ("-C",), DNSMASQ),
)


# -- servers --


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def free_port() -> int:
    """One that both TCP and UDP had free a moment ago."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])


@contextmanager
def running(server: Server, folder: Path) -> Iterator[int]:
    """The port at which it answers."""
    home = folder / server.program
    home.mkdir(exist_ok=True)
    (home / "zone").write_text(ZONE)
    port, config, log = free_port(), home / "config", home / "log"
    config.write_text(server.config.format(port=port, folder=home))
    command = [server.program, *server.flags, str(config)]
    with log.open("wb") as err, serving(command, stdout=err, stderr=err) as process:
        until = time.monotonic() + WAIT_S
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise BenchError(f"{server.title} did not start: {log.read_text(errors='replace')[-500:]}")
        yield port


def answers(port: int) -> bool:
    """Over both; waits a little where it does not."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(query("begin.bench.test"))
            udp.recv(4096)
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
            return False
        return True


# -- clients --


def dnsscan(transport: str, port: int, names: Path, out: Path) -> float:
    seconds = scan(["-r", f"{transport}://127.0.0.1:{port}"], names, out)
    found = [json.loads(line) for line in out.open("rb")]
    taken = {row["d"] for row in found if row["s"] == "taken"}
    wanted = names.read_text().split()
    if len(found) != len(wanted) or taken != set(wanted):
        wrong = [row for row in found if row["s"] != "taken"][:3]
        raise BenchError(f"dnsscan, {transport}: {len(wanted)} names, {len(found)} lines, {len(taken)} right: {wrong}")
    return seconds


def dnsperf(in_flight: int, port: int, names: Path, out: Path) -> float:
    """Its own run time; no end where it has lost queries."""
    listed = names.with_suffix(".dnsperf")
    where = ["-s", "127.0.0.1", "-p", str(port), "-d", str(listed)]
    timed(["dnsperf", *where, "-n", "1", "-c", "4", "-q", str(in_flight), "-t", "2"], out)
    said = out.read_text()
    completed = re.search(r"Queries completed:\s+(\d+)", said)
    run_time = re.search(r"Run time \(s\):\s+([\d.]+)", said)
    if not completed or not run_time:
        raise BenchError(f"dnsperf says nothing that is known: {said[-300:]}")
    return float(run_time[1]) if int(completed[1]) == len(listed.read_text().splitlines()) else float("inf")


def write_names(path: Path, count: int) -> Path:
    names = [f"h{number:x}-{number * 7919 % 46656:x}.bench.test" for number in range(count)]
    path.write_text("".join(f"{name}\n" for name in names))
    path.with_suffix(".dnsperf").write_text("".join(f"{name} A\n" for name in names))
    return path


# -- rows --


def measure(title: str, port: int, names: Path, runs: int, has_dnsperf: bool) -> dict[str, Any]:
    """One row: every client in turn, so that all meet the same weather."""
    out = names.with_name("out.jsonl")
    clients: dict[str, Callable[[], float]] = {
        "start": lambda: start(["-r", f"udp://127.0.0.1:{port}"], out),
        "udp": lambda: dnsscan("udp", port, names, out),
        "tcp": lambda: dnsscan("tcp", port, names, out),
    }
    for each in IN_FLIGHT if has_dnsperf else ():
        clients[str(each)] = lambda each=each: dnsperf(each, port, names, out)
    found: dict[str, list[float]] = {client: [] for client in clients}
    for _ in range(runs):
        for client, run in clients.items():
            found[client].append(run())
    return {"title": title, "runs": found, "medians": {key: statistics.median(each) for key, each in found.items()}}


def table_line(row: dict[str, Any]) -> str:
    median = row["medians"]
    ours = [median[way] - median["start"] for way in ("udp", "tcp")]
    beside = [""] * 4
    settings = [str(each) for each in IN_FLIGHT if str(each) in median]
    if settings:
        best = min(settings, key=lambda each: median[each])
        beside = [f"{median[best]:.2f}", best, *(f"{each / median[best]:.2f} x" for each in ours)]
    cells = [row["title"], *(f"{each:.2f}" for each in ours), *beside, f"{median['start']:.2f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    args = arguments("Real servers, beside dnsperf.", NAMES, RUNS)
    has_dnsperf = shutil.which("dnsperf") is not None
    failures: list[str] = []
    left_out = [] if has_dnsperf else ["dnsperf is not installed, so nothing stands beside these."]
    rows, table = [], list(HEAD)
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        folder = Path(temporary)
        print("\n".join(HEAD), flush=True)
        sizes = sorted({args.names, min(args.names, SMALL)}, reverse=True)
        lists = [write_names(folder / f"names{size}", size) for size in sizes]
        for server in SERVERS:
            titles = [f"{server.title}, {size:,}" for size in sizes]
            if not any(args.only in title for title in titles):
                continue
            if not shutil.which(server.program):
                left_out.append(f"{server.title} is not installed (Debian: {server.package}): left out.")
                continue
            with running(server, folder) as port:
                for title, names in zip(titles, lists, strict=True):
                    if args.only not in title:
                        continue
                    try:
                        rows.append(measure(title, port, names, args.runs, has_dnsperf))
                    except BenchError as error:  # the other rows are still worth having
                        failures.append(f"{title}: {error}")
                        continue
                    table.append(table_line(rows[-1]))
                    print(table[-1], flush=True)
    print("\n".join(["", *left_out]))
    if failures:
        raise BenchError("\n".join(failures))
    if args.kept:
        about = f"Seconds, medians of {args.runs}; the start of the process, in the last column, is taken off:"
        keep("servers", about, table + ["", *left_out] * bool(left_out), rows)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
