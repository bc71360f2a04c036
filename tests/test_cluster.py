"""`dnsscan cluster`: every line of the input in one part, whatever becomes of the workers."""

import bz2
import io
import json
import re
import shlex
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import command
import fsspec
import psutil
import pytest
import servers
from cluster_runs import LIMIT_S, Killer, ZstdFile, books_of, cluster, engine_of, lines_in, parts_in, together, until
from hypothesis import given
from hypothesis import strategies as st
from oracle import is_exact, judge, write_names

from scanner.cluster.books import fits
from scanner.cluster.files import Folder, NoRoom
from scanner.cluster.lines import between
from scanner.cluster.part import Task
from scanner.cluster.plan import plan_of
from scanner.cluster.run import run
from scanner.cluster.share import Node, share_of
from scanner.config.config import complete, from_table
from scanner.config.config import given as given_in
from scanner.config.table import table_of
from scanner.errors import ScanError


@pytest.fixture(scope="module")
def knot(tmp_path_factory) -> Iterator[servers.Server]:
    server = servers.knot_with_millions(tmp_path_factory.mktemp("knot"))
    yield server
    server.stop()


@pytest.fixture
def over_knot(knot, tmp_path: Path) -> Path:
    """A configuration: knot over TCP, not faster than the faults come."""
    path = tmp_path / "knot.json"
    path.write_text(json.dumps({"resolvers": [f"tcp://127.0.0.1:{knot.port}"], "type": "A", "rate": 12_000}))
    return path


# -- from lines to parts ---------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([b"", b"a", b"b.test", b"c" * 30, b"\r"])), st.booleans(), st.integers(1, 50))
def test_every_line_is_in_the_part_in_which_it_begins(lines: list[bytes], ends_whole: bool, cut: int):
    octets = b"\n".join(lines) + b"\n" * ends_whole
    parts = [b"".join(between(io.BytesIO(octets), at, min(at + cut, len(octets)))) for at in range(0, len(octets), cut)]
    assert b"".join(parts) == octets
    assert all(part.endswith(b"\n") for part in parts[:-1] if part and part != parts[-1]) or not ends_whole
    begins = 0
    for part, at in zip(parts, range(0, len(octets), cut), strict=True):
        assert not part or at <= begins < at + cut
        begins += len(part)


def test_the_parts_of_several_files_and_of_candidates_are_numbered_through(tmp_path):
    (tmp_path / "a").write_bytes(b"a.test\n" * 10)
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "c").write_bytes(b"\x1f\x8b" + b"x" * 500)  # packed: one part
    (tmp_path / "d").write_bytes(b"\xfd7zXZ\x00" + b"x" * 500)
    plan = plan_of([str(tmp_path / name) for name in "abcd"], (), 4, {}, "jsonl.zst")
    assert [plan.part(number)[2:] for number in range(plan.count)] == [(0, 28), (28, 56), (56, 70), (0, 502), (0, 506)]
    plan = plan_of((), ["[a-c].{com,net}"], 4, {}, "jsonl.zst")
    assert [plan.part(number)[2:] for number in range(plan.count)] == [(0, 4), (4, 6)]


# -- what a node is given --------------------------------------------------------------------------------------------


def test_proxies_are_dealt_and_the_rate_is_divided():
    table = {
        "resolvers": ["tcp://192.0.2.1:53"],
        "proxies": [f"socks5://10.0.0.{n}:1080" for n in range(10)],
        "rate": 100,
    }
    shares = [share_of(table, Node(index, 3, index, 3, 1), 50) for index in range(3)]
    dealt = [proxy for share in shares for proxy in share["proxies"]]
    assert sorted(dealt) == sorted(table["proxies"])
    assert [share["rate"] for share in shares] == [33, 33, 33]
    assert [share["workers"] for share in shares] == [200, 200, 200], "of 500, 50 for each of four proxies at most"
    assert share_of(table | {"workers": 5}, Node(0, 3, 0, 3, 1), 50)["workers"] == 4, "one for each proxy"
    assert share_of(table, Node(0, 20, 0, 3, 1), 50)["workers"] == 25, "half of a proxy's 50"
    assert not any("rate_per_resolver" in share for share in shares), "each egress is of one node"
    assert share_of(table, Node(0, 3, 0, 3, 1), 1)["rate"] == 100, "the only part"


def test_no_node_is_without_a_proxy_and_what_shares_an_egress_shares_its_rate():
    table = {"resolvers": ["tcp://8.8.8.8:53"], "proxies": ["socks5://10.0.0.1:1080", "socks5://10.0.0.2:1080"]}
    shares = [share_of(table, Node(index, 5, 0, 1, 1), 50) for index in range(5)]
    assert all(len(share["proxies"]) == 1 for share in shares)
    assert {share["rate_per_resolver"] for share in shares} == {333}, "1,000 for each of three"
    direct = {"resolvers": ["udp://8.8.8.8:53"], "rate_per_resolver": 90}
    assert share_of(direct, Node(1, 4, 1, 2, 1), 50)["rate_per_resolver"] == 45, "two on this machine"
    assert "rate_per_resolver" not in share_of({"resolvers": ["udp://127.0.0.1:53"]}, Node(0, 2, 0, 2, 1), 50)
    with pytest.raises(ScanError, match="rate 3 cannot be divided among 4"):
        share_of({"resolvers": ["udp://127.0.0.1:53"], "rate": 3}, Node(0, 4, 0, 4, 1), 50)


def test_a_configuration_goes_to_another_process_whole(tmp_path):
    (tmp_path / "proxies").write_text("10.0.0.1:1080:us/er:p@:/$1\nhttp://10.0.0.2:3128\n")
    (tmp_path / "cfg.json").write_text(json.dumps({
        "resolvers": ["192.0.2.1", "tls://192.0.2.2#dns.test", "[2001:db8::1]:5353"], "flags": "", "edns": ["nsid"],
        "proxy_file": f"{tmp_path}/proxies", "type": ["A", "TYPE65534"], "pipeline": "auto", "fields": "a,ttl",
        "no_edns": False,
    }))  # fmt: skip
    flags = {"rate": "500", "timeout_ms": "900", "port_range": "20000-30000", "strict": True}
    values = given_in(tmp_path / "cfg.json", None, flags, {}, [])
    config = complete(values, [], numbered=False)
    again = from_table(json.loads(json.dumps(table_of(values, config))), {})
    assert config.proxies[0].password == "p@:/$1"
    for field in config.__slots__:
        if field not in ("warnings", "quiet", "progress"):
            assert getattr(again, field) == getattr(config, field), field


# -- the whole command -----------------------------------------------------------------------------------------------


def test_killed_and_stopped_workers_lose_and_double_nothing(over_knot, tmp_path, full, figure):
    names = write_names(tmp_path / "names.txt", full or 100_000)
    if full:
        over_knot.write_text(json.dumps(json.loads(over_knot.read_text()) | {"rate": 0}))
    part_lines = 100_000 if full else 10_000
    run = command.start("cluster", names, "-o", tmp_path / "out", "--local", 4, "--part-lines", part_lines, "--config",
                        over_knot, true=True, stdin=subprocess.DEVNULL)  # fmt: skip
    until(lambda: list((tmp_path / "out").glob("part-*")), run)
    killer = Killer(run, *((5, 20) if full else (1.5, 3)))
    killer.start()
    err = run.communicate(timeout=LIMIT_S if not full else 3600)[1].decode()
    killer.over.set()
    assert run.returncode == 0, err
    assert killer.killed >= 2
    assert killer.stopped == 1
    counts = judge(names, together(tmp_path / "out", tmp_path / "all.jsonl"))
    assert is_exact(counts), counts
    assert not counts["not_final"], counts
    books = books_of(tmp_path / "out")
    assert books["read"] == books["written"] == counts["lines_in"]
    assert books["failed"] == {}
    assert not list((tmp_path / "out").glob(".*")), "nothing half-written is left"
    figure("cluster", f"{killer.killed} workers killed, {books['seconds']:.0f} s, {counts}")


def test_resume_makes_only_what_is_missing_or_does_not_fit(lab, tmp_path):
    names = [f"resume{number}.com" for number in range(3000)]
    (tmp_path / "names.txt").write_text("\n".join(names))  # the last line has no end
    out, given = tmp_path / "out", (tmp_path / "names.txt", "--config", lab.path, "--part-lines", 800, "--local", 2)
    first = cluster(*given, "-o", out)
    assert first.code == 0, first.err
    assert Counter(json.loads(line)["d"] for line in lines_in(out)) == Counter(names)
    assert all(part.stat().st_mode & 0o777 == 0o600 for part in out.iterdir())
    parts = sorted(out.glob("part-*.zst"))
    before = {part: part.stat().st_mtime_ns for part in parts}
    assert len(parts) == 4
    assert books_of(out)["input_octets"] == (tmp_path / "names.txt").stat().st_size

    parts[0].unlink()
    with parts[1].open("ab") as file:
        file.write(b"more")
    (out / "part-000002.json").write_text("{")
    again = cluster(*given, "-o", out, "--resume")
    assert again.code == 0, again.err
    assert "4 of 4 parts" in again.err, again.err
    assert [part.stat().st_mtime_ns == before[part] for part in parts] == [False, False, False, True]
    assert Counter(json.loads(line)["d"] for line in lines_in(out)) == Counter(names)

    refused = {
        "holds a scan; use --resume": cluster(*given, "-o", out),
        "begun with another configuration": cluster(*given, "-o", out, "--resume", "-t", "AAAA"),
        "begun with another --part-lines": cluster(*given, "-o", out, "--resume", "--part-lines", 500),
    }
    with (tmp_path / "names.txt").open("a") as file:
        file.write("\nmore.com\n")
    refused["begun with another input"] = cluster(*given, "-o", out, "--resume")
    for words, again in refused.items():
        assert again.code == 2, again.err
        assert words in again.err, again.err
        assert len(again.err.splitlines()) == 1, again.err

    table = command.scan("convert", out, "-o", tmp_path / "all.csv")
    assert table.code == 0, table.err
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3001, table.err
    page = command.scan("report", out, "-o", tmp_path / "all.html")
    assert page.code == 0, page.err
    assert "3,000" in (tmp_path / "all.html").read_text(), page.err


def test_ctrl_c_ends_the_parts_and_resume_goes_on(over_knot, tmp_path):
    names = write_names(tmp_path / "names.txt", 60_000)
    given = ("cluster", names, "-o", tmp_path / "out", "--local", 2, "--part-lines", 6000, "--config", over_knot)
    run = command.start(*given, true=True, stdin=subprocess.DEVNULL, start_new_session=True)
    until(lambda: list((tmp_path / "out").glob("part-*.json")), run)
    family = psutil.Process(run.pid).children(recursive=True)
    psutil.Process(run.pid).send_signal(signal.SIGINT)
    err = run.communicate(timeout=LIMIT_S)[1].decode()
    assert run.returncode == 130, err
    assert "--resume goes on" in err, err
    assert "Traceback" not in err, err
    assert psutil.wait_procs(family, LIMIT_S)[1] == [], "no worker and no scan outlives it"
    books = books_of(tmp_path / "out")
    assert 0 < books["parts"] < books["parts_planned"]
    assert cluster(*given[1:], "--resume").code == 0
    assert is_exact(judge(names, together(tmp_path / "out", tmp_path / "all.jsonl")))


def test_a_part_that_fails_is_reported_and_the_rest_goes_on(lab, tmp_path):
    (tmp_path / "good.txt").write_text("a.com\nb.com\n")
    (tmp_path / "bad.txt").write_bytes(b"PK\x03\x04a.com\n")
    done = cluster(
        tmp_path / "good.txt", tmp_path / "bad.txt", "-o", tmp_path / "out", "--config", lab.path, "--local", 1
    )
    assert done.code == 2, done.err
    books = books_of(tmp_path / "out")
    assert list(books["failed"]) == ["part-000001"]
    assert "zip" in books["failed"]["part-000001"]
    assert books["written"] == 2
    assert "part-000001 of 2; the same command with --resume" in done.err
    said = command.scan("convert", tmp_path / "out", "-o", tmp_path / "all.csv").err
    assert said.count("1 part of the scan is not there") == 1


def test_packed_files_blocks_of_addresses_and_columns_are_scanned_in_parts_too(lab, tmp_path):
    (tmp_path / "a.csv").write_text("".join(f"192.0.2.{16 * n}/28,block {n}\n" for n in range(8)))
    (tmp_path / "b.csv.bz2").write_bytes(bz2.compress(b"a.com,\n192.0.2.200,one\n"))
    args = ["--config", lab.path, "--local", 1, "--part-lines", 3, "--ptr", "--columns", "name,meta"]
    done = cluster(tmp_path / "a.csv", tmp_path / "b.csv.bz2", "-o", tmp_path / "out", *args)
    assert done.code == 0, done.err
    found = Counter(json.loads(line).get("m") for line in lines_in(tmp_path / "out"))
    assert found == {**{f"block {n}": 16 for n in range(8)}, None: 1, "one": 1}


def test_what_cannot_be_scanned_in_parts_is_said_in_one_line(lab, tmp_path):
    (tmp_path / "names").write_text("a.com\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "link").symlink_to("names")
    (tmp_path / "hard").hardlink_to(tmp_path / "names")
    names, out = tmp_path / "names", ("-o", tmp_path / "out")
    cases = {
        ("-", *out): "stdin cannot be cut into parts",
        (*out,): "give files to scan, or --names",
        (names, "--names", "[a-z].com", *out): "one of them",
        (names, names, *out): "named twice",
        (names, tmp_path / "link", *out): f"named twice: {tmp_path / 'link'}",
        (names, tmp_path / "full" / ".." / "names", *out): "named twice",
        (tmp_path / "hard", f"file://{names}", *out): "named twice",
        (tmp_path / "none", *out): "No such file",
        (tmp_path, *out): "is a directory",
        ("nosuch://bucket/names", *out): "nosuch",
        (names, "-o", names): "is not a directory",
        (names, "-o", tmp_path / "full"): "is not empty",
        (names, *out, "--scheduler", "tcp://127.0.0.1:1", "--local", "2"): "contradict",
        (names, *out, "--max-queries", "5"): "no --max-queries",
        (names, *out, "--format", "zdns"): "no --format",
        (names, *out, "--type", "NOSUCH"): "NOSUCH",
        (names, *out, "--metrics", "x:y"): "--metrics",
    }  # fmt: skip
    for args, words in cases.items():
        done = command.scan("cluster", "--config", lab.path, *args)
        assert done.code == 2, (args, done.err)
        assert words in done.err, (args, done.err)
        assert len(done.err.splitlines()) == 1, (args, done.err)


def test_a_scan_whose_scheduler_dies_twice_goes_on_with_another(over_knot, tmp_path):
    names = write_names(tmp_path / "names.txt", 60_000)
    given = ("cluster", names, "-o", tmp_path / "out", "--part-lines", 6000, "--config", over_knot)
    for resume in ((), ("--resume",)):
        there = parts_in(tmp_path / "out")
        with engine_of(tmp_path / f"engine{len(resume)}") as engine:
            run = command.start(*given, *resume, "--scheduler", engine.address, true=True, stdin=subprocess.DEVNULL)
            until(lambda there=there: parts_in(tmp_path / "out") > there, run)
            engine.scheduler.kill()
            err = run.communicate(timeout=LIMIT_S)[1].decode()
        assert run.returncode == 1, err
        assert "the scheduler is gone; the same command with --resume" in err, err
        assert "Traceback" not in err, err
    again = cluster(*given[1:], "--resume", "--local", 2)
    assert again.code == 0, again.err
    assert is_exact(judge(names, together(tmp_path / "out", tmp_path / "all.jsonl")))


@pytest.fixture
def s3(tmp_path, monkeypatch) -> Iterator[str]:
    """A bucket of a real S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for key, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test",
                       "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("dnsscan")
    yield "s3://dnsscan"
    server.stop()


def test_input_and_parts_may_be_in_s3(s3, lab, tmp_path):
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    names = [f"in-s3-{number}.com" for number in range(2000)]
    system.pipe_file(f"{s3}/in/names.txt", "\n".join(names).encode())
    given = (f"{s3}/in/names.txt", "-o", f"{s3}/run", "--part-lines", 700, "--local", 1, "--config", lab.path)
    done = cluster(*given)
    assert done.code == 0, done.err
    system.invalidate_cache()
    parts = [part for part in system.ls(f"{s3}/run", detail=False) if part.endswith(".zst")]
    lines = [line for part in parts for line in ZstdFile(io.BytesIO(system.cat_file(part)))]
    assert len(parts) == 3
    assert Counter(json.loads(line)["d"] for line in lines) == Counter(names)
    system.rm(parts[1])
    again = cluster(*given, "--resume")
    assert again.code == 0, again.err
    assert "3 of 3 parts" in again.err, again.err
    missing = command.scan("cluster", f"{s3}/none.txt", "-o", f"{s3}/run2", "--config", lab.path)
    assert missing.code == 2, missing.err
    assert len(missing.err.splitlines()) == 1, missing.err


def test_candidates_into_parquet_in_memory(lab, capfd):
    table = {"resolvers": lab.config["resolvers"], "proxies": lab.config["proxies"], "fields": ["n"]}
    plan = plan_of((), ["[a-z]{2}.com"], 400, table, "parquet")
    code = run(Task(plan, "memory://run", table), scheduler=None, workers=1, resume=False, quiet=False)
    assert code == 0, capfd.readouterr().err
    files = fsspec.filesystem("memory").ls("/run", detail=False)
    assert [file.rpartition("/")[2] for file in sorted(files)] == [
        "books.json", "part-000000.json", "part-000000.parquet", "part-000001.json", "part-000001.parquet", "plan.json",
    ]  # fmt: skip
    assert json.loads(fsspec.filesystem("memory").cat("/run/books.json"))["read"] == 676
    folder = Folder("memory://run")
    books, sizes = folder.read("part-000001.json"), folder.sizes()
    assert list(folder.read_all(["part-000001.json", "none.json"])) == [books, None]
    assert folder.size("part-000001.parquet") == books["output"]["octets"]
    assert fits(books, plan, 1, sizes)
    wrong = [[], 5, books | {"counts": {"read": 276}}, books | {"resolvers": 7}, books | {"reasons": {"timeout": "1"}},
             books | {"input": None}, books | {"part": books["part"] | {"stop": 5}}]  # fmt: skip
    assert not any(fits(each, plan, 1, sizes) for each in wrong)
    assert not fits(books, plan, 0, sizes)


def test_a_directory_is_written_to_by_one_command_and_only_while_it_is_there(tmp_path):
    folder, scratch = Folder(str(tmp_path / "out")), tmp_path / "scratch"
    folder.make()
    with folder.held():
        with pytest.raises(ScanError, match="another dnsscan cluster writes there"), Folder(folder.url).held():
            pass
        (tmp_path / "out").rmdir()
        with pytest.raises(NoRoom, match=r"out/books\.json: No such file or directory"):
            folder.write("books.json", {}, scratch)
    folder.make()
    with Folder(folder.url).held():
        folder.write("books.json", {}, scratch)


def test_the_engines_commands_in_the_docs_are_those_of_the_engine():
    from distributed.cli import dask_ssh, dask_worker

    page = (Path(__file__).parent.parent / "docs" / "how-to" / "cluster.md").read_text()
    started = re.findall(r"^ +dask ssh (.*)$", page, re.MULTILINE)
    workers = re.findall(r'= \["dask", "worker", (.*)\]$', page, re.MULTILINE)
    assert len(started) == len(workers) == 1
    assert dask_ssh.main.make_context("dask ssh", shlex.split(started[0])).params["nthreads"] == 1
    made = dask_worker.main.make_context("dask worker", [*json.loads(f"[{workers[0]}]"), "tcp://10.0.0.1:8786"])
    assert (made.params["nthreads"], made.params["resources"]) == (1, "dnsscan=1")
