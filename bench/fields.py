"""What fields and formats cost: the same scan with and without them, in turn, over TCP and UDP, of the lab and of knot.

`python bench/fields.py [--quick] [--runs N] [--only TEXT [--keep]]`. CPU is the scanner's own, start-up included;
its ratio is the median of those of the pairs. Beside them what a response costs in dnspython, and dnsperf, which
reads no record.
"""

import argparse
import datetime
import importlib.util
import itertools
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.query
import servers
from whole import DNSSCAN, HERE, BenchError, Spent, lab, name_of, run_client, write_names

if TYPE_CHECKING:
    from scanner.native.output.details import ResponseDetails

BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"
COUNTS = {"lab": {"tcp": 4_000_000, "udp": 1_000_000}, "knot": {"tcp": 300_000, "udp": 300_000}}  # names
FORMS = ("a,ttl,cn", "ans,auth,add,fl,ede", "names", "massdns", "zdns")  # fields, or a format
FORMATS = ("names", "massdns", "zdns")
MOST = {("tcp", "a,ttl,cn"): 1.5, ("udp", "a,ttl,cn"): 1.25, ("tcp", "ans,auth,add,fl,ede"): 2.5,
        ("udp", "ans,auth,add,fl,ede"): 1.5, ("tcp", "names"): 1.0,
        ("tcp", "massdns"): 1.5, ("udp", "massdns"): 1.5, ("tcp", "zdns"): 2.0, ("udp", "zdns"): 2.0}  # fmt: skip
BESIDE = ("dnspython", "dnsperf", "knot is not")  # lines below the table
TITLES = [
    f"| {server}, {scheme}, `{form}` |" for server, counts in COUNTS.items() for scheme in counts for form in FORMS
]
HEAD = ["| scan | names/s without | CPU a name | names/s with | CPU a name | ratio of CPU | at most |",
        "|---|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
READINGS = 2000  # of one response by dnspython


@contextmanager
def knot(folder: Path) -> Iterator[str]:
    with servers.running(servers.SERVERS[0], folder) as port:
        yield f"127.0.0.1:{port}"


def scan(server: str, scheme: str, form: str, folder: Path, count: int) -> Spent:
    command = [*DNSSCAN, "-r", f"{scheme}://{server}", "-t", "A", "--rate", "0", "--workers", "100", "--quiet"]
    command += ["--format" if form in FORMATS else "--fields", form] if form else []
    return run_client(command, folder / "names.txt", Path("/dev/null"), folder / "scan.err", count)


def pairs(server: str, scheme: str, form: str, folder: Path, count: int, many: int) -> tuple[Spent, Spent, float]:
    """The median without and with them, and the median ratio of CPU; who is first changes."""
    without, with_ = [], []
    for number in range(many):
        for each in sorted((without, with_), key=lambda runs: (runs is with_) ^ (number % 2)):
            each.append(scan(server, scheme, form if each is with_ else "", folder, count))
    ratio = statistics.median(b.cpu_us / a.cpu_us for a, b in zip(without, with_, strict=True))
    return median(without), median(with_), ratio


def median(runs: list[Spent]) -> Spent:
    return sorted(runs, key=lambda run: run.cpu_us)[len(runs) // 2]


def row(title: str, server: str, scheme: str, form: str, folder: Path, count: int, many: int) -> str:
    before, after, ratio = pairs(server, scheme, form, folder, count, many)
    most = MOST.get((scheme, form))
    return (f"| {title} | {before.rate:,.0f} | {before.cpu_us:.2f} us | {after.rate:,.0f} | {after.cpu_us:.2f} us "
            f"| {ratio:.2f} x | {f'{most} x' if most else ''} |")  # fmt: skip


def dnspython_us(server: str) -> float:
    """CPU of one response, read and its records put into text."""
    host, _, port = server.rpartition(":")
    octets = dns.query.tcp(dns.message.make_query("shop00000001.com", "A"), host, port=int(port), timeout=5).to_wire()
    begun = time.process_time()
    for _ in range(READINGS):
        read = dns.message.from_wire(octets)
        [rdata.to_text() for rrset in read.answer for rdata in rrset]
    return (time.process_time() - begun) / READINGS * 1e6


def dnsperf(server: str, folder: Path, count: int, way: str) -> str:
    if not shutil.which("dnsperf"):
        return "dnsperf is not installed."
    host, _, port = server.rpartition(":")
    queries = folder / "dnsperf.txt"
    queries.write_text("".join(f"{name_of(index)} A\n" for index in range(count)))
    command = ["dnsperf", "-m", way, "-s", host, "-p", port, "-d", str(queries), "-n", "1", "-c", "100", "-q", "3200",
               "-T", "1", "-e"]  # fmt: skip
    spent = run_client(command, queries, folder / "dnsperf.out", folder / "dnsperf.err", count)
    return f"dnsperf, {way}: {spent.rate:,.0f}/s, {spent.cpu_us:.2f} us of CPU a query."


def heavy() -> Iterator[str]:
    """The hostile answers of the tests, every field, and in the other formats; CPU of each, the least of ten."""
    from scanner.native.output.fields import ResponseFields
    from scanner.native.output.massdns import MassdnsDetails
    from scanner.native.output.zdns import ZdnsDetails

    spec = importlib.util.spec_from_file_location("make_corpus", HERE.parent / "tests" / "make_corpus.py")
    assert spec is not None
    assert spec.loader is not None
    corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    fields = ("a", "ttl", "cn", "ans", "auth", "add", "soa", "sec", "fl", "ede", "nsid", "raw")
    writers = (ResponseFields(fields), MassdnsDetails(), ZdnsDetails())
    yield "| hostile answer | every field: CPU | its line | massdns: CPU | its line | zdns: CPU | its line |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name, octets in corpus.CORPUS.items():
        if len(octets) >= 50_000:
            yield f"| {name} | " + " | ".join(least_of_ten(writer, octets) for writer in writers) + " |"


def least_of_ten(writer: "ResponseDetails", octets: bytes) -> str:
    spent = []
    for _ in range(10):
        begun = time.process_time()
        size = len(writer.describe(octets, b"a.com", 2))
        spent.append(time.process_time() - begun)
    return f"{min(spent) * 1e3:.2f} ms | {size / 1000:,.0f} kB"


def beside(address: str, folder: Path, share: int) -> list[str]:
    lines = [f"dnspython, one such response: {dnspython_us(address):.0f} us of CPU."]
    return lines + [dnsperf(address, folder, 200_000 // share, way) for way in ("tcp", "udp")]


def measured(share: int, many: int, only: str) -> Iterator[str]:
    """The rows whose title has `only` in it; with all of them what stands beside and below the table."""
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as made:
        folder = Path(made)
        for server, counts in COUNTS.items():
            if server == "knot" and not shutil.which("knotd"):
                yield "knot is not installed."
                continue
            with lab(0) if server == "lab" else knot(folder) as address:
                for scheme, form in itertools.product(counts, FORMS):
                    if only in (title := f"{server}, {scheme}, `{form}`"):
                        count = counts[scheme] // share
                        (write_names if server == "lab" else servers.write_names)(folder / "names.txt", count)
                        yield row(title, address, scheme, form, folder, count, many)
                if server == "lab" and only in "beside":
                    yield from beside(address, folder, share)
    if only in "hostile":
        yield from heavy()


def table(lines: list[str], before: str) -> str:
    """These lines in their places, and from the table before those that were not measured now."""
    day, *kept = before.strip().splitlines()
    if any(line.startswith(tuple(TITLES)) for line in lines):
        day = f"{datetime.date.today()}, 2 cores shared with the server, Python {platform.python_version()}:"
    rows = [line for title in TITLES for line in [each for each in (*lines, *kept) if each.startswith(title)][:1]]
    notes = [line for line in lines if line.startswith(BESIDE)] or [line for line in kept if line.startswith(BESIDE)]
    hostile = from_hostile(lines)
    hostile += from_hostile(kept)[len(hostile) :]
    return "\n".join([day, "", *HEAD, *rows, "", *notes, "", *hostile])


def from_hostile(lines: list[str]) -> list[str]:
    """Their table, the last."""
    starts = [index for index, line in enumerate(lines) if line.startswith("| hostile answer")]
    return lines[starts[0] :] if starts else []


def main() -> None:
    parser = argparse.ArgumentParser(description="What fields and formats cost.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the names, one pair each; nothing is kept")
    parser.add_argument("--only", default="", help="rows whose title has this in it (or `beside`, `hostile`)")
    parser.add_argument("--keep", action="store_true", help="keep what --only measured, beside the other rows")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    is_kept = not options.quick and (options.keep or not options.only)
    lines = []
    before = (HERE / "README.md").read_text()
    for line in measured(10 if options.quick else 1, 1 if options.quick else options.runs, options.only):
        lines.append(line)
        print(line, flush=True)
        if is_kept:
            keep(lines, before)


def keep(lines: list[str], before: str) -> None:
    """At once: a run may be broken off."""
    head, _, rest = before.partition(BEGIN)
    kept, _, behind = rest.partition(END)
    (HERE / "README.md").write_text(f"{head}{BEGIN}\n{table(lines, kept)}\n{END}{behind}")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(str(error))
