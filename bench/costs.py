"""What truth costs: queries and processor time a name of each way of asking, beside the same scan without it, at a
real knot.

`python bench/costs.py [--names N] [--runs N] [--scheme tcp|udp]`, as root: port 53 of loopback addresses, in a network
namespace of its own. Both scans of a row take turns; queries are counted by the server, so what no scan counts (the
questions before it, those that find registries) is among them. The table goes into docs/reference/costs.md.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry import enter_namespace
from suffixes import wait_for_zones
from whole import DNSSCAN, HERE, BenchError, machine, put_table

sys.path.insert(0, str(HERE.parent / "tests"))
import registry_servers as net
import servers

PLACES = ("127.70.0.1", "127.70.0.2", "127.70.0.3")
GENERIC = ("com", "net", "org", "shop")
TLDS = (*GENERIC, "de")
SHARE_TAKEN = 10  # one name of so many exists
PAGE = HERE.parent / "docs" / "reference" / "costs.md"
MODULES = """
mod-synthrecord:
  - id: made
    type: forward
    prefix: ip-
    ttl: 300
    network: 10.0.0.0/8
template:
  - id: default
    global-module: mod-stats
zone:
"""


@dataclass(frozen=True)
class Row:
    """`form` of the names (and `other`, of the scan without); arguments of both scans, of the one without and of the
    other."""

    title: str
    form: str
    both: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    with_it: tuple[str, ...] = ()
    other: str = ""


def rows(scheme: str) -> list[Row]:
    asked, trusted = ("-r", f"{scheme}://{PLACES[1]}"), ("--trusted-resolver", f"{scheme}://{PLACES[2]}")
    registry = ("--at-registry", "--from-root-hints", "--root-hint", f"{scheme}://{PLACES[0]}")
    plain, hosts = "n{number}.com", "w{number}.p{hundred}.wild.shop"
    every = ("--canary-every", "1")
    return [
        Row("canaries every minute", plain, asked, ("--canary-every", "0")),
        Row("canaries every second", plain, asked, ("--canary-every", "0"), every),
        Row("no flag, a suffix that may have a wildcard", "{address}.de", (*asked, "-t", "A"), other="{address}.shop"),
        Row(
            "`--wildcards`, 100 names below each parent, all by a wildcard",
            hosts,
            (*asked, "-t", "A"),
            (),
            ("--wildcards",),
        ),
        Row(
            "`--wildcards`, a parent for each name, all by a wildcard",
            "w.p{number}.wild.shop",
            (*asked, "-t", "A"),
            (),
            ("--wildcards",),
        ),
        Row(
            "`--wildcards`, a parent for each name, none exists",
            "w.p{number}.shop",
            (*asked, "-t", "A"),
            (),
            ("--wildcards",),
        ),
        Row("`--trusted-resolver`, 90 % do not exist", plain, asked, (), trusted),
        Row("`--at-registry`, four suffixes", "n{number}.{tld}", (), asked, registry),
        Row("`--at-registry`, canaries every second", "n{number}.{tld}", (), asked, (*registry, *every)),
    ]


def name_of(form: str, number: int) -> str:
    address = f"ip-10-{number >> 16}-{number >> 8 & 255}-{number & 255}"
    return form.format(number=number, hundred=number // 100, address=address, tld=GENERIC[number % len(GENERIC)])


def zone_text(zone: str, count: int) -> str:
    def delegation(name: str) -> str:
        return "".join(f"{name}. NS ns{place[-1]}.{name}.\nns{place[-1]}.{name}. A {place}\n" for place in PLACES[1:])

    if not zone:
        return (
            f"$TTL 3600\n. SOA ns.root. h.root. 1 900 300 604800 300\n. NS ns.root.\nns.root. A {PLACES[0]}\n"
            + "".join(map(delegation, TLDS))
        )
    taken = "".join(f"n{number} NS ns.n{number}\nns.n{number} A 192.0.2.1\n" for number in range(0, count, SHARE_TAKEN))
    return net.HEAD.format(zone=zone) + delegation(zone) + f"$ORIGIN {zone}.\n" + taken + "*.wild 300 A 192.0.2.99\n"


@contextmanager
def knot(folder: Path, count: int) -> Iterator[None]:
    """All zones at all places."""
    zones = ""
    for zone in ("", *TLDS):
        (folder / f"{zone}.zone").write_text(zone_text(zone, count))
        zones += net.knot_zone(
            zone or ".", folder, "    module: mod-synthrecord/made\n" if zone in ("shop", "de") else ""
        ).replace("..zone", ".zone")
    before, _, after = net.CONF["knotd"].partition("zone:\n")
    net.CONF["knotd"] = before + MODULES.replace("{", "{{").lstrip("\n") + after
    process = net.begin("knotd", folder, ", ".join(f"{place}@53" for place in PLACES), zones, PLACES[0])
    try:
        wait_for_zones(folder)
        yield
    finally:
        servers.signal_group(process.pid, servers.signal.SIGKILL)
        process.wait()


def heard(folder: Path) -> int:
    """Queries that knot has had."""
    told = subprocess.run([servers.program("knotc"), "-s", str(folder / "knot.sock"), "-f", "stats", "mod-stats"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return sum(map(int, re.findall(r"request-protocol\[(?:udp|tcp)\d\]? = (\d+)", told.stdout)))


def scanned(folder: Path, form: str, count: int, *args: str) -> tuple[float, float]:
    """Queries and microseconds of the processor, a name."""
    names = folder / "names.txt"
    names.write_text("".join(f"{name_of(form, number)}\n" for number in range(count)))
    before = heard(folder)
    with names.open("rb") as source, open(os.devnull, "wb") as out:
        run = subprocess.Popen([*DNSSCAN, "--quiet", "--threads", "1", *args], stdin=source, stdout=out)
        _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise BenchError(f"{' '.join(args)}: ended with {run.returncode}")
    return (heard(folder) - before) / count, (usage.ru_utime + usage.ru_stime) / count * 1e6


def measured(row: Row, folder: Path, count: int, runs: int) -> str:
    """Its line of the table."""
    without, with_it = [], []
    for _ in range(runs):
        without.append(scanned(folder, row.other or row.form, count, *row.both, *row.without))
        with_it.append(scanned(folder, row.form, count, *row.both, *row.with_it))
    queries = [statistics.median(each[0] for each in side) for side in (without, with_it)]
    cpu = [min(each[1] for each in side) for side in (without, with_it)]  # what others run beside it only adds
    cells = (row.title, *(f"{each:.4f}" for each in queries), f"{(queries[1] - queries[0]) * count:+,.0f}",
             *(f"{each:.2f} us" for each in cpu), f"{cpu[1] / cpu[0]:.2f} x")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3, help="of each scan")
    parser.add_argument("--scheme", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--quick", action="store_true", help="one run each; nothing is kept")
    given = parser.parse_args()
    enter_namespace()
    here = machine()
    table = [
        f"{time.strftime('%Y-%m-%d')}, {here['cores']} cores shared with knot, Python {here['python']}: "
        f"{given.names:,} names over {given.scheme.upper()} (`python bench/costs.py`).",
        "", "| what | queries a name, without | with | more in all | CPU a name, without | with | CPU |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as base, knot(Path(base), given.names):
        print(*table, sep="\n", flush=True)
        for row in rows(given.scheme):
            table.append(measured(row, Path(base), given.names, 1 if given.quick else given.runs))
            print(table[-1], flush=True)
    if not given.quick:
        put_table(PAGE, "costs", table)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
