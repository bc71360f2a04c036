"""What `--output` takes beside a file: stdout by several names, a FIFO, a pipe of the shell, a device."""

import json
import os
import subprocess
import sys
import threading

import pytest
from command import DNSSCAN, ROOT, environment, refusal, scan
from dns_peer import DnsPeer

NAMES = b"is.example\nnx.example\n"
KEPT = b"what stood there\n"


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def shell(command: str, folder, names: bytes = NAMES) -> subprocess.CompletedProcess:
    """Run by bash in `folder`, `dnsscan` standing for the real command."""
    text = command.replace("dnsscan", " ".join(DNSSCAN))
    return subprocess.run(["bash", "-c", text], input=names, cwd=folder, capture_output=True, timeout=60, check=False,
                          env=environment(PYTHONPATH=str(ROOT)))  # fmt: skip


def verdicts(lines: bytes) -> list[str]:
    return sorted(json.loads(line)["s"] for line in lines.splitlines())


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "{folder}/link"])
@pytest.mark.parametrize("program", ["scan", "confirm"])
def test_the_names_of_stdout_are_stdout(resolver, tmp_path, name, program):
    (tmp_path / "link").symlink_to("/dev/stdout")
    words = ("-r", resolver.address) if program == "scan" else (program,)
    names = NAMES if program == "scan" else b'{"d":"a.com","s":"taken","r":0,"ms":1,"re":true}\n'
    done = scan(*words, "-q", "-o", name.format(folder=tmp_path), names=names)

    assert (done.code, len(done.rows), done.err) == (0, 2 if program == "scan" else 1, "")
    assert "n" not in done.rows[0]
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


@pytest.mark.parametrize("ask", ["dnsscan -r {address} -q", "dnsscan confirm -q"], ids=["scan", "confirm"])
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/../fd/1", "link/1", "/proc/thread-self/fd/1"])
def test_a_log_that_is_stdout_is_written_behind_and_never_emptied(resolver, tmp_path, ask, name):
    (tmp_path / "log").write_bytes(KEPT)
    (tmp_path / "link").symlink_to("/proc/self/fd")
    ask = ask.format(address=resolver.address)
    done = shell(f"{ask} -o {name} --force >> log", tmp_path)

    text = (tmp_path / "log").read_bytes()
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.startswith(KEPT)
    assert len(text.splitlines()) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"link", "log"}


@pytest.mark.parametrize("ask", ["dnsscan -r {address} -q", "dnsscan confirm -q"], ids=["scan", "confirm"])
def test_a_pipe_of_the_shell_and_a_fifo_are_written_as_they_are(resolver, tmp_path, ask):
    ask = ask.format(address=resolver.address)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "names").write_bytes(NAMES)
    done = shell(f"cat fifo > of_fifo & {ask} -o fifo < names && {ask} -o >(cat > of_pipe) < names; wait; sleep 0.2",
                 tmp_path, b"")  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    assert len((tmp_path / "of_fifo").read_bytes().splitlines()) == 2
    assert len((tmp_path / "of_pipe").read_bytes().splitlines()) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"fifo", "names", "of_fifo", "of_pipe"}


@pytest.mark.parametrize("ask", [("-r", "{address}"), ("confirm",)], ids=["scan", "confirm"])
def test_a_device_needs_no_force(resolver, ask):
    done = scan(*(word.format(address=resolver.address) for word in ask), "-o", "/dev/null", "-q", names=NAMES)

    assert (done.code, done.out, done.err) == (0, b"", "")


def test_what_cannot_be_written_is_said_before_anything_is_asked(tmp_path):
    ask = ("-r", "192.0.2.53")
    refusal(scan(*ask, "-o", "/dev/fd/77"), "--output /dev/fd/77: Bad file descriptor")
    refusal(scan(*ask, "-o", tmp_path, "--force"), "is a directory")
    refusal(scan(*ask, "-o", "-", "--resume"), "--resume: - is not a regular file")
    os.mkfifo(tmp_path / "fifo")
    refusal(scan(*ask, "-o", tmp_path / "fifo", "--resume"), "is not a regular file")
    done = shell("dnsscan -r 192.0.2.53 -o /dev/fd/5 5< /dev/null", tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"reading only" in done.stderr


def test_a_fifo_without_a_reader_any_more_ends_the_scan_as_a_pipe_does(resolver, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: os.close(os.open(fifo, os.O_RDONLY)))
    reader.start()
    done = scan("-r", resolver.address, "-o", fifo, names=b"is.example\n" * 20_000)
    reader.join()

    assert (done.code, done.err) == (141, "")


def test_fsync_means_nothing_to_a_pipe(resolver):
    done = scan("-r", resolver.address, "-o", "-", "--fsync", 1, "-q", names=NAMES)

    assert (done.code, verdicts(done.out), done.err) == (0, ["nxdomain", "taken"], "")


def test_a_table_and_a_page_go_to_stdout_too(tmp_path):
    pytest.importorskip("duckdb")
    results = tmp_path / "results.jsonl"
    results.write_text('{"d":"a.com","s":"taken","r":0,"ms":1,"re":true}\n')
    table = scan("convert", results, "-o", "-")
    assert (table.code, table.err) == (0, "")
    assert table.out.splitlines()[0].startswith(b"d,")
    assert b"a.com" in table.out
    refusal(scan("convert", results, "-o", "x.txt"), "its ending is none of")

    if sys.version_info < (3, 14):
        pytest.importorskip("vl_convert")
        page = scan("report", results, "-o", "-")
        assert (page.code, page.err) == (0, "")
        assert page.out.startswith(b"<!")
