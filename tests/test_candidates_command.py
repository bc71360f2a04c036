"""`dnsscan names` as users run it: flags, refusals, pipes, signals, memory."""

import fcntl
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import DNSSCAN, ROOT, Scan, environment, refusal, scan, start

ALL = "[a-z]{6}.com"  # 308,915,776 names


def names(*args: object, **options) -> Scan:
    return scan("names", *args, **options)


def lines(*args: object, **options) -> list[str]:
    """What a run without trouble wrote."""
    done = names(*args, **options)
    assert (done.code, done.err) == (0, ""), done
    return done.out.decode().splitlines()


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("# two words\nable\n\n  baker \r\nable\n")
    return path


# -- flags -----------------------------------------------------------------------------------------


def test_one_list_alone_is_its_words(words):
    assert lines("--words", words) == ["able", "baker"]


def test_a_device_is_no_list_and_is_not_read_for_ever():
    refusal(scan("names", "--words", "/dev/zero"), "words /dev/zero", "device")


def test_one_list_with_joins_is_its_pairs(words):
    got = lines("--words", words, "--join", "", "--join", "-", "--tlds", "com,net")

    assert got[:8] == [
        f"able{join}{word}.{tld}" for join in ("", "-") for word in ("able", "baker") for tld in ("com", "net")
    ]
    assert len(got) == 2 * 2 * 2 * 2


def test_two_lists_are_joined_each_word_with_each(words, tmp_path):
    (tmp_path / "more.txt").write_text("x\ny\n")

    assert lines("--words", words, "--words", tmp_path / "more.txt") == ["ablex", "abley", "bakerx", "bakery"]
    assert lines("--words", words, "--words", tmp_path / "more.txt", "--join", ".")[0] == "able.x"


def test_words_stand_before_a_pattern_and_joins_between_them(words):
    assert lines("--words", words, ".example.com") == ["able.example.com", "baker.example.com"]
    assert lines("--words", words, "--join", "-", "[12]", "x", "--tlds", ".io") == [
        *("able-1.io", "able-2.io", "baker-1.io", "baker-2.io"),
        *("able-x.io", "baker-x.io"),
    ]


def test_patterns_come_one_after_another_each_with_its_tlds():
    assert lines("[ab]", "c", "--tlds", "com,net") == ["a.com", "a.net", "b.com", "b.net", "c.com", "c.net"]


def test_a_file_of_tlds_is_known_by_its_slash_or_its_ending(tmp_path):
    (tmp_path / "tlds.txt").write_text("# mine\n.com\nco.uk\n")
    (tmp_path / "net").write_text("never read\n")

    assert lines("a", "--tlds", tmp_path / "tlds.txt") == ["a.com", "a.co.uk"]
    assert lines("a", "--tlds", "net") == ["a.net"]


def test_the_lists_that_are_here_are_known_by_name(tmp_path):
    def counted(*args):
        return int(names(*args, "--count").out)

    assert names("{@builtin:tlds}", "--limit", 3).out == b"com\nnet\norg\n"
    assert counted("my{@builtin:words}.com") == counted("--words", ROOT / "wordlists" / "words.txt")
    assert counted("--words", "builtin:hosts", ".example.com") == counted("--words", ROOT / "wordlists" / "hosts.txt")
    assert counted("x", "--tlds", "builtin:tlds") == counted("x", "--tlds", ROOT / "wordlists" / "tlds.txt")


def test_words_come_from_stdin_too(words):
    assert lines("--words", "-", "--join", "", names="a\nb") == ["aa", "ab", "ba", "bb"]
    assert lines("x{@-}", names="a\nb\n") == ["xa", "xb"]
    assert lines(f"{{@{words}}}{{,s}}.com")[:3] == ["able.com", "ables.com", "baker.com"]


def test_words_in_other_scripts_go_out_as_they_stand(tmp_path):
    foreign = ["münchen", "żółw", "क्षेत्र", "例え"]
    (tmp_path / "w.txt").write_text("\ufeff" + "\n".join(foreign))

    assert lines("--words", tmp_path / "w.txt", "--tlds", "de") == [f"{word}.de" for word in foreign]


def test_lines_that_cannot_stand_in_a_name_are_left_out_and_reported_once(tmp_path):
    bad = [b"two words", b"it's", b"\xff", b"a/b", "a\u3000b".encode(), b"a\x00b", b"x" * 64, b"x." * 128, b"*"]
    (tmp_path / "w.txt").write_bytes(b"good\n" + b"\n".join(bad))

    done = names(f"{{@{tmp_path}/w.txt}}-{{@{tmp_path}/w.txt}}")

    assert (done.code, done.out) == (0, b"good-good\n")
    told = f'words {tmp_path}/w.txt: 9 lines cannot stand in a name and are left out, first line 2: "two words"'
    assert done.err == f"dnsscan: {told}\n"


@pytest.mark.parametrize(
    ("listed", "args", "out", "dropped"),
    [
        ("ftp.\nwww\nftp\n", (".example.com",), ["ftp.example.com", "www.example.com"], 0),
        ("ftp.\na.b.\n", ("--tlds", "com.,.net."), ["ftp.com", "ftp.net", "a.b.com", "a.b.net"], 0),
        ("ftp.\n-x\ny-\n.z\n", ("--tlds", "com,net"), ["ftp.com", "ftp.net"], 6),
        ("a\nb-\n", ("--join", "", "--join", "-"), ["aa", "a-a", "b-a", "b--a"], 4),
        ("a..b\nc\n", ("[0-9]", "[a-]", "--tlds", "io"), [*(f"c{n}.io" for n in range(10)), "ca.io"], 13),
    ],
)
def test_a_dot_behind_a_word_is_taken_off_and_names_that_are_dropped_are_counted(tmp_path, listed, args, out, dropped):
    (tmp_path / "w.txt").write_text(listed)

    done = names("--words", tmp_path / "w.txt", *args)

    assert (done.code, done.out.decode().split()) == (0, out)
    assert done.err.partition(" that")[0] == (f"dnsscan: {dropped} names" if dropped else "")
    assert names("--words", tmp_path / "w.txt", *args, "--count").out.decode() == f"{len(out)}\n"


def test_what_a_pattern_alone_leaves_out_is_not_told():
    done = names("[a-]{2}.com")

    assert (done.out.split(), done.err) == ([b"aa.com"], "")


@pytest.mark.parametrize(
    "args",
    [
        ["[a-z]{3}.{com,net}"],
        ["[a-z0-9-]{1,3}.com", "x"],
        ["[a-z]{3}.com", "--shard", "2/7"],
        ["[a-z]{3}.com", "--shard", "2/7", "--skip", "2500"],
        ["[a-z]{3}.com", "--shard", "2/7", "--skip", "2510", "--limit", "10"],
        ["[a-z]{3}.com", "--limit", "5"],
        ["[a-z]{3}.com", "--skip", "17576"],
    ],
)
@pytest.mark.parametrize("order", [(), ("--shuffle", "x")])
def test_the_count_is_that_of_the_lines(args, order):
    assert [str(len(lines(*args, *order)))] == lines(*args, *order, "--count")


def test_more_names_than_can_be_written_are_counted():
    assert lines("--count", "[a-z0-9]{63}.[a-z0-9]{63}.com") == [str(36**126)]


def test_shards_and_skips_are_the_whole_on_other_machines_too():
    """Other hash seeds, other locales."""
    whole = lines("[a-e]{3}", "--shuffle", "s")
    parts = [
        lines("[a-e]{3}", "--shuffle", "s", "--shard", f"{n}/3", PYTHONHASHSEED=str(n), LC_ALL="C") for n in (1, 2, 3)
    ]

    assert sorted(whole) == sorted(lines("[a-e]{3}"))
    assert parts == [whole[0::3], whole[1::3], whole[2::3]]
    assert lines("[a-e]{3}", "--shuffle", "s", "--skip", "100") == whole[100:]


def test_the_help_fits_one_screen():
    text = names("--help").out.decode("ascii")

    assert len(text.splitlines()) <= 50
    assert max(map(len, text.splitlines())) <= 80


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "column", "said"),
    [
        ("", 1, ["the pattern is empty"]),
        ("[z-a]", 2, ['"z-a" is no range', "a-z"]),
        ("a[a-9]", 3, ['"a-9" is no range']),
        ("[Z-a]", 2, ['"Z-a" is no range']),
        ("[--a]", 2, ['"--a" is no range']),
        ("[]", 1, ['"[]" is empty', "[a-z]"]),
        ("a[bc", 2, ['"[" is never closed']),
        ("[a-", 1, ['"[" is never closed']),
        ("a{", 2, ['"{" is never closed', "{com,net}"]),
        ("{a,{b}", 1, ['"{" is never closed']),
        ("{}", 1, ['"{}" is empty']),
        ("a{,}", 2, ['"{,}" is empty']),
        ("[a]{}", 4, ['"{}" is empty']),
        ("{3}", 1, ['"{3}" counts nothing', "behind [...] or {...}"]),
        ("a{3}", 2, ['"{3}" counts nothing']),
        ("[a]{3,2}", 4, ['"{3,2}" is no count', "{2,4}"]),
        ("[a]{0}", 4, ['"{0}" is no count']),
        ("[a]{,3}", 4, ['"{,3}" is no count']),
        ("[a]{3,}", 4, ['"{3,}" is no count']),
        ("[a]{254}", 4, ["253 at most"]),
        ("[a]{1,9999999999999}", 4, ["253 at most"]),
        ("[a]{" + "9" * 5000 + "}", 4, ["253 at most"]),
        ("[a]{2}{3}", 7, ['"{3}" is a second count', "{[a-z]{2}}{3}"]),
        ("a,b", 2, ['"," stands outside of { }']),
        ("a}", 2, ['"}" closes nothing']),
        ("{a]}", 3, ['"]" closes nothing']),
        ("münchen", 2, [r'"\xfc" is not ASCII', "--words FILE"]),
        ("[a\u0661]", 3, [r'"\u0661" is not ASCII']),
        ("[a-ü]", 2, [r'"a-\xfc" is no range']),
        ("a b", 2, ['" " is no letter of a name', "[a-z] {a,b}"]),
        ("(a|b)", 1, ['"(" is no letter']),
        ("[^a]", 2, ['"^" is no letter']),
        ("[a]+", 4, ['"+" is no letter']),
        ("a\n", 2, [r'"\n" is no letter']),
        ("a\x1b[31m", 2, [r'"\x1b" is no letter']),
        ("\udcff", 1, [r'"\udcff" is not ASCII']),
        ("{" * 21 + "a" + "}" * 21, 21, ["nested too deep"]),
        ("{" * 100_000, 21, ["nested too deep"]),
        ("{@}", 2, ['"@" has no file']),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_pattern_is_reported_with_its_column(pattern, column, said):
    refusal(names("--", pattern), "pattern ", f", column {column}: ", *said)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["a..b"], ['pattern "a..b" makes no host name', "empty"]),
        (["a.com."], ["makes no host name", "dot at the end"]),
        (["--", "-[a-z]"], ['pattern "-[a-z]" makes no host name', "hyphen"]),
        (["a", "b-"], ['pattern "b-" makes no host name']),
        (["[a-z]{64}.com"], ["makes a label of 64 characters; 63 is the most"]),
        (["[a-z]{1,253}.com"], ["makes a label of 64 characters"]),
        (["{[a-z]{1,63}}{1,63}"], ["makes a label of 64 characters"]),
        (["[a-z]{32}", "[b]{32}{a.,b}[c]{31}"], ['pattern "[b]{32}{a.,b}[c]{31}" makes a label of 64']),
        (["{a.}{127}b"], ["makes a name of 255 characters; 253 is the most"]),
        (["{{a.}{1,253}}{253}b"], ["makes a name of 255 characters"]),
        ([], ["no PATTERN and no --words FILE", "--help"]),
        (["--tlds", "com"], ["no PATTERN and no --words FILE"]),
        (["--join", "-", "a"], ["--join needs --words"]),
        (["--words", ""], ["--words: the name of a file is missing"]),
        (["--words", "/no/such"], ["words /no/such cannot be read: No such file"]),
        (["--words", "/no\n\x1b"], [r"words /no\n\x1b cannot be read"]),
        (["{@/no/such}"], ["words /no/such cannot be read"]),
        (
            ["{@builtin:word}"],
            ['words "builtin:word": there is no such list', "builtin:NAME", "demo, hosts, tlds, words"],
        ),
        (["--words", "builtin:../tlds"], ["there is no such list"]),
        (["a", "--tlds", "builtin:"], ["there is no such list"]),
        (["--words", "/"], ["words / cannot be read: Is a directory"]),
        (["--words", "/dev/null"], ["words /dev/null has no word; one a line"]),
        (["--words", "-", "--join", "a b"], ['--join: "a b" cannot stand in a name']),
        (["--words", "-", "--join", "ü"], ["--join: "]),
        (["a", "--tlds", ""], ['--tlds: "" is no top-level domain', "com,net"]),
        (["a", "--tlds", "com,,net"], ['--tlds: "" is no']),
        (["a", "--tlds", "c om"], ['--tlds: "c om" is no']),
        (["a", "--tlds", "tlds.txt"], ["words tlds.txt cannot be read"]),
        (["a", "--shard", "0/3"], ['--shard: "0/3" is no shard', "1/4"]),
        (["a", "--shard", "4/3"], ['--shard: "4/3"']),
        (["a", "--shard", "1"], ['--shard: "1"']),
        (["a", "--shard", "1/\u0663"], [r'--shard: "1/\u0663"']),
        (["a", "--skip", "-1"], ['--skip: "-1" is no number']),
        (["a", "--skip", "1_0"], ['--skip: "1_0"']),
        (["a", "--limit", "1e3"], ['--limit: "1e3"']),
        (["a", "--limit", "9" * 40], ["--limit: ", "39 at most"]),
        (["a", "--shuffle", ""], ["--shuffle: the seed is missing"]),
        (["[a-z]{63}", "--shuffle", "1"], ["--shuffle: ", "2^126"]),
        (["[a-z]{63}", "--skip", "9" * 39], ["--skip: ", "2^126"]),
        (["a", "--shufle", "1"], ["unknown option --shufle; did you mean --shuffle?"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_what_makes_no_sense_is_refused_in_one_line(args, said):
    refusal(names(*args, names="a\n"), *said)


def test_a_list_of_something_else_is_refused_with_its_first_line(tmp_path):
    (tmp_path / "w.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(range(128, 256)))

    refusal(names("--words", tmp_path / "w.gz"), "has no word", r"not line 1: ")


def test_words_that_are_too_long_together_are_refused(tmp_path):
    (tmp_path / "w.txt").write_text("x" * 40)

    refusal(names("--words", tmp_path / "w.txt", "--join", ""), f'words "{tmp_path}'[:40], "a label of 80 characters")


# -- stdout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(), ("--shuffle", "1")])
def test_a_reader_that_leaves_is_code_141_and_silence(order):
    with start("names", ALL, *order, stdin=subprocess.DEVNULL) as run:
        assert run.stdout.readline().endswith(b".com\n")
        run.stdout.close()

        assert (run.wait(20), run.stderr.read()) == (141, b"")


@pytest.mark.parametrize("args", [[ALL], ["a", "--count"]])
def test_a_full_disk_is_code_4(args):
    with open("/dev/full", "wb") as full, start("names", *args, stdin=subprocess.DEVNULL, stdout=full) as run:
        assert run.wait(20) == 4
        assert run.stderr.read() == b"dnsscan: stdout: No space left on device\n"


def test_a_limit_of_the_file_size_is_code_4(tmp_path):
    command = f"ulimit -f 100; exec {' '.join(DNSSCAN)} names '{ALL}' > {tmp_path}/out"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (4, b"dnsscan: stdout: File too large\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_whole_lines_in_a_stopped_pipe(number):
    """The reader does not read: the run hangs in a write, and must leave all the same."""
    with start("names", ALL, "--shuffle", "1", stdin=subprocess.DEVNULL) as run:
        select.select([run.stdout], [], [], 20)
        time.sleep(0.2)  # the pipe is full by now, or nearly; either is fine
        run.send_signal(number)
        code = run.wait(20)
        octets, err = run.stdout.read(), run.stderr.read()

    assert (code, err) == (128 + number, b"")
    assert octets.endswith(b".com\n")
    assert set(map(len, octets.split(b"\n")[:-1])) == {10}


def test_a_signal_leaves_whole_lines_in_a_file(tmp_path):
    with (tmp_path / "out").open("wb") as out, start("names", ALL, stdin=subprocess.DEVNULL, stdout=out) as run:
        while (tmp_path / "out").stat().st_size == 0:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)

        assert run.wait(20) == 130
    assert (tmp_path / "out").stat().st_size % len("aaaaaa.com\n") == 0


def test_a_pipe_that_does_not_block_is_waited_for():
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
    with start("names", "[a-z]{4}", stdin=subprocess.DEVNULL, stdout=write_end) as run:
        os.close(write_end)
        time.sleep(0.3)
        with open(read_end, "rb") as reader:
            count = reader.read().count(b"\n")

        assert (run.wait(20), count, run.stderr.read()) == (0, 26**4, b"")


@pytest.mark.parametrize("python", [("-O",), ("-W", "error"), ("-B", "-bb")])
def test_it_runs_however_python_is_started(python):
    done = names("[ab]", "--shuffle", "1", python=python)

    assert (done.code, sorted(done.out.split()), done.err) == (0, [b"a", b"b"], "")


def peak_kib(run: subprocess.Popen) -> int:
    status = Path(f"/proc/{run.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


@pytest.mark.timeout(1800)
def test_a_large_shuffle_takes_no_memory_and_has_every_name_once(full, figure):
    """26^6 names. A list of them would take 20 GB. In the large size (`make torture`) all of them are read."""
    count = 26**6 if full else 3_000_000
    digits = bytes.maketrans(bytes(range(97, 123)), b"0123456789abcdefghijklmnop")
    seen = bytearray(26**6)  # how often each name came
    peaks_kib = []
    with start("names", "[a-z]{6}", "--shuffle", "26", stdin=subprocess.DEVNULL, true=True) as run:
        for first in range(0, count, 1000):
            if first % 1_000_000 == 0:
                peaks_kib.append(peak_kib(run))
            for name in run.stdout.read(7 * min(1000, count - first)).translate(digits).split():
                seen[int(name, 26)] += 1
        if not full:
            run.kill()
        code = run.wait(20)

    figure("26^6 names shuffled", f"{seen.count(1):,} once, {26**6 - seen.count(1):,} not; {max(peaks_kib):,} KiB")
    assert (seen.count(1), seen.count(0)) == (count, 26**6 - count)
    assert peaks_kib[-1] - peaks_kib[1] < 1024
    assert peaks_kib[-1] < 60 * 1024
    assert not full or code == 0


def test_every_name_of_a_smaller_shuffle_comes_once():
    got = lines("[a-z]{4}", "--shuffle", "1")

    assert len(got) == len(set(got)) == 26**4
    assert got != sorted(got)


def test_candidates_feed_a_scan_and_badname_is_said_of_none(tmp_path):
    """What `names` calls a host name, the scan takes for a name."""
    (tmp_path / "w.txt").write_text("münchen\n_x\nA-B\n")
    command = f"{' '.join(DNSSCAN)} names '{{@{tmp_path}/w.txt,[a-c-]{{1,3}}}}.lab.test'"
    lab = f"{' '.join(DNSSCAN)} lab -- sh -c '{' '.join(DNSSCAN)} --config $DNSSCAN_LAB_CONFIG --quiet'"

    done = subprocess.run(
        ["bash", "-c", f"{command} | {lab}"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )

    rows = Scan(done.returncode, done.stdout, done.stderr.decode()).rows
    assert len(rows) == 3 + 3 + 9 + 9 * 4
    assert {row["s"] for row in rows} <= {"taken", "nxdomain"}


def test_the_readme_counts_hyphens_rightly():
    assert lines("[a-z0-9-]{3}.com", "--count") == [str(36 * 37 * 36)]
