"""A scan in parts whose workers, and then whose schedulers, die: nothing may be lost, doubled or wrong.

`python bench/cluster.py --full [--names N]`: 10,000,000 names of knot over 4 workers, of which one is killed every 5 s
and one stands still for 20 s; then the same with a scheduler that is killed twice. An oracle that knows nothing of the
program judges. Needs knotd, and 8 GB for the oracle. Ends with 1 where anything is not as it must be.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from whole import DNSSCAN, HERE, BenchError

sys.path.insert(0, str(HERE.parent / "tests"))

import servers
from cluster_runs import Killer, books_of, engine_of, parts_in, together
from oracle import is_exact, judge, write_names

NAMES, WORKERS = 10_000_000, 4
PARTS = 100
KILL_EVERY_S, STILL_S = 5, 20
LIMIT_S = 4 * 3600


class Case:
    """One input, one server, one directory of parts."""

    def __init__(self, folder: Path, names: int):
        self._folder, self._count = folder, names
        self._names = write_names(folder / "names.txt", names)
        self._config = folder / "knot.json"
        self.out = folder / "parts"
        self._began = time.monotonic()

    def serve(self, port: int) -> None:
        self._config.write_text(json.dumps({"resolvers": [f"tcp://127.0.0.1:{port}"], "type": "A"}))

    def anew(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self._began = time.monotonic()

    def start(self, *flags: object) -> subprocess.Popen[bytes]:
        command = [*DNSSCAN, "cluster", self._names, "-o", self.out, "--config", self._config, "--part-lines",
                   max(self._count // PARTS, 1), "--quiet", *flags]  # fmt: skip
        return subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE.parent)

    def verdict(self, title: str, run: subprocess.Popen[bytes]) -> bool:
        """Say how it went."""
        err = run.communicate(timeout=LIMIT_S)[1].decode(errors="replace")
        seconds, counts, books = time.monotonic() - self._began, {}, {}
        if run.returncode == 0:
            counts, books = judge(self._names, together(self.out, self._folder / "all.jsonl")), books_of(self.out)
        good = run.returncode == 0 and is_good(counts, books, self._count)
        print(f"{'PASS' if good else 'FAIL'}: {title}: {seconds:.0f} s, exit {run.returncode}, {json.dumps(counts)}")
        if not good:
            print(err[-2000:])
        return good


def is_good(counts: dict[str, int], books: dict[str, Any], names: int) -> bool:
    balanced = bool(books["read"] == books["written"] == counts["lines_in"] == counts["lines_out"] == names)
    return balanced and is_exact(counts) and not counts["not_final"] and not books["failed"]


def until_parts(case: Case, wanted: int, run: subprocess.Popen[bytes]) -> None:
    while parts_in(case.out) < wanted and run.poll() is None:
        time.sleep(0.05)


def workers_die(case: Case) -> bool:
    case.anew()
    run = case.start("--local", WORKERS)
    until_parts(case, 1, run)
    killer = Killer(run, KILL_EVERY_S, STILL_S)
    killer.start()
    run.wait(LIMIT_S)
    killer.over.set()
    killer.join()
    title = f"{killer.killed} workers killed, {killer.stopped} stopped for {STILL_S} s"
    return case.verdict(title, run) and killer.killed > 0 and killer.stopped == 1


def schedulers_die(case: Case, folder: Path) -> bool:
    case.anew()
    for turn in range(2):
        with engine_of(folder / f"engine{turn}", workers=WORKERS) as engine:
            run = case.start("--scheduler", engine.address, *(["--resume"] if turn else []))
            until_parts(case, PARTS * (turn + 1) // 3, run)
            engine.scheduler.kill()
            run.wait(LIMIT_S)
        if run.returncode != 1:
            raise BenchError(f"a scheduler died, and the command ended with {run.returncode}")
    with engine_of(folder / "engine2", workers=WORKERS) as engine:
        run = case.start("--scheduler", engine.address, "--resume")
        run.wait(LIMIT_S)
    return case.verdict("the scheduler killed twice, and resumed", run)


def full(names: int) -> int:
    """The exit code."""
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as temporary:
        folder = Path(temporary)
        print(f"{names:,} names, {PARTS} parts, {WORKERS} workers", flush=True)
        case = Case(folder, names)
        server = servers.knot_with_millions(folder)
        try:
            case.serve(server.port)
            good = [workers_die(case), schedulers_die(case, folder)]
        finally:
            server.stop()
    return 0 if all(good) else 1
