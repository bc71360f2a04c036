"""What the program reads and did not write in this run: the file beside an output, stores, tables, replies, records of
a run. Whatever stands in them, the answer is a reason on a line or one sentence, never a traceback."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing

import pytest
from command import refusal, scan

from scanner import Result, ScanError
from scanner.registration import bootstrap, rdap
from scanner.registration.answer import Refused
from scanner.registration.lines import Waiting, read
from scanner.registration.pace import wait_of
from scanner.registration.run import keep_bootstrap
from scanner.registration.store import TABLES, VERSION
from scanner.report.run_record import read_run

DEEP = "[" * 5000 + "]" * 5000
DEEP_FOR_US = "[" * 1000 + "]" * 1000  # no deeper than orjson reads, deeper than json writes
DOTTED = ".".join("a" * 3000)
HUGE = "9" * 10_000
LINE = '{"d":"a.test","s":"taken","r":0,"ms":1,"re":true,"n":1}\n'


# -- the file beside an output -------------------------------------------------------------------------------------


@pytest.fixture
def begun(tmp_path):
    """An output, its input, and the path of the file beside it."""
    (tmp_path / "names").write_text("a.test\n")
    (tmp_path / "out").write_text(LINE)
    return tmp_path / "out.resume"


def resumed(side):
    return scan("-r", "127.0.0.1:9", "--output", side.with_suffix(""), "--resume", side.with_name("names"))


@pytest.mark.parametrize("text", [
    DEEP, "5", "null", '"text"', "\ufeff{}", HUGE, f'{{"dnsscan":{HUGE},"input":[],"types":["NS"]}}',
    '{"dnsscan":1,"input":[],"types":["NS"],"class":[]}', '{"dnsscan":1,"input":[],"types":["NS"],"class":"\\u001b"}',
    '{"dnsscan":1,"input":[],"types":5}', '{"dnsscan":1,"input":[],"types":null}',
    '{"dnsscan":1,"input":[],"types":"NS"}', '{"dnsscan":1,"input":[],"types":[{"a":1}]}',
    '{"dnsscan":1,"input":[],"types":["NS\\n\\u001b[31m"]}', f'{{"dnsscan":1,"input":[],"types":[{DEEP_FOR_US}]}}',
], ids=lambda text: text[:40])  # fmt: skip
def test_a_side_file_of_the_wrong_form_is_refused_in_one_line(begun, text):
    begun.write_text(text)

    refusal(resumed(begun), f"--resume: {begun} is damaged")
    assert begun.with_suffix("").read_text() == LINE


def test_a_side_file_that_is_not_utf8_or_too_large_is_refused(begun):
    begun.write_bytes(b"\xff\xfe{}")
    refusal(resumed(begun), f"{begun} is damaged")
    os.truncate(begun, 1 << 30)
    refusal(resumed(begun), f"{begun} is damaged")


@pytest.mark.parametrize(("make", "why"), [(os.mkdir, "Is a directory"), (os.mkfifo, "not a regular file"),
                                           (lambda path: os.symlink(path, path), "symbolic links")])  # fmt: skip
def test_a_side_file_that_is_no_file_is_refused_and_never_waited_for(begun, make, why):
    make(begun)

    refusal(resumed(begun), str(begun), why)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/null", path)])
def test_a_leftover_where_the_side_file_is_written_is_not_followed(begun, make):
    make(begun.with_suffix(".resume.new"))

    done = scan("-r", "127.0.0.1:9", "--timeout-ms", 100, "--deadline-ms", 300, "--output", begun.with_suffix(""),
                "--force", begun.with_name("names"))  # fmt: skip

    assert done.code == 3, done.err
    assert json.loads(begun.read_text())["types"] == ["NS"]


def test_a_side_file_that_cannot_be_written_is_named(begun):
    begun.mkdir()

    refusal(scan("-r", "127.0.0.1:9", "--output", begun.with_suffix(""), "--force", begun.with_name("names")),
            str(begun), "directory")  # fmt: skip


# -- lines of confirm ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    f'{{"d":"a.com","s":"nxdomain","z":{DEEP_FOR_US}}}', f'{{"d":"a.com","s":"taken","z":{DEEP_FOR_US}}}',
    f'{{"d":"a.com","s":"taken","z":{DEEP}}}', f'{{"d":"a.com","s":"nxdomain","q":{DEEP_FOR_US}}}',
    f'{{"d":"a.com","s":"taken","z":{HUGE}}}', '{"d":"a.com","s":["taken"]}',
], ids=lambda line: line[:40])  # fmt: skip
def test_a_line_that_is_nested_too_deep_or_no_result_is_a_bad_line(line):
    octets, answer = read(line.encode(), False)

    assert answer.reason == json.loads(octets)["e"] == "badline"


def test_a_line_of_reasonable_depth_waits_for_its_domain():
    line = b'{"d":"a.com","s":"nxdomain","z":' + b"[" * 50 + b"]" * 50 + b',"y":[[],[],[]]}'

    assert read(line, False) == Waiting("a.com", line)


# -- the store of confirm ------------------------------------------------------------------------------------------


def store_of(path, *statements, tables=TABLES):
    with closing(sqlite3.connect(path)) as db:
        db.executescript(tables)
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.commit()
    return path


RUN = "INSERT INTO run VALUES ('[\"stream\"]', '', 1, 1, 0, 0)"
HISTORY = "INSERT INTO history VALUES ('a.com', {at}, '{verdict}', '', {statuses})"


@pytest.mark.parametrize("statements", [
    ("INSERT INTO run DEFAULT VALUES",),
    ("INSERT INTO run VALUES ('x', '', 'a', 'b', 'c', 'd')",),
    ("INSERT INTO verdict VALUES ('a.com', 'free', 'rdap', '', 1, '', '', 'text')",),
    ("INSERT INTO verdict (domain) VALUES ('a.com')",),
    ("INSERT INTO verdict VALUES ('a.com', 'free', CAST(x'ff' AS TEXT), '', 1, '', '', 1)",),
    ("INSERT INTO verdict VALUES ('a.com', 'odd', 'rdap', '', 1, '', '', 1)",),
    (RUN, "INSERT INTO line VALUES (1, 'b.com', 5)", "INSERT INTO pending VALUES (1, 'b.com', 'https://h:1')"),
    (RUN, "INSERT INTO line VALUES (1, 'b.com', x'7b7d')", "INSERT INTO pending VALUES (1, 'b.com', 'odd://h')"),
    (RUN, "INSERT INTO line VALUES (1, 'b.com', x'7b7d')", "INSERT INTO pending VALUES (1, 'b.com', NULL)"),
])  # fmt: skip
def test_a_store_with_values_of_the_wrong_type_is_refused(tmp_path, statements):
    store = store_of(tmp_path / "s.db", *statements)
    resume = ("--resume",) if statements[0].startswith("INSERT INTO run") else ()

    done = scan("confirm", "--store", store, *resume, "--timeout-ms", 100, names="a.com\n")

    refusal(done, "--store", "s.db", "damaged")


@pytest.mark.parametrize("arguments", [(), ("--changes",)])
def test_a_store_without_its_tables_or_with_torn_pages_is_refused(tmp_path, arguments):
    bare = store_of(tmp_path / "bare.db", tables="")
    other = store_of(tmp_path / "other.db", tables="CREATE TABLE run (input TEXT)")
    rows = [f"INSERT INTO verdict VALUES ('x{i}.com', 'free', 'rdap', '', 1, '', '', 1)" for i in range(3000)]
    torn = store_of(tmp_path / "torn.db", *rows, HISTORY.format(at=1, verdict="free", statuses="''"))
    with torn.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (torn.stat().st_size - 4096))

    for store, said in ((bare, "not a store"), (other, "not a store"), (torn, "malformed")):
        refusal(scan("confirm", "--store", store, *arguments, names="a.com\n"), f"--store {store}", said)


@pytest.mark.parametrize(("at", "statuses"), [("'text'", "''"), ("1e300", "''"), ("2", "x'ff'"), ("2", "NULL")])
def test_changes_that_cannot_be_read_are_refused(tmp_path, at, statuses):
    first = HISTORY.format(at=1, verdict="free", statuses="''")
    store = store_of(tmp_path / "s.db", first, HISTORY.format(at=at, verdict="registered", statuses=statuses))

    refusal(scan("confirm", "--store", store, "--changes"), "--store", "damaged")


# -- tables of registries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [
    {"publication": "0001-01-01T00:00:00+23:59", "services": []},
    {"publication": "9999-12-31T23:59:59-23:59", "services": []},
    {"publication": "2026-01-01", "services": [["zz", ["https://h/"]]]},
    {"publication": "2026-01-01", "services": [[["zz"], "https://h/"]]},
    {"publication": "2026-01-01", "services": {"ab": 1}},
    {"publication": "2026-01-01", "services": [[["zz"], [5]]]},
])  # fmt: skip
def test_a_bootstrap_file_of_the_wrong_types_is_refused(document):
    with pytest.raises(ScanError, match="not a bootstrap file"):
        bootstrap.parse("b.json", json.dumps(document))


@pytest.mark.parametrize("entry", [
    {"server": "127.0.0.1:99999"}, {"server": "127.0.0.1:0"}, {"server": "127.0.0.1:" + HUGE}, {"server": ""},
    {"server": "h", "query": "\u00e9{name}"}, {"server": "h", "query": 5}, {"server": "h", "query": "{name}\n"},
    {"server": "h", "free": "a{99999999999}"}, {"server": "h", "free": "(" * 5000}, {"server": "h", "reserved": 5},
], ids=lambda entry: str(entry)[:40])  # fmt: skip
def test_a_whois_table_that_cannot_work_is_refused(entry):
    with pytest.raises(ScanError, match=r"^w\.json: "):
        bootstrap.parse_whois("w.json", json.dumps({"zz": {"free": "a", "registered": "b", **entry}}))


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "dnsscan").write_text("a file")
    own = json.dumps({"publication": "2026-01-01", "services": [[["zz"], ["https://h/"]]]}).encode()

    with pytest.raises(ScanError, match=r"--update-bootstrap: .*dnsscan"):
        keep_bootstrap(tmp_path / "dnsscan" / "rdap-dns.json", own)


@pytest.mark.parametrize("table", [
    f"ages.free.{DOTTED} = 1", f"registry_rate.{DOTTED} = 1", f"recheck.{DOTTED} = 1", "ages = 5", "ages = [5]",
    "recheck = [5]", "registry_rate = true",
], ids=lambda table: table[:20])  # fmt: skip
def test_a_value_of_the_wrong_type_in_the_table_of_confirm_is_refused(tmp_path, table):
    (tmp_path / "c.toml").write_text(f"[confirm]\n{table}\n")

    word = "nested too deep" if DOTTED in table else table.split()[0]
    refusal(scan("confirm", "--config", tmp_path / "c.toml"), "c.toml", word)


# -- replies of registries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location", ["//[", "http://[::1", "https://[x]/", "https://\u2100/", "https://h:99999/", "\0"]
)
def test_a_redirect_to_no_url_is_refused(location):
    async def get(url):
        return rdap.Reply(302, {"location": location}, b"")

    with pytest.raises(Refused, match="redirect"):
        asyncio.run(rdap.lookup(get, "https://h/", "a.com"))


@pytest.mark.parametrize("body", [DEEP, DEEP_FOR_US, HUGE, "null", "[]", '{"objectClassName":1e999}', '"\\ud800"'],
                         ids=lambda body: body[:20])  # fmt: skip
def test_a_reply_that_is_no_object_is_refused(body):
    with pytest.raises(Refused, match="rdap_bad"):
        rdap.read_reply(rdap.Reply(200, {}, body.encode()), "a.com", "/domain/a.com")


@pytest.mark.parametrize("text", ["9999 Jan 99999999999 99:99 1:2:3:4 +240000", "+9999 Jan 99999999999 99:99 +240000",
                                  "Mon, 01 Jan 2026 00:00:00 -99999999999999", "Mon, 99999999999 Jan 1 1:1:1 GMT",
                                  "\u0661\u0662"])  # fmt: skip
def test_a_retry_after_that_is_no_time_is_none(text):
    assert wait_of(text) is None


def test_a_retry_after_of_too_many_digits_is_longer_than_anyone_waits():
    assert wait_of(HUGE) == float("inf")


# -- records of a run, and results ---------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [DEEP_FOR_US, '{"a":' * 1000 + "1" + "}" * 1000], ids=["lists", "objects"])
def test_settings_that_are_nested_too_deep_are_refused(tmp_path, settings):
    (tmp_path / "run.json").write_text(f'{{"settings":{{"a":{settings}}}}}')

    with pytest.raises(ScanError, match=r"^--stats .*run\.json: settings: nested too deep"):
        read_run(tmp_path / "run.json")


@pytest.mark.parametrize("line", [
    "5", "null", "[]", '"x"', "", "{}", DEEP, HUGE, LINE.replace("}", ',"a":5}'), LINE.replace("}", ',"a":[5]}'),
    LINE.replace("}", f',"a":[{DEEP_FOR_US}]}}'), LINE.replace('"a.test"', "5"),
], ids=lambda line: line[:60])  # fmt: skip
def test_a_line_that_is_no_result_is_a_value_or_key_error(line):
    with pytest.raises((ValueError, KeyError)):
        Result.from_line(line)
