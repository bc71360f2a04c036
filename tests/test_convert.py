"""`dnsscan convert`: results as Parquet, CSV, SQLite and DuckDB. Each is read back by a program that is not ours."""

import csv
import gzip
import json
import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import lines as made
import polars
import pytest
from command import DNSSCAN, ROOT, refusal, scan, start
from servers import program

from scanner.results.table import COLUMNS, REST

READING = (ROOT / "docs" / "how-to" / "duckdb.md").read_text().partition("\n## ")[0]
ENDINGS = (".parquet", ".csv", ".sqlite", ".duckdb")
LINE = {"d": "a.example", "s": "taken", "r": 0, "ms": 5, "re": True}
RECORDS = [{"name": "a.example.", "ttl": 300, "type": "A", "data": "192.0.2.1"},
           {"name": None, "ttl": 2**32 - 1, "type": "OPT", "data": "\\# 0"}]  # fmt: skip
LISTS = [key for key, kind in COLUMNS.items() if kind.endswith("[]")]
NO_RESULTS = (
    '{"d":"torn.example","s":"ta', "hello", "[1]", "7", "null", '"text"', "{}", '{"d":"other"}', "\x00", "\xff",
    json.dumps({**LINE, "s": "free"}), json.dumps({**LINE, "ms": "fast"}), json.dumps({**LINE, "ms": -1}),
    json.dumps({**LINE, "re": None}), json.dumps({**LINE, "e": "<script>"}), json.dumps({**LINE, "s": "error"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """Every key, every type, every null."""
    odd = [
        {**LINE, "d": "=1+1.example", "e": "nodata", "x": 3, "q": "xn--p1-abc.example", "why": "+why", "a": None,
         "ts": 0, "sec": "-sec.example", "fl": "@fl", "p": None, "ns": "\tns", "t": "TXT"},
        {**LINE, "d": "\u202eelpmaxe.moc", "s": "nxdomain", "r": 3, "re": False, "a": ["comma,", 'quote"', "'"]},
        {**LINE, "d": "all.example", "a": ["192.0.2.1"], "ttl": 2**31 - 1, "cn": ["b.example."], "ans": RECORDS[:1],
         "auth": [], "add": RECORDS, "soa": "=a. b. 1 2 3 4 5", "ede": [{"code": 65535, "text": "no"}], "nsid": "@n",
         "raw": "+AA=", "us": 2**40, "m": "@m"},
        {**LINE, "d": "free.example", "s": "nxdomain", "r": 3, "re": False, "c": "free", "via": "rdap"},
        {"d": "www.sold.example", "s": None, "r": None, "ms": 7, "re": None, "c": "registered", "reg": "sold.example",
         "via": "whois", "exp": "2027-01-29", "st": ["serverHold", "=ok"]},
        {**LINE, "d": "bad.example", "s": "nxdomain", "c": "unknown", "via": "rdap", "e": "http403"},
        {**LINE, "d": "plain.example", "s": "error", "r": None, "ms": 2_000_000_000, "re": False, "e": "rcode4095"},
    ]  # fmt: skip
    return [{**row, "n": number} for number, row in enumerate(odd + made.lines(500), 1)]


@pytest.fixture(scope="module")
def files(rows, tmp_path_factory) -> dict:
    """The rows in each format."""
    folder = tmp_path_factory.mktemp("convert")
    source = made.write(folder / "results.jsonl", rows)
    paths = {ending: folder / f"results{ending}" for ending in ENDINGS}
    for path in paths.values():
        done = scan("convert", source, "-o", path)
        assert (done.code, done.out, done.err) == (0, b"", "")
    return paths


def whole(row: dict) -> tuple:
    """A line as all formats are to have it: every key in its order, x a number, ts in milliseconds since 1970."""
    filled = {**dict.fromkeys(COLUMNS), "x": 0, REST: None, **row}
    if filled["exp"] is not None:
        filled["exp"] = date.fromisoformat(filled["exp"])
    if filled["ts"] is not None:
        filled["ts"] = round(filled["ts"] * 1000)
    return tuple(filled.values())


def instant(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000)


def test_every_key_of_a_line_has_its_column():
    schemas = [json.loads((ROOT / "scanner" / "results" / f"{kind}.schema.json").read_text())["properties"]
               for kind in ("result", "confirmed")]  # fmt: skip

    assert {key for schema in schemas for key in schema} <= set(COLUMNS)


def test_parquet_has_every_line_typed_and_another_reader_reads_it(files, rows):
    table = polars.read_parquet(files[".parquet"])
    table = table.with_columns(polars.col("ts").dt.epoch("ms"))

    assert table.columns == [*COLUMNS, REST]
    assert sorted(table.rows(), key=str) == sorted(map(whole, rows), key=str)
    assert polars.read_parquet_schema(files[".parquet"])["ts"] == polars.Datetime("us", "UTC")
    assert polars.read_parquet_schema(files[".parquet"])["a"] == polars.List(polars.String)


def test_parquet_is_sorted_by_verdict_and_name(files):
    table = polars.read_parquet(files[".parquet"], columns=["s", "d"])

    assert table.rows() == sorted(table.rows(), key=lambda row: (row[0] is None, row))


def test_duckdb_has_every_line_typed(files, rows):
    with duckdb.connect(files[".duckdb"], read_only=True) as con:
        found = con.execute("SELECT * REPLACE (epoch_ms(ts) AS ts) FROM results").fetchall()
        types = {name: kind for name, kind, *_ in con.execute("DESCRIBE results").fetchall()}

    assert sorted(found, key=str) == sorted(map(whole, rows), key=str)
    assert types["s"] == "ENUM('taken', 'nxdomain', 'error')"
    assert (types["ms"], types["a"], types["ts"]) == ("INTEGER", "VARCHAR[]", "TIMESTAMP WITH TIME ZONE")


def test_sqlite_has_every_line_and_finds_a_name_by_an_index(files, rows):
    with sqlite3.connect(files[".sqlite"]) as con:
        con.row_factory = lambda cursor, row: {
            key[0]: value for key, value in zip(cursor.description, row, strict=True)
        }
        found = con.execute("SELECT * FROM results").fetchall()
        plan = con.execute("EXPLAIN QUERY PLAN SELECT * FROM results WHERE d = 'plain.example'").fetchall()
    con.close()
    for row in found:
        row |= {key: None if row[key] is None else json.loads(row[key]) for key in LISTS}
        row["re"] = None if row["re"] is None else bool(row["re"])
        row["exp"] = None if row["exp"] is None else date.fromisoformat(row["exp"])
        row["ts"] = None if row["ts"] is None else instant(row["ts"])

    assert sorted((tuple(row.values()) for row in found), key=str) == sorted(map(whole, rows), key=str)
    assert "USING INDEX results_d" in str(plan)


def test_csv_has_every_line_in_the_order_of_the_input(files, rows):
    with files[".csv"].open(newline="") as file:
        header, *found = csv.reader(file)

    assert header == [*COLUMNS, REST]
    assert [row[header.index("d")].removeprefix("'") for row in found] == [row["d"] for row in rows]


def test_no_cell_of_a_csv_is_a_formula(files):
    with files[".csv"].open(newline="") as file:
        header, *found = csv.reader(file)
    first = dict(zip(header, next(row for row in found if "1+1" in row[0]), strict=True))

    assert (first["d"], first["why"], first["sec"], first["fl"], first["ns"]) == (
        "'=1+1.example", "'+why", "'-sec.example", "'@fl", "'\tns",
    )  # fmt: skip
    assert (first["ms"], first["re"], first["ts"]) == ("5", "true", "1970-01-01T00:00:00.000Z")
    assert [cell for row in found for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_has_no_column_is_kept_as_json_with_one_warning(tmp_path, ending):
    row = {**LINE, "new": {"deep": [None]}, "a key, odd": None, "exp": "soon", "ts": 1e300, "x": None, "ttl": "many"}
    deep = f'{{"d":"deep.example","c":"free","in":{"[" * 900}{"]" * 900}}}\n'
    source = made.write(tmp_path / "results.jsonl", [row, LINE])
    source.write_text(source.read_text() + deep)

    done = scan("convert", source, "-o", tmp_path / f"out{ending}")
    found = sorted((cell for cell in others(tmp_path / f"out{ending}") if cell), key=len)

    assert (done.code, done.err.count("\n")) == (0, 1), done.err
    assert "2 lines have keys without a column (a key, odd, exp, in, new, " in done.err
    assert json.loads(found[0]) == {key: row[key] for key in ("new", "a key, odd", "exp", "ts", "ttl")}
    assert [cell[:8] for cell in found[1:]] == ['{"in":[[']


def others(path: Path) -> list[str | None]:
    """The cells of the last column."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [row[-1] for row in csv.reader(file)][1:]
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as con:
            return [cell for (cell,) in con.execute("SELECT other FROM results")]
    if path.suffix == ".parquet":
        return polars.read_parquet(path)[REST].to_list()
    with duckdb.connect(path, read_only=True) as con:
        return [cell for (cell,) in con.execute("SELECT other FROM results").fetchall()]


@pytest.mark.parametrize("ending", ["", ".xlsx", ".parquet.zip", ".json"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path, ending):
    source = made.write(tmp_path / "results.jsonl", [LINE])

    refusal(scan("convert", source, "-o", tmp_path / f"out{ending}"), *ENDINGS)


def test_lines_that_are_no_results_are_counted_and_left_out(tmp_path):
    source = tmp_path / "results.jsonl"
    good = json.dumps(LINE)
    source.write_bytes("\n".join([good, *NO_RESULTS, "", good, '{"d":"torn'.ljust(100_000, "x")]).encode("latin-1"))

    done = scan("convert", source, "-o", tmp_path / "out.csv")

    assert done.code == 0
    assert (
        done.err == f"dnsscan: {len(NO_RESULTS) + 1} of {len(NO_RESULTS) + 3} lines are no results and were left out\n"
    )
    assert (tmp_path / "out.csv").read_text().count("a.example") == 2


def test_a_file_without_any_result_is_an_error_and_one_without_lines_an_empty_table(tmp_path):
    foreign, empty = tmp_path / "foreign.jsonl", tmp_path / "empty.jsonl"
    foreign.write_text("one\ntwo\n")
    empty.write_text("")

    refusal(scan("convert", foreign, "-o", tmp_path / "out.csv"), "foreign.jsonl", "none of its 2 lines")
    assert scan("convert", empty, "-o", tmp_path / "out.parquet").code == 0
    assert polars.read_parquet(tmp_path / "out.parquet").shape == (0, len(COLUMNS) + 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.jsonl", "foreign.jsonl", "out.parquet"]


def test_it_reads_stdin_and_gzip_and_takes_no_name_for_a_pattern(tmp_path):
    octets = made.write(tmp_path / "results.jsonl", [LINE, LINE]).read_bytes()
    folder = tmp_path / "we*[1]?'rd"
    folder.mkdir()
    (folder / "s*.gz").write_bytes(gzip.compress(octets, mtime=0))
    (folder / "second.gz").write_bytes(gzip.compress(octets, mtime=0))

    piped = scan("convert", "-", "-o", folder / "piped.csv", names=octets)
    zipped = scan("convert", folder / "s*.gz", "-o", folder / "zipped.csv")

    assert (piped.code, zipped.code) == (0, 0), (piped.err, zipped.err)
    assert (folder / "piped.csv").read_text() == (folder / "zipped.csv").read_text()
    assert (folder / "piped.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("name", "octets", "said"),
    [
        ("torn.gz", gzip.compress(b"x" * 5000, mtime=0)[:-20], "torn.gz"),
        ("not.gz", b'{"d":1}\n', "not a GZIP"),
        ("not.zst", b'{"d":1}\n', "not.zst"),
        (".", None, "is a directory"),
        ("gone", None, "No such file"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, octets, said):
    if octets is not None:
        (tmp_path / name).write_bytes(octets)

    refusal(scan("convert", tmp_path / name, "-o", tmp_path / "out.csv"), "cannot read", said)


def test_a_file_that_exists_is_overwritten_only_with_force_and_the_input_never(tmp_path):
    source = made.write(tmp_path / "results.csv", [LINE])  # its ending is no matter
    there = tmp_path / "there.csv"
    there.write_text("mine")

    refusal(scan("convert", source, "-o", there), "there.csv exists", "--force")
    refusal(scan("convert", source, "-o", source, "--force"), "is the input")
    assert there.read_text() == "mine"
    assert scan("convert", source, "-o", there, "--force").code == 0
    assert there.read_text().startswith("d,s,r,ms")
    assert stat.S_IMODE(there.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("place", "said"),
    [("no/such/folder/out.csv", "No such file"), ("folder.csv", "not a regular file"), ("\udcff.csv", "not UTF-8"),
     (f"{'x' * 300}.csv", "name too long")],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, place, said):
    (tmp_path / "folder.csv").mkdir()
    source = made.write(tmp_path / "results.jsonl", [LINE])

    refusal(scan("convert", source, "-o", tmp_path / place), f"-o {tmp_path}", said)


@pytest.mark.parametrize(
    ("ending", "room"), [(".csv", 200), (".csv", 60_000), (".sqlite", 60_000), (".duckdb", 60_000)]
)
def test_a_full_disk_is_code_4_and_leaves_nothing(tmp_path, ending, room):
    """RLIMIT_FSIZE is a disk that is full at that octet: of what lies beside the file, or of the file."""
    source = made.write(tmp_path / "results.jsonl", made.lines(2000))

    full = subprocess.run([*DNSSCAN, "convert", source, "-o", tmp_path / f"out{ending}"], capture_output=True, cwd=ROOT,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))  # fmt: skip

    assert full.returncode == 4, full.stderr
    assert full.stderr.count(b"\n") == 1
    assert f"-o {tmp_path / 'out'}{ending}: " in full.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(tmp_path, number):
    with start("convert", "-", "-o", tmp_path / "out.csv") as run:
        run.stdin.write(json.dumps(LINE).encode() + b"\n")
        run.stdin.flush()
        while not list(tmp_path.glob(".dnsscan-*/lines")):  # the engine waits for more
            assert run.poll() is None
        run.send_signal(number)
        code = run.wait(10)

    assert code == 128 + number
    assert os.listdir(tmp_path) == []


def test_without_its_engine_one_line_says_what_to_install(tmp_path):
    source = made.write(tmp_path / "results.jsonl", [LINE])
    hidden = "import sys; sys.modules['duckdb'] = None; import scanner.cli.main; scanner.cli.main.dnsscan()"

    done = subprocess.run([sys.executable, "-c", hidden, "convert", source, "-o", tmp_path / "out.csv"], cwd=ROOT,
                          capture_output=True)  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "dnsscan: convert needs duckdb: pip install '.[parquet]'\n"


# -- the docs: one question of many programs -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A folder with results.jsonl and results.parquet, and what is to be found in them."""
    folder = tmp_path_factory.mktemp("reading")
    rows = made.lines(3000)
    assert scan("convert", made.write(folder / "results.jsonl", rows), "-o", folder / "results.parquet").code == 0
    times = sorted(row["ms"] for row in rows if row["r"] is not None)
    free = Counter(row["d"].rpartition(".")[2] for row in rows if row["s"] == "nxdomain")
    return folder, {
        "counts": Counter((row["s"], row.get("e")) for row in rows),
        "median": times[len(times) // 2],
        "tlds": free.most_common(3),
    }


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", READING, re.DOTALL)[number]


def said(command: list, folder) -> list[list[str]]:
    """The words of each line that a command prints."""
    done = subprocess.run(command, capture_output=True, cwd=folder, timeout=60, check=True, text=True)
    return [re.findall(r"[\w.]+", line) for line in done.stdout.splitlines()]


def assert_answers(printed: list[list[str]], expected: dict) -> None:
    for (verdict, reason), count in expected["counts"].items():
        assert any(words[0] == verdict and words[-1] == str(count) and (reason is None or reason in words)
                   for words in printed if words), (verdict, reason, count, printed)  # fmt: skip
    assert any(float(word) == expected["median"] for words in printed for word in words[-1:] if word[0].isdigit()), (
        printed
    )
    for tld, count in expected["tlds"]:
        assert [tld, str(count)] in [words[-2:] for words in printed], (tld, count, printed)


def test_the_how_to_asks_jq(answered):
    program("jq")
    folder, expected = answered

    printed = said(["sh", "-c", block("sh", 1)], folder)

    assert_answers([[*words[1:], words[0]] if words[0].isdigit() else words for words in printed], expected)


def test_the_how_to_asks_duckdb(answered, monkeypatch):
    folder, expected = answered
    monkeypatch.chdir(folder)

    with duckdb.connect() as con:
        rows = [row for sql in block("sql").split(";\n") if sql.strip() for row in con.execute(sql).fetchall()]

    assert_answers([[str(cell) for cell in row] for row in rows], expected)


@pytest.mark.parametrize("number", [0, 1], ids=["pandas", "polars"])
def test_the_how_to_asks_in_python(answered, number):
    folder, expected = answered

    printed = said([sys.executable, "-c", block("python", number)], folder)

    assert_answers(printed, expected)
