"""The real command as users run it: `python -m scanner` in a process of its own, under a hard time limit."""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fork_server import DNSSCAN, ROOT, begin

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
QUICK = ("--timeout-ms", "300", "--deadline-ms", "1500")  # for peers that never answer


@dataclass(frozen=True)
class Scan:
    """What one run left behind."""

    code: int
    out: bytes
    err: str

    @property
    def rows(self) -> list[dict]:
        """The output lines as objects; fails where one is torn, not ASCII, or not an object."""
        assert self.out == b"" or self.out.endswith(b"\n"), self.out[-200:]
        rows = [json.loads(line.decode("ascii")) for line in self.out.splitlines()]
        assert all(isinstance(row, dict) for row in rows)
        return rows

    @property
    def row(self) -> dict:
        """The only output line."""
        rows = self.rows
        assert len(rows) == 1, (rows, self.err)
        return rows[0]


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with changes; None takes a variable away."""
    merged = {**os.environ, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def scan(*args: object, names: bytes | str = b"", limit_s: float = 30, python=(), true: bool = False,
         **changes: str | None) -> Scan:  # fmt: skip
    """Run to the end with `names` on stdin; more than `limit_s` seconds fails the test. `true`: in an interpreter
    of its own (see fork_server.py)."""
    octets = names.encode() if isinstance(names, str) else names
    with begin([*map(str, args)], true=true, python=python, env=environment(**changes), cwd=ROOT, **PIPES) as run:
        try:
            out, err = run.communicate(octets, limit_s)
        finally:
            run.kill()  # does nothing to one that has ended
    return Scan(run.returncode, out, err.decode("utf-8", "replace"))


STARTED: list[subprocess.Popen] = []  # by the test that runs; conftest.py kills what is still alive after it


def start(*args: object, **options) -> subprocess.Popen:
    """A run that the test talks to, with pipes at all ends unless other ones are given; gone when the test ends. With
    `true=True` in an interpreter of its own, for what measures it from outside (see fork_server.py)."""
    STARTED.append(begin([*map(str, args)], cwd=ROOT, **{**PIPES, **options}))
    return STARTED[-1]


def killed_and_resumed(command: list, *, seed: int, runs: int, least_s: float, most_s: float) -> int:
    """Run again and again, each time killed at a moment of its own, until it ends first; how often it was killed."""
    moments, kills = random.Random(seed), 0
    for _ in range(runs):
        run = start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run.wait(moments.uniform(least_s, most_s))
            break
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            kills += 1
    return kills


def fed(run: subprocess.Popen, turns: list[str], pause_s: float) -> list[dict]:
    """The rows of a scan that gets its names turn by turn; it has ended."""
    for names in turns:
        run.stdin.write(names.encode())
        run.stdin.flush()
        time.sleep(pause_s)
    run.stdin.close()
    rows = [json.loads(line) for line in run.stdout]
    run.wait(20)
    return rows


def wait_for(ready: Callable[[], bool], limit_s: float = 20) -> None:
    """Until it is true; fails the test when that takes longer than `limit_s`."""
    end = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.01)


def scanned(config: Path, names: Path, results: Path, *args: object) -> tuple[float, dict]:
    """Scan a file into another, whatever time it takes: names a second, and the books."""
    begun = time.monotonic()
    with names.open() as source, results.open("wb") as out:
        done = subprocess.run([*DNSSCAN, "--config", str(config), "--stats", "json", *map(str, args)], stdin=source,
                              stdout=out, stderr=subprocess.PIPE, cwd=ROOT, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    books = json.loads([line for line in done.stderr.splitlines() if line.startswith(b"{")][-1])
    return books["written"] / (time.monotonic() - begun), books


def before_our_first_line(err: bytes) -> bool:
    """True when an interrupt met CPython on its own way up: then its words and its exit code 1 are not ours."""
    return b"Fatal Python error: init" in err or b"Could not import runpy" in err


SECRET = "s3cr3t"  # a password that no run may show


def refusal(done: Scan, *parts: str, code: int = 2) -> str:
    """The one line with which a run ended before it began; every text of `parts` stands in it, no secret does."""
    assert (done.code, done.out) == (code, b""), done
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("dnsscan: ")
    assert lines[0].isprintable()
    assert SECRET not in done.err
    assert [text for text in parts if text not in lines[0]] == [], lines[0]
    return lines[0]
