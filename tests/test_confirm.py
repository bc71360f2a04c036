"""`dnsscan confirm`, the real command, against the lab's registries: whatever they reply, no `free` that is none."""

import json
import random
import signal
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import http_peer
import jsonschema
import pytest
import trustme
from command import DNSSCAN, ROOT, environment, refusal, scan, start, wait_for
from dns_peer import DnsPeer, Talk, frame
from oracle import held
from peer_answers import answer, server
from socks_peer import Client, SocksPeer
from terminal import Terminal

from scanner.lab.registry_zone import FOUND, NEVER_FREE, STATES

SLOW = ("slow",)  # answers after longer than most of these tests wait
QUICK = ("--timeout-ms", "1000", "--lookups", "200")


def confirm(registries, *args, lines=(), limit_s=60, **changes):
    text = "".join(f"{line}\n" for line in lines)
    return scan("confirm", "--config", registries.path, *args, names=text, limit_s=limit_s, **changes)


def result(name, verdict="nxdomain", **more):
    """A line as the scan writes it."""
    return json.dumps({"d": name, "s": verdict, "r": 3, "ms": 7, "re": False, **more}, separators=(",", ":"))


# -- what registries say -------------------------------------------------------------------------------------------

TROUBLES = [(f"{word}-a.{tld}", found) for protocol, tld in (("rdap", "test"), ("whois", "example"))
            for word, found in FOUND[protocol].items() if word not in (*SLOW, "n429")]  # fmt: skip
HELD = [(f"{word}-a.{tld}", state.found) for tld in ("com", "de") for word, state in STATES.items()]
BAD_TLDS = [(f"plain.{tld}", "unknown") for tld in ("expiredcert", "wronghost", "selfsigned", "plainhttp", "deadtld")]


@pytest.fixture(scope="module")
def replies(registries):
    """One run over every trouble."""
    patient = ("--timeout-ms", "4000", "--lookups", "60")  # each may have to wait for the work of the others
    done = confirm(registries, *patient, lines=[name for name, _ in (*TROUBLES, *HELD, *BAD_TLDS)])
    assert done.code == 0, done.err
    return {row["d"]: row for row in done.rows}


@pytest.mark.parametrize(("name", "found"), TROUBLES + HELD + BAD_TLDS, ids=lambda value: value)
def test_a_reply_is_read_for_what_it_is(replies, name, found):
    row = replies[name]

    if found == NEVER_FREE:
        assert row["c"] != "free"
    else:
        assert row["c"] == found
    assert ("e" in row) == (row["c"] == "unknown")


@pytest.mark.parametrize(("name", "reason"), [
    ("s403-a.test", "http403"), ("s451-a.test", "http451"), ("page404-a.test", "rdap_bad"), ("bomb-a.test", "rdap_bad"),
    ("redirecthttp-a.test", "redirect"), ("redirectip-a.test", "address"), ("redirectmeta-a.test", "address"),
    ("both-a.example", "whois_bad"), ("limit-a.example", "ratelimited"), ("hang-a.example", "timeout"),
    ("plain.wronghost", "tls"), ("plain.plainhttp", "no_rdap"), ("plain.deadtld", "connection"),
])  # fmt: skip
def test_an_unknown_says_why(replies, name, reason):
    assert replies[name]["e"] == reason


def test_every_line_keeps_to_the_shipped_schema(replies, registries):
    schema = jsonschema.Draft202012Validator(
        json.loads((ROOT / "scanner" / "results" / "confirmed.schema.json").read_text())
    )
    lines = [result("free-s.com"), result("t.com", "taken"), result("e.com", "error", e="timeout"), "{", "com", "a b"]
    rows = [*replies.values(), *confirm(registries, lines=lines).rows]

    assert [(row, error.message) for row in rows for error in schema.iter_errors(row)] == []
    assert len(rows) == len(replies) + len(lines)


def test_a_name_on_hold_is_registered_though_the_dns_does_not_know_it(replies):
    row = replies["hold-a.com"]

    assert (row["c"], row["via"], row["st"]) == ("registered", "rdap", ["serverHold"])
    assert row["exp"] > "2027"


def test_what_a_registry_writes_is_shown_escaped(registries):
    done = confirm(registries, *QUICK, lines=["escape-b.test", "escape-b.example"])

    assert done.out.isascii()
    assert b"\\u001b" not in done.out
    assert any("\\027" in status for row in done.rows for status in row.get("st", []))


def test_a_slow_registry_is_waited_for(registries):
    done = confirm(registries, "--timeout-ms", "8000", lines=["slow-a.test", "slow-a.example"])

    assert [row["c"] for row in done.rows] == ["free", "free"]
    assert min(row["ms"] for row in done.rows) >= 2900


def test_two_hundred_lookups_in_flight_give_every_name_its_own_answer(registries):
    names = [f"n{number}.{tld}" for tld in ("test", "com", "example") for number in range(400)]
    done = confirm(registries, "--lookups", "200", lines=names)

    assert Counter(row["d"] for row in done.rows) == Counter(names)
    assert [row for row in done.rows if row["c"] != held(row["d"])] == []


def test_a_slow_registry_holds_up_no_other(registries):
    done = confirm(registries, "--lookups", "1", lines=["a.slowtld", "b.slowtld", *(f"o{i}.test" for i in range(50))])

    assert [row["d"] for row in done.rows][-2:] == ["a.slowtld", "b.slowtld"]


# -- pace ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct(registries, tmp_path_factory):
    """The configuration without its proxies."""
    path = tmp_path_factory.mktemp("direct") / "cfg.json"
    path.write_text(json.dumps({"confirm": registries.config["confirm"]}))
    return path


def gaps(registries, before, wanted):
    times = [at for at, name in registries.asked()[before:] if wanted in name]
    return [later - earlier for earlier, later in pairwise(times)]


def test_a_registry_is_asked_no_faster_than_it_may_be(registries):
    before = len(registries.asked())
    rate = ("--registry-rate", "2.5")  # from each of two proxies
    done = confirm(registries, *rate, lines=[f"p{number}.test" for number in range(12)])

    assert len(done.rows) == 12
    assert sum(gaps(registries, before, ".test")) > 1.5  # of 2.2: the first may come late, behind its handshake


@pytest.mark.parametrize("name", ["s429-c.test", "d429-c.test"])
def test_a_pause_that_a_registry_asks_for_is_kept_by_all(registries, direct, name):
    before = len(registries.asked())
    done = scan("confirm", "--config", direct, "--lookups", "1", names=f"{name}\nz{name}\n")

    assert [row["c"] for row in done.rows][:1] == ["free"]
    assert sum(gaps(registries, before, name)) > 0.9  # a date has whole seconds
    assert len(registries.asked()) - before == 3


@pytest.mark.parametrize("word", ["neg", "huge", "junk"])
def test_a_pause_that_is_none_is_made_up_for_by_our_own(registries, word):
    assert confirm(registries, lines=[f"n429-{word}-d.test"]).row["c"] == "free"


def test_a_pause_that_one_proxy_is_asked_for_is_kept_by_that_one(registries):
    before = len(registries.asked())
    done = confirm(registries, "--lookups", "1", "--max-wait", "1", lines=["n429-far-e.com", "after.com"])

    assert [row["c"] for row in done.rows] == ["free", held("after.com")]
    assert len(registries.asked()) - before == 3


def test_a_pause_longer_than_we_may_wait_is_a_reason(registries, direct):
    before = len(registries.asked())
    done = scan("confirm", "--config", direct, "--lookups", "1", names="n429-far-d.com\nafter.com\n")

    assert [row["e"] for row in done.rows] == ["ratelimited", "ratelimited"]
    assert len(registries.asked()) - before == 1


def test_at_most_three_tries(registries):
    before = len(registries.asked())
    done = confirm(registries, lines=["s502-e.test"])

    assert done.row["e"] == "http502"
    assert len(registries.asked()) - before == 3


def test_a_registrable_name_is_asked_once(registries):
    before = len(registries.asked())
    lines = [*(f"host{number}.once.co.test" for number in range(50)), result("A.ONCE.co.test."), "co.test"]
    done = confirm(registries, lines=lines)

    assert len(done.rows) == len(lines)
    assert {row["c"] for row in done.rows} == {held("co.test")}
    assert [name for _, name in registries.asked()[before:]] == ["co.test"]
    assert [row["d"] for row in done.rows if row.get("reg") != "co.test"] == ["co.test"]


# -- lines ---------------------------------------------------------------------------------------------------------


def test_every_line_has_its_line_and_keeps_its_keys(registries):
    lines = [
        *(
            result("free-q.test", n=3),
            result("there.test", "taken", r=0, re=True),
            result("lost.test", "error", e="timeout"),
        ),
        *("", "# a comment", result("b.com", q="c.com"), "bare.test", "no name at all", "{torn", '{"s":"nxdomain"}'),
        *("com", "1.2.3.4", "foo.unheard-of"),
    ]
    done = confirm(registries, *QUICK, lines=lines)
    rows = {row["d"]: row for row in done.rows}

    assert len(done.rows) == len(lines) - 2
    assert rows["free-q.test"] == {**json.loads(lines[0]), "c": "free", "via": "rdap", "ms": rows["free-q.test"]["ms"]}
    assert rows["there.test"] == {**json.loads(lines[1]), "c": "registered", "via": "dns"}
    assert rows["lost.test"] == {**json.loads(lines[2]), "c": "unknown"}
    assert rows["b.com"]["c"] == held("c.com")
    assert [rows[name]["e"] for name in ("no name at all", "{torn", "com", "foo.unheard-of")] == [
        "badline", "badline", "no_domain", "no_rdap"]  # fmt: skip


def test_failed_names_are_asked_about_where_that_is_wanted(registries):
    lines = [result("f.test", "error", e="timeout"), result("bad", "error", e="badname")]
    done = confirm(registries, "--also", "error", lines=lines)

    assert {row["d"]: row["c"] for row in done.rows} == {"f.test": held("f.test"), "bad": "unknown"}


def test_a_name_that_the_dns_knows_after_all_is_registered_and_no_registry_is_asked(registries):
    before = len(registries.asked())
    resolver = registries.config["resolvers"][0]
    done = confirm(registries, "--recheck", resolver, lines=["recheck-a.test", "taken.lab.test"])

    assert {(row["d"], row["c"], row["via"]) for row in done.rows} == {
        ("recheck-a.test", "registered", "dns"), ("taken.lab.test", "registered", "dns")}  # fmt: skip
    assert registries.asked()[before:] == []


def test_a_resolver_that_only_refers_has_not_said_that_a_name_exists(registries):
    def script(talk: Talk) -> None:
        for query in talk.queries():
            talk.send(frame(answer(query, [], [server(b"\0")])))

    with DnsPeer(script) as peer:
        done = confirm(registries, "--recheck", peer.address, lines=["gone-a.test", "gone-b.test"])

        assert set(peer.names_asked) >= {"gone-a.test", "gone-b.test"}
    assert {(row["d"], row["c"], row["via"]) for row in done.rows} == {
        (name, held(name), "rdap") for name in ("gone-a.test", "gone-b.test")}  # fmt: skip


def piped(names, registries, *flags, limit_s=100):
    """`dnsscan | dnsscan confirm`: the scan's summary and the lines of both together."""
    with tempfile.TemporaryFile() as given:
        given.write("".join(f"{name}\n" for name in names).encode())
        given.seek(0)
        first = start("--config", registries.path, "--stats", "json", *flags, stdin=given)
        second = start("confirm", "--config", registries.path, "--lookups", "50", stdin=first.stdout)
        first.stdout.close()
        with first.stderr, second.stderr:
            out, _ = second.communicate(timeout=limit_s)
            books = json.loads(first.stderr.read().splitlines()[-1])
        assert (first.wait(20), second.returncode) == (0, 0), books
    return books, [json.loads(line) for line in out.splitlines()]


def test_the_whole_pipe_gives_each_name_its_line(registries, full):
    names = [f"pipe{number}.{('com', 'test', 'de')[number % 3]}" for number in range(100_000 if full else 900)]
    verdicts = {row["d"]: row["s"] for row in scan("--config", registries.path, names="\n".join(names)).rows}
    _, rows = piped(names, registries)

    assert Counter(row["d"] for row in rows) == Counter(names)
    assert "nxdomain" in verdicts.values()
    for row in rows:
        assert row["c"] == (held(row["d"]) if verdicts[row["d"]] == "nxdomain" else "registered")


def test_the_slow_stage_does_not_slow_the_scan(new_lab, full, figure):
    names = [f"slow{number}.{('com', 'test', 'de')[number % 3]}" for number in range(100_000 if full else 1000)]
    with new_lab("--registries", "--proxies", "2") as lab:
        pace = ("--rate", 10_000 if full else 1000)
        alone = scan("--config", lab.path, "--stats", "json", *pace, names="\n".join(names))
        books, rows = piped(names, lab, *pace)

    took = [json.loads(alone.err.splitlines()[-1])["seconds"], books["seconds"]]
    assert len(rows) == len(names)
    assert books["read"] == books["written"] == len(names)
    figure(
        "confirm", f"{len(names):,} names at 20,000/s: the scan alone {took[0]:.2f} s, before confirm {took[1]:.2f} s"
    )


def test_a_backlog_lies_on_the_disk(registries, tmp_path, full, figure):
    count = 1_000_000 if full else 50_000
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(f"{result(f'n{number}.com')}\n" for number in range(count)))
    run = start("confirm", "--config", registries.path, "--stats", "json", "--registry-rate", "1", lines,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, true=True)  # fmt: skip
    wait_for(lambda: input_is_read(run.pid, lines), 100)
    time.sleep(1)  # what was read last is with the batch writer
    status = Path(f"/proc/{run.pid}/status").read_text()
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    books = json.loads(err.splitlines()[0])

    assert books["read"] == count == books["written"] + books["waiting"]
    assert peak_kib < 120 * 1024
    figure("confirm", f"a backlog of {count:,} lines: {peak_kib / 1024:.0f} MiB at most")


def input_is_read(pid, path):
    """The process has no descriptor of the file that stands before its end."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # others are opened and closed meanwhile
            if entry.readlink() == path:
                position = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text().split()[1]
                return int(position) == path.stat().st_size
    return False


# -- store, resume -------------------------------------------------------------------------------------------------


def test_what_is_known_is_not_asked_again(registries, tmp_path):
    store = tmp_path / "state.db"
    names = [f"k{number}.com" for number in range(20)]
    first = confirm(registries, "--store", store, lines=names)
    before = len(registries.asked())
    second = confirm(registries, "--store", store, lines=names)
    asked_for_known = len(registries.asked()) - before
    third = confirm(registries, "--store", store, "--age", "free=0s", lines=names)

    free = sum(row["c"] == "free" for row in first.rows)
    assert {row["d"]: row["c"] for row in first.rows} == {row["d"]: row["c"] for row in second.rows}
    over = sum(row.get("exp", "9") < "2026" for row in first.rows)  # their registrations have ended: always due
    assert asked_for_known == over
    assert len(registries.asked()) - before == asked_for_known + over + free
    assert len(third.rows) == 20
    assert store.stat().st_mode & 0o777 == 0o600


def test_a_killed_run_is_gone_on_with_until_each_line_has_its_line(registries, tmp_path, full):
    kills = 100 if full else 6
    count = 100 * kills
    names = [f"x{number}.{('com', 'test', 'net', 'example')[number % 4]}" for number in range(count)]
    lines = [result(name) if number % 3 else name for number, name in enumerate(names)]
    source, output, store = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "state.db"))
    source.write_text("".join(f"{line}\n" for line in lines))
    command = ("confirm", "--config", registries.path, "--store", store, "--output", output, "--registry-rate", "40",
               "--timeout-ms", "2000")  # fmt: skip
    before = len(registries.asked())
    rng = random.Random(20261121)
    killed = 0
    while killed < kills:
        run = start(*command, *(["--resume"] if killed else []), source, stdin=subprocess.DEVNULL)
        try:
            run.wait(rng.uniform(0.25, 1.2))
        except subprocess.TimeoutExpired:
            run.kill()
        _, err = run.communicate()
        assert run.returncode in (0, -signal.SIGKILL), err
        if run.returncode == 0:
            break
        killed += store.exists() and sqlite_has_run(store)
    done = scan(*command, "--registry-rate", "0", "--resume", source, limit_s=100)

    assert done.code == 0, done.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert Counter(row["d"] for row in rows) == Counter(names)
    assert [row for row in rows if row["c"] != held(row["d"])] == []
    asked = Counter(name for _, name in registries.asked()[before:])
    assert set(asked) == set(names)
    twice = sum(asked.values()) - len(asked)
    assert twice <= killed * 3 * 8  # only what was in flight when it was killed: 8 at each of 3 registries


def sqlite_has_run(store):
    with closing(sqlite3.connect(store)) as db:
        try:
            return db.execute("SELECT count(*) FROM run").fetchone()[0] == 1
        except sqlite3.OperationalError:
            return False


def test_resume_begins_where_there_is_nothing_to_go_on_with(registries, tmp_path):
    store, output = tmp_path / "state.db", tmp_path / "out.jsonl"
    always = ("--store", store, "--output", output, "--resume")
    for _ in range(3):
        assert confirm(registries, *always, lines=["a.com", "b.com"]).code == 0
    other = tmp_path / "other.jsonl"
    next_run = confirm(registries, "--store", store, "--output", other, "--resume", lines=["c.com"])

    assert len(output.read_text().splitlines()) == 2
    assert (next_run.code, len(other.read_text().splitlines())) == (0, 1)
    refusal(confirm(registries, *always, lines=["a.com"]), "knows of no run that wrote")
    other.unlink()
    assert confirm(registries, "--store", store, "--output", other, "--resume", lines=["d.com"]).code == 0


@pytest.mark.parametrize("flag", ["--output", "--store"])
def test_the_input_is_not_written_over(registries, tmp_path, flag):
    lines = tmp_path / "in.jsonl"
    lines.write_text(result("a.com") + "\n")

    refusal(confirm(registries, flag, lines, "--force", lines), "in.jsonl")

    assert lines.read_text() == result("a.com") + "\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_whole_lines_and_the_rest_is_resumed(registries, tmp_path, number):
    names = [f"s{number}.com" for number in range(60)]
    source, output, store = (tmp_path / name for name in ("in.txt", "out.jsonl", "state.db"))
    source.write_text("".join(f"{name}\n" for name in names))
    command = ("confirm", "--config", registries.path, "--store", store, "--output", output, source)
    run = start(*command, "--registry-rate", "20", stdin=subprocess.DEVNULL)
    wait_for(lambda: output.exists() and output.stat().st_size)
    run.send_signal(number)
    _, err = run.communicate(timeout=20)

    assert run.returncode == 128 + number, err
    assert b"waiting" in err
    by = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert err.decode().startswith("dnsscan: stopping; ") == (number == signal.SIGINT)
    assert err.decode().endswith(f"dnsscan: stopped by {by}: the rest of the input has no lines; the same command with "
                                 "--resume goes on with it\n")  # fmt: skip
    some = output.read_text().splitlines()
    assert 0 < len(some) < 60
    done = scan(*command, "--resume")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(row["d"] for row in rows) == sorted(names)


def test_a_pipe_is_resumed_with_the_same_stream_or_its_backlog_alone(registries, tmp_path):
    store = tmp_path / "state.db"
    lines = [f"w{number}.com" for number in range(40)]
    run = start("confirm", "--config", registries.path, "--store", store, "--registry-rate", "10", bufsize=0)
    run.stdin.write("".join(f"{line}\n" for line in lines[:30]).encode())
    run.stdin.flush()
    first = [run.stdout.readline() for _ in range(3)]
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=20)
    rest = confirm(registries, "--store", store, "--resume", lines=lines)

    rows = [json.loads(line) for line in (*first, *out.splitlines())] + rest.rows
    assert sorted(row["d"] for row in rows) == sorted(lines)


@pytest.mark.parametrize(("words", "said"), [((), b"with --store FILE, --resume goes on where"), (("-q",), b"")])
def test_ctrl_c_without_a_store_says_what_would_have_helped(registries, words, said):
    run = start("confirm", "--config", registries.path, "--registry-rate", "5", *words)
    run.stdin.write(b"".join(b"u%d.com\n" % number for number in range(20)))
    run.stdin.flush()
    run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=20)

    assert said in err
    assert bool(err) == bool(said)


def test_an_unfinished_run_is_not_dropped_unasked(registries, tmp_path):
    store = tmp_path / "state.db"
    run = start("confirm", "--config", registries.path, "--store", store, "--registry-rate", "5")
    run.stdin.write(b"".join(b"u%d.com\n" % number for number in range(20)))
    run.stdin.flush()
    run.stdout.readline()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)

    refusal(confirm(registries, "--store", store, lines=["a.com"]), "--resume goes on", "--force drops it")
    assert confirm(registries, "--store", store, "--force", lines=["a.com"]).row["d"] == "a.com"


def test_a_store_has_one_user_at_a_time(registries, tmp_path):
    store = tmp_path / "state.db"
    run = start("confirm", "--config", registries.path, "--store", store)
    run.stdin.write(b"a.com\n")
    run.stdin.flush()
    run.stdout.readline()

    refusal(confirm(registries, "--store", store, lines=["b.com"]), "is being used by another dnsscan")
    run.communicate(timeout=20)


def test_what_changed_is_printed(registries, tmp_path):
    store = tmp_path / "state.db"
    confirm(registries, "--store", store, lines=["free-h.com", "registered-h.com"])
    with closing(sqlite3.connect(store)) as db, db:  # the week before, the registry answered something else
        db.execute("UPDATE history SET verdict = 'registered', at = at - 604800 WHERE domain = 'free-h.com'")
        db.execute("UPDATE verdict SET at = at - 604800")
    confirm(registries, "--store", store, "--age", "registered=1d", lines=["free-h.com", "registered-h.com"])
    done = scan("confirm", "--store", store, "--changes")

    assert {key: done.row[key] for key in ("d", "was", "c")} == {"d": "free-h.com", "was": "registered", "c": "free"}
    assert scan("confirm", "--store", store, "--changes", "--since", "2099-01-01").out == b""


# -- proxies, ends -------------------------------------------------------------------------------------------------


def test_with_proxies_nothing_leaves_beside_them(registries, tmp_path):
    (tmp_path / "cfg.json").write_text(json.dumps({**registries.config, "proxies": ["socks5://u:s3cr3t@127.0.0.1:9"]}))
    before = len(registries.asked())
    done = scan("confirm", "--config", tmp_path / "cfg.json", names="a.com\nb.example\n", limit_s=60)

    assert [row["e"] for row in done.rows] == ["proxy", "proxy"]
    assert done.code == 3
    assert "s3cr3t" not in done.err
    assert registries.asked()[before:] == []


def test_a_proxy_that_is_dead_costs_no_answer(registries, tmp_path):
    proxies = ["socks5://127.0.0.1:9", *registries.config["proxies"]]
    (tmp_path / "cfg.json").write_text(json.dumps({**registries.config, "proxies": proxies}))
    names = [f"d{number}.com" for number in range(30)]
    done = scan("confirm", "--config", tmp_path / "cfg.json", names="\n".join(names), limit_s=60)

    assert [row for row in done.rows if row["c"] != held(row["d"])] == []
    assert len(done.rows) == 30


def http_octet_by_octet(client: Client) -> None:
    request = http_peer.request_of(client)
    for octet in b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 204 No Content\n\n":
        client.send(bytes([octet]))
    client.relay(request.place)


def socks_with_an_odd_bound_name(client: Client) -> None:
    target = client.agree(with_password=True)
    client.send(b"\x05\x00\x00\x03\x02\xff\xe4\x00\x35")
    client.relay(target)


@pytest.mark.parametrize("peer", [http_peer.HttpPeer(http_octet_by_octet), SocksPeer(socks_with_an_odd_bound_name)])
def test_a_proxy_with_odd_replies_costs_no_answer(registries, tmp_path, peer):
    names = [f"o{number}.{('com', 'test', 'de')[number % 3]}" for number in range(12)]
    with peer:
        config = {**registries.config, "proxies": [peer.url_with("user", "")]}
        (tmp_path / "cfg.json").write_text(json.dumps(config))
        done = scan("confirm", "--config", tmp_path / "cfg.json", names="\n".join(names), limit_s=60)

        assert peer.connections
    assert [row for row in done.rows if row["c"] != held(row["d"])] == []
    assert len(done.rows) == 12


def test_registries_on_private_networks_are_not_asked_unless_allowed(registries, tmp_path):
    table = {**registries.config["confirm"], "allow_nets": ["192.0.2.0/24"]}
    (tmp_path / "cfg.json").write_text(json.dumps({"confirm": table}))
    done = scan("confirm", "--config", tmp_path / "cfg.json", names="a.com\nb.example\n")

    assert [row["e"] for row in done.rows] == ["address", "address"]


def test_the_reasons_of_the_summary_stand_under_their_verdict():
    lines = [result("x.nosuchtld"), result("com"), result("y.nosuchtld"), result("a.com", "taken")]
    done = scan("confirm", names="".join(f"{line}\n" for line in lines))

    assert "; registered 1, unknown 3 (no_rdap 2, no_domain 1); 0 requests," in done.err


def test_a_reader_that_leaves_is_141_and_silence(registries):
    run = start("confirm", "--config", registries.path)
    run.stdin.write(b"a.com\n")
    run.stdin.flush()
    run.stdout.readline()
    run.stdout.close()
    run.stdin.write(b"b.com\nc.com\n")
    run.stdin.close()

    assert run.wait(20) == 141
    assert run.stderr.read() == b""
    run.stderr.close()


def test_a_full_disk_is_code_4(registries):
    with open("/dev/full", "wb") as full_disk:
        command = [*DNSSCAN, "confirm", "--config", str(registries.path)]
        run = subprocess.run(command, input=b"a.com\n", stdout=full_disk,
                             stderr=subprocess.PIPE, cwd=ROOT, timeout=30, check=False)  # fmt: skip

    assert run.returncode == 4
    assert run.stderr.decode().splitlines() == ["dnsscan: cannot write the output: No space left on device"]


def test_the_books_are_printed_and_balance(registries):
    done = confirm(registries, "--stats", "json", lines=["a.com", "", result("b.com", "taken"), "x y"])
    books = json.loads(done.err.splitlines()[-1])

    assert books["read"] == books["written"] + books["blank"] == 4
    assert sum(books["verdicts"].values()) == books["written"]
    assert confirm(registries, "--quiet", lines=["a.com"]).err == ""


def test_a_terminal_shows_how_it_is_doing_in_a_line_that_never_wraps(registries):
    with Terminal(columns=40) as terminal:
        run = start("confirm", "--config", registries.path, "--registry-rate", "2.5", stderr=terminal.theirs,
                    env=environment(TERM="xterm"))  # fmt: skip
        terminal.hang_up()
        out, _ = run.communicate("".join(f"v{number}.com\n" for number in range(10)).encode(), timeout=30)

    assert len(out.splitlines()) == 10
    assert 2 <= len(terminal.frames) <= 10
    assert max(map(len, terminal.plain_frames)) < 40
    assert "written" in terminal.frames[0]


def test_lines_on_the_terminal_share_no_row_with_it(registries):
    with Terminal() as terminal:
        run = start("confirm", "--config", registries.path, "--registry-rate", "5", stdout=terminal.theirs,
                    stderr=terminal.theirs, env=environment(TERM="xterm"))  # fmt: skip
        terminal.hang_up()
        run.communicate("".join(f"w{number}.com\n" for number in range(10)).encode(), timeout=30)
        terminal.reader.join(5)

    *lines, summary, rest = terminal.rows
    assert [json.loads(line)["d"][0] for line in lines] == ["w"] * 10
    assert (summary[:9], rest) == ("dnsscan: ", "")
    assert terminal.frames


def test_a_line_about_now_is_said_when_asked(registries):
    run = start("confirm", "--config", registries.path, "--registry-rate", "5", bufsize=0)
    run.stdin.write(b"".join(b"g%d.com\n" % number for number in range(5)))
    run.stdin.flush()
    run.stdout.readline()
    run.send_signal(signal.SIGUSR1)
    said = run.stderr.readline().decode()
    out, _ = run.communicate(timeout=30)

    assert said.startswith("dnsscan: ")
    assert "waiting" in said
    assert (run.returncode, len(out.splitlines())) == (0, 4)


@pytest.mark.parametrize(("args", "said"), [
    (["--resume"], "--resume needs --store"),
    (["--changes"], "--changes needs --store"),
    (["--changes", "--store", "/none/there.db"], "no such file"),
    (["--since", "2026-01-01"], "--since needs --changes"),
    (["--store", "/proc/version"], "--store /proc/version"),
    (["--registry-rate", "fast"], "--registry-rate"),
    (["--age", "free=soon"], "free=soon"),
    (["--allow-net", "10.0.0.1/8"], "10.0.0.1/8"),
    (["--recheck", "tls://192.0.2.1"], "tcp://"),
    (["--bootstrap", "/dev/null"], "not a regular file"),
    (["--bootstrap", "pyproject.toml"], "not a bootstrap file of RFC 9224"),
    (["--whois-file", "pyproject.toml"], "not a table of WHOIS servers"),
    (["--ca-file", "README.md"], "no CA certificates"),
    (["--config", "/none/cfg.json"], "cannot be read"),
    (["--proxy", "socks5://u:s3cr3t@h:port"], "--proxy"),
])  # fmt: skip
def test_what_the_user_can_fix_is_one_line(args, said):
    refusal(scan("confirm", *args), said)


def test_an_unknown_key_of_the_table_is_named(tmp_path):
    (tmp_path / "cfg.json").write_text('{"confirm": {"lookup": 3}}')

    refusal(scan("confirm", "--config", tmp_path / "cfg.json"), 'unknown key "lookup"', 'did you mean "lookups"')


@pytest.mark.parametrize(("key", "value"), [
    ("ages", 5), ("ages", [1]), ("ages", {"free": [1]}), ("ages", {"\ud800": "1d"}), ("recheck", [[]]), ("lookups", {}),
    ("registry_rate", None), ("registry_rate", [1]), ("ca_file", "a\0b"), ("ca_file", ""), ("bootstrap", "a\0b"),
    ("whois_file", "\ud800"), ("allow_nets", "192.0.2.0/24\0"), ("allow_nets", [1]),
])  # fmt: skip
def test_a_value_that_no_option_can_have_is_one_line(tmp_path, key, value):
    (tmp_path / "cfg.json").write_text(json.dumps({"confirm": {key: value}}))

    refusal(scan("confirm", "--config", tmp_path / "cfg.json"), f"cfg.json: line 1: {key}: ")


@pytest.mark.parametrize(("key", "value"), [
    ("free", "a{99999999999999}"), ("free", "(" * 3000 + ")" * 3000), ("free", "("), ("reserved", 1), ("query", 5),
    ("server", "h:99999"), ("server", "h:" + "9" * 5000), ("\ud800", "x"),
])  # fmt: skip
def test_a_whois_server_that_cannot_be_is_one_line(tmp_path, key, value):
    entry = {"server": "whois.example", "free": "x", "registered": "y"} | {key: value}
    (tmp_path / "whois.json").write_text(json.dumps({"com": entry}))

    refusal(scan("confirm", "--whois-file", tmp_path / "whois.json"), "whois.json: ")


# -- the bootstrap file --------------------------------------------------------------------------------------------


@pytest.fixture
def iana(tmp_path):
    """An https server of one file; gives its URL, the CA file, and the list in which its reply stands."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    reply = [b""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply[0])))
            self.end_headers()
            self.wfile.write(reply[0])

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/dns.json", tmp_path / "ca.pem", reply
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_new_bootstrap_file_is_fetched_checked_and_used(registries, tmp_path, iana):
    url, ca_file, reply = iana
    ours = json.loads(Path(registries.config["confirm"]["bootstrap"]).read_text())
    reply[0] = json.dumps({**ours, "publication": "2099-01-01T00:00:00Z"}).encode()
    flags = ("--ca-file", ca_file, "--allow-net", "127.0.0.1/32")
    fetched = scan("confirm", *flags, "--update-bootstrap", url, XDG_CACHE_HOME=str(tmp_path))
    lab_ca = ("--ca-file", registries.config["confirm"]["ca_file"], "--allow-net", "127.0.0.1/32")
    done = scan("confirm", *lab_ca, names="a.test\n", XDG_CACHE_HOME=str(tmp_path))

    assert (fetched.code, done.row["c"]) == (0, held("a.test")), fetched.err
    reply[0] = b"<html>"
    refusal(scan("confirm", *flags, "--update-bootstrap", url, XDG_CACHE_HOME=str(tmp_path)), "RFC 9224")
    assert scan("confirm", *lab_ca, names="a.test\n", XDG_CACHE_HOME=str(tmp_path)).row["c"] == held("a.test")


def test_an_old_bootstrap_file_is_warned_of(registries, tmp_path):
    ours = json.loads(Path(registries.config["confirm"]["bootstrap"]).read_text())
    (tmp_path / "old.json").write_text(json.dumps({**ours, "publication": "2020-01-01T00:00:00Z"}))
    done = confirm(registries, "--bootstrap", tmp_path / "old.json", lines=["a.test"])

    assert "days old" in done.err.splitlines()[0]
    assert done.row["c"] == held("a.test")
