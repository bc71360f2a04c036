"""`dnsscan cluster` where machines, disks and networks fail: no name is lost or doubled, and a line says why."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import command
import psutil
import pytest
from cluster_runs import LIMIT_S, books_of, cluster, engine_of, lines_in, parts_in, relay_to, until
from test_time import Wall

from scanner.cluster.books import Total
from scanner.cluster.plan import plan_of
from scanner.cluster.run import Course, Stop, work
from scanner.cluster.scan import PartFailed
from scanner.status.console import Console

ROOT = Path(__file__).parent.parent
NAMES, PART = 6000, 500


@pytest.fixture
def names(tmp_path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("".join(f"fault{number:05}.com\n" for number in range(NAMES)))
    return path


@pytest.fixture
def slow(lab, tmp_path) -> Path:
    """A configuration: not faster than the faults come."""
    path = tmp_path / "slow.json"
    path.write_text(json.dumps({"resolvers": lab.config["resolvers"], "rate": 2000}))
    return path


class Quiet(BaseHTTPRequestHandler):
    """A web server, such as the engine's dashboard, that logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


def every_name_once(out: Path) -> bool:
    found = Counter(json.loads(line)["d"] for line in lines_in(out))
    return found == {f"fault{number:05}.com": 1 for number in range(NAMES)}


def test_a_worker_that_is_cut_off_from_the_scheduler_costs_no_part(names, slow, tmp_path):
    out = tmp_path / "out"
    with (
        engine_of(tmp_path / "engine", DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="4s") as engine,
        relay_to(engine.address) as relay,
    ):
        engine.worker("far", relay.address)
        run = command.start("cluster", names, "-o", out, "--part-lines", PART, "--config", slow, "--scheduler",
                            engine.address, true=True, stdin=subprocess.DEVNULL)  # fmt: skip
        until(lambda: '"far"' in "".join(part.read_text() for part in out.glob("part-*.json")), run)
        relay.still.set()
        err = run.communicate(timeout=LIMIT_S)[1].decode()
    assert run.returncode == 0, err
    assert every_name_once(out)
    assert books_of(out)["failed"] == {}


@pytest.mark.timeout(300)  # it gives up after half a minute, and that of a machine that does other things too
def test_a_command_that_is_cut_off_from_the_scheduler_says_so_and_can_be_stopped(names, slow, tmp_path):
    out = tmp_path / "out"
    given = (names, "-o", out, "--part-lines", PART, "--config", slow)
    with (
        engine_of(tmp_path / "engine") as engine,
        relay_to(engine.address, last=b"key-in-memory") as until_a_part_is_there,
        relay_to(engine.address) as relay,
    ):
        runs = []
        for folder, way in ((out, until_a_part_is_there), (tmp_path / "out2", relay)):
            given = ("cluster", names, "-o", folder, "--part-lines", PART, "--config", slow)
            runs.append(command.start(*given, "--scheduler", way.address, true=True, stdin=subprocess.DEVNULL))
        until(lambda: parts_in(out) and parts_in(tmp_path / "out2"), runs[0])
        relay.still.set()
        time.sleep(0.5)
        runs[1].send_signal(signal.SIGINT)
        stopped = runs[1].communicate(timeout=LIMIT_S)[1].decode()
        err = runs[0].communicate(timeout=LIMIT_S)[1].decode()
    assert runs[0].returncode == 1, err
    assert "the scheduler does not answer; the same command with --resume" in err, err
    assert runs[1].returncode == 130, stopped
    assert "Traceback" not in err + stopped
    again = cluster(*given[1:3], out, *given[4:], "--resume", "--local", 1)
    assert again.code == 0, again.err
    assert every_name_once(out)


def test_a_worker_without_room_is_given_no_more_parts_and_without_any_the_scan_ends(names, slow, tmp_path):
    out, nowhere = tmp_path / "out", tmp_path / "nowhere"
    with engine_of(tmp_path / "engine", workers=0) as engine:
        full = engine.worker("full", room=1000)
        until(lambda: [each for each in psutil.Process(full.pid).net_connections() if each.raddr], full)
        given = (names, "--part-lines", PART, "--config", slow, "--scheduler", engine.address)
        none = cluster(*given, "-o", nowhere)
        engine.worker("good")
        done = cluster(*given, "-o", out)
    assert none.code == 4, none.err
    assert "worker full: " in none.err, none.err
    assert "File too large; it is given no more parts" in none.err, none.err
    assert len(books_of(nowhere)["failed"]) == 1, none.err
    assert "Traceback" not in none.err + done.err
    assert done.code == 0, done.err
    assert every_name_once(out)


@pytest.mark.server
def test_a_clock_that_is_set_while_parts_run_costs_none(names, slow, tmp_path):
    """Of the command, its scheduler and its workers, which tell by it whether they hear from each other."""
    wall, out = Wall(tmp_path), tmp_path / "out"
    given = ("cluster", names, "-o", out, "--part-lines", PART, "--config", slow, "--rate", 1000, "--local", 2)
    run = command.start(*given, stdin=subprocess.DEVNULL, env=command.environment(**wall.environment))
    for to in ("+2d", "-3h", "+0"):
        there = parts_in(out)
        wall.set(to)
        time.sleep(1.2)  # it is seen within a second
        until(lambda there=there: parts_in(out) >= there + 2, run)
    err = run.communicate(timeout=LIMIT_S)[1].decode()
    assert run.returncode == 0, err
    assert "Traceback" not in err
    assert every_name_once(out)
    assert books_of(out)["failed"] == {}


class FullNodes:
    """Parts in the hands of an engine whose only workers, with two parts each, find their disk full together."""

    workers, is_full = {"one": {}, "two": {}}, True

    def __init__(self) -> None:
        self.handed_out: list[int] = []
        self.stopped = False

    @property
    def in_hand(self) -> int:
        return len(self.handed_out)

    def hand_out(self, number: int) -> None:
        self.handed_out.append(number)

    def back(self):
        for number in self.handed_out[:4]:
            yield number, PartFailed(f"-o part-{number:06}: File too large", 4, no_room="one" if number % 2 else "two")

    def stop(self) -> None:
        self.stopped = True


def test_workers_that_are_full_at_the_same_moment_are_one_failure(names, tmp_path):
    plan = plan_of([str(names)], (), PART, {}, "jsonl.zst")
    total, parts = Total(), FullNodes()
    failed = work(parts, list(range(plan.count)), total, Course(plan, total, Console(), True), Stop())
    assert list(failed) == [0]
    assert parts.stopped


def test_workers_of_another_version_are_refused_in_one_line(names, slow, tmp_path):
    given = (names, "-o", tmp_path / "out", "--config", slow)
    (tmp_path / "other" / "scanner").mkdir(parents=True)
    for path in (ROOT / "scanner").iterdir():
        if path.name not in ("version.py", "__pycache__"):
            (tmp_path / "other" / "scanner" / path.name).symlink_to(path)
    (tmp_path / "other" / "scanner" / "version.py").write_text('__version__ = "0.0.7"\n')
    with engine_of(tmp_path / "engine", workers=0) as engine:
        worker = engine.worker("other", PYTHONPATH=str(tmp_path / "other"))
        until(lambda: [each for each in psutil.Process(worker.pid).net_connections() if each.raddr], worker)
        done = cluster(*given, "--scheduler", engine.address)
    assert done.code == 2, done.err
    assert "has dnsscan 0.0.7, this machine 0.1.0: install the same version" in done.err, done.err
    assert len(done.err.splitlines()) == 1, done.err


def test_an_address_without_a_scheduler_is_said_in_one_line(names, slow, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent, HTTPServer(("127.0.0.1", 0), Quiet) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        addresses = ["tcp://127.0.0.1:1", f"tcp://127.0.0.1:{silent.getsockname()[1]}",
                     f"tcp://127.0.0.1:{web.server_port}", "127.0.0.1", "ftp://a:1", ""]  # fmt: skip

        def asked(address: str) -> command.Scan:
            out = tmp_path / f"out{addresses.index(address)}"
            return cluster(names, "-o", out, "--config", slow, "--scheduler", address)

        with ThreadPoolExecutor() as pool:  # for most of the time each waits
            answers = dict(zip(addresses, pool.map(asked, addresses), strict=True))
        for address, done in answers.items():
            assert done.code == 2, (address, done.err)
            assert "--scheduler" in done.err, (address, done.err)
            assert len(done.err.splitlines()) == 1, (address, done.err)
        web.shutdown()
    done = cluster(names, "-o", tmp_path / "out0", "--config", slow, "--local", 1)
    assert done.code == 0, "a plan without parts is in nobody's way: " + done.err


def test_ctrl_c_while_the_engine_starts_leaves_no_process_and_no_traceback(names, slow, tmp_path):
    for number, after_s in enumerate((0.0, 0.4, 1.0, 2.0)):
        out = tmp_path / f"out{number}"
        run = command.start("cluster", names, "-o", out, "--config", slow, "--local", 1, true=True,
                            stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        until((out / "plan.json").exists, run)
        time.sleep(after_s)
        family = psutil.Process(run.pid).children(recursive=True)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does, to all of them
        err = run.communicate(timeout=LIMIT_S)[1].decode()
        assert run.returncode == 130, err
        assert "stopped by Ctrl-C: the rest of the input has no lines; the same command with --resume" in err, err
        assert "Traceback" not in err, err
        assert psutil.wait_procs(family, LIMIT_S)[1] == []


def test_a_file_that_changes_while_it_is_read_fails_its_part(names, slow, tmp_path):
    run = command.start("cluster", names, "-o", tmp_path / "out", "--part-lines", 1500, "--config", slow, "--local", 1,
                        true=True, stdin=subprocess.DEVNULL)  # fmt: skip
    until(lambda: parts_in(tmp_path / "out"), run)
    octets = names.read_bytes()
    names.write_bytes(octets[:-2000])
    err = run.communicate(timeout=LIMIT_S)[1].decode()
    assert run.returncode == 2, err
    assert re.search("part-00000[123]: cannot read", err), err  # in which order they are made is the engine's business
    assert "it has changed" in err, err
    names.write_bytes(octets)
    assert cluster(names, "-o", tmp_path / "out", "--part-lines", 1500, "--config", slow, "--resume").code == 0
    assert every_name_once(tmp_path / "out")
