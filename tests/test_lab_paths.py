"""`dnsscan lab --path`: what a server behind a rate, a queue, a delay and loss answers, and what it counts. A busy
machine makes answers later and never earlier, so times are held from below; what is lost follows from the seed."""

import json
import math
import os
import random
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from scanner.errors import ScanError
from scanner.lab import zone
from scanner.lab.link import slowness_ms
from scanner.lab.path import LabPath, read_ms, read_path, read_share, read_slow
from scanner.lab.server import LabServer, address

ROOT = Path(__file__).parent.parent
WAIT_S = 20
CHUNK = 50  # queries between two looks at what came: fits any receive buffer
A, NS = 1, 2


@contextmanager
def serving(path, **options):
    """A lab's server in this process; it runs without the GIL."""
    server = LabServer(path=path, nx=0, **options)
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
        server.close()


class Client:
    """One UDP socket; `sent` and `came` have the monotonic seconds of each name's last query and of every answer."""

    def __init__(self, server):
        self.server = server
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sent, self.came, self.count = {}, [], server.counts()["queries"]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.sock.close()

    def send(self, *names, to=0):
        """Queries for A in a burst; returns when the server has taken them in."""
        for name in names:
            self.sent[name] = time.monotonic()
            self.sock.sendto(query(name), (address(to), self.server.port))
        self.count += len(names)
        until = time.monotonic() + WAIT_S
        while self.server.counts()["queries"] < self.count:
            assert time.monotonic() < until, self.server.counts()
            time.sleep(0.001)

    def read(self, count):
        """So many more answers: their names, in order."""
        names = []
        self.sock.settimeout(WAIT_S)
        for _ in range(count):
            names.append(name_in(self.sock.recv(4096)))
            self.came.append((names[-1], time.monotonic()))
        return names

    def ask(self, names):
        """Send all of them, read every answer; the names of those."""
        answered = []
        for first in range(0, len(names), CHUNK):
            before = self.server.counts()["answered"]
            self.send(*names[first : first + CHUNK])
            answered += self.read(self.server.counts()["answered"] - before)
        return answered


def query(name, rdtype=A):
    """By hand: dnspython takes a tenth of a millisecond, and these are thousands."""
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack("!x2H", rdtype, 1)


def name_in(response):
    labels, at = [], 12
    while response[at]:
        labels.append(response[at + 1 : at + 1 + response[at]].decode())
        at += 1 + response[at]
    return ".".join(labels)


def some(count, stem="n"):
    return [f"{stem}{number}.example.org" for number in range(count)]


def within_five_sigma(found, share, of):
    return abs(found - share * of) <= 5 * math.sqrt(of * share * (1 - share))


# -- rate and queue --------------------------------------------------------------------------------------------


def test_answers_never_come_faster_than_the_rate():
    with serving(LabPath(rate=500, queue=100)) as server, Client(server) as client:
        begun = time.monotonic()
        client.send(*some(CHUNK))
        client.read(CHUNK)

    assert [at - begun >= number / 500 for number, (_, at) in enumerate(client.came, 1)] == [True] * CHUNK


def test_a_burst_beyond_the_queue_is_dropped_and_counted():
    with serving(LabPath(rate=1, queue=5)) as server, Client(server) as client:
        begun = time.monotonic()
        client.send(*some(CHUNK))
        took_s = time.monotonic() - begun
        counts = server.counts()

    assert 6 <= counts["answered"] <= 6 + math.ceil(took_s)  # one is answered while five wait
    assert counts["dropped"] == CHUNK - counts["answered"]
    assert counts["lost"] == counts["needless"] == counts["repeated"] == 0


def test_each_address_has_a_rate_and_a_queue_of_its_own():
    with serving(LabPath(rate=1, queue=0), addresses=3) as server, Client(server) as client:
        begun = time.monotonic()
        for index in range(3):
            client.send(*some(5, f"of{index}-"), to=index)
        took_s = time.monotonic() - begun
        counts = server.counts()

    assert 3 <= counts["answered"] <= 3 + 3 * math.ceil(took_s)


def test_what_came_while_the_lab_stood_still_has_not_come_at_once(new_lab):
    names = some(12)
    with new_lab("--path", "100:2:0:0", "--nx", "0") as lab, socket.socket(type=socket.SOCK_DGRAM) as sock:
        host, _, port = lab.config["resolvers"][0].removeprefix("udp://").rpartition(":")
        sock.connect((host, int(port)))
        sock.settimeout(WAIT_S)
        os.kill(lab.process.pid, signal.SIGSTOP)
        for name in names:
            sock.send(query(name))
            time.sleep(0.011)  # more than one takes to be answered
        os.kill(lab.process.pid, signal.SIGCONT)
        answered = [name_in(sock.recv(4096)) for _ in names]

    assert answered == names


# -- loss ------------------------------------------------------------------------------------------------------


def test_without_loss_nothing_is_lost():
    names = some(3000)
    with serving(LabPath(delay_ms=5)) as server, Client(server) as client:
        answered = client.ask(names)
        counts = server.counts()

    assert Counter(answered) == Counter(names)
    assert counts == {**counts, "queries": 3000, "questions": 3000, "answered": 3000, "lost": 0, "dropped": 0,
                      "silent": 0, "repeated": 0, "needless": 0, "overrun": 0}  # fmt: skip


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_that_is_lost_is_what_was_asked_for(share):
    with serving(LabPath(loss=share)) as server, Client(server) as client:
        client.ask(some(10_000))
        counts = server.counts()

    assert within_five_sigma(counts["lost"], share, 10_000)
    assert counts["answered"] == 10_000 - counts["lost"]


def test_what_is_lost_follows_from_the_seed_and_not_from_the_order():
    names = some(500)
    answered = []
    for seed, order in ((7, names), (7, names[::-1]), (8, names)):
        with serving(LabPath(loss=0.3), seed=seed) as server, Client(server) as client:
            answered.append(sorted(client.ask(order)))

    assert answered[0] == answered[1] != answered[2]


def test_a_name_that_was_lost_is_not_lost_for_ever():
    names = some(2000)
    with serving(LabPath(loss=0.2)) as server, Client(server) as client:
        lost = sorted(set(names) - set(client.ask(names)))
        client.ask(lost)
        counts = server.counts()

    assert counts["repeated"] == len(lost)
    assert counts["needless"] == 0
    assert within_five_sigma(counts["lost"] - len(lost), 0.2, len(lost))


# -- delay -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LabPath(delay_ms=30), LabPath(delay_ms=30, jitter_ms=5), LabPath(2000, 50, 30)])
def test_no_answer_comes_before_its_round_trip(path):
    with serving(path) as server, Client(server) as client:
        client.ask(some(300))

    assert min(at - client.sent[name] for name, at in client.came) >= 0.03
    assert len(client.came) == 300


def test_jitter_makes_answers_overtake_each_other():
    names = some(CHUNK)
    with serving(LabPath(jitter_ms=50)) as server, Client(server) as client:
        answered = client.ask(names)

    assert sorted(answered) == sorted(names)
    assert answered != names


def test_the_labs_own_delays_and_labels_are_added():
    with serving(LabPath(delay_ms=20), delay_ms=(30, 30)) as server, Client(server) as client:
        client.send("delay-50.lab.test")
        client.read(1)

    assert client.came[0][1] - client.sent["delay-50.lab.test"] >= 0.1


# -- slow names, dead names ------------------------------------------------------------------------------------


def test_about_the_share_of_slow_names_takes_its_time():
    with serving(LabPath(slow=0.3, slow_median_ms=300)) as server, Client(server) as client:
        client.ask(some(400))
    slow = sum(at - client.sent[name] >= 0.3 for name, at in client.came)

    assert 0.3 * 400 - 5 * math.sqrt(400 * 0.21) <= slow < 400


def test_the_times_of_slow_names_are_log_normal():
    path = LabPath(slow=0.3, slow_median_ms=150, slow_sigma=0.8)
    times = [slowness_ms(path, query(name)) for name in some(20_000)]
    logs = [math.log(each / 150) for each in times if each]

    assert within_five_sigma(len(logs), 0.3, 20_000)
    assert abs(statistics.fmean(logs)) < 5 * 0.8 / math.sqrt(len(logs))
    assert abs(statistics.stdev(logs) - 0.8) < 5 * 0.8 / math.sqrt(2 * len(logs))


def test_the_widest_spread_stays_within_an_hour():
    path = LabPath(slow=1, slow_median_ms=60_000, slow_sigma=5)
    times = [slowness_ms(path, query(name)) for name in some(1000)]

    assert min(times) >= 0
    assert max(times) == 3_600_000


def test_a_slow_name_takes_the_time_that_is_foretold():
    path, names = LabPath(slow=0.5, slow_median_ms=100, slow_sigma=0.8, dead=0.2), some(CHUNK)
    foretold = {name: slowness_ms(path, query(name), 9) for name in names}
    with serving(path, seed=9) as server, Client(server) as client:
        answered = client.ask(names)

    assert set(answered) == {name for name in names if foretold[name] is not None}
    assert [name for name, at in client.came if at - client.sent[name] < foretold[name] / 1000] == []


def test_a_slow_name_is_slow_once():
    with serving(LabPath(slow=1, slow_median_ms=400)) as server, Client(server) as client:
        client.send("first.example.org")
        client.read(1)
        client.send("second.example.org")
        client.send("first.example.org")

        assert client.read(2) == ["first.example.org", "second.example.org"]


def test_a_dead_name_is_never_answered_and_no_query_for_it_is_needless():
    names = some(2000)
    with serving(LabPath(dead=0.05)) as server, Client(server) as client:
        dead = sorted(set(names) - set(client.ask(names)))
        client.send(*dead, *dead)
        counts = server.counts()

    assert within_five_sigma(len(dead), 0.05, 2000)
    assert counts["silent"] == 3 * len(dead)
    assert (counts["repeated"], counts["needless"]) == (2 * len(dead), 0)


# -- counts ----------------------------------------------------------------------------------------------------


def test_a_query_whose_answer_is_on_its_way_or_has_come_is_needless():
    with serving(LabPath(delay_ms=200)) as server, Client(server) as client:
        client.send("a.example.org", "A.Example.ORG", "b.example.org")
        on_its_way = server.counts()
        client.read(3)
        client.send("a.example.org")
        come = server.counts()

    assert (on_its_way["questions"], on_its_way["repeated"], on_its_way["needless"]) == (2, 1, 1)
    assert (come["questions"], come["repeated"], come["needless"]) == (2, 2, 2)


def test_another_type_is_another_question():
    with serving(LabPath()) as server, Client(server) as client:
        client.send("a.example.org")
        client.sock.sendto(query("a.example.org", NS), (address(0), server.port))
        client.read(2)

        assert (server.counts()["questions"], server.counts()["repeated"]) == (2, 0)


def test_as_many_questions_as_there_are_names_are_remembered():
    names = some(10_000)
    with serving(LabPath()) as server, Client(server) as client:
        client.ask(names)
        once = server.counts()
        client.ask(names)
        twice = server.counts()

    assert (once["questions"], once["repeated"]) == (10_000, 0)
    assert (twice["questions"], twice["repeated"], twice["needless"]) == (10_000, 10_000, 10_000)


def test_a_trouble_that_is_silent_is_counted_as_such():
    with serving(LabPath()) as server, Client(server) as client:
        client.send("drop.lab.test", "drop-1.lab.test", "drop-1.lab.test", "twice.lab.test")
        assert client.read(3) == ["drop-1.lab.test", "twice.lab.test", "twice.lab.test"]
        counts = server.counts()

    assert (counts["silent"], counts["answered"], counts["repeated"], counts["needless"]) == (2, 2, 1, 0)


def test_noise_is_survived():
    rng = random.Random(5)
    with serving(LabPath(10_000, 10, 1, 0.1, 1, 0.2, 5, 1, 0.1)) as server, Client(server) as client:
        for _ in range(2000):
            client.sock.sendto(rng.randbytes(rng.randrange(1, 600)), (address(0), server.port))
    with serving(LabPath()) as server, Client(server) as client:
        for noise in (b"", b"\x00", b"\x00" * 12 + b"\x3f"):  # the last promises a label
            client.sock.sendto(noise, (address(0), server.port))
        client.count += 3

        assert client.sock.recv(4096)[3] & 15 == 1  # FORMERR, to the only one with a header
        client.send("a.example.org")
        assert client.read(1) == ["a.example.org"]


# -- the flags -------------------------------------------------------------------------------------------------


def test_a_path_is_read_from_its_text():
    assert read_path("2000:50:30.5:1%") == LabPath(2000, 50, 30.5, 0.01)
    assert read_path("0:0:0:0.25") == LabPath(loss=0.25)
    assert read_slow("30%:150:0.8") == (0.3, 150, 0.8)
    assert read_share("--dead", "100%") == read_share("--dead", "1") == 1
    assert read_ms("--jitter-ms", "0.5") == 0.5


@pytest.mark.parametrize(
    "text",
    ["", "1:2:3", "1:2:3:4:5", "x:1:1:0", "-1:1:1:0", "1.5:1:1:0", "1:0.5:1:0", "1:1:nan:0", "1:1:1:2", "1:1:1:101%",
     "1:1:1e3:0", "1:1:inf:0", "1:1:1:%", "2000000:1:1:0", "1:1:60001:0", "1: 1:1:0", "\u0661:1:1:0", "1:1:.:0"],
)  # fmt: skip
def test_a_path_that_is_none_is_refused(text):
    with pytest.raises(ScanError, match=r"is not RATE:QUEUE:DELAY_MS:LOSS"):
        read_path(text)


def lab(*words):
    command = [sys.executable, "-m", "scanner", "lab", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--path", "fast"], "--path: 'fast' is not RATE:QUEUE:DELAY_MS:LOSS"),
        (["--path", "1:1:1:0", "--slow", "0.3:150"], "--slow: '0.3:150' is not SHARE:MEDIAN_MS:SIGMA"),
        (["--path", "1:1:1:0", "--dead", "5"], "--dead: '5' is not a share"),
        (["--path", "1:1:1:0", "--jitter-ms", "-1"], "--jitter-ms: '-1' is not a number of milliseconds"),
        (["--path", "1:1:1:0", "--jitter-ms", "nan"], "--jitter-ms: 'nan' is not a number of milliseconds"),
        (["--jitter-ms", "0"], "--jitter-ms needs --path"),
        (["--slow", "0.3:150:0.8"], "--slow needs --path"),
        (["--dead", "0.1"], "--dead needs --path"),
    ],
)
def test_wrong_options_are_one_line(words, said):
    done = lab(*words, "--", "true")

    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_the_config_has_the_path_as_udp_resolvers_and_the_counts_come_last():
    one = lab("--path", "0:0:0:0", "--", "cat", "{config}")
    three = lab("--path", "0:0:0:0", "--addresses", "3", "--", "cat", "{config}")

    hosts = [[url.rpartition(":")[0] for url in json.loads(done.stdout)["resolvers"]] for done in (one, three)]
    assert hosts == [["udp://127.0.0.1"], [f"udp://127.0.0.{number}" for number in (1, 2, 3)]]
    assert "proxies" not in json.loads(one.stdout)
    counts = json.loads(one.stderr)
    assert counts.keys() >= {"queries", "dropped", "lost", "repeated", "needless"}
    assert set(counts.values()) == {0}


def test_a_scan_over_a_lossy_path_has_every_verdict_and_is_counted(tmp_path):
    names = some(400)
    (tmp_path / "names").write_text("\n".join(names))
    scan = [sys.executable, "-m", "scanner", "--config", "{config}", "--quiet", str(tmp_path / "names")]

    done = lab("--path", "0:0:10:5%", "--", *scan)

    counts = json.loads(done.stderr.splitlines()[-1])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["d"]: row["s"] for row in rows} == {name: zone.expected(name)[0] for name in names}
    assert counts["lost"] > 0
    assert counts["queries"] >= 400 + counts["lost"]
    assert counts["queries"] == counts["answered"] + counts["lost"]
    assert counts["repeated"] == counts["queries"] - counts["questions"]
