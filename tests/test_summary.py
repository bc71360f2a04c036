"""The summary in words: reasons under their verdicts, rates that say no more than is known, what stopped a scan."""

import signal
import subprocess

import pytest
from command import scan, start, wait_for

from scanner.model import REASONS
from scanner.status.summary import listed, reasons_of
from scanner.text import rate_text, two_digits


def books_of(error: int, **reasons: int) -> dict:
    return {"error": error, "reasons": reasons}


@pytest.mark.parametrize(
    ("books", "of_taken", "of_errors"),
    [
        (books_of(0), "", ""),
        (books_of(8, timeout=6, servfail=2, nodata=2), " (nodata 2)", " (timeout 6, servfail 2)"),
        (books_of(0, cname_nx=1, wildcard=1200), " (wildcard 1,200, cname_nx 1)", ""),
        (books_of(5, referral=5), "", " (referral 5)"),
        (books_of(0, referral=5), " (referral 5)", ""),
        (books_of(6, referral=5, timeout=4, nodata=1), " (referral 3, nodata 1)", " (timeout 4, referral 2)"),
    ],
)
def test_a_reason_stands_under_its_verdict(books, of_taken, of_errors):
    assert tuple(listed(each) for each in reasons_of(books)) == (of_taken, of_errors)


def test_reasons_add_up_however_many_there_are():
    reasons = {f"rcode{number}": 1000 - number for number in range(12)}

    assert listed(reasons).endswith("rcode9 991, others 1,979)")


def test_every_reason_belongs_to_a_verdict():
    books = books_of(len(REASONS) - 4, **dict.fromkeys(REASONS[1:], 1))
    of_taken, of_errors = reasons_of(books)

    assert sum(of_errors.values()) == books["error"]
    assert sum(of_taken.values()) + sum(of_errors.values()) == len(REASONS) - 1


@pytest.mark.parametrize(("number", "text"), [
    (1_635_650, "1,600,000"), (99_500, "100,000"), (842, "840"), (12.3, "12"), (9.96, "10"), (7.25, "7.2"),
    (0.1, "0.1"), (0, "0"),
])  # fmt: skip
def test_a_rate_has_two_digits(number, text):
    assert two_digits(number) == text


@pytest.mark.parametrize(("count", "seconds", "text"), [
    (49_070, 0.03, ""), (1_635_650, 1, "1,600,000/s"), (0, 9, "0/s"),
])  # fmt: skip
def test_a_time_too_short_tells_no_rate(count, seconds, text):
    assert rate_text(count, seconds) == text


def test_the_reasons_of_a_scan_add_up_to_its_verdicts(lab):
    names = "servfail.lab.test\nnodata.lab.test\n"
    done = scan("-r", lab.config["resolvers"][0], "--retries", 0, "--no-second-pass", names=names)

    assert "taken 1 (nodata 1), nxdomain 0, error 1 (servfail 1);" in done.err
    assert "/s" not in done.err  # it took no time worth a rate


def test_the_books_balance_with_several_types(lab):
    names = "is1.lab.test\n\nnodata.lab.test\nbad name\n"
    done = scan("-r", lab.config["resolvers"][0], "-t", "A", "-t", "NS", "--only", "taken", names=names)

    assert "read 4 = names 3 + blank 1; lines 6 = written 4 + filtered 2; taken 4" in done.err


def stopped(lab, *options: object, **streams: object) -> subprocess.Popen:
    """A scan that is far from its end."""
    run = start("--config", lab.path, "--rate", 500, *options, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **streams)
    run.stdin.write(b"".join(b"stop%d.lab.test\n" % number for number in range(5000)))
    run.stdin.flush()
    return run


@pytest.mark.parametrize(("force", "resume"), [((), "--resume goes on"), (("--force",), "--resume in the place of --")])
def test_ctrl_c_explains_itself_and_says_how_to_go_on(lab, tmp_path, force, resume):
    output = tmp_path / "out.jsonl"
    run = stopped(lab, "--output", output, *force)
    wait_for(lambda: output.exists() and output.stat().st_size > 0)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)

    said = err.decode().splitlines()
    assert run.returncode == 130
    assert said[0].startswith("dnsscan: stopping; what is in flight is finished first")
    assert any("stopped by Ctrl-C: the rest of the input has no lines" in line and resume in line for line in said)


def test_ctrl_c_without_a_file_says_what_would_have_helped(lab):
    run = stopped(lab, stdout=subprocess.PIPE)
    assert run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)

    assert b"with --output FILE, --resume goes on where a scan was stopped" in err


@pytest.mark.parametrize("quiet", [("--quiet",), ("--stats", "json")])
def test_ctrl_c_is_not_explained_where_nobody_asked(lab, quiet):
    run = stopped(lab, *quiet, stdout=subprocess.PIPE)
    assert run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)

    assert b"stopp" not in err


def test_a_budget_says_what_stopped_the_scan(lab):
    done = scan(
        "--config", lab.path, "--max-queries", 5, names="".join(f"b{number}.lab.test\n" for number in range(50))
    )

    assert done.code == 5
    assert "stopped by --max-queries: the rest of the input has no lines" in done.err
