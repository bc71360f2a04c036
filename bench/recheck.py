"""What it costs that lines wait for their resolver's canaries: CPU and speed of a scan of the lab with --strict, with a
window and without, in turns; and what it is good for: the lies of one of three resolvers that turns liar in mid-scan.
`python bench/recheck.py [NAMES] [PAIRS] [udp|tcp]`; the tables go to stdout."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from command import scan  # noqa: E402
from test_recheck import NAMES, Turning  # noqa: E402
from test_turncoats import Turncoat, peer_of  # noqa: E402

DNSSCAN = (sys.executable, "-m", "scanner")
OFF = ("--recheck-window", "0")


def lab(carrier: str) -> tuple[subprocess.Popen[bytes], str]:
    """A lab of its own, and the address of its resolver."""
    kind = ("--addresses", "1") if carrier == "udp" else ("--proxies", "1")
    run = subprocess.Popen([*DNSSCAN, "lab", *kind], stdout=subprocess.PIPE)
    place = json.loads(run.stdout.readline())["resolvers"][0]  # type: ignore[union-attr]
    return run, f"{carrier}://{place.rpartition('/')[2]}"


def measured(names: Path, *args: str) -> tuple[float, float, float]:
    """CPU and wall seconds, and peak MiB, of one scan."""
    with open(os.devnull, "wb") as out, tempfile.TemporaryFile() as err:
        run = subprocess.Popen([*DNSSCAN, *args, "--strict", "--stats", "json", "--quiet", str(names)], stdout=out,
                               stderr=err)  # fmt: skip
        _, status, usage = os.wait4(run.pid, 0)
        err.seek(0)
        books = json.loads(err.read().splitlines()[-1])
    assert (status, books["error"]) == (0, 0), books
    return usage.ru_utime + usage.ru_stime, books["seconds"], usage.ru_maxrss / 1024


def cost(count: int, pairs: int, carriers: tuple[str, ...]) -> None:
    """The first table."""
    names = Path(tempfile.mkdtemp()) / "names.txt"
    with names.open("w") as file:  # not all at once: what this takes would be the least peak of its children
        file.writelines(f"name{number}.lab.test\n" for number in range(count))
    print("| resolver | window | CPU a name | of that without | names/s | of that without | peak RSS |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for carrier in carriers:
        run, place = lab(carrier)
        runs: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
        for pair in range(pairs):
            for has_window in (pair % 2 == 0, pair % 2 == 1):
                runs[has_window].append(measured(names, "-r", place, *(() if has_window else OFF)))
        middle = {
            key: [statistics.median(figures) for figures in zip(*taken, strict=True)] for key, taken in runs.items()
        }
        for key, (cpu, seconds, rss) in middle.items():
            alone = middle[False]
            cells = (carrier, "60 s" if key else "none", f"{cpu / count * 1e6:.2f} us", f"{cpu / alone[0]:.2f} x",
                     f"{count / seconds:,.0f}", f"{alone[1] / seconds:.2f} x", f"{rss:.0f} MiB")  # fmt: skip
            print("|", " | ".join(cells), "|", flush=True)
        run.terminate()
        run.wait()


def lies() -> None:
    """The second table: of names that do not exist, those that the output says are taken."""
    print("\n| one of three turns liar | lies told | lies in the output |")
    print("|---|--:|--:|")
    for flags in (OFF, ()):
        liar, honest = Turning(), Turncoat()
        with peer_of(liar, "udp") as first, peer_of(honest, "udp") as second, peer_of(honest, "udp") as third:
            done = scan("-r", first.address, "-r", second.address, "-r", third.address, "--strict", *flags, names=NAMES)
        written = sum(row["s"] == "taken" for row in done.rows)
        print(f"| {'window 60 s' if not flags else 'no window'} | {liar.lies} | {written} |", flush=True)


if __name__ == "__main__":
    counts = sys.argv[1:3] or ["1000000", "5"]
    cost(int(counts[0]), int(counts[1]), tuple(sys.argv[3:]) or ("udp", "tcp"))
    lies()
