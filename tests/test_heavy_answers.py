"""Answers of 64 KB, every field: lines of several hundred kilobytes, memory that stays as it is, signals heard."""

import json
import re
import signal
import struct
import threading
import time
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
from command import start, wait_for
from dns_peer import DnsPeer, Query, Talk, frame
from make_corpus import CORPUS, QUESTION, record

from scanner.model import FIELDS

MIB = 1 << 20
HONEST = record(b"\xc0\x0c", 16, 254 * (b"\xff" + 255 * b"\xfe"))  # each octet is five characters of a line
HOSTILE = CORPUS["ns-of-127-labels"]
WINDOW = 1024  # queries in flight of 16 workers


def heavy(query: Query) -> bytes:
    """The honest answer, or for `bad` names the hostile one."""
    if query.name.startswith("bad"):
        name = query.question[:-4]
        moved = struct.pack("!H", 0xC000 | 12 + len(query.question) + 12)
        body = HOSTILE[12 + len(QUESTION) :].replace(struct.pack("!H", 0xC000 | 12 + len(QUESTION) + 12), moved)
        return struct.pack("!H", query.message_id) + HOSTILE[2:12] + name + query.question[-4:] + body[:60_000]
    return struct.pack("!6H", query.message_id, 0x8180, 1, 1, 0, 0) + query.question + HONEST


def script(talk: Talk) -> None:
    for query in talk.queries():
        if query.name.startswith("light"):
            talk.answer(query)
        else:
            talk.send(frame(heavy(query)))


@pytest.fixture
def peer():
    with DnsPeer(script) as found:
        yield found


def run_on(peer: DnsPeer, names: list[str]) -> Popen:
    run = start("-r", peer.address, "-t", "TXT", "--fields", ",".join(FIELDS), "--quiet", "--rate", 0,
                "--pipeline", WINDOW // 16, stderr=DEVNULL, true=True)  # fmt: skip

    def feed() -> None:
        run.stdin.write("".join(f"{name}.example\n" for name in names).encode())
        run.stdin.close()

    threading.Thread(target=feed).start()
    return run


def peak_mib(run: Popen) -> float:
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{run.pid}/status").read_text())[1]) / 1024


def test_a_reader_that_is_behind_costs_no_memory_and_no_milliseconds(peer):
    """A thousand such answers in flight would be 740 MB of lines."""
    run = run_on(peer, [f"{'light' if number % 10 == 0 else 'heavy'}{number}" for number in range(600)])
    wait_for(lambda: len(peer.asked) > 20)
    time.sleep(4)
    before = peak_mib(run)

    rows, peak, longest = [], 0.0, 0
    with run.stdout:
        for line in run.stdout:
            rows.append(json.loads(line))
            longest = max(longest, len(line))
            peak = max(peak, peak_mib(run) if run.poll() is None else 0)

    assert run.wait(20) == 0
    assert sorted(row["d"] for row in rows if row["s"] == "taken") == sorted({row["d"] for row in rows})
    assert len(rows) == 600
    assert longest > 400_000
    assert max(before, peak) < 120
    assert max(row["ms"] for row in rows) < 4000  # none of them waited for the reader


def test_the_first_signal_is_heard_while_the_reader_is_behind_and_leaves_whole_lines(peer):
    names = [f"heavy{number}.example" for number in range(60)]
    run = start("-r", peer.address, "-t", "TXT", "--fields", ",".join(FIELDS), "--quiet", "--rate", 0, stderr=DEVNULL)
    run.stdin.write("".join(f"{name}\n" for name in names).encode())
    run.stdin.flush()  # and more might come
    wait_for(lambda: set(names) & set(peer.names_asked))
    time.sleep(0.5)
    asked = set(names) & set(peer.names_asked)

    run.send_signal(signal.SIGTERM)
    with run.stdout:
        rows = [json.loads(line) for line in run.stdout]

    assert run.wait(20) == 143
    assert {row["s"] for row in rows} == {"taken"}
    assert asked <= {row["d"] for row in rows} <= set(names)
    assert len(rows) == len({row["d"] for row in rows})
    run.stdin.close()


def test_the_second_signal_is_heard_among_hostile_answers(peer):
    run = run_on(peer, [f"bad{number}" for number in range(400)])
    reader = threading.Thread(target=run.stdout.read)
    reader.start()
    wait_for(lambda: len(peer.asked) > 50)

    run.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    sent = time.monotonic()
    run.send_signal(signal.SIGTERM)
    code = run.wait(10)
    reader.join()
    run.stdout.close()

    assert time.monotonic() - sent < 3
    assert code in (143, 0)
