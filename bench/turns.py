"""What `servers.py` and `paths.py` share: scans timed one after the other, their medians, and a table in README.md."""

import argparse
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from whole import DNSSCAN, HERE, LIMIT_S, BenchError, machine, put_table

QUICK_SHARE = 10  # --quick asks so many times fewer names


def arguments(description: str, names: int, runs: int) -> argparse.Namespace:
    """`names` and `runs` of the full size; `kept` in the result says that it is one."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a tenth of the names, one run each; nothing is kept")
    parser.add_argument("--only", default="", help="only the rows whose title holds this; nothing is kept")
    parser.add_argument("--names", type=int, help=f"of each row ({names:,}); nothing is kept")
    parser.add_argument("--runs", type=int, help=f"of each row, in turn; the median is reported ({runs})")
    args = parser.parse_args()
    args.kept = not (args.quick or args.only or args.names)
    args.names = args.names or (names // QUICK_SHARE if args.quick else names)
    args.runs = args.runs or (1 if args.quick else runs)
    return args


def timed(command: list[str], out: Path) -> float:
    """Wall seconds of one process, its start included. `out` gets its stdout."""
    err = out.with_suffix(".err")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=HERE.parent)
        watchdog = threading.Timer(LIMIT_S, process.kill)
        watchdog.start()
        code = process.wait()
        seconds = time.monotonic() - begun
        watchdog.cancel()
    if code:
        raise BenchError(f"{' '.join(command)} ended with {code}: {err.read_text(errors='replace')[-500:]}")
    return seconds


def scan(where: list[str], names: Path, out: Path) -> float:
    """A scan of A records without a flag for speed. `where`: the flags that name the resolvers."""
    return timed([*DNSSCAN, *where, "--type", "A", "--quiet", str(names)], out)


def start(where: list[str], out: Path) -> float:
    """A scan of no names: what the process takes to start and to end."""
    return scan(where, Path(os.devnull), out.with_name("start.jsonl"))


def keep(name: str, about: str, table: list[str], rows: Any) -> None:
    """The numbers as JSON, and the table between its markers in README.md."""
    day = time.strftime("%Y-%m-%d")
    told = {"date": day, "machine": machine(), "rows": rows}
    (HERE / "results" / f"{day}-{name}.json").write_text(json.dumps(told, indent=1) + "\n")
    head = f"{day}, {machine()['cores']} cores shared by client and server, Python {machine()['python']}. {about}"
    put_table(HERE / "README.md", name, [head, "", *table])
