"""How the process behaves among others: streams, signals, exit codes, environment (CONTRACT section 4)."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command import DNSSCAN, QUICK, ROOT, before_our_first_line, environment, scan, start
from dns_peer import NXDOMAIN, DnsPeer, Query, Talk, good

from scanner.model import FIELDS

SCHEMA = ROOT / "scanner" / "results" / "result.schema.json"
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


@pytest.fixture
def slow():
    """Answers after 20 ms, one query at a time on each connection."""

    def script(talk: Talk) -> None:
        for query in talk.queries():
            time.sleep(0.02)
            talk.answer(query)

    with DnsPeer(script) as peer:
        yield peer


def names(count: int) -> bytes:
    return b"".join(b"is%d.example\n" % number for number in range(count))


def whole_lines(out: bytes) -> list[dict]:
    assert out == b"" or out.endswith(b"\n"), out[-100:]
    return [json.loads(line) for line in out.splitlines()]


def in_shell(command: str, octets: bytes = b"", limit_s: float = 30) -> subprocess.CompletedProcess:
    """Run with `dnsscan` standing for the real command; bash, for PIPESTATUS."""
    text = command.replace("dnsscan", f"{sys.executable} -m scanner")
    return subprocess.run(["bash", "-c", text], input=octets, capture_output=True, timeout=limit_s, cwd=ROOT)


def summary(err: bytes | str) -> dict:
    """The JSON summary of `--stats json`: the last line of stderr that is an object."""
    text = err.decode() if isinstance(err, bytes) else err
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def assert_balances(figures: dict) -> None:
    assert figures["read"] == figures["written"] + figures["blank"], figures
    assert figures["taken"] + figures["nxdomain"] + figures["error"] == figures["written"], figures


# -- streams ---------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_told_by_the_exit_code_alone(resolver):
    done = in_shell(f"dnsscan -r {resolver.address} | head -1; exit ${{PIPESTATUS[0]}}", names(50_000))

    assert done.returncode == 141
    assert done.stderr == b""
    assert len(whole_lines(done.stdout)) == 1


def test_a_full_disk_is_exit_code_4(resolver):
    done = in_shell(f"dnsscan -r {resolver.address} > /dev/full", names(10))

    assert done.returncode == 4
    assert b"space" in done.stderr.lower()
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_a_closed_stdout_is_an_output_error(resolver):
    done = in_shell(f"dnsscan -r {resolver.address} >&-", names(10))

    assert done.returncode in (2, 4)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_a_scan_goes_on_without_stderr(resolver, where):
    done = in_shell(f"dnsscan -r {resolver.address} {where}", names(100))

    assert done.returncode == 0
    assert len(whole_lines(done.stdout)) == 100


def test_stderr_is_quiet_where_it_is_no_terminal(resolver):
    done = scan("-r", resolver.address, names=names(100))

    assert len(done.err.splitlines()) <= 2, done.err
    assert "\r" not in done.err
    assert "\x1b" not in done.err


def test_quiet_says_nothing(resolver):
    assert scan("-r", resolver.address, "--quiet", names=names(10)).err == ""


def test_the_summary_balances(resolver):
    done = scan("-r", resolver.address, "--stats", "json", names=b"is.example\n\n# c\nnx.example\na..b\n")

    figures = summary(done.err)
    assert_balances(figures)
    assert (figures["read"], figures["blank"], figures["written"]) == (5, 2, 3)
    assert (figures["taken"], figures["nxdomain"], figures["error"]) == (1, 1, 1)


def test_a_reader_that_stops_for_a_while_turns_no_answer_into_a_timeout(resolver):
    count = 40_000
    run = start("-r", resolver.address, "--timeout-ms", 500, "--deadline-ms", 2000, "--stats", "json")
    feeder = threading.Thread(target=feed, args=(run, names(count)), daemon=True)
    feeder.start()
    try:
        first = run.stdout.readline()
        time.sleep(5)
        rows = whole_lines(first + run.stdout.read())
        err = run.stderr.read()
        code = run.wait(20)
    finally:
        run.kill()
        close(run)

    assert code == 0, err
    assert len({row["d"] for row in rows}) == len(rows) == count
    assert {row["s"] for row in rows} == {"taken"}


def feed(run: subprocess.Popen, octets: bytes) -> None:
    try:
        run.stdin.write(octets)
        run.stdin.close()
    except OSError:
        return


def close(run: subprocess.Popen) -> None:
    run.wait(10)
    for stream in (run.stdin, run.stdout, run.stderr):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue


def test_each_name_of_a_slow_stdin_has_its_line_before_the_next_is_sent(resolver):
    run = start("-r", resolver.address)
    waits = []
    try:
        for number in range(8):
            began = time.monotonic()
            run.stdin.write(b"slow%d.example\n" % number)
            run.stdin.flush()
            row = json.loads(run.stdout.readline())
            waits.append(time.monotonic() - began)
            assert (row["d"], row["s"]) == (f"slow{number}.example", "taken")
            time.sleep(0.2)
        run.communicate(timeout=10)
    finally:
        run.kill()
        close(run)

    assert max(waits[1:]) < 0.5
    assert run.returncode == 0


def test_output_goes_to_a_file_when_asked(resolver, tmp_path):
    out = tmp_path / "out.jsonl"

    done = scan("-r", resolver.address, "--output", out, names=names(20))

    assert (done.code, done.out) == (0, b"")
    assert len(whole_lines(out.read_bytes())) == 20


def test_an_output_file_that_exists_is_left_alone(resolver, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("precious\n")

    done = scan("-r", resolver.address, "--output", out, names=names(20))

    assert done.code == 2
    assert out.read_text() == "precious\n"


# -- signals ---------------------------------------------------------------------------------------


def started_scan(address: str, *args: object) -> tuple[subprocess.Popen, bytes]:
    """A scan of a stdin that stays open, with its first line already read."""
    run = start("-r", address, "--workers", 2, "--pipeline", 2, "--stats", "json", *args)
    threading.Thread(target=feed, args=(run, names(100_000)), daemon=True).start()
    return run, run.stdout.readline()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_one_signal_finishes_what_is_in_flight(slow, number, code):
    run, first = started_scan(slow.address)
    try:
        time.sleep(0.3)
        run.send_signal(number)
        out, err = run.stdout.read(), run.stderr.read()
        run.wait(15)
    finally:
        run.kill()
        close(run)

    rows = whole_lines(first + out)
    figures = summary(err)
    assert run.returncode == code, err
    assert b"Traceback" not in err
    assert len({row["d"] for row in rows}) == len(rows) < 100_000
    assert {row["s"] for row in rows} == {"taken"}
    assert_balances(figures)
    assert figures["written"] == len(rows)


@pytest.mark.parametrize("command", ["scan", "confirm", "names"])
def test_what_was_started_by_nohup_stays_when_the_terminal_goes(resolver, command):
    words = {"scan": ("-r", resolver.address), "confirm": ("confirm",), "names": ("names", "--words", "-")}[command]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a child inherits that
    run = start(*words, true=True)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        time.sleep(1)
        run.send_signal(signal.SIGHUP)
        out, err = run.communicate(b"is1.example\n", timeout=15)
    finally:
        run.kill()
        close(run)

    assert (run.returncode, len(out.splitlines())) == (0, 1), err


@pytest.mark.parametrize(("number", "code"), SIGNALS[:2])
def test_a_second_signal_leaves_at_once_with_whole_lines(number, code):
    def script(talk: Talk) -> None:
        talk.answer(talk.query())
        talk.wait_for_close()

    with DnsPeer(script) as peer:
        run, first = started_scan(peer.address, "--timeout-ms", 9000, "--deadline-ms", 30000)
        try:
            time.sleep(0.3)
            run.send_signal(number)
            time.sleep(0.3)
            assert run.poll() is None
            run.send_signal(number)
            began = time.monotonic()
            out, err = run.stdout.read(), run.stderr.read()
            run.wait(10)
            took = time.monotonic() - began
        finally:
            run.kill()
            close(run)

    assert took < 2
    assert run.returncode == code, err
    assert b"Traceback" not in err
    whole_lines(first + out)


def test_an_interrupt_while_it_starts_shows_no_traceback():
    for moment in range(12):
        run = start("-r", "127.0.0.1:9", "--quiet")
        time.sleep(0.03 + moment * 0.01)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=10)

        assert b"scanner/" not in err, err
        assert run.returncode in (130, -signal.SIGINT) or before_our_first_line(err)


def test_an_interrupt_before_the_first_name_ends_at_once(resolver):
    run = start("-r", resolver.address)
    try:
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        run.wait(5)
        err = run.stderr.read()
    finally:
        run.kill()
        close(run)

    assert run.returncode == 130
    assert b"Traceback" not in err


def test_sigusr1_is_one_status_line(slow):
    run, first = started_scan(slow.address)
    try:
        time.sleep(0.2)
        run.send_signal(signal.SIGUSR1)
        line = run.stderr.readline()
        run.send_signal(signal.SIGTERM)
        out, rest = run.stdout.read(), run.stderr.read()
        run.wait(15)
    finally:
        run.kill()
        close(run)

    assert re.search(rb"\d", line)
    assert run.returncode == 143
    assert len(rest.splitlines()) <= 2, rest
    assert {row["s"] for row in whole_lines(first + out)} == {"taken"}


# -- exit codes and configuration ------------------------------------------------------------------


def test_whatever_dns_says_the_exit_code_is_0(resolver):
    assert scan("-r", resolver.address, names=b"nx.example\na..b\n").code == 0


def test_a_dead_resolver_is_exit_code_3():
    with DnsPeer() as peer:
        address = peer.address

    done = scan("-r", address, *QUICK, names=names(20), limit_s=15)

    assert done.code == 3
    assert {(row["s"], row["e"]) for row in done.rows} == {("error", "connection")}
    assert len(done.rows) == 20
    assert len(done.err.splitlines()) <= 6, done.err


@pytest.mark.parametrize(
    "args", [("--tpye", "A"), ("--workers", "0"), ("-r", "1.1"), ("--fields", "nope"), ("-t", "FOO")]
)
def test_a_wrong_flag_is_exit_code_2_before_any_packet(resolver, args):
    before = resolver.connections

    done = scan("-r", resolver.address, *args, names=names(3))

    assert (done.code, done.out) == (2, b"")
    assert resolver.connections == before
    assert "Traceback" not in done.err


def test_config_from_stdin_is_its_first_line(resolver):
    config = json.dumps({"resolver": resolver.address, "fields": ["n"]}).encode()

    done = scan("--config", "-", names=config + b"\n" + names(5))

    assert done.code == 0, done.err
    assert sorted(row["d"] for row in done.rows) == [f"is{number}.example" for number in range(5)]


def test_config_from_stdin_that_is_no_json_is_exit_code_2():
    done = scan("--config", "-", names=b"not json\nis.example\n")

    assert (done.code, done.out) == (2, b"")
    assert len(done.err.splitlines()) <= 2


def test_a_config_file_and_flags_go_together_and_flags_win(resolver, tmp_path):
    config = tmp_path / "cfg.json"
    config.write_text(json.dumps({"resolver": resolver.address, "type": "NS", "workers": 2}))

    done = scan("--config", config, "-t", "MX", "--fields", "t", names=b"is.example\n")

    assert done.code == 0, done.err
    assert done.row["t"] == "MX"


def test_toml_is_read_too(resolver, tmp_path):
    config = tmp_path / "cfg.toml"
    config.write_text(f'resolver = "{resolver.address}"\nworkers = 2\n')

    assert scan("--config", config, names=names(3)).code == 0


def test_a_dry_run_sends_nothing_and_hides_passwords(resolver):
    before = resolver.connections
    proxy = "socks5://user:geheim77@127.0.0.1:9"

    done = scan("-r", resolver.address, "--proxy", proxy, "--dry-run", names=names(3))

    assert done.code == 0, done.err
    assert json.loads(done.out)
    assert b"geheim77" not in done.out
    assert "geheim77" not in done.err
    assert resolver.connections == before


def test_version_is_quick():
    began = time.monotonic()
    done = scan("--version")

    assert done.code == 0
    assert re.search(rb"\d+\.\d+", done.out)
    assert time.monotonic() - began < 2


# -- output lines ----------------------------------------------------------------------------------

ODD = [
    "is.example",
    "nx.example",
    "a..b",
    "a\x00b.example",
    "münchen.example",
    "😀.ws",
    "x" * 5000,
    "192.0.2.1",
    ".",
]


@pytest.mark.parametrize("fields", ["", ",".join(FIELDS)])
@pytest.mark.parametrize("types", [(), ("-t", "A", "-t", "NS")])
def test_every_line_is_as_its_schema_says(resolver, fields, types):
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))

    done = (
        scan("-r", resolver.address, "--fields", fields, *types, names="\n".join(ODD))
        if fields
        else scan("-r", resolver.address, *types, names="\n".join(ODD))
    )

    assert done.code == 0, done.err
    assert len(done.rows) == len(ODD) * (len(types) // 2 or 1)
    for row in done.rows:
        checker.validate(row)


def test_all_fields_are_there_when_asked_for(resolver):
    before = time.time()

    row = scan("-r", resolver.address, "--fields", "n,why,t,a,ns,p,ts,sec,fl", "-t", "A", names=b"is.example\n").row

    assert (row["n"], row["t"]) == (1, "A")
    assert "192.0.2.1" in json.dumps(row["a"])
    assert str(resolver.port) in row["ns"]
    assert before - 1 <= row["ts"] <= time.time() + 1
    assert {"ra", "rd", "qr"} & set(row["fl"].split())


def test_the_authority_of_an_nxdomain_is_told_on_request(resolver):
    row = scan("-r", resolver.address, "--fields", "sec", names=b"nx.example\n").row

    assert row["sec"].rstrip(".") == "nx.example"


def test_the_compact_line_has_its_five_keys_in_order(resolver):
    done = scan("-r", resolver.address, names=b"is.example\n")

    assert list(done.row) == ["d", "s", "r", "ms", "re"]
    assert b" " not in done.out.strip()


# -- environment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("python", [("-O",), ("-OO",), ("-W", "error"), ("-X", "dev", "-W", "error")])
def test_results_do_not_depend_on_how_python_is_started(resolver, python):
    done = scan("-r", resolver.address, python=python, names=b"is.example\nnx.example\na..b\n")

    assert done.code == 0, done.err
    assert sorted((row["d"], row["s"]) for row in done.rows) == [
        ("a..b", "error"),
        ("is.example", "taken"),
        ("nx.example", "nxdomain"),
    ]
    assert "Warning" not in done.err


def test_it_runs_without_home_and_without_a_folder_for_temporary_files(resolver):
    done = scan("-r", resolver.address, names=names(3), HOME=None, TMPDIR="/no/such/folder", LOGNAME=None, USER=None)

    assert done.code == 0, done.err
    assert len(done.rows) == 3


def test_too_few_open_files_is_told_with_numbers(resolver):
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    run = subprocess.run(
        [*DNSSCAN, "-r", resolver.address, "--workers", "500"],
        input=names(3),
        capture_output=True,
        timeout=20,
        cwd=ROOT,
        preexec_fn=few,
        env=environment(),
    )

    assert run.returncode == 2, run.stderr
    assert b"64" in run.stderr
    assert run.stdout == b""


def test_descriptors_do_not_leak_over_many_connections():
    def script(talk: Talk) -> None:
        talk.answer(talk.query())

    with DnsPeer(script) as peer:
        run, _ = started_scan(peer.address)
        reader = threading.Thread(target=run.stdout.read, daemon=True)  # an unread stdout would stop the scan
        reader.start()
        try:
            time.sleep(1.5)
            open_files = len(os.listdir(Path("/proc", str(run.pid), "fd")))
            run.send_signal(signal.SIGTERM)
            run.wait(15)
        finally:
            run.kill()
            reader.join(10)
            close(run)

    assert open_files < 40


# -- rates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        ("--config", "{config}"),
        ("--config", "{config}", "--workers", "4", "--pipeline", "1"),
        ("-r", "udp://{resolver}"),
        ("-r", "udp://{resolver}", "-r", "tcp://{resolver}"),
        ("-r", "tcp://{resolver}", "--rate-per-resolver", "100000"),
    ],
    ids=["proxies", "few in flight", "udp", "udp and tcp", "both rates"],
)
@pytest.mark.parametrize("rate", [1500, 20])
def test_a_rate_is_that_of_the_whole_scan(lab, way, rate):
    words = {"config": lab.path, "resolver": lab.config["resolvers"][0].removeprefix("tcp://")}
    done = scan(*(word.format(**words) for word in way), "--rate", rate, "--stats", "json", names=names(2 * rate))

    books = summary(done.err)
    burst = 1 + 0.02 * rate
    assert (done.code, books["written"]) == (0, 2 * rate)
    assert books["queries"] >= 2 * rate
    assert books["queries"] <= rate * books["seconds"] + burst
    assert books["queries"] >= 0.4 * rate * books["seconds"]  # on a busy machine; else 0.9


def test_the_lower_of_both_rates_holds(resolver):
    done = scan("-r", resolver.address, "--rate", 5000, "--rate-per-resolver", 100, "--stats", "json", names=names(100))

    books = summary(done.err)
    assert books["queries"] <= 100 * books["seconds"] + 3


def test_a_rate_is_kept_and_counts_retries(resolver):
    began = time.monotonic()
    done = scan("-r", resolver.address, "--rate", 50, names=names(100))
    took = time.monotonic() - began

    assert done.code == 0
    assert len(done.rows) == 100
    assert 1.0 < took < 6


@pytest.mark.parametrize("flag", ["--rate", "--rate-per-resolver"])
def test_rate_0_is_no_limit(resolver, flag):
    assert len(scan("-r", resolver.address, flag, 0, names=names(2000)).rows) == 2000


def test_the_default_has_no_limit_for_loopback(resolver):
    began = time.monotonic()
    scan("-r", resolver.address, names=names(5000))

    assert time.monotonic() - began < 4


def test_proxies_without_a_resolver_are_refused():
    done = scan("--proxy", "socks5://127.0.0.1:1080", names=names(1))

    assert (done.code, done.out) == (2, b"")
    assert "resolver" in done.err


def test_unknown_names_at_the_end_are_not_forgotten():
    """The last names of the input meet a server that drops its first connection."""
    dropped = []

    def script(talk: Talk) -> None:
        query: Query = talk.query()
        if not dropped:
            dropped.append(query)
            return
        talk.answer(query, NXDOMAIN)
        good(talk)

    with DnsPeer(script) as peer:
        done = scan("-r", peer.address, "--workers", 1, names=b"nx1.example\n")

    assert done.code == 0
    assert done.row["s"] == "nxdomain"
