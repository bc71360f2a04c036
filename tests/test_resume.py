"""--output, --resume, --fsync: whatever ended a run, and wherever its file was cut, the next one completes it: one line
for each input line, none twice."""

import json
import os
import random
import re
import resource
import signal
import stat
import subprocess
import sys
import time
from collections import Counter

import pytest
from command import DNSSCAN, QUICK, ROOT, killed_and_resumed, refusal, scan, start
from dns_peer import DnsPeer
from test_udp import stats_of

from scanner.lab import zone
from scanner.native.input.answered import Answered


@pytest.fixture
def files(tmp_path):
    class Files:
        input = tmp_path / "names.txt"
        output = tmp_path / "results.jsonl"
        side = tmp_path / "results.jsonl.resume"

        def names(self, count: int) -> list[str]:
            listed = [f"resume{number}.lab.test" for number in range(count)]
            self.input.write_text("".join(f"{name}\n" for name in listed))
            return listed

        @property
        def rows(self) -> list[dict]:
            return [json.loads(line) for line in self.output.read_text().splitlines()]

        def check(self, listed: list[str]) -> None:
            """The oracle: it knows the zone and the input, and nothing of the program."""
            rows = self.rows
            assert Counter(row["n"] for row in rows) == Counter(range(1, len(listed) + 1))
            assert all(listed[row["n"] - 1] == row["d"] for row in rows)
            assert {row["d"]: row["s"] for row in rows} == {name: zone.expected(name)[0] for name in listed}

    return Files()


def resolver(lab):
    return lab.config["resolvers"][0]


def test_output_is_a_private_file_whose_lines_say_which_input_line_they_answer(lab, files):
    listed = files.names(200)

    done = scan("-r", resolver(lab), "--output", files.output, files.input)

    assert (done.code, done.out) == (0, b"")
    assert stat.S_IMODE(files.output.stat().st_mode) == stat.S_IMODE(files.side.stat().st_mode) == 0o600
    files.check(listed)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_killed_at_any_moment_and_resumed_until_done(lab, files, scheme):
    listed = files.names(150_000)
    command = ["-r", f"{scheme}://{resolver(lab)}", "--output", files.output, "--resume", "--quiet", "--rate", 150_000,
               files.input]  # fmt: skip
    kills = killed_and_resumed(command, seed=20261121, runs=40, least_s=0.1, most_s=0.5)
    done = scan(*command)

    assert done.code == 0, done.err
    assert kills > 2
    files.check(listed)


@pytest.mark.parametrize("kept", [0, 1, 60, -1, -2, -40, -70])
def test_a_torn_last_line_is_cut_wherever_it_was_torn(lab, files, kept):
    listed = files.names(100)
    scan("-r", resolver(lab), "--output", files.output, files.input)
    octets = files.output.read_bytes()
    files.output.write_bytes(octets[:kept])

    done = scan("-r", resolver(lab), "--output", files.output, "--resume", "--stats", "json", files.input)

    books = stats_of(done)
    assert books["read"] == 100 == books["written"] + books["skipped"]
    assert books["skipped"] == octets[:kept].count(b"\n")
    assert ("a torn last line" in done.err) == (octets[:kept] != b"" and not octets[:kept].endswith(b"\n"))
    files.check(listed)


@pytest.mark.parametrize("room", [0, 1, 170, 400, 4095, 4096, 4097, 4098, 4150, 5000])
def test_a_disk_that_is_full_at_any_octet_is_code_4_and_the_rest_is_resumed(lab, files, room):
    """RLIMIT_FSIZE is a disk that is full at the very octet; below some 170 not even the side file fits."""
    listed = files.names(300)
    command = [*DNSSCAN, "-r", resolver(lab), "--output", str(files.output), "--resume", str(files.input)]

    full = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, stdin=subprocess.DEVNULL,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))  # fmt: skip
    left = files.output.stat().st_size
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)

    assert full.returncode == (2 if room < 170 else 4), full.stderr
    assert full.stderr.count(b"\n") == 1
    assert b"File too large" in full.stderr
    assert left <= room
    assert done.returncode == 0, done.stderr
    files.check(listed)


def test_a_whole_file_is_left_as_it_is_and_nothing_is_asked(lab, files):
    files.names(50)
    scan("-r", resolver(lab), "--output", files.output, files.input)
    before = files.output.read_bytes()

    with DnsPeer() as nobody:
        done = scan("-r", nobody.address, "--output", files.output, "--resume", files.input)

    assert (done.code, files.output.read_bytes()) == (0, before)
    assert "answered before 50" in done.err
    assert nobody.names_asked == []


def test_several_types_bad_lines_blanks_and_duplicates_are_resumed_exactly(lab, files):
    lines = [
        "a.lab.test",
        "",
        "a.lab.test",
        "b..c",
        "# no",
        "A.LAB.TEST.",
        "faß.lab.test",
        "http://x/",
        "z.lab.test",
    ] * 30
    files.input.write_text("\n".join(lines))
    options = ("-r", resolver(lab), "-t", "NS", "-t", "A", "--output", files.output, files.input)
    scan(*options)
    whole = files.output.read_text().splitlines()
    wanted = {(row["n"], row["t"]): row["d"] for row in map(json.loads, whole)}
    assert len(wanted) == 2 * 30 * 7
    for seed in range(4):
        kept = random.Random(seed).sample(whole, 30 * seed)
        files.output.write_text("".join(f"{line}\n" for line in kept))

        done = scan(*options, "--resume", "--stats", "json")

        assert {(row["n"], row["t"]): row["d"] for row in files.rows} == wanted
        assert len(files.rows) == len(wanted)
        assert stats_of(done)["skipped"] == len(kept)


def test_a_type_with_a_hyphen_in_its_name_is_resumed(lab, files):
    files.names(6)
    options = ("-r", resolver(lab), "-t", "NSAP-PTR", "-t", "A", "--output", files.output, files.input)
    scan(*options)
    files.output.write_text("".join(files.output.read_text().splitlines(keepends=True)[:5]))

    done = scan(*options, "--resume", "--stats", "json")

    assert (done.code, stats_of(done)["skipped"], len(files.rows)) == (0, 5, 12), done.err


def test_a_pipe_is_resumed_by_its_line_numbers(lab, files):
    listed = files.names(3000)
    octets = files.input.read_bytes()
    first = scan("-r", resolver(lab), "--output", files.output, "--max-queries", 1000, names=octets)
    second = scan("-r", resolver(lab), "--output", files.output, "--resume", names=octets)

    assert (first.code, second.code) == (5, 0)
    assert json.loads(files.side.read_text())["input"] == ["stream"]
    files.check(listed)


def test_several_files_are_one_input(lab, files, tmp_path):
    listed = files.names(20)
    (tmp_path / "more").write_text("more.lab.test\n")
    options = ("-r", resolver(lab), "--output", files.output, "--resume", files.input, tmp_path / "more")
    scan(*options)
    files.output.write_text("".join(files.output.read_text().splitlines(True)[5:]))

    assert scan(*options).code == 0
    files.check([*listed, "more.lab.test"])


def test_resume_without_a_file_begins_one(lab, files):
    listed = files.names(10)

    assert scan("-r", resolver(lab), "--output", files.output, "--resume", files.input).code == 0
    files.check(listed)


# -- refusals --------------------------------------------------------------------------------------------------


def test_another_input_is_refused_and_nothing_is_changed(lab, files):
    files.names(10)
    scan("-r", resolver(lab), "--output", files.output, files.input)
    before = files.output.read_bytes(), files.side.read_bytes()
    command = ("-r", resolver(lab), "--output", files.output, "--resume")

    files.names(11)
    refusal(scan(*command, files.input), "the input does not match")
    files.input.write_text(files.input.read_text()[:-18].replace("resume0", "resumE0"))
    refusal(scan(*command, files.input), "the input does not match")
    refusal(scan(*command, names="a.example\n"), "the input does not match")
    files.names(10)
    refusal(scan(*command, "-t", "A", files.input), "--type NS")
    refusal(scan(*command, "--class", "CH", files.input), "--class IN")
    assert (files.output.read_bytes(), files.side.read_bytes()) == before


def test_a_run_of_another_class_is_gone_on_with_as_such(lab, files):
    files.names(3)
    command = ("-r", resolver(lab), "--output", files.output, "--class", "CH", files.input)
    first = scan(*command)
    files.output.write_text("".join(files.output.read_text().splitlines(keepends=True)[:1]))

    refusal(scan(*command[:4], "--resume", files.input), "--class CH")
    again = scan(*command, "--resume")
    assert (first.code, again.code) == (0, 0)
    assert sorted(row["n"] for row in map(json.loads, files.output.read_text().splitlines())) == [1, 2, 3]


@pytest.mark.parametrize(
    ("side", "said"), [(None, "is missing"), ("", "is damaged"), ("[]", "is damaged"), ('{"dnsscan":1}', "is damaged")]
)
def test_without_a_good_side_file_nothing_is_resumed(lab, files, side, said):
    files.names(3)
    scan("-r", resolver(lab), "--output", files.output, files.input)
    files.side.unlink()
    if side is not None:
        files.side.write_text(side)

    refusal(scan("-r", resolver(lab), "--output", files.output, "--resume", files.input), str(files.side), said)


@pytest.mark.parametrize(("line", "said"), [
    ("hello", "line 2 is not a result"),
    ("", "line 2 is not a result"),
    ('{"d":"x","s":"taken"}', "line 2 is not a result"),
    ('{"d":"x","s":"taken","n":3}{"d":"y","s":"taken","n":2}', "line 2 is damaged"),  # the newline is lost
    ('{"d":"x","s":"tak\0\0","n":3}', "line 2 is damaged"),  # as a power cut leaves it
    ('{"d":"x","s":"taken","n":0}', "line 2 has no good input line number"),
    ('{"d":"x","s":"taken","n":99999999999999999999}', "line 2 has no good input line number"),
    ('{"d":"x","s":"taken","n":1x}', "line 2 has no good input line number"),
    ('{"d":"x","s":"taken","n":1}', "line 2 is the second result of input line 1"),
])  # fmt: skip
def test_a_file_that_is_not_ours_is_refused_and_kept(lab, files, line, said):
    files.names(3)
    scan("-r", resolver(lab), "--output", files.output, files.input)
    damaged = f'{{"d":"resume0.lab.test","s":"taken","n":1}}\n{line}\n'
    files.output.write_text(damaged)

    refusal(scan("-r", resolver(lab), "--output", files.output, "--resume", files.input), said)
    assert files.output.read_text() == damaged


def test_a_second_run_on_the_same_file_is_refused(files):
    files.names(3)

    def silent(talk) -> None:
        time.sleep(5)

    with DnsPeer(silent) as peer:
        first = start("-r", peer.address, "--output", files.output, *QUICK, files.input, stdin=subprocess.DEVNULL)
        while not files.side.exists():
            time.sleep(0.01)
        for how in ("--resume", "--force"):
            refusal(scan("-r", peer.address, "--output", files.output, how, files.input), "another dnsscan")
        first.kill()
        first.communicate()


@pytest.mark.parametrize(("options", "said"), [
    (("--resume",), "--resume needs --output"),
    (("--force",), "--force needs --output"),
    (("--fsync", "1"), "--fsync needs --output"),
    (("--output", "x", "--resume", "--force"), "contradict"),
    (("--output", "x", "--fsync", "0"), "nor a number of seconds from 1"),
    (("--output", "/dev/null", "--resume"), "not a regular file"),
])  # fmt: skip
def test_options_that_make_no_sense_are_one_line(options, said):
    refusal(scan("-r", "127.0.0.1:9", *options, names="a.example\n"), said)


def test_fsync_brings_the_lines_to_the_disk_while_they_are_written_and_at_the_end(lab, files, tmp_path):
    """Seen by the system calls: strace is not everywhere, so fdatasync is watched from inside."""
    files.names(50)
    watched = tmp_path / "watched.py"
    watched.write_text(
        "import os, sys, runpy\n"
        "real = os.fdatasync\n"
        "def fdatasync(fd):\n    os.write(2, b'synced %d\\n' % os.fstat(fd).st_size); real(fd)\n"
        "os.fdatasync = fdatasync\n"
        "sys.argv[0] = 'dnsscan'\n"
        "runpy.run_module('scanner', run_name='__main__')\n"
    )
    command = [sys.executable, watched, "-r", resolver(lab), "--output", files.output, "--fsync", "1"]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as run:  # fmt: skip
        run.stdin.write(files.input.read_bytes())
        run.stdin.flush()
        assert run.stderr.readline().startswith(b"synced ")
        run.stdin.write(b"last.lab.test\n")
        run.stdin.close()
        left = run.stderr.read()

    assert f"synced {files.output.stat().st_size}" in left.decode()
    assert run.returncode == 0


def test_interrupted_twice_or_once_the_rest_is_asked_by_the_next_run(lab, files):
    listed = files.names(100_000)
    command = ("-r", resolver(lab), "--output", files.output, "--resume", files.input)
    for number, times in ((signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2), (signal.SIGHUP, 1)):
        run = start(*command, stdin=subprocess.DEVNULL)
        time.sleep(0.25)
        for _ in range(times):
            run.send_signal(number)
        run.communicate(timeout=20)
        assert run.returncode in (128 + number, 0, -number)

    assert scan(*command).code == 0
    files.check(listed)


# -- the bitmap ------------------------------------------------------------------------------------------------


def test_the_bitmap_against_a_set_wherever_the_octets_are_cut():
    random_ = random.Random(7)
    lines = sorted(random_.sample(range(1, 5000), 700), key=lambda _: random_.random())
    octets = b"".join(b'{"d":"a\\",\\"n\\":9","s":"taken","n":%d,"t":"A"}\n' % line for line in lines)
    for size in (1, 7, 100, 4096):
        answered = Answered(["NS", "A"])
        for at in range(0, len(octets), size):
            answered.read(octets[at : at + size])
        assert {line for line in range(1, 6000) if answered.has_line(line, 1)} == set(lines)
        assert not any(answered.has_line(line, 0) for line in range(1, 6000))
        assert (answered.count, answered.octets) == (700, len(octets))


def test_a_line_is_damaged_where_it_is_no_json_and_nowhere_else():
    random_ = random.Random(3)
    line = b'{"d":"a\\u00fc\\\\","n":7,"s":"taken","r":null,"re":true,"ttl":-1.5e+3,"a":[{"x":[]},{},"\\"b",0]}'
    pieces = [line[at : at + size] for at in range(9, len(line)) for size in (1, 2, 5)]
    pieces += [bytes([octet]) for octet in range(256)]
    kinds = Counter()
    for _ in range(20_000):
        at = random_.randrange(16, len(line))
        changed = line[:at] + random_.choice(pieces) + line[at + random_.randrange(3) :]
        if not changed.endswith(b"}") or b"\n" in changed or b',"n":7,' not in changed or b',"t":"' in changed:
            continue
        try:
            Answered(["NS"]).read(changed + b"\n")
            found = True
        except ValueError:
            found = False
        assert found == is_json(changed), changed
        kinds[found] += 1
    assert min(kinds.values()) > 500


def is_json(line: bytes) -> bool:
    """By another's word: one object, ASCII that can be printed, without white space between tokens."""
    try:
        found = json.loads(line.decode("ascii"), parse_constant=int)  # which takes no NaN
    except ValueError:
        return False
    bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", line)
    return isinstance(found, dict) and not re.search(rb"\s", bare) and all(32 <= octet < 127 for octet in line)


def test_a_damaged_line_number_costs_a_page_and_not_the_way_to_it():
    code = (
        "import resource; from scanner.native.input.answered import Answered\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "answered = Answered(['NS', 'A'])\n"
        "numbers = [3, 2**40 - 1, 10**12, 1, 4 * 10**10, 2**20, 2**20 + 1]\n"
        "for n in numbers:\n"
        '    answered.read(b\'{"d":"x","n":%d,"t":"A"}\\n\' % n)\n'
        "near = sorted({n + step for n in numbers for step in (-1, 0, 1)} - {0})\n"
        "assert [n for n in near if answered.has_line(n, 1)] == sorted(numbers)\n"
        "assert not any(answered.has_line(n, 0) for n in near)\n"
    )
    done = subprocess.run([DNSSCAN[0], "-c", code], capture_output=True, cwd=ROOT, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_ten_million_lines_cost_no_more_than_the_bitmap():
    code = (
        "import resource; from scanner.native.input.answered import Answered\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "answered = Answered(['NS'])\n"
        "for block in range(100):\n"
        "    at = block * 100_000\n"
        '    answered.read(b\'\'.join(b\'{"d":"x","n":%d}\\n\' % (at + i) for i in range(1, 100_001)))\n'
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([DNSSCAN[0], "-c", code], capture_output=True, cwd=ROOT, check=True)

    assert int(done.stdout) < 16_000  # KiB, of which the list of lines of this test is the most
