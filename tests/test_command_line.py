"""The command line and the environment, good and bad (BAD-INPUT rows 39 to 45, 51 to 56 and 123 to 128).

Tested elsewhere: a scan without stderr, SIGUSR1 (127, 128) and `python -O` over several verdicts (56) in
test_politeness; proxies with raw UDP (52) in test_endpoints; variables (53) in test_config; `--resume` (46 to 48) in
test_resume.
"""

import json
import os
import re
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command import DNSSCAN, QUICK, ROOT, SECRET, Scan, environment, refusal, scan, start, wait_for
from dns_peer import DnsPeer, Talk

RESOLVER = "192.0.2.53"
NAMES = b"is.example\nnx.example\na..b\n"
VERDICTS = [("a..b", "error"), ("is.example", "taken"), ("nx.example", "nxdomain")]
PRELOADED = """
import os, resource, sys
import click, dns.rdatatype, encodings.idna, orjson, scanner.cli.main, scanner.config.config, scanner.scanning.run
{prepare}
scanner.cli.main.dnsscan()
"""  # the command in a process that something is done to once everything is imported


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def verdicts(done: Scan) -> list[tuple[str, str]]:
    return sorted((row["d"], row["s"]) for row in done.rows)


def in_shell(command: str, names: bytes = NAMES, **changes: str | None) -> Scan:
    """Run by sh, `dnsscan` standing for the real command."""
    text = command.replace("dnsscan", " ".join(DNSSCAN))
    done = subprocess.run(
        ["sh", "-c", text],
        input=names,
        capture_output=True,
        timeout=30,
        cwd=ROOT,
        env=environment(**changes),
        check=False,
    )
    return Scan(done.returncode, done.stdout, done.stderr.decode())


def prepared(prepare: str, *args: object, names: bytes = NAMES) -> Scan:
    """The command after `prepare`, which is Python."""
    done = subprocess.run(
        [sys.executable, "-c", PRELOADED.format(prepare=prepare), *map(str, args)],
        input=names, capture_output=True, timeout=30, cwd=ROOT, check=False,
    )  # fmt: skip
    return Scan(done.returncode, done.stdout, done.stderr.decode())


# -- flags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--tpye", "A"], ["unknown option --tpye; did you mean --type?"]),  # 39
        (["--wrokers=3"], ["--wrokers", "did you mean --workers?"]),
        (["--zzz"], ["--zzz", "dnsscan --help"]),
        (["-z"], ["-z"]),
        (["--\x1b[31m\n"], [r"option --\x1b[31m\n;"]),
        (["--" + "x" * 100], [" --" + "x" * 58 + "...;"]),
        (["--type"], ["--type", "argument"]),
        (["-r"], ["-r", "argument"]),
        (["--quiet=3"], ["--quiet", "value"]),
        (["--stats", "xml"], ["--stats", "xml", "text", "json"]),
        (["--stats", "x" * 100], ["x" * 60 + "..."]),
        (["--stats", "\x1b[31m"], ["--stats", r"\x1b[31m"]),
        (["--config", ""], ["--config", "missing"]),
        (["--output", ""], ["--output", "missing"]),
        (["--fields", "n,x\x1b"], ["--fields", r'"x\x1b"', "n, why"]),
        (["lab", "--port", "many"], ["--port", "many"]),
        (["lab", "--wirte-config", "x"], ["--wirte-config", "did you mean --write-config?"]),
        (["--tcp-only", "--udp"], ["--tcp-only"]),  # 51: neither is a flag; tcp:// and udp:// say it
    ],
)
def test_a_wrong_flag_is_told_in_one_line(args, words):
    refusal(scan("-r", RESOLVER, *args) if args[0] != "lab" else scan(*args), *words)


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("-retry 3", "--retries N"),
        ("-rc nxdomain", "--only VERDICT"),
        ("-rcode=nxdomain", "--only VERDICT"),
        ("-rl 100", "--rate N"),
        ("-resp", "--fields a"),
        ("-silent", "--quiet"),
        ("-retries 3", "it is --retries here"),
        ("-rate 100", "it is --rate here"),
        ("-timeout 3", "--timeout-ms N"),
        ("-aaaa", "-t AAAA"),
        ("-trace", ""),
        ("-retri 3", ""),
        ("--iterative", ""),
        ("--all-nameservers", ""),
        ("--name-servers 192.0.2.53", "-r ADDR"),
        ("--name-servers=@file", "-r ADDR"),
        ("--input-file names", "FILE without a flag"),
        ("-s 1000", "--max-in-flight N"),
        ("-w out", "--output FILE"),
        ("-l names", "FILE without a flag"),
        ("-o J", "--format massdns"),
        ("-o Je", "--format massdns"),
        ("-oL", "--format names"),
        ("--output=Snl", "./Snl"),
        ("-r 192.0.2.53 -q -retry 3", "--retries N"),
        ("--resolvers-trusted file", "--trusted-resolver @FILE"),
        ("--write-wildcards file", "--only wildcard"),
        ("-wd example.com", "--wildcards"),
    ],
)
def test_a_flag_of_another_program_is_told_by_ours_and_never_guessed(typed, ours):
    line = refusal(scan(*typed.split()), ours, "docs/how-to/coming-from.md")

    assert "did you mean" not in line
    assert "resolver" not in line.removeprefix("dnsscan: unknown option --resolvers-trusted").replace(ours, "")


@pytest.mark.parametrize(
    "typed", ["-tmx", "-r192.0.2.1", "-qtA", "-t -retry --dry-run", "-o ./J", "-o Snap.jsonl", "-- -retry"]
)
def test_what_only_looks_like_one_is_taken_as_it_is_meant(typed):
    assert "coming-from" not in scan("-r", RESOLVER, "--dry-run", *typed.split()).err


@pytest.mark.parametrize("program", ["confirm", "convert", "lab", "names", "report"])
def test_an_error_of_a_program_names_its_own_help(program):
    refusal(scan(program, "--zzz"), f"unknown option --zzz; see dnsscan {program} --help")
    assert scan(program, "-h").out == scan(program, "--help").out


@pytest.mark.parametrize(("typed", "program"), [("confirm --stats", "confirm"), ("convert", "convert"),
                                                ("lab --port many", "lab"), ("--stats xml", "")])  # fmt: skip
def test_so_does_one_of_a_value_or_of_an_argument(typed, program):
    refusal(scan(*typed.split()), f"(see dnsscan {program} --help)".replace("  ", " "))


@pytest.mark.parametrize(
    "value", ["0", "-5", "1e3", "\u0661\u0662", "1_080", "99999999", "", " 5", "5 ", "0x10", "1.0", "auto"]
)
def test_workers_are_a_number_in_ascii_digits(value):  # 40
    line = refusal(scan("-r", RESOLVER, "--workers", value), "--workers: ", "1 to 100000")

    token = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in value)
    assert f'"{token}"' in line


@pytest.mark.parametrize("flag", ["--timeout-ms", "--deadline-ms"])
@pytest.mark.parametrize("value", ["0", "nan", "inf", "-1", "1e-9", "3s", "1.5", "9" * 5000])
def test_a_time_is_a_whole_number_of_milliseconds(flag, value):  # 41
    refusal(scan("-r", RESOLVER, flag, value), f"{flag}: ", f'"{value[:60]}', "1 to ")


def test_a_flag_without_its_unit_is_told_with_it():  # 41
    refusal(scan("-r", RESOLVER, "--timeout", "0"), "--timeout", "--timeout-ms")


@pytest.mark.parametrize(
    "value",
    [
        "FOO",
        "TYPE65535",
        "TYPE65536",
        "",
        "0",
        "TYPE0",
        "ANY,",
        "A,,NS",
        "AXFR",
        "OPT",
        "TYPE-1",
        "TYPE\u0661",
        "TYPE" + "1" * 5000,
        "A\n",
    ],
)
def test_a_type_that_cannot_be_asked_for_is_refused(value):  # 42
    refusal(scan("-r", RESOLVER, "-t", value), "--type: ", "use A, NS, MX")


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("type1", ["A"]),
        ("ns,Mx", ["NS", "MX"]),
        ("TYPE65279", ["TYPE65279"]),
        ("type65534", ["TYPE65534"]),
        ("a,A,TYPE1", ["A"]),
    ],
)
def test_forms_of_a_type(value, types):  # 42
    done = scan("-r", RESOLVER, "-t", value, "--dry-run")

    assert json.loads(done.out)["types"] == types


# -- output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("way", ["same name", "link", "stdin"])
def test_the_output_is_never_the_input(resolver, tmp_path, way, force):  # 43
    names, before = tmp_path / "names.txt", resolver.connections
    names.write_bytes(NAMES)
    out = names
    if way == "link":
        out = tmp_path / "link.txt"
        out.symlink_to(names)

    if way == "stdin":
        done = in_shell(f"dnsscan -r {resolver.address} --output {out} {' '.join(force)} < {names}")
    else:
        done = scan("-r", resolver.address, "--output", out, *force, names)

    refusal(done, f"--output {out} is the input")
    assert names.read_bytes() == NAMES
    assert resolver.connections == before


@pytest.mark.parametrize(("program", "way"), [
    ("-r {}", "{names} >> {names}"), ("-r {}", "< {names} >> {names}"), ("confirm", "{names} >> {names}"),
    ("resolvers", "{names} >> {names}"),
])  # fmt: skip
def test_stdout_is_never_the_input(resolver, tmp_path, program, way):  # 43
    names, before = tmp_path / "names.txt", resolver.connections
    names.write_bytes(NAMES if program != "resolvers" else b"127.0.0.1\n")
    octets = names.read_bytes()

    done = in_shell(f"dnsscan {program.format(resolver.address)} {way.format(names=names)}")

    refusal(done, "stdout is the input")
    assert (names.read_bytes(), resolver.connections) == (octets, before)


@pytest.mark.parametrize("args", [("{names}", "--output", "out"), ("{names}", "--heartbeat", "beat"),
                                  ("{names}", "--metrics-file", "figures")])  # fmt: skip
def test_a_working_directory_that_is_gone_is_told_where_a_path_needs_it(resolver, tmp_path, args):
    (tmp_path / "names.txt").write_bytes(NAMES)
    gone = f"os.mkdir('{tmp_path}/gone'); os.chdir('{tmp_path}/gone'); os.rmdir('{tmp_path}/gone')"

    refusal(prepared(gone, "-r", resolver.address, *(arg.format(names=tmp_path / "names.txt") for arg in args)),
            "working directory is gone")  # fmt: skip


def test_the_name_of_a_program_mistyped_is_told_as_that():
    for word, meant in (("help", "--help"), ("Lab", "lab"), ("conform", "confirm"), ("resolver", "resolvers")):
        refusal(scan("-r", RESOLVER, word), f'"{word}"', f"did you mean dnsscan {meant}?")
    refusal(scan("-r", RESOLVER, "domains"), "cannot read domains: No such file")


@pytest.mark.parametrize("program", [(), ("confirm",), ("convert", "-o", "out.csv")])
def test_a_file_without_a_name_is_no_directory(program):
    assert "directory" not in refusal(scan(*program, ""), '""').replace("No such file or directory", "")


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    ("place", "words"),
    [("missing/out", "No such file"), ("names.txt/out", "Not a directory"), ("x" * 300, "too long"), ("loop", "")],
)
def test_an_output_that_cannot_be_made_is_told_before_any_query(resolver, tmp_path, place, words, force):  # 44
    before = resolver.connections
    (tmp_path / "names.txt").write_bytes(NAMES)
    (tmp_path / "loop").symlink_to("loop")

    done = scan("-r", resolver.address, "--output", tmp_path / place, *force, names=NAMES)

    refusal(done, "--output ", words)
    assert resolver.connections == before


def test_a_directory_as_output_is_told(tmp_path):  # 44
    refusal(scan("-r", RESOLVER, "--output", tmp_path, names=NAMES), f"--output {tmp_path}")
    refusal(scan("-r", RESOLVER, "--output", tmp_path, "--force", names=NAMES), f"--output {tmp_path}", "directory")


def test_an_output_that_may_not_be_written_is_told(resolver, tmp_path):  # 44
    before = resolver.connections
    tmp_path.chmod(0o500)
    not_root = "os.setuid(54321)" if os.geteuid() == 0 else ""

    refusal(prepared(not_root, "-r", resolver.address, "--output", tmp_path / "out"), "--output ", "Permission denied")
    assert resolver.connections == before


def test_an_output_that_exists_is_left_alone_without_force(resolver, tmp_path):  # 45
    out = tmp_path / "out.jsonl"
    out.write_text("mine\n")

    refusal(scan("-r", resolver.address, "--output", out, names=NAMES), f"--output {out} exists", "--force")
    assert out.read_text() == "mine\n"

    assert scan("-r", resolver.address, "--output", out, "--force", names=NAMES).code == 0
    assert len(out.read_text().splitlines()) == 3


def test_control_characters_in_the_name_of_a_file_are_escaped(tmp_path):
    for args in (
        ["no\nsuch\x1b[31m"],
        ["--output", "no\nsuch\x1b[31m/x"],
        ["--config", "no\nsuch\x1b[31m"],
        ["no\nsuch\x1b[31m\udcff"],
    ):
        refusal(scan("-r", RESOLVER, *args), r"no\nsuch\x1b[31m")


@pytest.mark.parametrize("args", ["--help", "--version", f"-r {RESOLVER} --dry-run"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_exit_code_4_whatever_is_written(args, unbuffered):
    done = in_shell(f"PYTHONUNBUFFERED={unbuffered} dnsscan {args} > /dev/full")

    refusal(done, "No space left on device", code=4)


# -- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_fits_one_screen_and_names_every_flag(flag):
    from scanner.cli.main import scan_command

    done = scan(flag)
    lines = done.out.decode("ascii").splitlines()

    assert (done.code, done.err) == (0, "")
    assert len(lines) <= 66
    assert max(map(len, lines)) <= 80
    shown = [param for param in scan_command.params if not getattr(param, "hidden", False)]
    for option in (option for param in shown for option in param.opts if option.startswith("-")):
        assert re.search(rf"(^|[ ,]){option}\b", done.out.decode(), re.MULTILINE), option


def test_the_help_of_the_lab_fits_one_screen_too():
    lines = scan("lab", "--help").out.decode("ascii").splitlines()

    assert 5 < len(lines) <= 50
    assert max(map(len, lines)) <= 80


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "args", "words"),
    [
        (40, "", ["16 workers need 80 open files", "ulimit -n allows 40: raise it"]),  # 54
        (100, "--workers 50", ["50 workers need 114 open files", "allows 100", "or use --workers 36"]),
        (300, "--proxy socks5://127.0.0.1", ["500 workers need 564 open files", "or use --workers 236"]),
    ],
)
def test_too_few_open_files_are_told_with_numbers(resolver, limit, args, words):
    before = resolver.connections

    done = in_shell(f"ulimit -n {limit}; exec dnsscan -r {resolver.address} {args}")

    line = refusal(done, *words)
    assert limit != 40 or "--workers" not in line  # not even one would fit
    assert resolver.connections == before


def test_as_many_workers_as_it_names_do_fit(resolver):  # 54
    done = in_shell(f"ulimit -n 100; exec dnsscan -r {resolver.address} --workers 36")

    assert (done.code, verdicts(done)) == (0, VERDICTS)


def test_a_low_soft_limit_of_open_files_is_raised(resolver):  # 54
    done = in_shell(f"ulimit -S -n 40; exec dnsscan -r {resolver.address}")

    assert (done.code, verdicts(done)) == (0, VERDICTS)


def test_no_memory_at_the_start_is_exit_code_1_and_one_line(tmp_path):  # 124
    path = tmp_path / "cfg.json"
    path.write_text(json.dumps({"resolvers": [f"10.0.{n // 256}.{n % 256}" for n in range(50_000)]}))
    prepare = "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
    prepare += "resource.setrlimit(resource.RLIMIT_AS, (size, size))"

    refusal(prepared(prepare, "--config", path), "out of memory", code=1)


def test_a_connection_needs_no_thread_for_which_memory_may_be_missing(resolver):  # 124: uvloop's would abort
    run = start("-r", resolver.address, true=True)
    run.stdin.write(b"is.example\n")
    run.stdin.flush()

    assert run.stdout.readline()
    assert len(os.listdir(f"/proc/{run.pid}/task")) == 3  # the main one, that which reads, that which writes
    run.communicate(timeout=20)


def test_no_memory_in_mid_scan_is_exit_code_1_and_whole_lines(tmp_path):  # 124
    """The limit is set from outside while the scan waits for names, so that what fails is its own work."""
    with DnsPeer() as peer, (tmp_path / "out").open("wb") as out:
        run = start("-r", peer.address, stdout=out, true=True)
        try:
            run.stdin.write(b"first.example\n")
            run.stdin.flush()
            wait_for(lambda: (tmp_path / "out").stat().st_size > 0)
            size = int(Path(f"/proc/{run.pid}/statm").read_text().split()[0]) * resource.getpagesize()
            resource.prlimit(run.pid, resource.RLIMIT_AS, (size, size))
            feeder = threading.Thread(target=feed, args=(run,), daemon=True)
            feeder.start()
            code = run.wait(100)  # until something needs more than there is
            feeder.join(10)
            err = run.stderr.read().decode()
        finally:
            run.kill()
            run.wait(10)
            run.stderr.close()

    assert code == 1, err
    assert err.splitlines()[-1] == "dnsscan: out of memory" or "input ended early" in err
    assert "Traceback" not in err
    octets = (tmp_path / "out").read_bytes()
    assert octets.endswith(b"\n")
    assert all(json.loads(line)["d"] for line in octets.splitlines())


def feed(run: subprocess.Popen) -> None:
    """More names than fit, until the scan leaves."""
    try:
        with run.stdin:
            for start_at in range(0, 5_000_000, 10_000):
                run.stdin.write(
                    b"".join(b"is%d.%b.example\n" % (n, b"x" * 60) for n in range(start_at, start_at + 10_000))
                )
    except OSError:
        return


def test_no_thread_is_exit_code_2_and_one_line(resolver):  # 125
    """A thread's stack of 8 MB does not fit; a worker is a task and cannot fail to start."""
    prepare = "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + 4_000_000\n"
    prepare += "resource.setrlimit(resource.RLIMIT_AS, (size, size))"

    refusal(prepared(prepare, "-r", resolver.address), "no thread can be started", "ulimit -u")


# -- the environment -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"HOME": None, "TMPDIR": "/no/such/folder", "USER": None, "LOGNAME": None},  # 55
        {"HOME": "/no/such/home", "XDG_CONFIG_HOME": "/no/such"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "xx_YY.KOI8-Q"},
        {"TERM": None, "PATH": ""},
        {"COLUMNS": "x", "TERM": "dumb"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_it_runs_whatever_the_environment_says(resolver, changes):
    done = scan("-r", resolver.address, names=NAMES, **changes)

    assert (done.code, verdicts(done)) == (0, VERDICTS), done.err


def test_it_runs_with_an_empty_environment(resolver):  # 55: cron
    done = in_shell(f"env -i {' '.join(DNSSCAN)} -r {resolver.address}")

    assert (done.code, verdicts(done)) == (0, VERDICTS), done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_it_runs_for_a_user_without_a_passwd_entry(resolver):  # 55: a container
    done = prepared("os.setgid(54321); os.setuid(54321)", "-r", resolver.address)

    assert (done.code, verdicts(done)) == (0, VERDICTS), done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_it_runs_on_a_read_only_file_system(resolver):  # 55
    done = in_shell(
        f"unshare -m sh -c 'mount -o remount,bind,ro / && ! touch /x && exec dnsscan -r {resolver.address}'"
    )
    if "unshare" in done.err or "mount" in done.err:
        pytest.skip("mounting is not allowed here")

    assert (done.code, verdicts(done)) == (0, VERDICTS), done.err


@pytest.mark.parametrize("python", [("-O",), ("-W", "error"), ("-I",), ("-E", "-s"), ("-B", "-bb")])
def test_it_runs_however_python_is_started(resolver, python):  # 56
    if python == ("-I",):
        done = prepared("", "-r", resolver.address)
    else:
        done = scan("-r", resolver.address, names=NAMES, python=python)

    assert (done.code, verdicts(done)) == (0, VERDICTS), done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("python", ["", "-O", "-W error"])
def test_without_any_network_every_name_has_its_line_and_the_code_is_3(python):  # 56
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a namespace without network is not allowed here")
    command = f"unshare -n {sys.executable} {python} -m scanner -r 192.0.2.53 {' '.join(QUICK)}"

    done = in_shell(command)

    assert done.code == 3, done.err
    assert sorted((row["d"], row["s"], row["e"]) for row in done.rows) == [
        ("a..b", "error", "badname"),
        ("is.example", "error", "connection"),
        ("nx.example", "error", "connection"),
    ]
    assert "Traceback" not in done.err


def test_without_ca_certificates_tls_is_refused(resolver):  # 123
    before = resolver.connections

    done = scan(
        "-r", f"tls://{resolver.address}#dns.example", names=NAMES, SSL_CERT_FILE="/no/ca", SSL_CERT_DIR="/no/ca"
    )

    refusal(done, "CA certificates", "SSL_CERT_FILE")
    assert resolver.connections == before


def test_without_ca_certificates_tcp_is_fine(resolver):  # 123
    done = scan("-r", resolver.address, names=NAMES, SSL_CERT_FILE="/no/ca", SSL_CERT_DIR="/no/ca")

    assert (done.code, verdicts(done)) == (0, VERDICTS)


@pytest.mark.parametrize(("scheme", "code"), [("tls", 2), ("tcp", 0)])
def test_a_clock_before_2000_is_told_when_tls_needs_it(resolver, scheme, code):  # 126
    prepare = "import time; time.time = lambda: 86400.0; time.strftime = lambda form, at=None: '1970-01-02'"

    done = prepared(prepare, "-r", f"{scheme}://{resolver.address}")

    assert done.code == code, done.err
    if scheme == "tls":
        refusal(done, "system clock", "1970-01-02")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2</dev/null"])
@pytest.mark.parametrize("args", ["--workers 0", f"--proxy socks5://u:{SECRET}/@h"])
def test_an_error_is_told_by_the_exit_code_where_stderr_is_gone(args, where):  # 127
    done = in_shell(f"dnsscan -r {RESOLVER} {args} {where}")

    assert (done.code, done.out, done.err) == (2, b"", "")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2</dev/null"])
def test_a_scan_with_warnings_and_errors_goes_on_without_stderr(where):  # 127
    def script(talk: Talk) -> None:
        talk.answer(talk.query())

    with DnsPeer(script) as peer:
        done = in_shell(f"dnsscan -r {peer.address} -r 127.0.0.1:9 --stats json {where}")

    assert (done.code, verdicts(done)) == (0, VERDICTS)


@pytest.mark.parametrize("where", ["<&-", "0>/dev/null"])
def test_a_configuration_on_a_closed_stdin_is_told(where):
    refusal(in_shell(f"dnsscan --config - {where}"), "--config -: stdin cannot be read")
