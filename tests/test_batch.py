"""The batch job, scripts/cron-scan, as cron and systemd run it: one call a night, killed now and then."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from command import ROOT
from oracle import held

CRON_SCAN = ROOT / "scripts" / "cron-scan"
NAMES = [f"job{number}.{tld}" for tld in ("com", "test", "example") for number in range(400)]


@pytest.fixture
def job(registries, tmp_path):
    """The folder of a batch job; `job(names)` is its command and environment."""
    command = tmp_path / "dnsscan"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m scanner "$@"\n')
    command.chmod(0o755)
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{name}\n" for name in NAMES))
    folder = tmp_path / "scans"
    folder.mkdir()
    environment = {**os.environ, "DNSSCAN": str(command), "DNSSCAN_CONFIG": str(registries.path)}

    def start():
        return subprocess.Popen([CRON_SCAN, names, folder], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip

    return folder, names, start


def test_the_recipe_from_candidates_to_a_report_does_as_it_says(registries, job, tmp_path):
    """Each line of the how-to's block, in a folder with the lab's cfg.json."""
    page = (ROOT / "docs" / "how-to" / "free-names.md").read_text()
    block = page.partition("```sh\n")[2].partition("```")[0]
    (tmp_path / "cfg.json").write_text(registries.path.read_text())
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}  # where the job's `dnsscan` stands
    command = ["sh", "-euc", block]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert len((tmp_path / "confirmed.jsonl").read_text().splitlines()) == 26 * 26 * 10
    free = (tmp_path / "free.txt").read_text().split()
    assert free
    assert {held(name) for name in free} == {"free"}
    assert b"</html>" in (tmp_path / "report.html").read_bytes()


def finished(start):
    run = start()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, (out, err)
    assert err == ""
    return out


def check(folder):
    """One line for each name, every verdict the lab's; the files are those of a day that is done."""
    day = datetime.now(UTC).strftime("%F")
    rows = [json.loads(line) for line in (folder / f"{day}.confirmed.jsonl").read_text().splitlines()]
    assert Counter(row["d"] for row in rows) == Counter(NAMES)
    for row in rows:
        assert row["c"] == (held(row["d"]) if row["s"] == "nxdomain" else "registered"), row
    free = (folder / f"{day}.free.txt").read_text().split()
    assert sorted(free) == sorted(row["d"] for row in rows if row["c"] == "free")
    assert free
    assert (folder / "heartbeat").exists()
    assert not (folder / "run").exists()


def test_a_night_leaves_the_days_files_and_a_summary_to_mail(job):
    folder, _, start = job
    out = finished(start)

    check(folder)
    assert [line.split(":")[0] for line in out.splitlines()] == ["scan", "confirm", "free"]


def test_the_next_night_asks_only_what_is_due(job, registries):
    folder, _, start = job
    finished(start)
    before = len(registries.asked())
    finished(start)

    check(folder)
    over = [name for _, name in registries.asked()[before:]]
    assert all(held(name) == "registered" for name in over)  # whose registration has ended


def test_a_night_that_is_killed_is_gone_on_with(job, full):
    folder, names, start = job
    rng = random.Random(20261121)
    for _ in range(60 if full else 5):
        run = start()
        try:
            run.wait(rng.uniform(0.1, 1.5))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # all of them are gone, the one that dies last too
        if run.returncode == 0:
            check(folder)
    names.write_text("another.list\n")  # what is under way keeps its own copy
    if (folder / "run").exists():
        assert "going on" in finished(start)
        check(folder)


def test_two_nights_do_not_run_at_once(job):
    _, _, start = job
    first = start()
    time.sleep(0.3)
    second = start()
    _, err = second.communicate(timeout=20)
    first.communicate(timeout=60)

    assert (first.returncode, second.returncode) == (0, 1)
    assert err == "cron-scan: the run before this one is still at work\n"


def test_trouble_is_told_on_stderr_with_its_code(job):
    folder, names, start = job
    names.write_bytes(b"PK\x03\x04packed")
    run = start()
    out, err = run.communicate(timeout=60)

    assert run.returncode == 2
    assert "scan: dnsscan: the input is zip" in err
    assert out == ""
    shutil.rmtree(folder / "run")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path):
    for unit in (ROOT / "scripts" / "systemd").iterdir():
        text = unit.read_text().replace("/opt/dnsscan/scripts/cron-scan", str(CRON_SCAN))
        (tmp_path / unit.name).write_text(text.replace("man:dnsscan(1)", "https://dnsscan.example/"))
    units = sorted(tmp_path.iterdir())
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)

    assert [line for line in run.stderr.splitlines() if "dnsscan" in line] == []
    assert run.returncode == 0
