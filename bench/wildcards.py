"""What it costs to tell names of a wildcard: queries and processor time a name, with a real knot.

`python bench/wildcards.py [NAMES] [ROUNDS]`. `generic` has no suffix that is compared, `country` one without a
wildcard; `hundreds` are names below a wildcard, a hundred for each parent, `alone` each with a parent of its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import servers  # noqa: E402

APEX = "@ 3600 SOA ns hostmaster 1 900 300 604800 300\n@ 3600 NS ns\nns 3600 A 127.0.0.1\n"
ADDRESSES = """
mod-synthrecord:
  - id: made
    type: forward
    prefix: ip-
    ttl: 300
    network: 10.0.0.0/8
zone:
"""
CASES = {
    "generic": ("ip-10-{0}-{1}-{2}.generic", ()),
    "country": ("ip-10-{0}-{1}-{2}.de", ()),
    "hundreds": ("w{number}.p{hundred}.wild.generic", ("--wildcards",)),
    "alone": ("w.p{number}.wild.generic", ("--wildcards",)),
}


def knot(folder: Path) -> servers.Server:
    config = servers.KNOT.partition("\nmod-synthrecord")[0] + ADDRESSES
    for zone in ("generic", "de"):
        (folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n{APEX}*.wild 300 A 192.0.2.99\n")
        config += servers.KNOT_ZONE.replace("{zone}", zone).lstrip("\n") + "    module: mod-synthrecord/made\n"
    return servers.configured("knotd", config, ["-c"], folder)


def scan(resolver: str, names: Path, flags: tuple[str, ...]) -> tuple[float, dict]:
    """Seconds of the processor, and the books."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "scanner", "-r", resolver, "-t", "A", "--stats", "json", "--quiet", "--threads", "1",
         *flags, names], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    books = json.loads([line for line in done.stderr.splitlines() if line.startswith(b"{")][-1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, books


def main(count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = knot(Path(folder))
        try:
            for scheme in ("tcp", "udp"):
                for case, (form, flags) in CASES.items():
                    names = Path(folder) / f"{case}.txt"
                    names.write_text("".join(
                        form.format(number >> 16, number >> 8 & 255, number & 255, number=number, hundred=number // 100)
                        + "\n" for number in range(count)))  # fmt: skip
                    runs = [scan(f"{scheme}://127.0.0.1:{server.port}", names, flags) for _ in range(rounds)]
                    seconds, books = min(runs, key=lambda run: run[0])
                    asked = f"{books['queries'] / count:.2f} queries a name, {books['random']:,} random"
                    cost = f"{seconds / count * 1e6:.2f} us a name"
                    print(f"{scheme} {case:9} {asked}, {cost}; {books['reasons']}", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main(*map(int, [*sys.argv[1:], *("100000", "3")[len(sys.argv) - 1 :]]))
