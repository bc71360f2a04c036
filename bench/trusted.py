"""What a second opinion costs: CPU and queries of a scan of the lab, alone and with --trusted-resolver.
`python bench/trusted.py [NAMES] [RUNS]`; the table goes to stdout."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DNSSCAN = (sys.executable, "-m", "scanner")
CARRIERS = ("udp", "tcp")


def lab(share: float, carrier: str) -> tuple[subprocess.Popen[bytes], str]:
    """A lab of its own, and the address of its resolver."""
    kind = ("--addresses", "1") if carrier == "udp" else ("--proxies", "1")
    run = subprocess.Popen([*DNSSCAN, "lab", "--nx", str(share), *kind], stdout=subprocess.PIPE)
    place = json.loads(run.stdout.readline())["resolvers"][0]  # type: ignore[union-attr]
    return run, f"{carrier}://{place.rpartition('/')[2]}"


def measured(names: Path, *args: str) -> tuple[float, float, int]:
    """CPU and wall seconds, and queries, of one scan."""
    with open(os.devnull, "wb") as out, tempfile.TemporaryFile() as err:
        run = subprocess.Popen([*DNSSCAN, *args, "--stats", "json", "--quiet", str(names)], stdout=out, stderr=err)
        _, status, usage = os.wait4(run.pid, 0)
        err.seek(0)
        books = json.loads(err.read().splitlines()[-1])
    assert (status, books["error"]) == (0, 0), books
    return usage.ru_utime + usage.ru_stime, books["seconds"], books["queries"]


def main(count: int, runs: int) -> None:
    names = Path(tempfile.mkdtemp()) / "names.txt"
    names.write_text("".join(f"name{number}.lab.test\n" for number in range(count)))
    print("| NXDOMAIN | asked by | confirmed by | queries a name | CPU a name | of the scan without |")
    print("|--:|---|---|--:|--:|--:|")
    for share in (0.05, 1.0):
        labs = {carrier: (lab(share, carrier), lab(share, carrier)) for carrier in CARRIERS}
        for one in CARRIERS:
            alone = 0.0
            ways: dict[str, tuple[str, ...]] = {"": ()}
            for other in CARRIERS:
                ways[other] = ("--trusted-resolver", labs[other][1][1])
            for other, args in ways.items():
                taken = [measured(names, "-r", labs[one][0][1], *args) for _ in range(runs)]
                cpu = min(each[0] for each in taken) / count * 1e6  # what others run beside it only adds
                alone = alone or cpu
                cells = (f"{share:.0%}", one, other or "nobody", f"{taken[0][2] / count:.2f}", f"{cpu:.2f} us",
                         f"{cpu / alone:.2f} x")  # fmt: skip
                print("|", " | ".join(cells), "|", flush=True)
        for run, _ in (each for pair in labs.values() for each in pair):
            run.terminate()
            run.wait()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3] or ("500000", "3")))
