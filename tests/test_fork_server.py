"""A forked command against a true start of it: nothing that a test looks at may differ."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from command import environment, scan, start, wait_for
from dns_peer import DnsPeer
from fork_server import Forked
from terminal import Terminal

SCANS = {
    "an answer": ["-r", "{peer}", "--fields", "all", "-"],
    "nothing reached": ["-r", "127.0.0.1:9", "--timeout-ms", "50", "--deadline-ms", "60"],
    "help": ["--help"],
    "dry run": ["-r", "127.0.0.1", "--dry-run"],
    "an unknown flag": ["--nonesuch"],
    "no such file": ["-r", "127.0.0.1", "/nonesuch/\udcff"],
    "another program": ["names", "[a-c]{{2}}"],
}


@pytest.fixture
def peer():
    with DnsPeer() as found:
        yield found


def same(text: str) -> str:
    """Without the figures, which are of the moment."""
    return re.sub(r"[0-9]+", "#", text)


@pytest.mark.parametrize("words", SCANS.values(), ids=SCANS)
def test_code_and_output_are_those_of_a_true_start(peer, words):
    args = [word.format(peer=peer.address) for word in words]

    forked, true = (scan(*args, names="first.example\nb..c\n", true=true) for true in (False, True))

    assert forked.code == true.code
    assert same(forked.out.decode()) == same(true.out.decode())
    assert same(forked.err) == same(true.err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGPIPE])
def test_a_signal_does_what_it_does_to_a_true_start(peer, number):
    codes = []
    for true in (False, True):
        run = start("-r", peer.address, true=true)
        run.stdin.write(b"first.example\n")
        run.stdin.flush()
        assert run.stdout.readline()  # it scans
        run.send_signal(number)
        run.communicate(timeout=20)
        codes.append(run.returncode)

    assert codes[0] == codes[1]


def test_an_interrupt_at_once_ends_it():
    run = start("-r", "127.0.0.1:9")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)

    assert run.returncode in (-signal.SIGINT, 130, 1)


def test_a_reader_that_has_gone_is_noticed_as_by_a_true_start():
    codes = []
    for true in (False, True):
        ours, theirs = os.pipe()
        os.close(ours)
        run = start("names", "[a-z]{4}", stdout=theirs, true=true)
        os.close(theirs)
        run.communicate(timeout=20)
        codes.append(run.returncode)

    assert codes[0] == codes[1]


def look(true: bool, **options) -> dict[str, object]:
    """What /proc says of a run that waits for names."""
    run = start("-r", "127.0.0.1:9", true=true, **options)
    assert type(run) is (subprocess.Popen if true else Forked)
    try:
        run.stdin.write(b"a..b\n")  # its line comes when all has begun
        run.stdin.flush()
        assert run.stdout.readline() if run.stdout else True
        proc = Path("/proc", str(run.pid))
        status = dict(line.split(":\t") for line in (proc / "status").read_text().splitlines() if ":\t" in line)
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        links = [os.readlink(entry).split(":")[0] for entry in (proc / "fd").iterdir()]
        kept = ("PPid", "SigBlk", "SigIgn", "SigCgt", "Threads")
        return {"group": fields[1:5], "cwd": os.readlink(proc / "cwd"), "open": sorted(links)} | {
            key: status[key] for key in kept
        }
    finally:
        run.kill()
        run.communicate()


def test_parent_group_signals_place_and_descriptors_are_those_of_a_true_start():
    assert look(False) == look(True)


@pytest.mark.parametrize("true", [False, True])
def test_a_terminal_is_known_as_one(true):
    with Terminal() as terminal:
        run = start("-r", "127.0.0.1:9", stderr=terminal.theirs, env=environment(TERM="xterm"), true=true)
        wait_for(lambda: terminal.frames)
        run.kill()
        run.communicate()


@pytest.mark.parametrize("options", [{"start_new_session": True}, {"env": environment(LC_ALL="C")}, {"umask": 0o77}])
def test_what_only_a_true_start_gives_takes_one(options):
    with start("--version", **options) as run:
        assert type(run) is subprocess.Popen
